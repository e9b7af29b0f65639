"""/settings, and the modes as commands of their own: /fast, /relax, /turbo, /stealth, /public."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.preferences import SPEEDS
from bot.ui import settings_panel
from bot.ui.language import to_member
from bot.ui.member_roles import role_ids
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_SPEEDS = {
    "fast": Sentence("Draw in fast mode from now on."),
    "relax": Sentence("Draw in relax mode from now on: when no fast job waits."),
}
_TURBO = Sentence("Draw in turbo mode from now on: first, at twice the price.")
_SAID = {
    "fast": Sentence("What you order is drawn in fast mode now."),
    "relax": Sentence("What you order waits now until no fast job does, at the same price."),
}
_SAID_FREE = Sentence("What you order waits now until no fast job does, and costs nothing here.")
_SAID_TURBO = Sentence("What you order is drawn before fast jobs now, at twice the price.")


@app_commands.command(description=Sentence("Model, style, speed and what else you set."))
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def settings(interaction: discord.Interaction[Darkroom]) -> None:
    await settings_panel.show(interaction)


def _mode(
    name: str, description: Sentence, said: Sentence, change: dict[str, Any]
) -> app_commands.Command[Any, ..., None]:
    @app_commands.command(name=name, description=description)
    @app_commands.guild_install()
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def callback(interaction: discord.Interaction[Darkroom]) -> None:
        client = interaction.client
        await client.preferences.change(interaction.user.id, **change)
        plan = await client.server_plans.of(interaction.guild_id or 0, role_ids(interaction.user))
        tells = _SAID_FREE if name == "relax" and plan.relax_free else said
        await interaction.response.send_message(to_member(interaction, tells), ephemeral=True)

    return callback


MODES = (
    *(
        _mode(speed, _SPEEDS.get(speed, _TURBO), _SAID.get(speed, _SAID_TURBO), {"speed": speed})
        for speed in SPEEDS
    ),
    _mode(
        "stealth",
        Sentence("Hide what you order: results come to you by direct message."),
        Sentence("What you order is for your eyes alone now; results come by direct message."),
        {"stealth": True},
    ),
    _mode(
        "public",
        Sentence("Show what you order in its channel again."),
        Sentence("What you order is shown in its channel now."),
        {"stealth": False},
    ),
)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(settings)
    for command in MODES:
        tree.add_command(command)
