"""/server: what a server's managers set for all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.preferences import BUTTONS, LANGUAGE, OWNERS
from bot.ui.commands.managing import managed_guild
from bot.ui.language import to_member
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_EVERYBODY = "everybody"
_AS_DISCORD = "discord"


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Server(app_commands.Group, name="server", description=Sentence("Rules of this server.")):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(
        description=Sentence("Who may use the buttons under a picture; who presses pays.")
    )
    @app_commands.describe(who=Sentence("Everybody who sees them, or whose picture it is."))
    @app_commands.choices(
        who=[
            app_commands.Choice(name=Sentence("everybody"), value=_EVERYBODY),
            app_commands.Choice(name=Sentence("only whose picture it is"), value=OWNERS),
        ]
    )
    async def buttons(self, interaction: discord.Interaction[Darkroom], who: str) -> None:
        guild_id = managed_guild(interaction)
        owners = who == OWNERS
        await interaction.client.preferences.put(BUTTONS, OWNERS if owners else "", guild_id)
        said = (
            Sentence("Only whose picture it is may use its buttons and reactions here now.")
            if owners
            else Sentence("Everybody may use the buttons here now; who presses pays.")
        )
        await interaction.response.send_message(to_member(interaction, said), ephemeral=True)

    @app_commands.command(
        description=Sentence("The language of what stands in channels, whatever Discord says.")
    )
    @app_commands.describe(language=Sentence("Which; the server's own is set in Discord."))
    @app_commands.choices(
        language=[
            app_commands.Choice(name=Sentence("as the server's settings say"), value=_AS_DISCORD),
            app_commands.Choice(name=Sentence("English"), value="en"),
            app_commands.Choice(name=Sentence("Japanese"), value="ja"),
        ]
    )
    async def language(self, interaction: discord.Interaction[Darkroom], language: str) -> None:
        guild_id = managed_guild(interaction)
        chosen = "" if language == _AS_DISCORD else language
        await interaction.client.preferences.put(LANGUAGE, chosen, guild_id)
        said = (
            Sentence("What stands in channels is in the language chosen here now.")
            if chosen
            else Sentence("What stands in channels is in the server's language again.")
        )
        await interaction.response.send_message(to_member(interaction, said), ephemeral=True)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Server())
