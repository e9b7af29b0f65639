"""A picture → prompts that could have made it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import engine
from bot.jobs.kinds.kind import Context, Kind, Written
from bot.jobs.records import Role, TextRow
from engine import Sentence


def numbered(texts: Sequence[TextRow]) -> str:
    """A list of the suggestions, one a line."""
    return "\n".join(f"{row.position}. {row.text}" for row in texts)


DESCRIBED = Kind(follow_ups={Role.TEXT: ("reroll",)}, say=numbered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """Four suggested prompts."""

    kind: ClassVar[str] = "describe"
    title: ClassVar[str] = Sentence("Description")
    text: ClassVar[str] = ""

    picture: bytes
    parent_id: str | None = None

    def with_pictures(self, pictures: tuple[bytes, ...]) -> Describe:
        return dataclasses.replace(self, picture=pictures[0])

    def write(self, context: Context) -> Written:
        job = engine.DescribeJob(id=context.job_id, owner=context.owner, picture=self.picture)
        return Written(job=job, model=None)
