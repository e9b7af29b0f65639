"""The parameters that acted, as data to be stored beside the typed text; and back. Pure.

What is stored holds every value, defaults too: a default that changes later changes no old prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.prompt.flags import FLAGS, Parameters
from bot.prompt.grammar import Prompt

Json = dict[str, Any]
"""What `json.dumps` takes and `json.loads` gives."""


def as_json(prompt: Prompt) -> Json:
    """Every parameter's value by its long name, and in `given` the names of those typed."""
    parameters = prompt.parameters
    values = {flag.name: _listed(getattr(parameters, flag.name)) for flag in FLAGS}
    return {**values, "given": list(parameters.given)}


def parameters_from_json(stored: Mapping[str, Any]) -> Parameters:
    """The parameters again; names that this Darkroom does not know are passed over.

    What is missing has its default. ValueError where a value is not one of its parameter's.
    """
    values: dict[str, Any] = {}
    for flag in FLAGS:
        if flag.name not in stored:
            continue
        values[flag.name] = value = _tupled(stored[flag.name])
        if not flag.holds(value):
            raise ValueError(f"The stored --{flag.name} {value!r} is none of its values.")
    known = {flag.name for flag in FLAGS}
    given = tuple(name for name in stored.get("given", ()) if name in known)
    return Parameters(**values, given=given)


def _listed(value: Any) -> Any:  # noqa: ANN401 - any parameter's value
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def _tupled(value: Any) -> Any:  # noqa: ANN401 - anything that JSON holds
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value
