"""/model: which model draws where a prompt names none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

import engine
from bot.errors import NotFound
from bot.preferences import DEFAULT_MODEL
from bot.ui.commands.managing import managed_guild, set_for_server
from bot.ui.language import to_member
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_CHOICES = 25
"""As many as Discord shows."""
_QUOTED_CHARACTERS = 80


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Model(app_commands.Group, name="model", description=Sentence("The models of this server.")):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(
        description=Sentence("Choose the model for prompts that name none with --v.")
    )
    @app_commands.describe(name=Sentence("Which model; without it the bot's own choice."))
    async def default(
        self, interaction: discord.Interaction[Darkroom], name: str | None = None
    ) -> None:
        client = interaction.client
        managed_guild(interaction)
        installed = {model.name: model for model in _installed(client)}
        if name is not None and name not in installed:
            raise NotFound(
                Sentence(
                    "There is no model {name} here. Choose one of: {models}.",
                    name=name[:_QUOTED_CHARACTERS],
                    models=", ".join(installed),
                )
            )
        await set_for_server(interaction, {DEFAULT_MODEL: name or ""}, f"name: {name or ''}")
        if name is None:
            said = Sentence("Prompts that name no model are drawn on the bot's own choice again.")
        else:
            said = Sentence(
                "Prompts that name no model are now drawn on {model}.", model=installed[name].title
            )
        await interaction.response.send_message(to_member(interaction, said), ephemeral=True)

    @default.autocomplete("name")
    async def _names(
        self, interaction: discord.Interaction[Darkroom], typed: str
    ) -> list[app_commands.Choice[str]]:
        found = [
            app_commands.Choice(name=model.title, value=model.name)
            for model in _installed(interaction.client)
            if typed.casefold() in f"{model.title} {model.name}".casefold()
        ]
        return found[:_CHOICES]


def _installed(client: Darkroom) -> list[engine.ModelInfo]:
    return [model for model in client.engine_client.models() if model.installed]


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Model())
