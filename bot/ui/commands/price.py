"""/price: what a prompt would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.credits.pricing import credits_text
from bot.errors import UserError
from bot.prompt.characters import plain
from bot.ui.language import to_member
from bot.ui.replies import before_reply
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


@app_commands.command(description=Sentence("What a prompt would cost; nothing is ordered."))
@app_commands.describe(prompt=Sentence("As for /imagine, with its parameters."))
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def price(interaction: discord.Interaction[Darkroom], prompt: str) -> None:
    text = plain(prompt)
    try:
        quote, grids = await before_reply(
            interaction, interaction.client.interactions.priced(interaction, text), ephemeral=True
        )
    except UserError as refusal:
        refusal.command = f"/price prompt: {text}"
        raise
    lines = [
        Sentence.plural(
            "This would cost {price}, for {count} grid.",
            "This would cost {price}, for {count} grids.",
            count=grids,
            price=credits_text(quote.price),
        ),
        Sentence("You have {available}.", available=credits_text(quote.available)),
    ]
    if quote.price != quote.usual:
        lines.insert(
            1,
            Sentence.plural(
                "At the model's own size and steps it would be {usual}.",
                "At the model's own size and steps they would be {usual}.",
                count=grids,
                usual=credits_text(quote.usual),
            ),
        )
    notes = [f"-# {to_member(interaction, note)}" for note in quote.notes]
    content = "\n".join([*(to_member(interaction, line) for line in lines), *notes])[:2000]
    nobody = discord.AllowedMentions.none()
    if interaction.response.is_done():
        await interaction.edit_original_response(content=content, allowed_mentions=nobody)
    else:
        await interaction.response.send_message(content, ephemeral=True, allowed_mentions=nobody)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(price)
