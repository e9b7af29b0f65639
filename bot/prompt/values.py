"""How the value of a parameter is read, held to its range, shown and written. Pure."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from bot.prompt.characters import COMMAS, folded, one_line
from bot.prompt.links import unmasked
from engine import MAX_SEED, SCHEDULERS, Sentence

MAX_ASPECT = 14.0
"""The longer side over the shorter."""
MAX_LORAS = 4
MAX_LORA_WEIGHT = 4.0
"""Weights lie within ± this; both limits are the engine's."""

MAX_REFERENCES = 4
"""Links after one parameter."""
MAX_CODES = 8
"""Links and style codes after one."""
MAX_REFERENCE_WEIGHT = 100.0
RANDOM = "random"
"""Stands for a style code that is drawn when the prompt is taken."""

Value = int | float | str | tuple[int, int] | tuple[str, ...] | tuple[tuple[str, float], ...]
"""Every value that a parameter can have; a `bool` is one of the `int`s."""

_NUMBER = re.compile(r"[+-]?(?:\d{1,9}\.?\d{0,9}|\.\d{1,9})")


class BadValueError(ValueError):
    """A value is not of its form."""

    def __init__(self, needs: Sentence) -> None:
        super().__init__(needs)
        self.needs = needs
        """What goes on after the parameter's name, such as "takes a whole number from 0 to 7"."""


class Form(Protocol):
    """One kind of value."""

    @property
    def shown(self) -> str:
        """Its range for a table, such as "0–100"; empty where it has none."""

    def read(self, raw: str) -> Value:
        """The value in `raw`, a text without surrounding white space; BadValueError otherwise."""

    def holds(self, value: object) -> bool:
        """Whether `value` could have been read."""

    def write(self, value: Any) -> str:  # noqa: ANN401 - a value of this form
        """A text on one line from which `read` gives `value` again."""


