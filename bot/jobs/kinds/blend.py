"""/blend: pictures mixed, with no words."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from bot.jobs.kinds import draw
from bot.jobs.kinds.kind import Context, Written
from engine import Sentence

STRENGTH = 0.7
"""0 keeps the mixed pictures, 1 ignores them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """Two to five pictures in a shape such as "3:2"."""

    kind: ClassVar[str] = "blend"
    title: ClassVar[str] = Sentence("Blend")
    parent_id: ClassVar[None] = None

    aspect: str
    pictures: tuple[bytes, ...] = ()

    @property
    def text(self) -> str:
        return f"--ar {self.aspect}"

    def with_pictures(self, pictures: tuple[bytes, ...]) -> Blend:
        return dataclasses.replace(self, pictures=pictures)

    def write(self, context: Context) -> Written:
        return draw.from_text(self.text, context, pictures=self.pictures, strength=STRENGTH)
