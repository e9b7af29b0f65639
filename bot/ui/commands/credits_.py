"""/credits: for who manages the server, within what the bot's owner allots."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.credits.ledger import DIRECT_MESSAGES
from bot.credits.pricing import CENTS, credits_text
from bot.errors import NotAllowed
from bot.ui.commands.managing import managed_guild
from bot.ui.language import to_member
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

log = logging.getLogger(__name__)

Amount = app_commands.Range[float, 0.01, 1_000_000.0]
Allotment = app_commands.Range[float, 0.0, 1_000_000_000.0]


def _cents(amount: float) -> int:
    return round(amount * CENTS)


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Credits(
    app_commands.Group, name="credits", description=Sentence("Give and look at credits.")
):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(description=Sentence("Give credits to a member of this server."))
    @app_commands.describe(
        member=Sentence("Who gets them."),
        amount=Sentence("How many; a grid costs about one."),
        direct=Sentence(
            "For the bot's owner: to draw with in direct messages, not in this server."
        ),
    )
    async def grant(
        self,
        interaction: discord.Interaction[Darkroom],
        member: discord.Member,
        amount: Amount,
        direct: bool = False,  # noqa: FBT001, FBT002 - a command's option
    ) -> None:
        client = interaction.client
        guild_id = managed_guild(interaction)
        if member.bot:
            raise NotAllowed("Bots draw no pictures here; choose a member.")
        if direct and not client.is_owner(interaction.user.id):
            raise NotAllowed("Only the bot's owner (OWNER_IDS) gives credits for direct messages.")
        # Before the money moves: a lost reply must not look like a grant that failed.
        await interaction.response.defer(ephemeral=True)
        available = await client.accounts.grant(
            guild_id=DIRECT_MESSAGES if direct else guild_id,
            user_id=member.id,
            amount=_cents(amount),
            actor_id=interaction.user.id,
            by_owner=client.is_owner(interaction.user.id),
        )
        said = to_member(interaction, _granted(member, _cents(amount), available, direct=direct))
        try:
            await interaction.edit_original_response(
                content=said, allowed_mentions=discord.AllowedMentions.none()
            )
        except discord.HTTPException as error:
            log.warning("the grant was made but its reply lost (%s): %s", error, said)

    @app_commands.command(
        description=Sentence("For the bot's owner: what this server may still grant.")
    )
    @app_commands.describe(amount=Sentence("Credits its managers may still grant in all."))
    async def allot(self, interaction: discord.Interaction[Darkroom], amount: Allotment) -> None:
        client = interaction.client
        if not client.is_owner(interaction.user.id) or interaction.guild_id is None:
            raise NotAllowed("Only the bot's owner (OWNER_IDS) may change a server's allotment.")
        await client.accounts.allot(guild_id=interaction.guild_id, amount=_cents(amount))
        said = Sentence(
            "Who manages this server may now grant {amount}.", amount=credits_text(_cents(amount))
        )
        await interaction.response.send_message(to_member(interaction, said), ephemeral=True)


def _granted(member: discord.Member, amount: int, available: int, *, direct: bool) -> Sentence:
    values = {
        "member": member.mention,
        "amount": credits_text(amount),
        "available": credits_text(available),
    }
    if direct:
        return Sentence(
            "{member} got {amount} for direct messages and now has {available}.", **values
        )
    return Sentence("{member} got {amount} and now has {available}.", **values)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Credits())
