"""What a person can do in a channel: type, run commands, press, choose, fill in, react."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import discord
from simcord import interactions
from simcord.backend import serializers
from simcord.backend.access import channel_accessible, message_accessible, reaction_permissions
from simcord.backend.command_access import command_access
from simcord.backend.models import Channel, Interaction, Message
from simcord.components import walk_components
from simcord.enums import (
    SELECT_TYPES,
    AppCommandType,
    ChannelType,
    ComponentType,
    InteractionType,
    OptionType,
)

from playground import simcord_bridge
from playground.discord_state import DiscordState, Person
from playground.entities import describe_entities
from playground.refusal import Refused, plain_refusals
from playground.upload import Upload

ANSWER_WITHIN_S = 3.0
"""How long Discord waits for an interaction's first response."""

EMOJI_LENGTH = 64
THREAD_NAME_LENGTH = 100
TEXT_LENGTH = 4000
"""The most characters that a field of a form holds."""
_LINK_STYLES = (5, 6)
_DIRECT_PERMISSIONS = discord.Permissions(
    attach_files=True, embed_links=True, mention_everyone=True, external_emojis=True
).value
"""What Discord says an app may do in direct messages with its own bot."""
_USERS = (OptionType.USER, OptionType.MENTIONABLE)
_ENTITIES = (*_USERS, OptionType.CHANNEL, OptionType.ROLE)


