"""A picture → prompts that could have made it."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from PIL import Image

import engine
from bot.jobs.kinds.kind import Context, Kind, Said, Suggestions, Written
from bot.jobs.records import Role
from bot.prompt.markdown import as_words, harmless_line
from bot.prompt.sizes import SHAPES
from bot.prompt.values import MAX_ASPECT
from engine import Sentence

SUGGESTIONS = 4
REMEMBERED = 12
"""Earlier suggestions that are not made again."""
_ASPECT_ERROR = 0.01
"""How far the ratio of the suggestions may be from the picture's."""
_USUAL_ERROR = 0.03
"""As above, for the usual shapes: models draw 16:9 as 7:4 and 3:2 as 19:13."""
_CLAIMED_CHARACTERS = 1000
_SHOWN_CHARACTERS = 400
"""Of each suggestion."""


def suggested(said: Said) -> Suggestions:
    """Each text as a prompt, in the shape of the picture."""
    aspect = said.resolved.get("aspect", "1:1")
    texts = filter(
        None, [said.resolved.get("claimed", ""), *(as_words(row.text) for row in said.texts)]
    )
    return Suggestions(
        texts=tuple(dict.fromkeys(texts))[:SUGGESTIONS],
        parameters="" if aspect == "1:1" else f"--ar {aspect}",
    )


def numbered(said: Said) -> str:
    """A list of the suggestions, one a line."""
    prompts = suggested(said).prompts
    return "\n".join(
        f"{number}. {harmless_line(prompt, _SHOWN_CHARACTERS)}"
        for number, prompt in enumerate(prompts, 1)
    )


DESCRIBED = Kind(
    follow_ups={Role.TEXT: ("imagine_suggestion", "reroll", "imagine_all")},
    suggest=suggested,
    say=numbered,
    shows_input=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """Four suggested prompts."""

    kind: ClassVar[str] = "describe"
    title: ClassVar[str] = Sentence("Description")
    text: ClassVar[str] = ""

    picture: bytes = b""
    parent_id: str | None = None
    without: tuple[str, ...] = ()
    """Suggestions that were made before, the newest last."""
    claimed: str = ""
    """The prompt that the picture's file names, if any; anybody can write one there."""
    withheld: bool = False
    """Whether the file named a prompt that would be refused."""
    animated: bool = False
    """Whether the picture is the first of several frames."""

    @property
    def offered(self) -> str:
        """The claimed prompt as it will be offered."""
        cut = as_words(self.claimed)[:_CLAIMED_CHARACTERS]
        return cut.rstrip(" \\＼")  # a backslash at the end would hide the comma after it

    def with_pictures(self, pictures: tuple[bytes, ...]) -> Describe:
        return dataclasses.replace(self, picture=pictures[0])

    def write(self, context: Context) -> Written:
        job = engine.DescribeJob(
            id=context.job_id,
            owner=context.owner,
            picture=self.picture,
            suggestions=SUGGESTIONS,
            without=self.without[-REMEMBERED:],
        )
        notes = []
        if self.animated:
            notes.append(Sentence("This picture is animated; its first frame was looked at."))
        claimed = self.offered
        if self.withheld:
            notes.append(
                Sentence("Suggestions that break this server's rules of words are left out.")
            )
        if claimed:
            notes.append(Sentence("The first prompt is written in the picture's file."))
        resolved = {"aspect": aspect_of(self.picture), "claimed": claimed}
        return Written(job=job, model=None, notes=tuple(notes), said=(claimed,), resolved=resolved)


def aspect_of(picture: bytes) -> str:
    """Such as "3:2", as --ar takes it: the nearest usual shape, or if none is near enough the
    simplest ratio of the sides that is.
    """
    with Image.open(io.BytesIO(picture)) as image:
        width, height = image.size
    ratio = min(
        max(Fraction(width, height), Fraction(1, int(MAX_ASPECT))), Fraction(int(MAX_ASPECT))
    )
    wide = max(ratio, 1 / ratio)  # wide and high are treated alike
    near = min((Fraction(*shape) for shape in SHAPES), key=lambda shape: abs(shape / wide - 1))
    if abs(near / wide - 1) > _USUAL_ERROR:
        for sides in range(1, 100):
            near = wide.limit_denominator(sides)
            if abs(near / wide - 1) <= _ASPECT_ERROR:
                break
    near = near if ratio >= 1 else 1 / near
    return f"{near.numerator}:{near.denominator}"
