"""The picture that an edit goes on from, with the words that it is drawn for."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

import engine
from bot.errors import InvalidLink
from bot.jobs.kinds import draw
from bot.jobs.kinds.kind import Context, Written
from bot.prompt import brief, grammar
from bot.prompt.values import is_link, reference
from engine import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One picture, most often of an earlier job."""

    picture: bytes
    """A PNG."""
    text: str
    """The parent's prompt, or the new one."""
    parent: engine.Job | None = None
    """The job that made it; None: no job here."""
    origin_id: str | None = None
    """The job that made the picture, where only its looks tell so: it is drawn over as any other,
    and stays hidden where that job is."""
    resolved: Mapping[str, Any] = field(default_factory=dict)
    """The parent's, see `Written`."""
    reworded: bool = False
    """Whether `text` is new: it is read, instead of doing what the parent did."""
    remixed_from: str | None = None
    """The parent's prompt, where it was edited in a form."""
    told: tuple[Sentence, ...] = ()
    """What the member should know about it, such as which picture it is."""

    @property
    def parent_id(self) -> str | None:
        return self.origin_id if self.parent is None else self.parent.id

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in px."""
        with Image.open(io.BytesIO(self.picture)) as picture:
            return picture.size

    def refuse_links(self) -> None:
        """InvalidLink where its words name pictures to start from: it is the one."""
        if grammar.parse(self.text, beside=1).images:
            raise InvalidLink(
                "A variation starts from its own picture; leave the link out, or use /imagine.",
                command=self.text,
            )

    def drawn_over(self, context: Context, *, strength: float) -> Written:
        """A grid drawn over the picture. strength: 0 keeps it, 1 ignores it."""
        written = self._drawn_over(context, strength)
        return dataclasses.replace(written, notes=(*self.told, *written.notes))

    def outpainted(
        self,
        written: Written,
        context: Context,
        *,
        shaped: bool = False,
        **place: Any,  # noqa: ANN401
    ) -> Written:
        """What `drawn_over` wrote, by the model that draws within a mask for its model.

        shaped: whether `--ar` was heeded. place: fields of a DrawJob: its size, the place of the
        picture, the mask.
        """
        placed = by_model_within(written, context, **place)
        if shaped or self.remixed_from is None:
            return placed
        notes = (*placed.notes, *other_shape(self.text, self.remixed_from))
        return dataclasses.replace(placed, notes=notes)

    def strength_around(self, model: engine.ModelInfo, written: Written) -> float:
        """How far what is around it is from the colours at its edges, 0 … 1: as is best on this
        model for the words that it was drawn for. New words may ask for anything: 1.
        """
        assert isinstance(written.job, engine.DrawJob)
        if self.has_other_words:
            return 1.0
        return brief.at_least_a_step(model.outpaint_strength, written.job.steps)

    @property
    def has_other_words(self) -> bool:
        """Whether `text` asks for other things than the picture was drawn for."""
        if not self.reworded or self.remixed_from is None:
            return self.reworded
        return says_other_things(self.text, self.remixed_from)

    def _drawn_over(self, context: Context, strength: float) -> Written:
        if isinstance(self.parent, engine.DrawJob) and not self.reworded:
            return draw.over(
                self.parent, context, self.resolved, picture=self.picture, strength=strength
            )
        if self.remixed_from is not None:
            refuse_other_links(self.text, self.remixed_from)
        elif self.reworded:
            self.refuse_links()
        if self.reworded and isinstance(self.parent, engine.DrawJob):
            parent = dataclasses.replace(
                self.parent, model=draw.own_model(self.parent, self.resolved)
            )
            written = draw.reworded(
                self.text,
                parent,
                context,
                before=self.remixed_from,
                pictures=(self.picture,),
                strength=strength,
            )
        else:
            written = draw.from_text(
                self.text,
                context,
                pictures=(self.picture,),
                strength=strength,
                model=str(self.resolved.get("model", "")),
                links=False,
            )
        if not self.has_other_words:
            written = draw.led(written, self.resolved)
        if self.reworded:
            return written
        # A button takes a new seed, also where the text names one.
        assert isinstance(written.job, engine.DrawJob)
        job = dataclasses.replace(written.job, seed=context.seed)
        return dataclasses.replace(written, job=job)


def by_model_within(written: Written, context: Context, **place: Any) -> Written:  # noqa: ANN401
    """What was written, by the model that draws within a mask for its model.

    place: fields of a DrawJob: its size, the place of the picture, the mask.
    """
    job, model = written.job, written.model
    assert isinstance(job, engine.DrawJob)
    assert model is not None
    within = within_mask(model, context)
    known = set(within.loras)
    job = dataclasses.replace(
        job,
        model=within.name,
        loras=tuple((name, weight) for name, weight in job.loras if name in known),
        **place,
    )
    # The model by whose name the next job goes on.
    resolved = {**written.resolved, "model": model.name}
    return dataclasses.replace(written, job=job, model=within, resolved=resolved)


def says_other_things(text: str, before: str) -> bool:
    """Whether an edited prompt asks for other things, or for leaving out others, than it did."""
    asked, was = (grammar.parse(each, beside=1) for each in (text, before))
    return (asked.parts, asked.parameters.no) != (was.parts, was.parameters.no)


def other_shape(text: str, before: str) -> tuple[Sentence, ...]:
    """A note where an edited prompt asks for another shape, and gets none."""
    asked, was = (grammar.parse(each, beside=1).parameters.ar for each in (text, before))
    if asked == was:
        return ()
    return (
        Sentence("--ar has no effect here: the shape follows from the picture; use Custom Zoom."),
    )


def within_mask(model: engine.ModelInfo, context: Context) -> engine.ModelInfo:
    """The model that draws within a mask for this one: another entry, or itself."""
    for each in context.models:
        if each.name == model.inpaint and each.installed:
            return each
    return model


def refuse_other_links(text: str, before: str) -> None:
    """InvalidLink where the edited prompt names other pictures than it did."""
    if _links(text) != _links(before):
        raise InvalidLink(
            "A remix keeps the pictures of its prompt; leave its links as they are, or use "
            "/imagine for other ones.",
            command=text,
        )


def _links(text: str) -> tuple[str, ...]:
    prompt = grammar.parse(text, beside=1)
    asked = prompt.parameters
    named = (reference(word)[0] for word in (*asked.sref, *asked.cref, *asked.oref))
    return (*prompt.images, *filter(is_link, named))
