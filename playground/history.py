"""Messages kept on disk, so that a playground started again shows them with their buttons."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

from simcord.backend.errors import SetupError
from simcord.backend.models import AllowedMentions, Message, Reaction
from simcord.enums import ChannelType

from playground.discord_state import Change, DiscordState

KEPT_PER_CHANNEL = 200
SAVE_AFTER_S = 2.0
"""How long changes are collected before they are written."""

_BASE = "playground://files"  # written in place of the server's address, whose port may change

_log = logging.getLogger(__name__)


class History:
    """Keeps the public and direct messages with their files in one folder.

    Ephemeral answers and unfinished deferrals are not kept: they end with their interaction.
    """

    def __init__(self, state: DiscordState, folder: Path) -> None:
        self._state = state
        self._folder = folder
        self._changed = asyncio.Event()
        self._saver: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Load the messages, then keep new ones. Call it when the server's address is known."""
        try:
            self._load()
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError) as error:
            _log.warning("%s is unreadable and was ignored: %s", self._messages_file, error)
        self._state.watchers.append(self._on_change)
        self._saver = asyncio.create_task(self._save_after_changes())

    async def close(self) -> None:
        """Write everything that is not yet written, and stop."""
        if self._saver is None:
            return
        self._state.watchers.remove(self._on_change)
        self._saver.cancel()
        await asyncio.gather(self._saver, return_exceptions=True)
        self._saver = None
        self._save()

    @property
    def _messages_file(self) -> Path:
        return self._folder / "messages.json"

    def _on_change(self, change: Change) -> None:
        if change.message is not None or change.kind == "channels":
            self._changed.set()

    async def _save_after_changes(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(SAVE_AFTER_S)
            self._changed.clear()
            self._save()

    # ------------------------------------------------------------------ writing

    def _save(self) -> None:
        kept = [message for store in self._state.messages.values() for message in _lasting(store)]
        self._folder.mkdir(parents=True, exist_ok=True)
        names = {attachment["id"] for message in kept for attachment in message.attachments}
        self._save_files(kept)
        stored = {
            "direct": sorted(self._state.dm_channels.items()),
            "threads": [
                (thread.id, thread.parent_id, thread.name, thread.owner_id)
                for number in self._state.guild.channel_ids
                for thread in self._state.threads(number)
            ],
            "messages": [_as_json(message) for message in kept],
        }
        text = json.dumps(stored).replace(self._state.cdn.base_url, _BASE)
        temporary = self._messages_file.with_suffix(".new")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self._messages_file)
        for path in self._folder.glob("*.bin"):
            if path.stem not in names:
                path.unlink()

    def _save_files(self, kept: list[Message]) -> None:
        for message in kept:
            for attachment in message.attachments:
                path = self._folder / f"{attachment['id']}.bin"
                data = self._state.cdn.get(attachment["url"])
                if data is not None and not path.exists():
                    path.write_bytes(data)

    # ------------------------------------------------------------------ reading

    def _load(self) -> None:
        state = self._state
        text = self._messages_file.read_text(encoding="utf-8").replace(_BASE, state.cdn.base_url)
        stored = json.loads(text)
        messages = [_from_json(item) for item in stored["messages"]]
        for user_id, channel_id in stored["direct"]:
            self._open_direct(int(user_id), int(channel_id))
        for thread_id, parent_id, name, owner_id in stored.get("threads", []):
            if parent_id in state.channels and thread_id not in state.channels:
                state.create_thread(
                    parent_id, name, owner_id, message_id=thread_id, broadcast=False
                )
        for message in messages:
            store = state.messages.get(message.channel_id)
            if store is None or message.author_id not in state.users:
                continue
            store[message.id] = message
            with contextlib.suppress(SetupError):  # another object has the id already
                state.reserve_id(message.id)
            state.channels[message.channel_id].last_message_id = message.id
            for attachment in message.attachments:
                path = self._folder / f"{int(attachment['id'])}.bin"
                if path.exists():
                    state.cdn.restore(attachment, path.read_bytes())

    def _open_direct(self, user_id: int, channel_id: int) -> None:
        state = self._state
        if user_id not in state.users or user_id in state.dm_channels:
            return
        channel = state.create_channel(None, None, type=ChannelType.DM)
        channel.recipient_ids = [user_id]
        del state.channels[channel.id], state.messages[channel.id]
        channel.id = channel_id
        state.channels[channel_id] = channel
        state.messages[channel_id] = {}
        state.dm_channels[user_id] = channel_id


def _lasting(store: dict[int, Message]) -> list[Message]:
    kept = [
        message
        for message in store.values()
        if not message.is_ephemeral and not message.flags & (1 << 7) and message.poll is None
    ]
    return kept[-KEPT_PER_CHANNEL:]


def _as_json(message: Message) -> dict[str, Any]:
    fields = dataclasses.asdict(message)
    for name in ("users", "roles"):
        ids = fields["allowed_mentions"][name]
        fields["allowed_mentions"][name] = None if ids is None else sorted(ids)
    for name in ("poll", "stickers", "system_metadata"):
        del fields[name]
    return fields


def _from_json(fields: dict[str, Any]) -> Message:
    mentions = fields.pop("allowed_mentions")
    for name in ("users", "roles"):
        ids = mentions[name]
        mentions[name] = None if ids is None else frozenset(ids)
    reactions = [Reaction(**reaction) for reaction in fields.pop("reactions")]
    return Message(allowed_mentions=AllowedMentions(**mentions), reactions=reactions, **fields)
