"""The file that lists all words of a small model: what it draws, and what else it knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.messages import Vocabulary

_Words = Annotated[list[str], Field(min_length=1)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    draws: Annotated[dict[str, _Words], Field(min_length=1)]
    knows: list[str] = []


def read_vocabulary(path: Path) -> Vocabulary:
    """The vocabulary in a JSON file: `{"draws": {"en": ["cat", …]}, "knows": ["kitten", …]}`.

    draws: for each language, one word for each thing that can be asked for. knows: all other words
    and phrases. Raises ValueError with what is wrong with the file.
    """
    try:
        found = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        why = f"{place}: {first['msg']}" if place else first["msg"]
        raise ValueError(f"{path} is no vocabulary ({why})") from error
    draws = tuple((language, tuple(words)) for language, words in found.draws.items())
    return Vocabulary(draws=draws, knows=frozenset(found.knows).union(*found.draws.values()))