class Member:
    """One person. Everything that this person does reaches the bot at once, as a gateway event."""

    def __init__(self, state: DiscordState, person: Person) -> None:
        self.state = state
        self.person = person
        self.locale = person.locale

    @property
    def id(self) -> int:
        """The person's user id."""
        return self.person.id

    @property
    def mention(self) -> str:
        """How a message names this person."""
        return f"<@{self.id}>"

    # ------------------------------------------------------------------ what a person sees

    def channels(self) -> list[Channel]:
        """The channels this person sees, each with its threads, direct messages with the bot last.

        A forum is among them, though only its posts can be opened.
        """
        state = self.state
        channels = [
            channel
            for number in state.guild.channel_ids
            for channel in (state.channels[number], *state.threads(number))
        ]
        direct = state.get_dm_channel(self.id)
        return [channel for channel in channels if self.sees(channel.id)] + [direct]

    def sees(self, channel_id: int) -> bool:
        """Whether this person can open that channel."""
        return channel_accessible(self.state, channel_id, self.id)

    def messages(self, channel_id: int) -> list[Message]:
        """A channel's messages, oldest first, without other people's ephemeral answers."""
        if not self.sees(channel_id):
            return []
        stored = self.state.messages[channel_id].values()
        return [message for message in stored if message.visible_to(self.id)]

    def commands(
        self, channel_id: int, kind: AppCommandType = AppCommandType.CHAT_INPUT
    ) -> list[dict[str, Any]]:
        """The commands this person may run here, as the bot registered them."""
        return self.state.visible_commands(user_id=self.id, channel_id=channel_id, type=kind)

    def set_server_locale(self, locale: str) -> None:
        """Choose the server's language, as only who owns it may."""
        guild = self.state.guild
        if self.id != guild.owner_id:
            owner = self.state.people[guild.owner_id].display_name
            raise Refused(f"Only {owner}, who owns the server, chooses its language.")
        self.state.edit_guild(guild.id, {"preferred_locale": locale})

    # ------------------------------------------------------------------ writing

    def write(
        self,
        channel_id: int,
        text: str,
        *,
        reply_to: int | None = None,
        files: Sequence[Upload] = (),
    ) -> Message:
        """Send a message; as a reply with reply_to, the id of a message of this channel."""
        channel = self._channel(channel_id)
        if not text.strip() and not files:
            raise Refused("There is nothing to send: type something or attach a file.")
        if len(text) > 2000:
            raise Refused(f"A message holds 2000 characters; this one has {len(text)}.")
        self._check_files(files)
        if channel.type == ChannelType.FORUM:
            raise Refused("A forum takes posts only: begin one.")
        writing = "send_messages_in_threads" if channel.is_thread else "send_messages"
        with plain_refusals():
            self.state.require_permissions(channel.guild_id, self.id, channel_id, writing)
            reference = None
            if reply_to is not None:
                self._message(channel_id, reply_to)
                reference = {"channel_id": str(channel_id), "message_id": str(reply_to)}
            stored = self.state.store_attachments(
                channel_id, [(file.filename, file.data) for file in files]
            )
            return self.state.create_message(
                channel_id, self.id, text, reference=reference, attachments=stored
            )

    def start_thread(self, channel_id: int, message_id: int, name: str) -> Channel:
        """Start a thread from a message; its id is the message's."""
        message = self._message(channel_id, message_id)
        channel = self._channel(channel_id)
        if channel.guild_id is None or channel.is_thread or message.is_ephemeral:
            raise Refused("No thread starts from that message.")
        if message_id in self.state.channels:
            raise Refused("That message has a thread.")
        state = self.state
        with plain_refusals():
            state.require_permissions(
                channel.guild_id, self.id, channel_id, "create_public_threads"
            )
            thread = state.create_thread(
                channel_id, _thread_name(name), self.id, message_id=message_id, broadcast=False
            )
        state.announce_thread_create(thread)
        return thread

    def post(
        self, forum_id: int, name: str, text: str, *, files: Sequence[Upload] = ()
    ) -> tuple[Channel, Message]:
        """Begin a post in a forum: a thread with its first message, both of one id."""
        forum = self._channel(forum_id)
        if forum.type != ChannelType.FORUM:
            raise Refused("Posts are begun in a forum.")
        if not text.strip() and not files:
            raise Refused("A post needs a text or a file.")
        self._check_files(files)
        state = self.state
        with plain_refusals():
            state.require_permissions(forum.guild_id, self.id, forum_id, "send_messages")
            first = state.prepare_message(forum_id, self.id, text)
            thread = state.create_thread(
                forum_id, _thread_name(name), self.id, message_id=first.id, broadcast=False
            )
            first.channel_id = thread.id
            first.attachments = state.store_attachments(
                thread.id, [(file.filename, file.data) for file in files]
            )
        state.announce_thread_create(thread)
        return thread, state.commit_message(first)

    def delete(self, channel_id: int, message_id: int) -> None:
        """Delete one's own message, or dismiss an ephemeral answer."""
        message = self._message(channel_id, message_id)
        if message.author_id != self.id and not message.is_ephemeral:
            raise Refused("You can delete only your own messages.")
        self.state.delete_message(channel_id, message_id)

    def react(self, channel_id: int, message_id: int, emoji: str, *, on: bool = True) -> None:
        """Add a reaction, or remove one's own."""
        message = self._message(channel_id, message_id)
        channel = self._channel(channel_id)
        if not 0 < len(emoji) <= EMOJI_LENGTH:
            raise Refused("A reaction is one emoji.")
        names = reaction_permissions(message, emoji, reacted=on)
        with plain_refusals():
            self.state.require_permissions(channel.guild_id, self.id, channel_id, *names)
            self.state.set_reaction(channel_id, message_id, emoji, self.id, on)

    # ------------------------------------------------------------------ commands

    def slash(
        self, channel_id: int, name: str, options: Mapping[str, Any] | None = None
    ) -> Interaction:
        """Run a slash command.

        name: "imagine", or "credits grant" for a subcommand. options: by name; text, numbers and
        booleans in their own type, attachments as `Upload`, people, channels and roles as an id.
        """
        root, leaf, nesting = self._find(channel_id, name)
        with plain_refusals():
            built, resolved = self._options(channel_id, name, leaf, dict(options or {}))
            data = _command_data(root, interactions.nest_options(root, nesting, built))
        if resolved:
            data["resolved"] = resolved
        return self._interact(InteractionType.APPLICATION_COMMAND, channel_id, data)

    def autocomplete(
        self, channel_id: int, name: str, option: str, typed: str, filled: Mapping[str, Any]
    ) -> Interaction:
        """Ask the bot for suggestions for an option; they arrive as `autocomplete_choices`."""
        root, leaf, nesting = self._find(channel_id, name)
        declared = {item["name"]: item for item in leaf.get("options") or []}
        focused = declared.get(option)
        if focused is None or not focused.get("autocomplete"):
            raise Refused(f"The option {option!r} has no suggestions.")
        plain = {
            key: value
            for key, value in filled.items()
            if key != option and key in declared and declared[key]["type"] not in _ENTITIES
        }
        with plain_refusals():
            built, _ = simcord_bridge.build_options(
                self.state, self.id, name, leaf, plain, channel_id=channel_id, partial=True
            )
            built.append({"name": option, "type": focused["type"], "value": typed, "focused": True})
            data = _command_data(root, interactions.nest_options(root, nesting, built))
        kind = InteractionType.APPLICATION_COMMAND_AUTOCOMPLETE
        return self._interact(kind, channel_id, data)

    def menu(self, channel_id: int, name: str, message_id: int) -> Interaction:
        """Run a message context-menu command on a message."""
        message = self._message(channel_id, message_id)
        root = self._root(channel_id, name, AppCommandType.MESSAGE)
        payload = dict(serializers.message_payload(self.state, message))
        data = {
            "id": root["id"],
            "name": root["name"],
            "type": AppCommandType.MESSAGE,
            "target_id": str(message_id),
            "resolved": {"messages": {str(message_id): payload}},
        }
        return self._interact(InteractionType.APPLICATION_COMMAND, channel_id, data)

    # ------------------------------------------------------------------ components

    def click(self, channel_id: int, message_id: int, button: str) -> Interaction:
        """Press a button, named by its custom_id, its label or its emoji."""
        message = self._message(channel_id, message_id)
        found = _component(message, (ComponentType.BUTTON,), button)
        if found.get("style") in _LINK_STYLES:
            raise Refused("That button is a link.")
        return self._press(message, found, {})

    def forge(self, channel_id: int, message_id: int, custom_id: str) -> Interaction:
        """Press a button that the bot never made, as if that message had it."""
        source = self._message(channel_id, message_id)
        button = {"type": ComponentType.BUTTON, "style": 2, "label": "?", "custom_id": custom_id}
        row = {"type": ComponentType.ACTION_ROW, "components": [button]}
        forged = dataclasses.replace(source, components=[row])
        return self._press(forged, button, {})

    def choose(
        self, channel_id: int, message_id: int, menu: str, values: Sequence[str]
    ) -> Interaction:
        """Choose in a select menu, named by its custom_id; people, roles and channels by id."""
        message = self._message(channel_id, message_id)
        found = _component(message, SELECT_TYPES, menu)
        least, most = found.get("min_values", 1), found.get("max_values", 1)
        if not least <= len(values) <= most:
            raise Refused(f"Choose between {least} and {most}; you chose {len(values)}.")
        extra: dict[str, Any] = {"values": list(values)}
        if found["type"] == ComponentType.STRING_SELECT:
            known = {option["value"] for option in found.get("options") or []}
            for value in values:
                if value not in known:
                    raise Refused(f"There is no choice {value!r}.")
        else:
            extra["resolved"] = describe_entities(self.state, self.id, values)
        return self._press(message, found, extra)

    def submit(self, shown: Interaction, values: Mapping[str, Any]) -> Interaction:
        """Send a modal that the bot showed; values by custom_id, files as a list of `Upload`."""
        if shown.user_id != self.id or shown.modal is None:
            raise Refused("There is no such form for you to send.")
        if shown.modal_consumed:
            raise Refused("That form was already sent.")
        filled: dict[str, Any] = dict(values)
        for key, value in values.items():
            if isinstance(value, list) and value and isinstance(value[0], Upload):
                self._check_files(value)
                filled[key] = [(file.filename, file.data) for file in value]
            elif isinstance(value, str) and len(value) > TEXT_LENGTH:
                raise Refused(f"A field holds {TEXT_LENGTH} characters; this has {len(value)}.")
        with plain_refusals():
            data = simcord_bridge.fill_form(
                self.state, self.id, shown.modal, filled, channel_id=shown.channel_id
            )
        source = shown.source_message_id
        message = None
        if source is not None:
            message = self.state.messages.get(shown.channel_id, {}).get(source)
        shown.modal_consumed = True
        return self._interact(InteractionType.MODAL_SUBMIT, shown.channel_id, data, source=message)

    async def answered(self, interaction: Interaction, *, timeout_s: float | None = None) -> bool:
        """Wait for the bot's first response; False if none came in time (3 s)."""
        if timeout_s is None:
            timeout_s = ANSWER_WITHIN_S
        return await self.state.until(lambda: interaction.responded, timeout_s=timeout_s)

    # ------------------------------------------------------------------ checks and look-ups

    def _channel(self, channel_id: int) -> Channel:
        if not self.sees(channel_id):
            raise Refused("You cannot see that channel.")
        return self.state.channels[channel_id]

    def _message(self, channel_id: int, message_id: int) -> Message:
        message = self.state.messages.get(channel_id, {}).get(message_id)
        if message is None or not message_accessible(self.state, channel_id, message, self.id):
            raise Refused("That message is gone.")
        return message

    def _check_files(self, files: Sequence[Upload]) -> None:
        if len(files) > 10:
            raise Refused(f"A message takes 10 files; you attached {len(files)}.")
        limit = self.state.upload_limit_bytes
        for file in files:
            if len(file.data) > limit:
                raise Refused(
                    f"{file.filename} is {len(file.data) / 2**20:.1f} MiB; "
                    f"uploads are limited to {limit / 2**20:g} MiB here."
                )

    def _root(self, channel_id: int, name: str, kind: AppCommandType) -> dict[str, Any]:
        channel = self._channel(channel_id)
        root = self.state.find_command(name, channel.guild_id, type=kind)
        if root is None:
            known = ", ".join(command["name"] for command in self.commands(channel_id, kind))
            raise Refused(f"There is no command {name!r}; there are: {known or 'none yet'}.")
        access = command_access(self.state, root, user_id=self.id, channel_id=channel_id)
        if not access.allowed:
            raise Refused(f"You may not use {name!r} here ({access.reason}).")
        return root

    def _find(self, channel_id: int, name: str) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        first, *rest = name.split() or [""]
        root = self._root(channel_id, first, AppCommandType.CHAT_INPUT)
        with plain_refusals():
            leaf, nesting = interactions.walk_to_subcommand(root, rest)
        return root, leaf, nesting

    def _options(
        self, channel_id: int, name: str, leaf: dict[str, Any], given: dict[str, Any]
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        declared = {option["name"]: option for option in leaf.get("options") or []}
        entities = {k: v for k, v in given.items() if declared.get(k, {}).get("type") in _ENTITIES}
        for option in declared.values():
            needed = option["type"] in _ENTITIES and option.get("required")
            if needed and option["name"] not in entities:
                raise Refused(f"The option {option['name']!r} is required.")
        plain: dict[str, Any] = {}
        for key, value in given.items():
            if isinstance(value, Upload):
                self._check_files([value])
                plain[key] = (value.filename, value.data)
            elif key not in entities:
                plain[key] = value
        rest = [option for option in declared.values() if option["type"] not in _ENTITIES]
        built, resolved = simcord_bridge.build_options(
            self.state, self.id, name, {**leaf, "options": rest}, plain, channel_id=channel_id
        )
        for key, value in entities.items():
            built.append({"name": key, "type": declared[key]["type"], "value": str(value)})
        for key, found in describe_entities(
            self.state, self.id, [str(v) for v in entities.values()]
        ).items():
            resolved.setdefault(key, {}).update(found)
        order = list(declared)
        built.sort(key=lambda option: order.index(option["name"]))
        return built, resolved

    def _press(
        self, message: Message, component: dict[str, Any], extra: dict[str, Any]
    ) -> Interaction:
        if component.get("disabled"):
            raise Refused("That is switched off.")
        data = {
            "custom_id": component["custom_id"],
            "component_type": component["type"],
            "id": component.get("id", 0),
            **extra,
        }
        kind = InteractionType.MESSAGE_COMPONENT
        return self._interact(kind, message.channel_id, data, source=message)

    def _interact(
        self,
        kind: InteractionType,
        channel_id: int,
        data: dict[str, Any],
        *,
        source: Message | None = None,
    ) -> Interaction:
        channel = self._channel(channel_id)
        state = self.state
        record, payload = interactions.base_payload(
            state,
            type=kind,
            channel_id=channel_id,
            guild_id=channel.guild_id,
            user_id=self.id,
            data=data,
        )
        payload["locale"] = self.locale
        payload["attachment_size_limit"] = state.upload_limit_bytes
        if channel.guild_id is not None:
            payload["guild_locale"] = state.guilds[channel.guild_id].preferred_locale
        else:
            payload["app_permissions"] = str(_DIRECT_PERMISSIONS)
        owner = str(channel.guild_id) if channel.guild_id is not None else "0"
        payload["authorizing_integration_owners"] = {"0": owner}
        if source is not None:
            record.source_message_id = source.id
            payload["message"] = dict(serializers.message_payload(state, source))
        state.emit("INTERACTION_CREATE", payload)
        return record


def _thread_name(name: str) -> str:
    if not 1 <= len(name.strip()) <= THREAD_NAME_LENGTH:
        raise Refused(f"A thread's name has 1 to {THREAD_NAME_LENGTH} characters.")
    return name.strip()


def _command_data(root: dict[str, Any], options: list[dict[str, Any]]) -> dict[str, Any]:
    data = {
        "id": root["id"],
        "name": root["name"],
        "type": root.get("type", AppCommandType.CHAT_INPUT),
        "options": options,
    }
    if root.get("guild_id"):
        data["guild_id"] = root["guild_id"]
    return data


def _component(message: Message, kinds: Sequence[int], name: str) -> dict[str, Any]:
    """The component with that custom_id, label or emoji; Refused lists those that exist."""
    present = [c for c in walk_components(message.components) if c.get("type") in kinds]
    for component in present:
        emoji = drawn_alike((component.get("emoji") or {}).get("name") or "")
        if name and (
            name in (component.get("custom_id"), component.get("label"))
            or drawn_alike(name) == emoji
        ):
            return component
    names = ", ".join(button_name(component) for component in present) or "none"
    raise Refused(f"There is no {name!r} under that message; there are: {names}.")


def drawn_alike(emoji: str) -> str:
    """The emoji without the sign that asks for its coloured form, which not all keyboards send."""
    return emoji.replace("\N{VARIATION SELECTOR-16}", "")


def button_name(component: Mapping[str, Any]) -> str:
    """A button's label, or else its emoji, or else its custom_id."""
    emoji = (component.get("emoji") or {}).get("name")
    return str(component.get("label") or emoji or component.get("custom_id"))
