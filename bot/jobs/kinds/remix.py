"""🔄 in remix mode: an earlier job with other words, from the same pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import engine
from bot.jobs.kinds import draw
from bot.jobs.kinds.imagine import Imagine
from bot.jobs.kinds.kind import Context, Written
from bot.jobs.kinds.source import (
    by_model_within,
    other_shape,
    refuse_other_links,
    says_other_things,
)
from bot.prompt import grammar
from engine import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Remix:
    """What `parent` drew, for new words."""

    title: ClassVar[str] = Sentence("Remix")

    parent: engine.DrawJob
    kind: str
    """The parent's."""
    text: str
    before: str
    """The parent's prompt."""
    resolved: Mapping[str, Any] = field(default_factory=dict)
    """The parent's, see `Written`."""

    @property
    def parent_id(self) -> str:
        return self.parent.id

    def write(self, context: Context) -> Written:
        refuse_other_links(self.text, self.before)
        if self.kind == Imagine.kind:
            own = len(grammar.parse(self.text).images)
            given = tuple(each.data for each in self.parent.inputs)
            styles = tuple(each.data for each in self.parent.style_inputs)
            return draw.from_text(
                self.text,
                context,
                pictures=given[:own],
                references=styles or given[own:],
                model=self.parent.model,
            )
        parent = self.parent
        as_chosen = dataclasses.replace(parent, model=draw.own_model(parent, self.resolved))
        written = draw.reworded(self.text, as_chosen, context, before=self.before)
        assert isinstance(written.job, engine.DrawJob)
        # New words may ask for anything around a picture.
        anew = parent.place is not None and says_other_things(self.text, self.before)
        job = dataclasses.replace(
            written.job,
            inputs=parent.inputs,
            init_use=parent.init_use,
            strength=1.0 if anew else parent.strength,
            image_scale=parent.image_scale,
            mask=parent.mask,
            images=parent.images,
        )
        written = dataclasses.replace(written, job=job)
        return written if parent.place is None else self._framed(written, context)

    def _framed(self, written: Written, context: Context) -> Written:
        """Around the parent's picture, or within it, as the parent was drawn."""
        framed = by_model_within(
            written,
            context,
            width_px=self.parent.width_px,
            height_px=self.parent.height_px,
            place=self.parent.place,
        )
        notes = (*framed.notes, *other_shape(self.text, self.before))
        return dataclasses.replace(framed, notes=notes)
