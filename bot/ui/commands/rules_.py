"""/rules: what a server asks of its members before they order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.errors import NotFound
from bot.moderation.moderation import hash_of_rules
from bot.preferences import RULES
from bot.ui import refusal_buttons, server_file
from bot.ui.commands.managing import set_for_server
from bot.ui.language import member_locale
from bot.ui.replies import tell
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_MOST_CHARACTERS = server_file.MOST_RULES_CHARACTERS


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
class Rules(app_commands.Group, name="rules", description=Sentence("The rules of this server.")):
    """`set` is checked at run time: members read the rules by the same group."""

    @app_commands.command(description=Sentence("What this server asks of who orders pictures."))
    async def show(self, interaction: discord.Interaction[Darkroom]) -> None:
        text = (await interaction.client.preferences.of(interaction.guild_id or 0)).get(RULES)
        if not text:
            raise NotFound("This server has set no rules for pictures.")
        await interaction.response.send_message(
            text,
            view=refusal_buttons.accepting(hash_of_rules(text), member_locale(interaction)),
            ephemeral=True,
            allowed_mentions=discord.AllowedMentions.none(),
        )

    @app_commands.command(
        name="set", description=Sentence("For managers: a text that each member accepts once.")
    )
    @app_commands.describe(text=Sentence("The text; without it there are no rules any more."))
    async def set_(
        self,
        interaction: discord.Interaction[Darkroom],
        text: app_commands.Range[str, 1, _MOST_CHARACTERS] | None = None,
    ) -> None:
        await set_for_server(interaction, {RULES: (text or "").strip()}, f"text: {text or ''}")
        said = (
            Sentence("Each member accepts this text once, before their next order.")
            if text
            else Sentence("Members need to accept no rules any more.")
        )
        await tell(interaction, said)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Rules())
