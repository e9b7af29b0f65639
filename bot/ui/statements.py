"""Statements: what came into an account and what went out of it, ten lines a page.

A custom_id is `stm:<user id or 0>:<before>`; 0 stands for who presses. Another member's statement
is for who manages the server, which is asked at every press. Every button is a `DynamicItem`:
discord.py keeps nothing of it.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot.credits.ledger import Balance
from bot.credits.pricing import CENTS, credits_text
from bot.credits.statement import Line
from bot.locale import translated
from bot.ui.commands.managing import managed_guild
from bot.ui.language import member_locale, to_member
from bot.ui.member_roles import role_ids
from bot.ui.persistent_buttons import PersistentButton
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

PREFIX = "stm"
LINES = 10
_NEWEST = 0
_MOST_ID = 2**63 - 1


async def show(interaction: discord.Interaction[Darkroom], user_id: int) -> None:
    """The first page, for the eyes of who asked alone."""
    shown, view = await _page(interaction, user_id, _NEWEST)
    await interaction.response.send_message(embed=shown, view=view, ephemeral=True)


async def send_csv(interaction: discord.Interaction[Darkroom], name: str, data: bytes) -> None:
    """A CSV file, for the eyes of who asked alone."""
    await interaction.response.send_message(
        file=discord.File(io.BytesIO(data), f"{name}.csv"), ephemeral=True
    )


def of_purses(balance: Balance) -> str:
    """What each purse holds."""
    names = {
        "monthly": Sentence("monthly {amount}", amount=_number(balance.purses.get("monthly", 0))),
        "trial": Sentence("trial {amount}", amount=_number(balance.purses.get("trial", 0))),
        "granted": Sentence("granted {amount}", amount=_number(balance.purses.get("granted", 0))),
    }
    return Sentence.listed([said for kind, said in names.items() if balance.purses.get(kind)])


async def _page(
    interaction: discord.Interaction[Darkroom], user_id: int, before: int
) -> tuple[discord.Embed, discord.ui.View]:
    client, language = interaction.client, member_locale(interaction)
    guild_id = interaction.guild_id or 0
    # Another member's roles are not known here.
    monthly, roles = None, tuple[int, ...]()
    if user_id == interaction.user.id:
        roles = role_ids(interaction.user)
        monthly = (await client.server_plans.of(guild_id, roles)).monthly
    balance = await client.accounts.balance(
        guild_id=guild_id, user_id=user_id, monthly_credits=monthly, role_ids=roles
    )
    lines = await client.accounts.statement(
        guild_id=guild_id, user_id=user_id, before=before or None, count=LINES + 1
    )
    head = Sentence(
        "<@{user_id}> has {available}.",
        user_id=user_id,
        available=credits_text(balance.available),
    )
    said = [to_member(interaction, head), *(_said(line, language) for line in lines[:LINES])]
    if not lines:
        said.append(to_member(interaction, Sentence("There is nothing older.")))
    shown = discord.Embed(
        title=to_member(interaction, Sentence("Statement")),
        description="\n".join(said),
        colour=discord.Colour.blurple(),
    )
    view = discord.ui.View(timeout=None)
    whose = 0 if user_id == interaction.user.id else user_id
    if before:
        view.add_item(StatementButton.of(whose, _NEWEST, Sentence("Newest"), language))
    if len(lines) > LINES:
        oldest = lines[LINES - 1].id
        view.add_item(StatementButton.of(whose, oldest, Sentence("Older"), language))
    return shown, view


def _said(line: Line, language: str) -> str:
    other = {"member": f"<@{line.other_id}>"}
    what = {
        "trial": Sentence("trial credits"),
        "grant": Sentence("granted by {member}", **other),
        "revoke": Sentence("taken back by {member}", **other),
        "monthly": Sentence("monthly credits"),
        "expire": Sentence("what was left of last month's credits"),
        "give": Sentence("given to {member}", **other),
        "receive": Sentence("from {member}", **other),
        "redeem": Sentence("a gift code of {member}", **other),
        "refund": Sentence(
            "given back for job {job}, whose pictures were lost", job=f"`{line.job_id}`"
        ),
        "hold": Sentence("job {job}", job=f"`{line.job_id}`"),
    }[line.kind]
    if line.is_open:
        what = Sentence("{what}, set aside until it ends", what=what)
    sign = "+" if line.amount > 0 else "−" if line.amount < 0 else ""
    return f"<t:{line.at_ms // 1000}:d> **{sign}{_number(abs(line.amount))}** " + translated(
        what, language
    )


def _number(cents: int) -> str:
    return f"{cents / CENTS:.2f}".rstrip("0").rstrip(".")


class StatementButton(
    PersistentButton, template=rf"{PREFIX}:(?P<user_id>\d{{1,20}}):(?P<before>\d{{1,18}})"
):
    """Turns to the lines before an entry."""

    @classmethod
    def of(cls, user_id: int, before: int, label: Sentence, language: str) -> Self:
        """user_id: 0 for who presses; before: the id of a line, 0 for the newest."""
        return cls(
            discord.ui.Button(
                custom_id=f"{PREFIX}:{user_id}:{before}", label=translated(label, language)
            )
        )

    async def pressed(self, interaction: discord.Interaction[Any], match: re.Match[str]) -> None:
        user_id = min(int(match["user_id"]), _MOST_ID)  # or the database would not take it
        if user_id:
            managed_guild(interaction)
        shown, view = await _page(interaction, user_id or interaction.user.id, int(match["before"]))
        await interaction.response.edit_message(embed=shown, view=view)
