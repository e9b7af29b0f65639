"""The message menus (right click → Apps), made from the table of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.ui.actions import ACTIONS, Action, act

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


def _menu(action: Action) -> app_commands.ContextMenu:
    @app_commands.guild_install()
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def callback(
        interaction: discord.Interaction[Darkroom], message: discord.Message
    ) -> None:
        if action.of_batch is not None:
            batch = await interaction.client.lookup.batch_shown_by(message.id)
            if batch is not None:
                await action.of_batch(interaction, batch.id)
                return
        row, shown = await interaction.client.lookup.shown_by(message.id)
        row = await interaction.client.lookup.job(row.id)  # it may be erased since
        await act(interaction, action, row, shown.position or 0)

    return app_commands.ContextMenu(name=action.menu, callback=callback)


def add(tree: app_commands.CommandTree) -> None:
    for action in ACTIONS.values():
        if action.menu:
            tree.add_command(_menu(action))
