"""/channel: where in a server pictures may be ordered, for who manages it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.errors import NotAllowed, NotFound
from bot.moderation.channels import Channels
from bot.ui.commands.managing import managed_guild, set_for_server
from bot.ui.language import to_member
from bot.ui.replies import is_age_restricted
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_MOST = 200


class _Places(app_commands.Transformer):
    """Channels that take orders. Discord's API description knows no media channels, which
    discord.py offers with every ForumChannel.
    """

    @property
    def type(self) -> discord.AppCommandOptionType:
        return discord.AppCommandOptionType.channel

    @property
    def channel_types(self) -> list[discord.ChannelType]:
        kinds = discord.ChannelType
        return [kinds.text, kinds.news, kinds.forum, kinds.voice]

    async def transform(
        self,
        interaction: discord.Interaction,  # noqa: ARG002 - from discord.py
        value: app_commands.AppCommandChannel,
        /,
    ) -> Room:
        found = value.resolve()
        if not isinstance(found, Room):
            raise NotFound("The bot cannot see this channel; give it access first.")
        return found


Room = discord.TextChannel | discord.ForumChannel | discord.VoiceChannel
Place = app_commands.Transform[Room, _Places]


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Channel(
    app_commands.Group, name="channel", description=Sentence("Where pictures may be ordered.")
):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(
        description=Sentence("Take orders in this channel; in others only if they are named too.")
    )
    @app_commands.describe(
        channel=Sentence("Which; without it the one you are in."),
        only=Sentence("Whether orders are taken in channels that are named alone."),
    )
    async def allow(
        self,
        interaction: discord.Interaction[Darkroom],
        channel: Place | None = None,
        only: bool = True,  # noqa: FBT001, FBT002 - a command's option
    ) -> None:
        place = _id(interaction, channel)
        now = await _now(interaction)
        allowed = now.allowed | {place} if only else now.allowed - {place}
        await _set(
            interaction, dataclasses.replace(now, allowed=allowed, denied=now.denied - {place})
        )
        if allowed:
            listed = ", ".join(f"<#{each}>" for each in sorted(allowed))
            said = Sentence("Orders are taken in {channels} alone.", channels=listed)
        else:
            said = Sentence("Orders are taken in {channel} again.", channel=f"<#{place}>")
        await _say(interaction, said)

    @app_commands.command(description=Sentence("Take no orders in this channel."))
    @app_commands.describe(channel=Sentence("Which; without it the one you are in."))
    async def deny(
        self, interaction: discord.Interaction[Darkroom], channel: Place | None = None
    ) -> None:
        place, now = _id(interaction, channel), await _now(interaction)
        changed = dataclasses.replace(
            now, allowed=now.allowed - {place}, denied=now.denied | {place}
        )
        await _set(interaction, changed)
        said = Sentence("No orders are taken in {channel} now.", channel=f"<#{place}>")
        await _say(interaction, said)

    @app_commands.command(
        name="nsfw",
        description=Sentence("Whether adult content may be ordered in an age-restricted channel."),
    )
    @app_commands.describe(
        allowed=Sentence("Whether it may."),
        channel=Sentence("Which; without it the one you are in."),
    )
    async def nsfw_(
        self,
        interaction: discord.Interaction[Darkroom],
        allowed: bool,  # noqa: FBT001 - a command's option
        channel: Place | None = None,
    ) -> None:
        place, now = _id(interaction, channel), await _now(interaction)
        if allowed and not is_age_restricted(channel or interaction.channel):
            raise NotAllowed(
                "Discord does not restrict this channel by age. Set that in the channel's settings "
                "first; then adult content can be allowed in it."
            )
        nsfw = now.nsfw | {place} if allowed else now.nsfw - {place}
        await _set(interaction, dataclasses.replace(now, nsfw=nsfw))
        values = {"channel": f"<#{place}>"}
        said = (
            Sentence(
                "Adult content may be ordered in {channel}, while it is age-restricted.", **values
            )
            if allowed
            else Sentence("Adult content is refused in {channel} now.", **values)
        )
        await _say(interaction, said)


def _id(interaction: discord.Interaction[Darkroom], channel: Room | None) -> int:
    """Of the channel; NotAllowed where the server is not managed by who asks."""
    managed_guild(interaction)
    if channel is not None:
        return channel.id
    here = interaction.channel
    return here.parent_id if isinstance(here, discord.Thread) else interaction.channel_id or 0


async def _now(interaction: discord.Interaction[Darkroom]) -> Channels:
    return Channels.of(await interaction.client.preferences.of(interaction.guild_id or 0))


async def _set(interaction: discord.Interaction[Darkroom], channels: Channels) -> None:
    if len(channels.allowed | channels.denied | channels.nsfw) > _MOST:
        raise NotAllowed(Sentence("At most {most} channels can be named.", most=_MOST))
    stored = channels.stored()
    await set_for_server(interaction, stored, next(iter(stored.values())))


async def _say(interaction: discord.Interaction[Darkroom], said: Sentence) -> None:
    await interaction.response.send_message(
        to_member(interaction, said),
        ephemeral=True,
        allowed_mentions=discord.AllowedMentions.none(),
    )


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Channel())
