"""What a closed (archived) or locked thread takes of a bot, which simcord does not know."""

from __future__ import annotations

import re

from simcord.backend.errors import BackendError
from simcord.backend.models import Channel

from playground.discord_state import DiscordState

_CHANNEL = re.compile(r"/channels/(\d+)(/messages)?(/.*)?")
ARCHIVED, LOCKED = 50083, 160005
"""Discord's codes of errors."""


def of_request(state: DiscordState, path: str) -> Channel | None:
    """The thread that a request is about; None where it is about none."""
    match = _CHANNEL.match(path)
    channel = state.channels.get(int(match[1])) if match else None
    return channel if channel is not None and channel.is_thread else None


def close(state: DiscordState, path: str, *, locked: bool) -> None:
    """Close the thread that a request is about, if it is about one; locked: for the bot as well."""
    thread = of_request(state, path)
    if thread is not None:
        closed = {"archived": True, "locked": locked}
        state.edit_channel(thread.id, {}, thread_metadata=closed)


def check(state: DiscordState, method: str, path: str) -> None:
    """BackendError where a thread is closed and stays so; a new message opens one that is no more
    than closed. Reading is always allowed.
    """
    thread = of_request(state, path)
    meta = thread.thread_metadata if thread is not None else None
    if thread is None or meta is None or not meta.archived or method == "GET":
        return
    match = _CHANNEL.match(path)
    assert match is not None
    if match[2] is None:
        return  # the thread itself is edited: opened again, say
    if method != "POST" or match[3]:
        raise BackendError(400, ARCHIVED, "Tried to perform an operation on an archived thread")
    if meta.locked:
        raise BackendError(403, LOCKED, "Thread is locked")
    state.edit_channel(thread.id, {}, thread_metadata={"archived": False})
