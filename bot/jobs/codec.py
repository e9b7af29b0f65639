"""Any engine job as text for the job table, its pictures by content hash; and back.

The format has a version, stored beside it: a row written by an older Darkroom is read by the
branch of its version or refused in one sentence, never guessed at.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

import engine
from engine import Sentence

VERSION = 4
"""4: drawings may have looks, chaos and what else varies them. 3: every kind of job, with its mask.
2: drawings, whose pictures can be prompts. 1: as 2, before pictures could be prompts.
"""
READ = (1, 2, 3, 4)

_TYPES: Mapping[str, type[Any]] = MappingProxyType(
    {
        "draw": engine.DrawJob,
        "upscale": engine.UpscaleJob,
        "describe": engine.DescribeJob,
        "word_weights": engine.WordWeightsJob,
    }
)
_NAMES = {type_: name for name, type_ in _TYPES.items()}
_HASH = "sha256"


class StoredJobError(Exception):
    """A stored job that this Darkroom cannot read; the text is one sentence for the member."""


def dump(job: engine.Job, keep: Callable[[bytes], str]) -> str:
    """`job` as JSON. keep: takes each picture and mask of the job, returns its SHA-256 in hex."""
    fields = {"type": _NAMES[type(job)], **_encode(job, keep)}
    return json.dumps(fields, ensure_ascii=False, sort_keys=True)


def pictures(job: engine.Job) -> tuple[bytes, ...]:
    """The pictures and masks of the job, each once."""
    found: dict[bytes, None] = {}
    dump(job, lambda data: found.setdefault(data) or "")
    return tuple(found)


def is_enlargement(stored: str) -> bool:
    """Whether the stored job, of whatever version, only makes a picture larger by a network."""
    try:
        name: str = json.loads(stored).get("type", "")
    except ValueError:  # erased or damaged
        return False
    return _TYPES.get(name) is engine.UpscaleJob


def load(
    stored: str, version: int, picture: Callable[[str], bytes], *, without: Collection[str] = ()
) -> engine.Job:
    """The job again. picture: the bytes of a content hash; what it raises is let through.

    without: names of fields whose pictures are left empty.
    """
    fields = {
        name: _decode(value, _empty if name in without else picture)
        for name, value in _fields(stored, version).items()
    }
    type_ = _TYPES.get(fields.pop("type", ""))
    unknown = fields.keys() - {f.name for f in dataclasses.fields(type_)} if type_ else {"type"}
    if type_ is None or unknown:
        raise StoredJobError(
            Sentence(
                "This job was stored by another version of Darkroom (its {name} is not known).",
                name=", ".join(sorted(unknown)),
            )
        )
    try:
        job: engine.Job = TypeAdapter(type_).validate_python(fields)
    except ValidationError as error:
        raise StoredJobError(
            Sentence(
                "This job was stored by another version of Darkroom (its {name} cannot be read).",
                name=".".join(map(str, error.errors()[0]["loc"])),
            )
        ) from error
    return job


def _fields(stored: str, version: int) -> dict[str, Any]:
    """The stored text in the form of `VERSION`."""
    if version not in READ:
        raise StoredJobError(
            Sentence(
                "This job was stored by another version of Darkroom (format {version}, not "
                "{known}).",
                version=version,
                known=VERSION,
            )
        )
    try:
        fields: dict[str, Any] = json.loads(stored)
    except ValueError as error:
        raise StoredJobError(Sentence("What was stored of this job is damaged.")) from error
    if version < 3:
        fields["type"] = "draw"
        fields["lane"] = engine.Lane[fields["lane"]].value
        fields["prompt"] = [{"text": text, "weight": weight} for text, weight in fields["prompt"]]
        fields["inputs"] = [
            {"data": {_HASH: sha256}, "weight": weight} for sha256, weight in fields["inputs"]
        ]
    return fields


def _encode(value: Any, keep: Callable[[bytes], str]) -> Any:  # noqa: ANN401 - JSON
    match value:
        case enum.Enum():
            return value.value
        case bytes():
            return {_HASH: keep(value) if value else ""}
        case tuple():
            return [_encode(item, keep) for item in value]
        case _ if dataclasses.is_dataclass(value):
            return {
                field.name: _encode(getattr(value, field.name), keep)
                for field in dataclasses.fields(value)
            }
        case _:
            return value


def _decode(value: Any, picture: Callable[[str], bytes]) -> Any:  # noqa: ANN401 - JSON
    match value:
        case {"sha256": str(sha256)}:
            return picture(sha256) if sha256 else b""
        case dict():
            return {name: _decode(item, picture) for name, item in value.items()}
        case list():
            return [_decode(item, picture) for item in value]
        case _:
            return value


def _empty(_sha256: str) -> bytes:
    return b""
