"""The one table of parameters; the grammar, `/help` and the README are made from it.

A new parameter is a row in `FLAGS`, a field in `Parameters` and, where it acts, its effect in
`brief.py`. `python -m bot.readme` puts the table into the READMEs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import engine
from bot.prompt.values import (
    MAX_LORAS,
    Aspect,
    Form,
    Items,
    Loras,
    Number,
    NumberOf,
    Value,
    Whole,
    Word,
    WordOf,
    Words,
)
from engine import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The value of every parameter by its long name; where it was not given, the default.

    None: there is no default, as for a seed.
    """

    ar: tuple[int, int] = (1, 1)
    """Width, height."""
    no: tuple[str, ...] = ()
    seed: int | None = None
    version: str | None = None
    niji: str | None = None
    """Empty where it was given without a value."""
    lora: tuple[tuple[str, float], ...] = ()
    """(name as typed, weight)."""
    stylize: int = 100
    raw: bool = False
    quality: float = 1.0
    draft: bool = False
    stop: int = 100
    """Percent of the steps."""
    tile: bool = False
    iw: float = 1.0
    chaos: int = 0
    weird: int = 0
    exp: int = 0
    repeat: int | None = None
    style: str | None = None
    sref: tuple[str, ...] = ()
    sw: int = 100
    sv: str | None = None
    cref: tuple[str, ...] = ()
    cw: int = 100
    oref: tuple[str, ...] = ()
    ow: int = 100
    profile: str | None = None
    """Empty where it was given without a value."""
    hd: bool = False
    sd: bool = False
    video: bool = False
    motion: str | None = None
    loop: bool = False
    end: str | None = None
    bs: int | None = None
    fast: bool = False
    relax: bool = False
    turbo: bool = False
    stealth: bool = False
    public: bool = False
    given: tuple[str, ...] = ()
    """Long names of those that were typed, in their order, then of those of a suffix."""


