"""A picture made larger by the catalogue's super-resolution network."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import engine
from bot.jobs.kinds.draw import SINGLE
from bot.jobs.kinds.kind import Context, Kind, Written
from bot.jobs.records import Role
from engine import Sentence

UPSCALED = Kind(follow_ups={Role.SINGLE: SINGLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Upscale:
    """One picture, 2 or 4 times as large."""

    kind: ClassVar[str] = "upscale"
    title: ClassVar[str] = Sentence("Upscaled")

    picture: bytes
    factor: int = 2
    text: str = ""
    """The prompt that the picture was made from, where it is known."""
    parent_id: str | None = None

    def with_pictures(self, pictures: tuple[bytes, ...]) -> Upscale:
        return dataclasses.replace(self, picture=pictures[0])

    def write(self, context: Context) -> Written:
        job = engine.UpscaleJob(
            id=context.job_id, owner=context.owner, picture=self.picture, factor=self.factor
        )
        return Written(job=job, model=None)
