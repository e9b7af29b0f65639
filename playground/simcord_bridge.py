"""The only module that uses private names of simcord, the model of Discord behind the playground.

A name that begins with an underscore may change with any release of simcord. This module was
written for simcord 3.2.1; a test lists the private names and fails with a clear message when a
newer simcord lacks one.

simcord's functions for commands and forms take an actor of its test environment. `_Actor` is as
much of one as these functions read: `id`, `guild` and `_env.backend`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simcord import _modal, interactions
from simcord._clock import Clock
from simcord.backend import Backend
from simcord.components import validate_modal

from playground.refusal import Refused

__all__ = ["Clock", "build_options", "fill_form"]


@dataclass(frozen=True, slots=True)
class _Environment:
    """The part of simcord's test environment that its functions read."""

    backend: Backend


class _Actor:
    """The part of simcord's actor that its functions read."""

    guild = None

    def __init__(self, backend: Backend, user_id: int) -> None:
        self.id = user_id
        self._env = _Environment(backend)


def build_options(
    backend: Backend,
    user_id: int,
    command_name: str,
    command: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    channel_id: int,
    partial: bool = False,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a slash command's options as an interaction carries them, and what they resolve to.

    command: the (sub)command as the bot registered it. values: by option name; an attachment is
    (filename, bytes). partial: required options may be missing, as while a member types.
    SetupError or OptionError says which value does not fit.
    """
    return interactions.build_options(
        _Actor(backend, user_id),  # type: ignore[arg-type]
        command_name,
        dict(command),
        dict(values),
        partial=partial,
        channel_id=channel_id,
    )


def fill_form(
    backend: Backend,
    user_id: int,
    modal: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    channel_id: int,
) -> dict[str, Any]:
    """Return the data of the interaction that sends a filled-in modal; its files are stored.

    modal: as the bot sent it. values: by custom_id; files are a list of (filename, bytes).
    SetupError, ValueError or Refused says what does not fit, and then nothing was stored.
    """
    actor = _Actor(backend, user_id)
    form = validate_modal(dict(modal))
    known = _modal._modal_control_map(form)  # noqa: SLF001
    for custom_id in values:
        if custom_id not in known:
            raise Refused(f"The form has no field {custom_id!r}.")
    resolved: dict[str, dict[str, Any]] = {}
    pending: list[tuple[dict[str, Any], str, bytes]] = []
    components = _modal._modal_submit_nodes(  # noqa: SLF001
        form["components"], actor, dict(values), resolved, channel_id, pending
    )
    _modal._commit_modal_uploads(actor, channel_id, pending, resolved)  # noqa: SLF001
    data: dict[str, Any] = {"custom_id": form["custom_id"], "components": components}
    if resolved:
        data["resolved"] = resolved
    return data
