"""/history, /give and /redeem: what members do with their own credits."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.credits.pricing import credits_text
from bot.errors import NotAllowed
from bot.locale import translated
from bot.preferences import ALLOWED, GIFTS
from bot.ui import statements
from bot.ui.commands.managing import Amount, cents
from bot.ui.deferrals import think
from bot.ui.language import channel_locale, to_member
from bot.ui.member_roles import role_ids
from bot.ui.replies import attempt, before_reply
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

Code = app_commands.Range[str, 1, 40]


@app_commands.command(description=Sentence("What came into your account and what went out."))
@app_commands.describe(file=Sentence("As a CSV file with every entry."))
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def history(
    interaction: discord.Interaction[Darkroom],
    file: bool = False,  # noqa: FBT001, FBT002 - a command's option
) -> None:
    if not file:
        await statements.show(interaction, interaction.user.id)
        return
    data = await interaction.client.accounts.statement_csv(
        guild_id=interaction.guild_id or 0, user_id=interaction.user.id
    )
    await statements.send_csv(interaction, "credits", data)


@app_commands.command(description=Sentence("Give some of your credits to another member."))
@app_commands.describe(
    member=Sentence("Who gets them."), amount=Sentence("How many; a grid costs about one.")
)
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
async def give(
    interaction: discord.Interaction[Darkroom], member: discord.Member, amount: Amount
) -> None:
    client = interaction.client
    assert interaction.guild_id is not None  # it is not offered in direct messages
    if (await client.preferences.of(interaction.guild_id)).get(GIFTS) != ALLOWED:
        raise NotAllowed(
            "Members of this server do not give each other credits. Who manages it may allow it "
            "with /credits gifts."
        )
    if member.bot:
        raise NotAllowed("Bots draw no pictures here; choose a member.")
    if member.id == interaction.user.id:
        raise NotAllowed("These are your credits already; choose another member.")
    await before_reply(
        interaction,
        client.accounts.give(
            guild_id=interaction.guild_id,
            sender=interaction.user.id,
            receiver=member.id,
            amount=cents(amount),
            role_ids=role_ids(interaction.user),
        ),
    )
    said = Sentence(
        "{giver} gave {member} {amount}.",
        giver=interaction.user.mention,
        member=member.mention,
        amount=credits_text(cents(amount)),
    )
    text = translated(said, channel_locale(interaction))
    mentions = discord.AllowedMentions(users=[member])
    reply: Coroutine[Any, Any, object]
    if interaction.response.is_done():
        reply = interaction.edit_original_response(content=text, allowed_mentions=mentions)
    else:
        reply = interaction.response.send_message(text, allowed_mentions=mentions)
    await attempt(reply, f"the reply to a gift that was made ({text})")


@app_commands.command(description=Sentence("Turn a gift code into credits."))
@app_commands.describe(code=Sentence("As you got it; hyphens and small letters do not matter."))
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
async def redeem(interaction: discord.Interaction[Darkroom], code: Code) -> None:
    assert interaction.guild_id is not None  # it is not offered in direct messages
    # Before the credits move: a lost reply must not look like a code that failed.
    await think(interaction, ephemeral=True)
    amount, available = await interaction.client.accounts.redeem(
        guild_id=interaction.guild_id, user_id=interaction.user.id, code=code
    )
    said = Sentence(
        "You got {amount} and now have {available}.",
        amount=credits_text(amount),
        available=credits_text(available),
    )
    text = to_member(interaction, said)
    await attempt(interaction.edit_original_response(content=text), f"a code's reply ({text})")


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(history)
    tree.add_command(give)
    tree.add_command(redeem)
