"""People, roles and channels that a command or a menu names by id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simcord.backend import serializers
from simcord.backend.access import channel_accessible

from playground.discord_state import DiscordState
from playground.refusal import Refused


def describe_entities(
    state: DiscordState, viewer_id: int, ids: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The people, roles and channels of those ids, as an interaction carries them.

    Refused if an id names nothing that the viewer can see.
    """
    guild = state.guild
    resolved: dict[str, dict[str, Any]] = {}
    for text in ids:
        number = int(text) if text.isdecimal() else 0
        if number in state.users:
            user = dict(serializers.user_payload(state.users[number]))
            resolved.setdefault("users", {})[text] = user
            if number in guild.members:
                member = dict(
                    serializers.member_payload(state, guild, guild.members[number], with_user=False)
                )
                granted = state.compute_permissions(guild.id, number)
                member["permissions"] = str(granted)
                resolved.setdefault("members", {})[text] = member
        elif number in guild.roles:
            role = dict(serializers.role_payload(guild.roles[number]))
            resolved.setdefault("roles", {})[text] = role
        elif number in state.channels and channel_accessible(state, number, viewer_id):
            channel = dict(serializers.channel_payload(state, state.channels[number]))
            granted = state.compute_permissions(guild.id, viewer_id, number)
            channel["permissions"] = str(granted)
            resolved.setdefault("channels", {})[text] = channel
        else:
            raise Refused(f"There is nobody and nothing with the id {text!r} here.")
    return resolved
