"""🔄 in remix mode: an earlier job with other words, from the same pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import engine
from bot.jobs.kinds import draw
from bot.jobs.kinds.blend import NAMED_STRENGTH, STRENGTH, named
from bot.jobs.kinds.imagine import Imagine
from bot.jobs.kinds.kind import Context, Written
from bot.jobs.kinds.source import (
    by_model_within,
    other_shape,
    refuse_other_links,
    says_other_things,
)
from bot.jobs.records import FOUND
from bot.prompt import brief, grammar
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
        if parent.init_use is engine.InitUse.MIX:
            return self._mixed(as_chosen, context)
        written = self._led(draw.reworded(self.text, as_chosen, context, before=self.before))
        assert isinstance(written.job, engine.DrawJob)
        job = dataclasses.replace(
            written.job,
            inputs=parent.inputs,
            init_use=parent.init_use,
            strength=parent.strength,
            image_scale=parent.image_scale,
            mask=parent.mask,
            images=parent.images,
        )
        written = dataclasses.replace(written, job=job)
        return written if parent.place is None else self._framed(written, context)

    def _mixed(self, parent: engine.DrawJob, context: Context) -> Written:
        """From the same pictures, each counting as much as it did."""
        written = draw.reworded(
            self.text,
            parent,
            context,
            before=self.before,
            pictures=tuple(each.data for each in parent.inputs),
            strength=STRENGTH,
        )
        if FOUND in self.resolved and not self._has_other_words:
            written = self._led(written)
            assert isinstance(written.job, engine.DrawJob)
            strength = brief.at_least_a_step(NAMED_STRENGTH, written.job.steps)
            written = dataclasses.replace(
                written, job=dataclasses.replace(written.job, strength=strength)
            )
        else:
            written = named(written)
        assert isinstance(written.job, engine.DrawJob)
        job = dataclasses.replace(written.job, inputs=parent.inputs, images=parent.images)
        return dataclasses.replace(written, job=job)

    def _led(self, written: Written) -> Written:
        return written if self._has_other_words else draw.led(written, self.resolved)

    @property
    def _has_other_words(self) -> bool:
        return says_other_things(self.text, self.before)

    def _framed(self, written: Written, context: Context) -> Written:
        """Around the parent's picture, or within it, as the parent was drawn."""
        framed = by_model_within(
            written,
            context,
            width_px=self.parent.width_px,
            height_px=self.parent.height_px,
            place=self.parent.place,
        )
        if not self.parent.mask:
            framed = self._around(framed)
        notes = (*framed.notes, *other_shape(self.text, self.before))
        return dataclasses.replace(framed, notes=notes)

    def _around(self, written: Written) -> Written:
        """As far from the colours at the picture's edges as is best on the model that draws it; new
        words may ask for anything there.
        """
        job, model = written.job, written.model
        assert isinstance(job, engine.DrawJob)
        assert model is not None
        strength = 1.0 if self._has_other_words else model.outpaint_strength
        strength = brief.at_least_a_step(strength, job.steps)
        return dataclasses.replace(written, job=dataclasses.replace(job, strength=strength))
