"""The simulated Discord: simcord's model with one server, its members, and watchers of changes."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from simcord.backend import Backend, permissions
from simcord.backend.models import Channel, Guild, Interaction, Message, Overwrite, User
from simcord.enums import ChannelType, OverwriteType

from playground.cdn import SignedCdn
from playground.simcord_bridge import Clock

BOT_ID = 1_100_000_000_000_000_001
GUILD_ID = 1_100_000_000_000_000_100
GENERAL_ID = 1_100_000_000_000_000_101
FORUM_ID = 1_100_000_000_000_000_102

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person on the server."""

    id: int
    name: str  # as `--as` and mentions give it
    display_name: str
    locale: str  # Discord's code, for instance "en-US"


ADMIN = Person(id=1_100_000_000_000_000_010, name="ansel", display_name="Ansel", locale="en-US")
MEMBERS = (
    Person(id=1_100_000_000_000_000_011, name="dora", display_name="Dora", locale="en-GB"),
    Person(id=1_100_000_000_000_000_012, name="gordon", display_name="Gordon", locale="en-US"),
    Person(id=1_100_000_000_000_000_013, name="daido", display_name="Daido", locale="ja"),
)
PEOPLE = (ADMIN, *MEMBERS)

ChangeKind = Literal[
    "create", "update", "delete", "reaction", "answered", "typing", "commands", "channels", "bot"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change, as the watchers are told it.

    message is the stored record itself, after the change (for a delete: as it was before).
    """

    kind: ChangeKind
    channel_id: int = 0
    message: Message | None = None
    interaction: Interaction | None = None
    user_id: int | None = None


class RealClock(Clock):
    """The real time plus the seconds that `advance` has added."""

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.elapsed)


class DiscordState(Backend):
    """One server, its members and the bot; their ids are the same at every start."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        upload_limit_bytes: int = 10 * MEBIBYTE,
        people: Iterable[Person] = PEOPLE,
        cdn_key: bytes | None = None,
    ) -> None:
        self.watchers: list[Callable[[Change], None]] = []
        super().__init__(clock=clock or RealClock())
        self.upload_limit_bytes = upload_limit_bytes
        self.cdn: SignedCdn = SignedCdn(clock=self.clock, key=cdn_key or secrets.token_bytes(16))
        # simcord keeps these records without a limit, for tests; a playground may run for days.
        self.http_requests = deque(maxlen=2000)  # type: ignore[assignment]
        self.transcript = deque(maxlen=2000)  # type: ignore[assignment]
        self._rename_bot()
        self.people = {person.id: person for person in people}
        self.guild = self._build_guild()

    def _rename_bot(self) -> None:
        del self.users[self.bot_user.id]
        self.application_id = self.reserve_id(BOT_ID)
        self.bot_user = User(id=BOT_ID, name="Darkroom", bot=True)
        self.users[BOT_ID] = self.bot_user

    def _build_guild(self) -> Guild:
        for person in self.people.values():
            self.reserve_id(person.id)
            self.users[person.id] = User(
                id=person.id, name=person.name, global_name=person.display_name
            )
        owner, *others = self.people
        guild = self.create_guild("Darkroom playground", id=GUILD_ID, owner_id=owner)
        for person_id in others:
            self.add_member(guild.id, person_id)
        channel = self.create_channel(
            guild.id, "general", announce=False, topic="Type / to make a picture."
        )
        self._move_channel(channel.id, self.reserve_id(GENERAL_ID))
        forum = self.create_channel(
            guild.id,
            "forum",
            type=ChannelType.FORUM,
            announce=False,
            topic="Each post is a thread.",
        )
        self._move_channel(forum.id, self.reserve_id(FORUM_ID))
        return guild

    def _move_channel(self, old: int, new: int) -> None:
        channel = self.channels.pop(old)
        channel.id = new
        self.channels[new] = channel
        self.messages[new] = self.messages.pop(old)
        ids = self.guilds[channel.guild_id or 0].channel_ids
        ids[ids.index(old)] = new

    # ------------------------------------------------------------------ settings and look-ups

    def set_bot_permissions(self, channel_id: int, **allowed: bool) -> None:
        """Allow or deny the bot permissions in one channel, named as in discord.py."""
        allow = deny = 0
        for name, value in allowed.items():
            if value:
                allow |= permissions.flag(name)
            else:
                deny |= permissions.flag(name)
        overwrite = Overwrite(BOT_ID, OverwriteType.MEMBER, allow=allow, deny=deny)
        self.set_overwrite(channel_id, overwrite)

    def person(self, who: str | int) -> Person:
        """The person with that name, display name or id; ValueError lists the names that exist."""
        for person in self.people.values():
            if who in (person.id, person.name, person.display_name) or str(person.id) == who:
                return person
        names = ", ".join(person.name for person in self.people.values())
        raise ValueError(f"There is no member {who!r} here; there are {names}.")

    # ------------------------------------------------------------------ threads

    def threads(self, parent_id: int) -> list[Channel]:
        """A channel's threads, or a forum's posts, oldest first."""
        found = [self.channels[i] for i in self.guild.thread_ids if i in self.channels]
        return sorted((one for one in found if one.parent_id == parent_id), key=lambda one: one.id)

    def announce_thread_create(self, thread: Channel) -> None:
        """As in simcord; watchers are told."""
        super().announce_thread_create(thread)
        self.notify(Change(kind="channels", channel_id=thread.id))

    def delete_channel(self, channel_id: int) -> None:
        """As in simcord; watchers are told."""
        super().delete_channel(channel_id)
        self.notify(Change(kind="channels", channel_id=channel_id))

    # ------------------------------------------------------------------ changes

    def notify(self, change: Change) -> None:
        """Tell every watcher."""
        for watcher in list(self.watchers):
            watcher(change)

    def commit_message(self, message: Message, *, broadcast: bool = True) -> Message:
        """As in simcord; watchers are told of ephemeral messages too, unlike the gateway."""
        stored = super().commit_message(message, broadcast=broadcast)
        if stored.id in self.messages.get(stored.channel_id, {}):
            self.notify(Change(kind="create", channel_id=stored.channel_id, message=stored))
        return stored

    def edit_message(self, channel_id: int, message_id: int, fields: dict[str, Any]) -> Message:
        """As in simcord; files that the edit removed may be deleted."""
        before = {a["url"] for a in self.get_message(channel_id, message_id).attachments}
        message = super().edit_message(channel_id, message_id, fields)
        for url in before - {a["url"] for a in message.attachments}:
            self.cdn.detach(url)
        self.notify(Change(kind="update", channel_id=channel_id, message=message))
        return message

    def delete_message(self, channel_id: int, message_id: int) -> None:
        """As in simcord; if the message was a deferred "thinking…", its interaction is completed.

        The interaction's next follow-up is then a new message, ephemeral if the bot says so.
        """
        message = self.get_message(channel_id, message_id)
        super().delete_message(channel_id, message_id)
        metadata = message.interaction_metadata or {}
        record = self.interactions.get(int(metadata.get("id", 0)))
        if record is not None and record.loading and record.message_id == message_id:
            record.complete_deferred()
        for attachment in message.attachments:
            self.cdn.detach(attachment["url"])
        self.notify(Change(kind="delete", channel_id=channel_id, message=message))

    def bulk_delete_messages(self, channel_id: int, message_ids: Iterable[int]) -> list[int]:
        """As in simcord; watchers are told."""
        store = dict(self.messages.get(channel_id, {}))
        deleted = super().bulk_delete_messages(channel_id, message_ids)
        for message_id in deleted:
            self.notify(Change(kind="delete", channel_id=channel_id, message=store[message_id]))
        return deleted

    def emit(self, event: str, payload: Any) -> None:  # noqa: ANN401 - simcord's mapping
        """As in simcord; watchers are told of reactions and typing."""
        super().emit(event, payload)
        if event.startswith("MESSAGE_REACTION"):
            channel_id, message_id = int(payload["channel_id"]), int(payload["message_id"])
            message = self.messages.get(channel_id, {}).get(message_id)
            self.notify(Change(kind="reaction", channel_id=channel_id, message=message))
        elif event == "TYPING_START":
            channel_id, user_id = int(payload["channel_id"]), int(payload["user_id"])
            self.notify(Change(kind="typing", channel_id=channel_id, user_id=user_id))

    def register_commands(
        self, guild_id: int | None, payloads: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """As in simcord; watchers are told."""
        registered = super().register_commands(guild_id, payloads)
        self.notify(Change(kind="commands"))
        return registered

    def answered(self, interaction: Interaction) -> None:
        """Tell the watchers that the bot gave an interaction its first response."""
        self.notify(
            Change(kind="answered", channel_id=interaction.channel_id, interaction=interaction)
        )

    async def until(self, condition: Callable[[], bool], *, timeout_s: float) -> bool:
        """Wait until the condition, checked after every change, is true; False after timeout_s."""
        if condition():
            return True
        changed = asyncio.Event()

        def wake(_: Change) -> None:
            changed.set()

        self.watchers.append(wake)
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return condition()
        else:
            return True
        finally:
            self.watchers.remove(wake)