_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {field.name: field.default for field in dataclasses.fields(Parameters)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One parameter: how it is written, what it may be and what it does here."""

    name: str
    """The long one, without the dashes; also its field in `Parameters`."""
    aliases: tuple[str, ...] = ()
    form: Form | None
    """What its value is; None: a switch, which takes none."""
    example: str = ""
    """A value as one may write it."""
    bare: bool = False
    """Whether it may also stand without a value, which is then the empty text."""
    many_words: bool = False
    """Whether spaces are part of its value."""
    repeated: bool = False
    """Whether it may stand several times, as if its values were one list with commas."""
    group: str = ""
    """Those of one group choose the same thing: one that is typed silences a suffix's others."""
    acts: bool = True
    """False: it is known from Midjourney and understood; a note says that it did nothing."""
    does: Sentence
    """One sentence: what it does here, or what it does in Midjourney where it does not act here."""

    @property
    def default(self) -> Value | None:
        """Its value where it is not given; None: it has none then."""
        default: Value | None = _DEFAULTS[self.name]
        return default

    @property
    def most_words(self) -> int | None:
        """How many words its value may have at the most; None: any number."""
        if self.form is None:
            return 0
        return None if self.many_words else 1

    @property
    def usage(self) -> str:
        """The shortest way to type it, with an example of a value."""
        return f"--{min((self.name, *self.aliases), key=len)} {self.example}".rstrip()

    def read(self, raw: str) -> Value:
        """The value in `raw`, a text without surrounding white space; BadValueError otherwise."""
        if self.form is None:
            return True
        return "" if self.bare and not raw else self.form.read(raw)

    def write(self, value: Any) -> str:  # noqa: ANN401 - one of its values
        """`--name value` on one line; what `read` takes apart."""
        if self.form is None or (self.bare and value == ""):
            return f"--{self.name}"
        return f"--{self.name} {self.form.write(value)}"

    def holds(self, value: object) -> bool:
        """Whether the parameter may have this value, given or not."""
        if self.form is None:
            return isinstance(value, bool)
        return (
            (value is None and self.default is None)
            or (value == "" and self.bare)
            or self.form.holds(value)
        )


FLAGS: tuple[Flag, ...] = (
    Flag(
        name="ar",
        aliases=("aspect",),
        form=Aspect(),
        example="3:2",
        does=Sentence("Width to height, as near as the model draws it."),
    ),
    Flag(
        name="no",
        form=Items(),
        example="text, people",
        many_words=True,
        repeated=True,
        does=Sentence("Leaves these things out, where the model can."),
    ),
    Flag(
        name="seed",
        form=Whole(0, engine.MAX_SEED),
        example="7",
        does=Sentence(
            "Draws the same picture again for the same prompt; without it, always another."
        ),
    ),
    Flag(
        name="version",
        group="model",
        aliases=("v",),
        form=Word(),
        example="NAME",
        does=Sentence("Draws with this model; `/info` lists their names."),
    ),
    Flag(
        name="niji",
        group="model",
        form=Word(),
        example="6",
        bare=True,
        does=Sentence("Draws with the model that is called niji here, or niji and this number."),
    ),
    Flag(
        name="lora",
        form=Loras(),
        example="NAME:0.8",
        many_words=True,
        repeated=True,
        does=Sentence(
            "Adds a LoRA of the model, with a weight (1 without); {most} at most.", most=MAX_LORAS
        ),
    ),
    Flag(
        name="stylize",
        aliases=("s",),
        form=Whole(0, 1000),
        example="0",
        does=Sentence("0 leaves the model's house style out; other values do nothing so far."),
    ),
    Flag(name="raw", form=None, does=Sentence("Leaves the model's house style out.")),
    Flag(
        name="quality",
        aliases=("q",),
        form=NumberOf((0.25, 0.5, 1.0, 2.0, 4.0)),
        example=".5",
        does=Sentence("The work spent: the model's steps times this."),
    ),
    Flag(name="draft", form=None, does=Sentence("Half the steps, at half the price.")),
    Flag(
        name="stop",
        form=Whole(10, 100),
        example="60",
        does=Sentence("Ends after this percentage of the steps, which leaves the picture softer."),
    ),
    Flag(
        name="tile",
        form=None,
        does=Sentence("Pictures that repeat without a seam, where the model can."),
    ),
    Flag(
        name="iw",
        form=Number(0, 3),
        example="2",
        does=Sentence("How much linked pictures count beside the words."),
    ),
    Flag(
        name="chaos",
        aliases=("c",),
        form=Whole(0, 100),
        example="20",
        acts=False,
        does=Sentence("How unlike each other the four pictures are."),
    ),
    Flag(
        name="weird",
        aliases=("w",),
        form=Whole(0, 3000),
        example="250",
        acts=False,
        does=Sentence("How unusual the pictures are."),
    ),
    Flag(
        name="exp",
        form=Whole(0, 100),
        example="20",
        acts=False,
        does=Sentence("An experimental look with more detail."),
    ),
    Flag(
        name="repeat",
        aliases=("r",),
        form=Whole(2, 40),
        example="4",
        does=Sentence("/imagine draws so many grids, once you confirm their price."),
    ),
    Flag(
        name="style",
        form=Word(),
        example="NAME",
        acts=False,
        does=Sentence("A variant of the house style."),
    ),
    Flag(
        name="sref",
        form=Words(),
        example="LINK",
        many_words=True,
        acts=False,
        does=Sentence("Pictures or codes whose style is followed."),
    ),
    Flag(
        name="sw",
        form=Whole(0, 1000),
        example="200",
        acts=False,
        does=Sentence("How much that style counts."),
    ),
    Flag(
        name="sv",
        form=Word(),
        example="4",
        acts=False,
        does=Sentence("The version of the style reference."),
    ),
    Flag(
        name="cref",
        form=Words(),
        example="LINK",
        many_words=True,
        acts=False,
        does=Sentence("Pictures of a character to draw again."),
    ),
    Flag(
        name="cw",
        form=Whole(0, 100),
        example="50",
        acts=False,
        does=Sentence("How much that character's looks count."),
    ),
    Flag(
        name="oref",
        form=Words(),
        example="LINK",
        many_words=True,
        acts=False,
        does=Sentence("A picture of a person or thing to draw again."),
    ),
    Flag(
        name="ow",
        form=Whole(1, 1000),
        example="200",
        acts=False,
        does=Sentence("How much that person or thing counts."),
    ),
    Flag(
        name="profile",
        aliases=("p",),
        form=Word(),
        example="NAME",
        bare=True,
        acts=False,
        does=Sentence("The member's own taste."),
    ),
    Flag(name="hd", group="size", form=None, acts=False, does=Sentence("Large pictures.")),
    Flag(
        name="sd", group="size", form=None, acts=False, does=Sentence("Pictures of the usual size.")
    ),
    Flag(name="video", form=None, acts=False, does=Sentence("A short film.")),
    Flag(
        name="motion",
        form=WordOf(("low", "high")),
        example="low",
        acts=False,
        does=Sentence("How much moves in a film."),
    ),
    Flag(name="loop", form=None, acts=False, does=Sentence("A film that ends as it begins.")),
    Flag(
        name="end",
        form=Word(),
        example="LINK",
        acts=False,
        does=Sentence("The picture that a film ends with."),
    ),
    Flag(
        name="bs",
        form=Whole(1, 4),
        example="2",
        acts=False,
        does=Sentence("How many films are made."),
    ),
    Flag(
        name="fast", group="speed", form=None, acts=False, does=Sentence("This job in fast mode.")
    ),
    Flag(
        name="relax", group="speed", form=None, acts=False, does=Sentence("This job in relax mode.")
    ),
    Flag(
        name="turbo", group="speed", form=None, acts=False, does=Sentence("This job in turbo mode.")
    ),
    Flag(
        name="stealth",
        group="visibility",
        form=None,
        acts=False,
        does=Sentence("This job hidden from others."),
    ),
    Flag(
        name="public",
        group="visibility",
        form=None,
        acts=False,
        does=Sentence("This job for all to see."),
    ),
)
"""Every parameter, in the order in which they are listed."""

BY_NAME: Mapping[str, Flag] = MappingProxyType(
    {name: flag for flag in FLAGS for name in (flag.name, *flag.aliases)}
)
"""Every long name and alias, in small letters."""
