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
    MAX_CODES,
    MAX_LORAS,
    Aspect,
    Form,
    Items,
    Loras,
    Number,
    NumberOf,
    References,
    Sampler,
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
    steps: int | None = None
    cfg: float | None = None
    sampler: str | None = None
    """A name of `engine.SCHEDULERS`."""
    iw: float = 1.0
    chaos: int = 0
    weird: int = 0
    exp: int = 0
    repeat: int | None = None
    style: str | None = None
    sref: tuple[str, ...] = ()
    """Links, codes and `random`, each with its weight where it was typed, such as `123::2`."""
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
    test: bool = False
    testp: bool = False
    creative: bool = False
    beta: bool = False
    hq: bool = False
    uplight: bool = False
    upbeta: bool = False
    upanime: bool = False
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
    compared: bool = False
    """Whether a note names it where the job is the same without it. Not so where it says itself
    what is drawn, such as `--steps`, or where only pictures that are still to come tell."""
    group: str = ""
    """Those of one group choose the same thing: one that is typed silences a suffix's others."""
    does: Sentence
    """One sentence: what it does here, or what it does in Midjourney where it does not act here."""
    lacks: Sentence | None = None
    """Why it does nothing here and what helps, in brackets behind its name; None: it acts."""

    @property
    def acts(self) -> bool:
        """False: it is known from Midjourney and understood; a note says that it did nothing."""
        return self.lacks is None

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


_NO_FILMS = Sentence("no kind of model here makes films yet")

