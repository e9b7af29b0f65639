"""/invite"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.errors import NotAllowed
from bot.ui.replies import PERMISSIONS, tell
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


@app_commands.command(description=Sentence("The link that brings this bot to a server."))
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def invite(interaction: discord.Interaction[Darkroom]) -> None:
    client = interaction.client
    if client.place.api_url:
        raise NotAllowed("This bot lives in a playground, where there is no other server.")
    link = discord.utils.oauth_url(interaction.application_id, permissions=PERMISSIONS)
    said = Sentence(
        "<{link}>\nIt asks for no more than the bot needs. Whether others than its owner may use "
        "it is set in Discord's developer portal.",
        link=link,
    )
    await tell(interaction, said)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(invite)
