"""All that a server's managers set, read and written as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import discord

from bot.credits.quotas import Quota
from bot.credits.server_plans import NamedPlan
from bot.errors import NotConfirmed
from bot.moderation.channels import Channels
from bot.moderation.phrases import Rule
from bot.preferences import (
    APPEAL_CHANNEL,
    AUDIT_CHANNEL,
    BUTTONS,
    CHANNELS,
    DEFAULT_MODEL,
    DENIED_MODELS,
    GIFTS,
    LANGUAGE,
    REMIX,
    RULES,
    STEALTH,
    WORD_CATEGORIES,
)
from bot.storage.audit import Action

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

FIRST_NAMES = (
    BUTTONS,
    GIFTS,
    REMIX,
    STEALTH,
    LANGUAGE,
    DEFAULT_MODEL,
    DENIED_MODELS,
    AUDIT_CHANNEL,
    APPEAL_CHANNEL,
)
"""The settings that files of the first form hold."""
NAMES = (*FIRST_NAMES, CHANNELS, WORD_CATEGORIES, RULES)
"""The settings. What a paused queue is, is not one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """What holds in one server."""

    settings: Mapping[str, str]
    """Those of `NAMES` that are not as at first."""
    plans: tuple[NamedPlan, ...]
    """In their names' order."""
    quotas: tuple[Quota, ...]
    """Roles' first."""
    words: tuple[Rule, ...]
    """The server's own, in the order in which they came."""


async def state_of(client: Darkroom, guild: discord.Guild) -> ServerState:
    """What holds now, without roles and channels that were deleted."""
    settings = await client.preferences.of(guild.id)
    held = {name: settings[name] for name in NAMES if settings.get(name)}
    if CHANNELS in held:
        held |= _of_what_is_there(Channels.of(held), guild).stored()
    held = {name: value for name, value in held.items() if value}
    plans = [
        NamedPlan(
            name=each.name,
            plan=each.plan,
            roles=tuple(role for role in each.roles if guild.get_role(role)),
        )
        for each in await client.server_plans.all(guild.id)
    ]
    quotas = [
        each
        for each in await client.quotas.all(guild.id)
        if not each.is_role or guild.get_role(each.subject_id)
    ]
    return ServerState(
        settings=held,
        plans=tuple(plans),
        quotas=tuple(quotas),
        words=await client.moderation.words.own(guild.id),
    )


async def put(
    client: Darkroom, guild: discord.Guild, before: ServerState, after: ServerState, action: Action
) -> None:
    """Let `after` hold, all of it or nothing; NotConfirmed where `before` does not hold by now.

    action: what the audit says of it; who does it may make only the plans that they may make by
    command.
    """
    changes = {
        name: after.settings.get(name, "")
        for name in NAMES
        if after.settings.get(name, "") != before.settings.get(name, "")
    }
    try:
        # Nobody else writes meanwhile, and as the first of its commit it reads what holds.
        async with client.database.write(long=True) as connection:
            if await state_of(client, guild) != before:
                raise NotConfirmed(
                    "The settings were changed since you were asked; send the command again. "
                    "Nothing was changed."
                )
            await client.preferences.replace(connection, guild.id, changes)
            if after.plans != before.plans:
                await client.server_plans.replace(
                    connection,
                    guild.id,
                    after.plans,
                    actor_id=action.actor_id,
                    by_owner=client.is_owner(action.actor_id),
                )
            if after.quotas != before.quotas:
                await client.quotas.replace(connection, guild.id, after.quotas)
            if after.words != before.words:
                await client.moderation.words.replace(connection, guild.id, after.words)
            await client.audit.write(connection, action)
    finally:
        client.server_plans.forget(guild.id)
        client.moderation.words.forget(guild.id)
        await client.preferences.changed(guild.id)


def _of_what_is_there(channels: Channels, guild: discord.Guild) -> Channels:
    there = {each.id for each in guild.channels}
    return Channels(
        allowed=channels.allowed & there,
        denied=channels.denied & there,
        nsfw=channels.nsfw & there,
    )
