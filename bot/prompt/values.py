"""How the value of a parameter is read, held to its range, shown and written. Pure."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from bot.prompt.characters import COMMAS, folded, one_line
from engine import Sentence

MAX_ASPECT = 14.0
"""The longer side over the shorter."""
MAX_LORAS = 4
MAX_LORA_WEIGHT = 4.0
"""Weights lie within ± this; both limits are the engine's."""

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
    """One or more words, such as links or codes."""

    @property
    def shown(self) -> str:
        return ""

    def read(self, raw: str) -> tuple[str, ...]:
        if not raw:
            raise BadValueError(Sentence("needs a value"))
        return tuple(word if "://" in word else folded(word) for word in raw.split())

    def holds(self, value: object) -> bool:
        return isinstance(value, tuple) and all(isinstance(word, str) and word for word in value)

    def write(self, value: tuple[str, ...]) -> str:
        return " ".join(value)


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
