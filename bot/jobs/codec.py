"""An engine job as text for the job table, its pictures by content hash; and back.

The format has a version, stored beside it: a row written by an older Darkroom is read by the
branch of its version or refused in one sentence, never guessed at.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import engine

VERSION = 2
"""2: pictures can be prompts, with a scale."""
READ = (1, 2)


class StoredJobError(Exception):
    """A stored job of a version that this Darkroom does not know."""


def dump(job: engine.DrawJob, hashes: tuple[str, ...]) -> str:
    """`job` as JSON; `hashes`: the SHA-256 of each of its inputs, in order."""
    fields = {
        field.name: getattr(job, field.name)
        for field in dataclasses.fields(job)
        if field.name not in ("prompt", "inputs", "mask")
    }
    fields["lane"] = job.lane.name
    fields["init_use"] = job.init_use.value
    fields["prompt"] = [[part.text, part.weight] for part in job.prompt]
    fields["inputs"] = [
        [sha256, picture.weight] for sha256, picture in zip(hashes, job.inputs, strict=True)
    ]
    return json.dumps(fields, ensure_ascii=False, sort_keys=True)


def hashes(stored: str) -> tuple[str, ...]:
    """The content hashes of the pictures that the stored job starts from."""
    return tuple(sha256 for sha256, _ in json.loads(stored)["inputs"])


def load(stored: str, version: int, pictures: Mapping[str, bytes]) -> engine.DrawJob:
    """The job again, with the bytes of its pictures by hash."""
    if version not in READ:
        raise StoredJobError(
            f"This job was stored by another version of Darkroom (format {version}, not {VERSION})."
        )
    fields: dict[str, Any] = json.loads(stored)
    fields["lane"] = engine.Lane[fields["lane"]]
    fields["init_use"] = engine.InitUse(fields["init_use"])
    fields["prompt"] = tuple(
        engine.WeightedText(text=text, weight=weight) for text, weight in fields["prompt"]
    )
    fields["inputs"] = tuple(
        engine.InputPicture(data=pictures[sha256], weight=weight)
        for sha256, weight in fields["inputs"]
    )
    fields["loras"] = tuple((name, weight) for name, weight in fields["loras"])
    return engine.DrawJob(**fields)
