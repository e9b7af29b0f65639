"""/config: a server's settings as a file, and a file's as the server's."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.credits import server_plans
from bot.errors import UserError
from bot.ui import server_file, server_state
from bot.ui.commands.managing import action_of, managed_guild
from bot.ui.deferrals import think
from bot.ui.language import to_member
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Config(
    app_commands.Group,
    name="config",
    description=Sentence("What this server's managers set, as a file."),
):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(
        description=Sentence("The settings of this server as a file, to keep or to bring back.")
    )
    async def export(self, interaction: discord.Interaction[Darkroom]) -> None:
        guild_id, guild = managed_guild(interaction), _guild(interaction)
        data = server_file.dump(guild_id, await server_state.state_of(interaction.client, guild))
        await interaction.response.send_message(
            file=discord.File(io.BytesIO(data), "darkroom-settings.json"), ephemeral=True
        )

    @app_commands.command(
        name="import",
        description=Sentence("Set what such a file says. It shows the difference and asks first."),
    )
    @app_commands.describe(file=Sentence("What /config export of this server made."))
    async def import_(
        self, interaction: discord.Interaction[Darkroom], file: discord.Attachment
    ) -> None:
        managed_guild(interaction)
        client, guild = interaction.client, _guild(interaction)
        if file.size > server_file.MOST_BYTES:
            raise UserError(
                "This file is too large for one of /config export. Nothing was changed."
            )
        await think(interaction, ephemeral=True)
        try:
            data = await file.read()
        except discord.HTTPException:
            raise UserError("The file could not be read from Discord; attach it again.") from None
        models = client.engine_client.models()
        before = await server_state.state_of(client, guild)
        after = server_file.load(data, guild, models, before)
        by_owner = client.is_owner(interaction.user.id)
        server_plans.check_all(before.plans, after.plans, by_owner=by_owner)
        changes = server_file.lines(before, after)
        if not changes:
            said = Sentence("The settings are as in the file already.")
            await interaction.edit_original_response(content=to_member(interaction, said))
            return
        action = action_of(interaction, detail="; ".join(str(line) for line in changes))

        async def act(press: discord.Interaction[Any]) -> Sentence:
            managed_guild(press)
            await server_state.put(client, guild, before, after, action)
            return Sentence.plural(
                "{count} setting was changed.", "{count} settings were changed.", count=len(changes)
            )

        will = [Sentence("This changes, once you confirm it:"), *changes]
        await client.confirmations.ask(interaction, will, act)


def _guild(interaction: discord.Interaction[Darkroom]) -> discord.Guild:
    if interaction.guild is None:
        raise UserError("Darkroom is not in this server.")
    return interaction.guild


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Config())
