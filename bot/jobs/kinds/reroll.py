"""🔄: an earlier job once more, as it was ordered then, with a new seed or other suggestions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import engine
from bot.jobs.kinds import draw
from bot.jobs.kinds.describe import Describe
from bot.jobs.kinds.kind import Context, Written
from bot.jobs.kinds.making_of import MakingOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Reroll:
    """Whatever `parent` did, from the same pictures."""

    parent: engine.Job
    kind: str
    """The parent's."""
    text: str
    """The parent's."""
    title: str
    """The parent's."""
    resolved: Mapping[str, Any]
    """The parent's, see `Written`."""
    said: tuple[str, ...] = ()
    """What the parent said, if anything."""

    @property
    def parent_id(self) -> str:
        return self.parent.id

    def write(self, context: Context) -> Written:
        if isinstance(self.parent, engine.DrawJob):
            written = draw.again(self.parent, context, self.resolved)
            if self.kind != MakingOf.kind:
                return written
            # It is the film of one picture, also where its first try failed.
            filmed = dataclasses.replace(self.parent, id=context.job_id, owner=context.owner)
            return dataclasses.replace(written, job=filmed)
        if isinstance(self.parent, engine.DescribeJob):
            again = Describe(
                picture=self.parent.picture, without=(*self.parent.without, *self.said)
            )
            return again.write(context)
        model = None
        if isinstance(self.parent, engine.WordWeightsJob):
            model = context.installed(self.parent.model)
        job = dataclasses.replace(self.parent, id=context.job_id, owner=context.owner)
        return Written(job=job, model=model, resolved=self.resolved)
