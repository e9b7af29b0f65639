"""🔄 in remix mode: an earlier job with other words, from the same pictures."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import engine
from bot.errors import InvalidLink
from bot.jobs.kinds import draw
from bot.jobs.kinds.imagine import Imagine
from bot.jobs.kinds.kind import Context, Written
from bot.prompt import grammar
from bot.prompt.values import is_link, reference
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
        written = draw.reworded(self.text, self.parent, context)
        assert isinstance(written.job, engine.DrawJob)
        job = dataclasses.replace(
            written.job,
            inputs=self.parent.inputs,
            init_use=self.parent.init_use,
            strength=self.parent.strength,
            image_scale=self.parent.image_scale,
            mask=self.parent.mask,
            images=self.parent.images,
        )
        return dataclasses.replace(written, job=job)


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
