"""The transcript: an entry for every message, edit, deletion and reaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simcord.backend.models import EPHEMERAL_FLAG, Message
from simcord.components import walk_components
from simcord.enums import ComponentType

from playground.discord_state import Change, DiscordState
from playground.member import button_name

LOADING_FLAG = 1 << 7


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An attachment at the time of the entry."""

    filename: str
    url: str  # unsigned; `DiscordState.cdn.get` has the bytes while they are kept
    size_bytes: int
    width_px: int | None
    height_px: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change of one message."""

    at: datetime
    kind: str  # "create", "update", "delete" or "reaction"
    channel_id: int
    message_id: int
    author_id: int
    author: str
    text: str  # followed by the titles and descriptions of its embeds
    buttons: tuple[str, ...]
    custom_ids: tuple[str, ...]
    files: tuple[File, ...]
    reactions: tuple[str, ...]
    ephemeral_to: int | None  # the only person who sees it
    loading: bool  # a deferred answer that says "thinking"
    pings: tuple[int, ...]  # the people it notified; edits notify nobody

    def line(self) -> str:
        """The entry in one line of text."""
        mark = {"create": "+", "update": "~", "delete": "-", "reaction": "*"}[self.kind]
        parts = [f"{self.at:%H:%M:%S} {mark} …{self.message_id % 10**6:06d} {self.author}:"]
        if self.kind == "delete":
            parts.append("(deleted)")
            return " ".join(parts)
        if self.ephemeral_to is not None:
            parts.append("(only you see this)")
        parts.append("thinking…" if self.loading else " ⏎ ".join(self.text.splitlines()))
        parts += [f"[{file.filename} {_size(file)}]" for file in self.files]
        if self.buttons:
            parts.append("〈" + " ".join(self.buttons) + "〉")
        if self.reactions:
            parts.append("{" + " ".join(self.reactions) + "}")
        return " ".join(part for part in parts if part)


class Transcript:
    """Records every change of a simulated Discord from its creation on."""

    def __init__(
        self, state: DiscordState, *, on_entry: Callable[[Entry], None] | None = None
    ) -> None:
        """on_entry: called with every new entry."""
        self._state = state
        self.on_entry = on_entry
        self._entries: list[Entry] = []
        state.watchers.append(self._record)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def of(self, channel_id: int | None = None, *, message_id: int | None = None) -> list[Entry]:
        """The entries of one channel or one message, oldest first."""
        return [
            entry
            for entry in self._entries
            if channel_id in (None, entry.channel_id) and message_id in (None, entry.message_id)
        ]

    def text(self, channel_id: int | None = None) -> str:
        """The entries as lines of text."""
        return "\n".join(entry.line() for entry in self.of(channel_id))

    def pings(self, user_id: int) -> list[Entry]:
        """The messages that notified this person."""
        return [entry for entry in self._entries if user_id in entry.pings]

    def _record(self, change: Change) -> None:
        if change.message is not None and change.kind in {
            "create",
            "update",
            "delete",
            "reaction",
        }:
            entry = describe(self._state, change.kind, change.message)
            self._entries.append(entry)
            if self.on_entry is not None:
                self.on_entry(entry)


def describe(state: DiscordState, kind: str, message: Message) -> Entry:
    """An entry for the message as it is now."""
    author = state.users[message.author_id]
    components = list(walk_components(message.components))
    buttons = [c for c in components if c.get("type") == ComponentType.BUTTON]
    addressee = (message.interaction_metadata or {}).get("user", {}).get("id")
    ephemeral = bool(message.flags & EPHEMERAL_FLAG)
    return Entry(
        at=state.clock.now(),
        kind=kind,
        channel_id=message.channel_id,
        message_id=message.id,
        author_id=message.author_id,
        author=author.global_name or author.name,
        text=_readable(state, message),
        buttons=tuple(button_name(component) for component in buttons),
        custom_ids=tuple(c["custom_id"] for c in components if c.get("custom_id")),
        files=tuple(_file(attachment) for attachment in message.attachments),
        reactions=tuple(f"{r.emoji}{len(r.user_ids)}" for r in message.reactions),
        ephemeral_to=int(addressee) if ephemeral and addressee else None,
        loading=bool(message.flags & LOADING_FLAG),
        pings=tuple(message.ping_user_ids) if kind == "create" and not ephemeral else (),
    )


def _readable(state: DiscordState, message: Message) -> str:
    shown: list[str | None] = [message.content]
    for embed in message.embeds:
        shown += [embed.get("title"), embed.get("description")]
        shown += [f"{f.get('name')}: {f.get('value')}" for f in embed.get("fields") or []]
        shown.append((embed.get("footer") or {}).get("text"))
    shown += [c.get("content") for c in walk_components(message.components) if c.get("content")]
    text = "\n".join(part for part in shown if part)
    for user in state.users.values():
        text = text.replace(f"<@{user.id}>", f"@{user.global_name or user.name}")
    return text


def _file(attachment: dict[str, Any]) -> File:
    return File(
        filename=attachment["filename"],
        url=attachment["url"],
        size_bytes=attachment["size"],
        width_px=attachment.get("width"),
        height_px=attachment.get("height"),
    )


def _size(file: File) -> str:
    if file.width_px is None:
        return f"{file.size_bytes} B"
    return f"{file.width_px}×{file.height_px}, {file.size_bytes // 1024} KiB"
