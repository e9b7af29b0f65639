"""/quota: how much members may spend in a day or a month."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.credits.periods import DAY, MONTH, ends_s
from bot.credits.pricing import credits_text
from bot.credits.quotas import Quota, mention
from bot.errors import NotAllowed
from bot.ui import line_pages
from bot.ui.commands.managing import cents, managed_guild
from bot.ui.line_pages import Listed
from bot.ui.member_roles import role_ids
from bot.ui.replies import tell
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

Amount = app_commands.Range[float, 0.0, 1_000_000.0]
QUOTAS = "quotas"
"""The name of the list."""
_PERIODS = [
    app_commands.Choice(name=Sentence("a day"), value=DAY),
    app_commands.Choice(name=Sentence("a month"), value=MONTH),
]


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Quotas(app_commands.Group, name="quota", description=Sentence("How much members may spend.")):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(
        name="set", description=Sentence("Bound what a member, or each with a role, may spend.")
    )
    @app_commands.describe(
        who=Sentence("A member, or a role; @everyone for all members."),
        period=Sentence("Of which time; days and months are in UTC."),
        amount=Sentence("How many credits; leave it out to take the quota back."),
    )
    @app_commands.choices(period=_PERIODS)
    async def set_(
        self,
        interaction: discord.Interaction[Darkroom],
        who: discord.User | discord.Member | discord.Role,
        period: str,
        amount: Amount | None = None,
    ) -> None:
        client, guild_id = interaction.client, managed_guild(interaction)
        is_role = isinstance(who, discord.Role)
        if not isinstance(who, discord.Role) and who.bot:
            raise NotAllowed("Bots draw no pictures here; choose a member.")
        quota = Quota(subject_id=who.id, is_role=is_role, period=period, amount=cents(amount or 0))
        if amount is None:
            await client.quotas.take_back(
                guild_id, who.id, period, is_role=is_role, actor_id=interaction.user.id
            )
            said = Sentence(
                "{who} has no quota of that time any more.", who=mention(quota, guild_id)
            )
        else:
            await client.quotas.put(guild_id, quota, actor_id=interaction.user.id)
            said = _said(quota, guild_id)
        await tell(interaction, said)

    @app_commands.command(description=Sentence("The quotas of this server, or what a member has."))
    @app_commands.describe(member=Sentence("Whose; without it all quotas of the server."))
    async def show(
        self, interaction: discord.Interaction[Darkroom], member: discord.User | None = None
    ) -> None:
        guild_id = managed_guild(interaction)
        if member is not None:
            lines = await lines_of(interaction, guild_id, member)
            lines = lines or [Sentence("{who} has no quota.", who=member.mention)]
            await tell(interaction, *lines)
        else:
            await line_pages.show(interaction, QUOTAS)


async def listed(interaction: discord.Interaction[Any], _: str) -> Listed:
    """All quotas of the server, for who manages it."""
    guild_id = managed_guild(interaction)
    return Listed(
        title=Sentence("Quotas"),
        lines=[_said(each, guild_id) for each in await interaction.client.quotas.all(guild_id)],
        empty=Sentence("This server has no quotas; /quota set makes one."),
    )


async def lines_of(
    interaction: discord.Interaction[Darkroom], guild_id: int, member: discord.User | discord.Member
) -> list[Sentence]:
    """What the member may still spend, a line for each quota that counts for them."""
    client = interaction.client
    lines = []
    async with client.database.read() as connection:
        for quota in await client.quotas.of(connection, guild_id, member.id, role_ids(member)):
            spent = await client.quotas.spent(connection, guild_id, member.id, quota.period)
            reset = ends_s(quota.period, client.now_ms())
            values = {
                "left": credits_text(max(quota.amount - spent, 0)),
                "amount": credits_text(quota.amount),
                "when": f"<t:{reset}:R>",
            }
            lines.append(
                Sentence("{left} of {amount} a month are left; they return {when}.", **values)
                if quota.period == MONTH
                else Sentence("{left} of {amount} a day are left; they return {when}.", **values)
            )
    return lines


def _said(quota: Quota, guild_id: int) -> Sentence:
    values = {
        "who": mention(quota, guild_id),
        "amount": credits_text(quota.amount),
    }
    if quota.is_role and quota.period == MONTH:
        return Sentence("Each member with {who} may spend {amount} a month.", **values)
    if quota.is_role:
        return Sentence("Each member with {who} may spend {amount} a day.", **values)
    if quota.period == MONTH:
        return Sentence("{who} may spend {amount} a month.", **values)
    return Sentence("{who} may spend {amount} a day.", **values)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Quotas())