FLAGS: tuple[Flag, ...] = (
    Flag(
        name="ar",
        compared=True,
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
        does=Sentence(
            "Draws with this model; `/info` lists them, and Midjourney's numbers draw here too."
        ),
    ),
    Flag(
        name="niji",
        group="model",
        form=Word(),
        example="6",
        bare=True,
        does=Sentence("Draws with the model that is called niji here, if there is one."),
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
        name="style",
        compared=True,
        form=Word(),
        example="NAME",
        does=Sentence("One of the model's named styles, instead of its own; raw is `--raw`."),
    ),
    Flag(
        name="stylize",
        compared=True,
        aliases=("s",),
        form=Whole(0, 1000),
        example="250",
        does=Sentence("How much of the style: 0 none, 100 as it is meant, above that more."),
    ),
    Flag(
        name="raw", compared=True, form=None, does=Sentence("Leaves the model's house style out.")
    ),
    Flag(
        name="chaos",
        compared=True,
        aliases=("c",),
        form=Whole(0, 100),
        example="20",
        does=Sentence("How unlike each other the four pictures are."),
    ),
    Flag(
        name="weird",
        compared=True,
        aliases=("w",),
        form=Whole(0, 3000),
        example="250",
        does=Sentence("Leads all four the same way off what is usual for the words."),
    ),
    Flag(
        name="exp",
        compared=True,
        form=Whole(0, 100),
        example="20",
        does=Sentence("More contrast and detail; an experiment."),
    ),
    Flag(
        name="sref",
        form=References(codes=True, most=MAX_CODES),
        example="123",
        many_words=True,
        does=Sentence(
            "Follows the style of a code, of `random`, or of linked pictures; `::2` weighs one."
        ),
    ),
    Flag(
        name="sw",
        compared=True,
        form=Whole(0, 1000),
        example="200",
        does=Sentence("How much `--sref` counts: 0 nothing, 100 as usual."),
    ),
    Flag(
        name="sv",
        form=Word(),
        example="4",
        does=Sentence("The version of the style reference."),
        lacks=Sentence("style codes have one version here"),
    ),
    Flag(
        name="cref",
        form=References(),
        example="https://a.example/1.png",
        many_words=True,
        does=Sentence(
            "Draws who is in linked pictures again, where the model has an image adapter."
        ),
    ),
    Flag(
        name="cw",
        form=Whole(0, 100),
        example="50",
        does=Sentence("How much `--cref` counts."),
    ),
    Flag(
        name="oref",
        form=References(most=1),
        example="https://a.example/1.png",
        does=Sentence("Draws what one linked picture shows again, as `--cref`."),
    ),
    Flag(
        name="ow",
        form=Whole(1, 1000),
        example="200",
        does=Sentence("How much `--oref` counts."),
    ),
    Flag(
        name="iw",
        form=Number(0, 3),
        example="2",
        does=Sentence("How much linked pictures count beside the words."),
    ),
    Flag(
        name="quality",
        compared=True,
        aliases=("q",),
        form=NumberOf((0.25, 0.5, 1.0, 2.0, 4.0)),
        example=".5",
        does=Sentence("The work spent: the model's steps times this."),
    ),
    Flag(
        name="draft",
        compared=True,
        form=None,
        does=Sentence("Few steps, at a lower price: half, or what the operator set for drafts."),
    ),
    Flag(
        name="hd",
        compared=True,
        group="size",
        form=None,
        does=Sentence("As large as the model draws; the price grows with the area."),
    ),
    Flag(
        name="sd",
        group="size",
        form=None,
        does=Sentence("The model's usual size, as without it."),
    ),
    Flag(
        name="stop",
        compared=True,
        form=Whole(10, 100),
        example="60",
        does=Sentence("Ends after this percentage of the steps, which leaves the picture softer."),
    ),
    Flag(
        name="tile",
        compared=True,
        form=None,
        does=Sentence("Pictures that repeat without a seam, where the model can."),
    ),
    Flag(
        name="steps",
        form=Whole(1, engine.MAX_STEPS),
        example="30",
        does=Sentence("So many steps, whatever else is said of them."),
    ),
    Flag(
        name="cfg",
        form=Number(1, 30),
        example="7",
        does=Sentence("The guidance scale: how closely the words are followed; 1 is none."),
    ),
    Flag(
        name="sampler",
        form=Sampler(),
        example="euler-a",
        many_words=True,
        does=Sentence("The sampler, by its name here or in A1111, such as `DPM++ 2M Karras`."),
    ),
    Flag(
        name="relax",
        group="speed",
        form=None,
        does=Sentence("Waits until no fast job does; at the same price."),
    ),
    Flag(
        name="turbo",
        group="speed",
        form=None,
        does=Sentence("Is drawn before fast jobs, at twice the price."),
    ),
    Flag(
        name="fast",
        group="speed",
        form=None,
        does=Sentence("Fast mode, as without it."),
    ),
    Flag(
        name="stealth",
        group="visibility",
        form=None,
        does=Sentence("For your eyes alone: the result comes by direct message."),
    ),
    Flag(
        name="public",
        group="visibility",
        form=None,
        does=Sentence("For all in the channel to see, as without it."),
    ),
    Flag(
        name="repeat",
        aliases=("r",),
        form=Whole(2, 40),
        example="4",
        does=Sentence("/imagine draws so many grids, once you confirm their price."),
    ),
    Flag(
        name="profile",
        aliases=("p", "personalize"),
        form=Words(),
        example="NAME",
        bare=True,
        many_words=True,
        does=Sentence("The member's own taste."),
        lacks=Sentence("nobody's taste is learnt here; a code after sref keeps a look"),
    ),
    Flag(name="video", form=None, does=Sentence("A short film."), lacks=_NO_FILMS),
    Flag(
        name="motion",
        form=WordOf(("low", "high")),
        example="low",
        does=Sentence("How much moves in a film."),
        lacks=_NO_FILMS,
    ),
    Flag(name="loop", form=None, does=Sentence("A film that ends as it begins."), lacks=_NO_FILMS),
    Flag(
        name="end",
        form=Word(),
        example="LINK",
        does=Sentence("The picture that a film ends with."),
        lacks=_NO_FILMS,
    ),
    Flag(
        name="bs",
        form=Whole(1, 4),
        example="2",
        does=Sentence("How many films are made."),
        lacks=_NO_FILMS,
    ),
    *(
        Flag(
            name=name,
            form=None,
            does=Sentence("One of Midjourney's early test models."),
            lacks=Sentence("Midjourney's early models are not here"),
        )
        for name in ("test", "testp", "creative", "beta", "hq")
    ),
    *(
        Flag(
            name=name,
            form=None,
            does=Sentence("One of Midjourney's early upscalers."),
            lacks=Sentence("the buttons upscale here"),
        )
        for name in ("uplight", "upbeta", "upanime")
    ),
)
"""Every parameter, in the order in which they are listed."""

BY_NAME: Mapping[str, Flag] = MappingProxyType(
    {name: flag for flag in FLAGS for name in (flag.name, *flag.aliases)}
)
"""Every long name and alias, in small letters."""
