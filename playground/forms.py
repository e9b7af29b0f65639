"""What is sent in a form that the bot opened: its values as it stands, and what is typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from simcord.enums import ComponentType

from playground.refusal import Refused
from playground.steps import read, split

_YES = {"true", "yes", "on", "1"}


def defaults(form: dict[str, Any]) -> dict[str, Any]:
    """The values that a form has when it opens, by custom_id."""
    held: dict[str, Any] = {}
    for _, control in _controls(form["components"]):
        chosen = [one["value"] for one in control.get("options") or [] if one.get("default")]
        if "value" in control:
            held[control["custom_id"]] = control["value"]
        elif chosen and control["type"] == ComponentType.RADIO_GROUP:
            held[control["custom_id"]] = chosen[0]
        elif chosen:
            held[control["custom_id"]] = chosen
    return held


def filled(form: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """A form's values, by custom_id, after these were typed: "Prompt=a cat", "Painted=@a.png".

    Refused, with what there is, where a form has no such field or choice.
    """
    values = defaults(form)
    for field in fields:
        label, text = split(field)
        control = _find(form, label)
        key, kind = control["custom_id"], control["type"]
        if kind == ComponentType.FILE_UPLOAD:
            if not text.startswith("@"):
                raise Refused(f'{label} takes a file: --modal "{label}=@FILE".')
            values.setdefault(key, []).append(read(Path(text[1:])))
        elif kind == ComponentType.TEXT_INPUT:
            values[key] = text
        elif kind == ComponentType.CHECKBOX:
            values[key] = text.lower() in _YES
        else:
            chosen = _choice(control, label, text)
            values[key] = chosen if kind == ComponentType.RADIO_GROUP else [chosen]
    return values


def _find(form: dict[str, Any], label: str) -> dict[str, Any]:
    named = list(_controls(form["components"]))
    for name, control in named:
        if label.lower() in (name.lower(), control["custom_id"].lower()):
            return control
    names = ", ".join(repr(name) for name, _ in named)
    raise Refused(f"The form {form['title']!r} has no field {label!r}; there are: {names}.")


def _choice(control: dict[str, Any], label: str, text: str) -> str:
    options = control.get("options") or []
    for option in options:
        if text.lower() in (option["label"].lower(), option["value"].lower()):
            return str(option["value"])
    names = ", ".join(repr(option["label"]) for option in options)
    raise Refused(f"{label} has no choice {text!r}; there are: {names or 'none'}.")


def _controls(components: Iterable[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a form, with the label that a person reads."""
    for component in components:
        if component["type"] == ComponentType.LABEL:
            yield component["label"], component["component"]
        elif component["type"] == ComponentType.ACTION_ROW:
            for control in component["components"]:
                yield control.get("label") or control["custom_id"], control