def number_text(number: float) -> str:
    """A number as one types it: no exponent, and no point where it is whole."""
    return str(int(number)) if number == int(number) else format(Decimal(repr(number)), "f")


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, both ends included."""

    low: int
    high: int

    @property
    def shown(self) -> str:
        return f"{self.low}–{self.high}"

    def read(self, raw: str) -> int:
        typed = folded(raw)
        if re.fullmatch(r"[+-]?\d{1,12}", typed) and self.holds(int(typed)):
            return int(typed)
        raise BadValueError(
            Sentence("takes a whole number from {low} to {high}", low=self.low, high=self.high)
        )

    def holds(self, value: object) -> bool:
        return (
            isinstance(value, int)
            and not isinstance(value, bool)
            and self.low <= value <= self.high
        )

    def write(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True, slots=True)
class Number:
    """A number, both ends included."""

    low: float
    high: float

    @property
    def shown(self) -> str:
        return f"{self.low:g}–{self.high:g}"

    def read(self, raw: str) -> float:
        typed = folded(raw)
        if _NUMBER.fullmatch(typed) and self.holds(float(typed)):
            return float(typed)
        raise BadValueError(
            Sentence("takes a number from {low:g} to {high:g}", low=self.low, high=self.high)
        )

    def holds(self, value: object) -> bool:
        return _is_number(value, self.low, self.high)

    def write(self, value: float) -> str:
        return number_text(value)


@dataclass(frozen=True, slots=True)
class NumberOf:
    """One of a few numbers."""

    choices: tuple[float, ...]

    @property
    def shown(self) -> str:
        return ", ".join(f"{choice:g}".removeprefix("0") for choice in self.choices)

    def read(self, raw: str) -> float:
        typed = folded(raw)
        if _NUMBER.fullmatch(typed) and float(typed) in self.choices:
            return float(typed)
        raise BadValueError(Sentence("takes one of {choices}", choices=self.shown))

    def holds(self, value: object) -> bool:
        return not isinstance(value, bool) and value in self.choices

    def write(self, value: float) -> str:
        return number_text(value)


@dataclass(frozen=True, slots=True)
class WordOf:
    """One of a few words, in small letters."""

    choices: tuple[str, ...]

    @property
    def shown(self) -> str:
        return ", ".join(self.choices)

    def read(self, raw: str) -> str:
        typed = folded(raw).lower()
        if typed in self.choices:
            return typed
        raise BadValueError(Sentence("takes one of {choices}", choices=self.shown))

    def holds(self, value: object) -> bool:
        return value in self.choices

    def write(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class Aspect:
    """Width to height as two whole numbers, reduced."""

    @property
    def shown(self) -> str:
        return f"1:{MAX_ASPECT:g}–{MAX_ASPECT:g}:1"

    def read(self, raw: str) -> tuple[int, int]:
        match = re.fullmatch(r"(\d{1,5})[:x×/](\d{1,5})", folded(raw))
        if match is None:
            raise BadValueError(Sentence("takes two whole numbers, such as 3:2"))
        width, height = int(match[1]), int(match[2])
        if width == 0 or height == 0:
            raise BadValueError(Sentence("takes two whole numbers above 0, such as 3:2"))
        if max(width, height) / min(width, height) > MAX_ASPECT:
            raise BadValueError(
                Sentence("may be at most {most:g}:1 or 1:{most:g}", most=MAX_ASPECT)
            )
        shared = math.gcd(width, height)
        return width // shared, height // shared

    def holds(self, value: object) -> bool:
        match value:
            case (int(width), int(height)) if isinstance(value, tuple) and min(width, height) > 0:
                return max(width, height) / min(width, height) <= MAX_ASPECT
            case _:
                return False

    def write(self, value: tuple[int, int]) -> str:
        return f"{value[0]}:{value[1]}"


@dataclass(frozen=True, slots=True)
class Word:
    """Any one word."""

    @property
    def shown(self) -> str:
        return ""

    def read(self, raw: str) -> str:
        if not raw:
            raise BadValueError(Sentence("needs a value"))
        return folded(raw)

    def holds(self, value: object) -> bool:
        return isinstance(value, str) and bool(value)

    def write(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class Words:
    """One word or several, each a name."""

    @property
    def shown(self) -> str:
        return ""

    def read(self, raw: str) -> str:
        if not raw:
            raise BadValueError(Sentence("needs a value"))
        return one_line(folded(raw))

    def holds(self, value: object) -> bool:
        return isinstance(value, str) and bool(value) and value == one_line(value)

    def write(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class References:
    """Links of pictures, each perhaps with a weight such as `::2`."""

    codes: bool = False
    """Whether style codes and `random` may stand among them."""
    most: int = MAX_REFERENCES

    @property
    def shown(self) -> str:
        return f"0–{MAX_SEED}" if self.codes else ""

    def read(self, raw: str) -> tuple[str, ...]:
        raw = unmasked(raw)
        words = tuple(word if "://" in word else folded(word).lower() for word in raw.split())
        if words and self.holds(words):
            return words
        links = sum(is_link(reference(word)[0]) for word in words)
        if len(words) > self.most or links > MAX_REFERENCES:
            most = self.most if len(words) > self.most else MAX_REFERENCES
            raise BadValueError(Sentence("takes {most} at most", most=most))
        if self.codes:
            raise BadValueError(
                Sentence(
                    "takes links of pictures, codes from 0 to {most}, or random", most=MAX_SEED
                )
            )
        raise BadValueError(Sentence("takes a link of a picture, such as https://a.example/1.png"))

    def holds(self, value: object) -> bool:
        return (
            isinstance(value, tuple)
            and len(value) <= self.most
            and all(isinstance(word, str) and self._is_one(word) for word in value)
            and sum(is_link(reference(word)[0]) for word in value) <= MAX_REFERENCES
        )

    def write(self, value: tuple[str, ...]) -> str:
        return " ".join(value)

    def _is_one(self, word: str) -> bool:
        name, weight = reference(word)
        if not 0 < weight <= MAX_REFERENCE_WEIGHT:
            return False
        if is_link(name):
            return True
        is_code = name.isdecimal() and name.isascii() and len(name) <= 10 and int(name) <= MAX_SEED
        return self.codes and (name == RANDOM or is_code)


def reference(word: str) -> tuple[str, float]:
    """A link, code or `random`, and its weight: 1 where it has none, 0 where that is no number."""
    name, colons, weight = word.rpartition("::")
    if not colons:
        return word, 1.0
    number = folded(weight)
    return name, float(number) if _NUMBER.fullmatch(number) else 0.0


def is_link(word: str) -> bool:
    """Whether a reference is a link, and no code."""
    return re.fullmatch(r"https?://\S+", word, re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class Sampler:
    """A name of `engine.SCHEDULERS`, as it is, or as A1111 or ComfyUI write it."""

    @property
    def shown(self) -> str:
        return ""

    def read(self, raw: str) -> str:
        wanted = _bare_sampler(folded(raw))
        for name in SCHEDULERS:
            if wanted == _bare_sampler(name):
                return name
        raise BadValueError(Sentence("takes one of {choices}", choices=", ".join(SCHEDULERS)))

    def holds(self, value: object) -> bool:
        return value in SCHEDULERS

    def write(self, value: str) -> str:
        return value


def _bare_sampler(name: str) -> str:
    """What is the same in `DPM++ 2M Karras`, `dpmpp_2m_karras` and `dpm++2m-karras`."""
    bare = re.sub(r"[\s_-]", "", name.lower())
    bare = bare.replace("dpmpp", "dpm++").replace("ancestral", "a")
    return {"plms": "pndm"}.get(bare, bare)


@dataclass(frozen=True, slots=True)
class Items:
    """A list with commas; its items may have many words."""

    @property
    def shown(self) -> str:
        return ""

    def read(self, raw: str) -> tuple[str, ...]:
        items = _items(raw)
        if not items:
            raise BadValueError(Sentence("needs a list, such as “text, people”"))
        return items

    def holds(self, value: object) -> bool:
        return isinstance(value, tuple) and all(isinstance(item, str) and item for item in value)

    def write(self, value: tuple[str, ...]) -> str:
        return _list_text(value)


@dataclass(frozen=True, slots=True)
class Loras:
    """A list with commas of LoRAs as NAME or NAME:weight; each once, in any case."""

    @property
    def shown(self) -> str:
        return Sentence("weights ±{most:g}", most=MAX_LORA_WEIGHT)

    def read(self, raw: str) -> tuple[tuple[str, float], ...]:
        loras = tuple(map(self._read_one, _items(raw)))
        names = {name.casefold() for name, _ in loras}
        if not loras:
            raise BadValueError(Sentence("needs the name of a LoRA"))
        if len(names) < len(loras):
            raise BadValueError(Sentence("takes each LoRA once"))
        if len(loras) > MAX_LORAS:
            raise BadValueError(Sentence("takes {most} LoRAs at most", most=MAX_LORAS))
        return loras

    def _read_one(self, item: str) -> tuple[str, float]:
        before, colon, weight = folded(item).rpartition(":")
        if not colon:
            return item, 1.0
        name = item[: len(before)].strip()
        if not name or not _NUMBER.fullmatch(weight.strip()):
            raise BadValueError(
                Sentence("takes the name of a LoRA, or name and weight such as NAME:0.8")
            )
        if abs(float(weight)) > MAX_LORA_WEIGHT:
            raise BadValueError(
                Sentence("takes weights from -{most:g} to {most:g}", most=MAX_LORA_WEIGHT)
            )
        return name, float(weight)

    def holds(self, value: object) -> bool:
        if not isinstance(value, tuple) or len(value) > MAX_LORAS:
            return False
        names = set()
        for pair in value:
            match pair:
                case (str(name), weight) if name and _is_number(
                    weight, -MAX_LORA_WEIGHT, MAX_LORA_WEIGHT
                ):
                    names.add(name.casefold())
                case _:
                    return False
        return len(names) == len(value)

    def write(self, value: tuple[tuple[str, float], ...]) -> str:
        return _list_text(tuple(itertools.starmap(_lora_text, value)))


def _is_number(value: object, low: float, high: float) -> bool:
    """Also false for NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _items(raw: str) -> tuple[str, ...]:
    items = map(one_line, re.split(f"[{COMMAS}]", raw))
    return tuple(item for item in items if item)


def _list_text(items: tuple[str, ...]) -> str:
    """A list with commas; none stands right behind a backslash, which would take its meaning."""
    return ", ".join(items).replace("\\, ", "\\ , ").replace("＼, ", "＼ , ")


def _lora_text(name: str, weight: float) -> str:
    if weight == 1 and ":" not in folded(name):
        return name
    return f"{name}:{number_text(weight)}"
