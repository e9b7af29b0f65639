"""🎞 Making-of: the film of one picture, from noise to what it became.

The picture is drawn once more from its seed: that works for whatever was drawn here, however long
ago, and keeps nothing for films that nobody asks for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import engine
from bot.errors import NotFound
from bot.jobs.kinds import draw
from bot.jobs.kinds.kind import Context, Kind, Written
from bot.jobs.records import Role
from engine import Sentence

MOST_FRAMES = 30
FILMED = Kind(follow_ups={Role.FILM: ("show",)}, ends_with_picture=True, asks_first=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class MakingOf:
    """A film of one picture of the job `parent`."""

    kind: ClassVar[str] = "making_of"
    title: ClassVar[str] = Sentence("Making-of")

    parent: engine.Job
    seed: int
    """The picture's."""
    text: str
    """The parent's."""
    resolved: Mapping[str, Any]
    """The parent's, see `Written`."""

    @property
    def parent_id(self) -> str:
        return self.parent.id

    def write(self, context: Context) -> Written:
        parent = self.parent
        if isinstance(parent, engine.DrawJob) and parent.shares:
            raise NotFound("There is no making-of of a picture between two others.")
        if not isinstance(parent, engine.DrawJob) or parent.enlarge > 1:
            raise NotFound(
                "There is no making-of of this picture, as it was not drawn in one piece; press 🎞 "
                "under the one that it was made from."
            )
        frames = min(parent.steps, MOST_FRAMES)
        written = draw.again(parent, context, self.resolved, images=1, film_frames=frames)
        assert isinstance(written.job, engine.DrawJob)
        note = Sentence("Drawn once more from its seed, at the price of one picture.")
        job = dataclasses.replace(written.job, seed=self.seed)
        return dataclasses.replace(written, job=job, notes=(note,))
