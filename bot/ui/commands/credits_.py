"""/credits: for who manages the server, within what the bot's owner allots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.credits.gift_codes import GiftCode
from bot.credits.ledger import DIRECT_MESSAGES
from bot.credits.pricing import credits_text
from bot.errors import NotAllowed
from bot.preferences import ALLOWED, GIFTS
from bot.storage.audit import role_mention
from bot.ui import line_pages, statements
from bot.ui.commands.managing import Amount, cents, managed_guild, set_for_server
from bot.ui.deferrals import think
from bot.ui.language import to_member
from bot.ui.line_pages import Listed
from bot.ui.member_roles import role_ids
from bot.ui.replies import attempt, tell
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

Allotment = app_commands.Range[float, 0.0, 1_000_000_000.0]
Balance = app_commands.Range[float, 0.0, 1_000_000.0]
CODES = "codes"
"""The name of the list."""


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Credits(
    app_commands.Group, name="credits", description=Sentence("Give and look at credits.")
):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(
        description=Sentence("Give credits to a member, or to each who has a role.")
    )
    @app_commands.describe(
        amount=Sentence("How many; a grid costs about one."),
        member=Sentence("Who gets them."),
        role=Sentence("In place of a member: each who has this role, once."),
        members=Sentence("For a role: how many members at most get them; without it 10."),
        days=Sentence("For a role: until when they get them; without it 30 days."),
        direct=Sentence(
            "For the bot's owner: to draw with in direct messages, not in this server."
        ),
    )
    async def grant(
        self,
        interaction: discord.Interaction[Darkroom],
        amount: Amount,
        member: discord.Member | None = None,
        role: discord.Role | None = None,
        members: app_commands.Range[int, 1, 100_000] | None = None,
        days: app_commands.Range[int, 1, 366] | None = None,
        direct: bool = False,  # noqa: FBT001, FBT002 - a command's option
    ) -> None:
        client = interaction.client
        if role is not None:
            if member is not None or direct:
                raise NotAllowed("Grant credits to a member or to a role, not to both.")
            await _grant_to_role(interaction, role, cents(amount), members or 10, days or 30)
            return
        if member is None or members is not None or days is not None:
            raise NotAllowed(
                "Choose the member who gets the credits, or a role with how many members and days."
            )
        guild_id = _guild_of(interaction, member)
        if direct and not client.is_owner(interaction.user.id):
            raise NotAllowed("Only the bot's owner (OWNER_IDS) gives credits for direct messages.")
        # Before the money moves: a lost reply must not look like a grant that failed.
        await think(interaction, ephemeral=True)
        available = await client.accounts.grant(
            guild_id=DIRECT_MESSAGES if direct else guild_id,
            user_id=member.id,
            amount=cents(amount),
            actor_id=interaction.user.id,
            by_owner=client.is_owner(interaction.user.id),
        )
        await _tell(interaction, _granted(member, cents(amount), available, direct=direct))

    @app_commands.command(description=Sentence("Take credits back from a member."))
    @app_commands.describe(member=Sentence("Whose they are."), amount=Sentence("How many to take."))
    async def revoke(
        self, interaction: discord.Interaction[Darkroom], member: discord.User, amount: Amount
    ) -> None:
        client, guild_id = interaction.client, _guild_of(interaction, member)
        await think(interaction, ephemeral=True)
        available = await client.accounts.revoke(
            guild_id=guild_id,
            user_id=member.id,
            amount=cents(amount),
            actor_id=interaction.user.id,
            by_owner=client.is_owner(interaction.user.id),
        )
        said = Sentence(
            "{amount} were taken from {member}, who has {available} left.",
            amount=credits_text(cents(amount)),
            member=member.mention,
            available=credits_text(available),
        )
        await _tell(interaction, said)

    @app_commands.command(
        name="set", description=Sentence("Grant or take what makes a member's credits this many.")
    )
    @app_commands.describe(
        member=Sentence("Whose credits."), amount=Sentence("How many they have afterwards.")
    )
    async def set_(
        self, interaction: discord.Interaction[Darkroom], member: discord.Member, amount: Balance
    ) -> None:
        client, guild_id = interaction.client, _guild_of(interaction, member)
        await think(interaction, ephemeral=True)
        change = await client.accounts.set_to(
            guild_id=guild_id,
            user_id=member.id,
            amount=cents(amount),
            actor_id=interaction.user.id,
            by_owner=client.is_owner(interaction.user.id),
        )
        values = {"member": member.mention, "available": credits_text(cents(amount))}
        by = credits_text(abs(change))
        if change > 0:
            said = Sentence("{member} got {amount} and now has {available}.", amount=by, **values)
        elif change < 0:
            said = Sentence(
                "{amount} were taken from {member}, who has {available} left.", amount=by, **values
            )
        else:
            said = Sentence("{member} has {available} already.", **values)
        await _tell(interaction, said)

    @app_commands.command(description=Sentence("What a member has, and what you may still grant."))
    @app_commands.describe(member=Sentence("Whose credits."))
    async def show(self, interaction: discord.Interaction[Darkroom], member: discord.User) -> None:
        client, guild_id = interaction.client, _guild_of(interaction, member)
        roles = role_ids(member)
        plan = await client.server_plans.of(guild_id, roles)
        balance = await client.accounts.balance(
            guild_id=guild_id, user_id=member.id, monthly_credits=plan.monthly, role_ids=roles
        )
        left = await client.accounts.allotment(guild_id=guild_id)
        lines = [
            Sentence(
                "{member} has {available}.",
                member=member.mention,
                available=credits_text(balance.available),
            )
        ]
        if balance.available:
            lines.append(Sentence("Of these: {purses}.", purses=statements.of_purses(balance)))
        if balance.held:
            lines.append(
                Sentence("{held} are set aside for open jobs.", held=credits_text(balance.held))
            )
        if client.is_owner(interaction.user.id):  # nobody else gives or takes those
            direct = await client.accounts.balance(guild_id=DIRECT_MESSAGES, user_id=member.id)
            available = credits_text(direct.available)
            lines.append(Sentence("For direct messages: {available}.", available=available))
        lines.append(Sentence("This server may still grant {left}.", left=credits_text(left)))
        await interaction.response.send_message(
            "\n".join(to_member(interaction, line) for line in lines),
            ephemeral=True,
            allowed_mentions=discord.AllowedMentions.none(),
        )

    @app_commands.command(description=Sentence("What came into a member's account and went out."))
    @app_commands.describe(
        member=Sentence("Whose account."), file=Sentence("As a CSV file with every entry.")
    )
    async def history(
        self,
        interaction: discord.Interaction[Darkroom],
        member: discord.User,
        file: bool = False,  # noqa: FBT001, FBT002 - a command's option
    ) -> None:
        guild_id = _guild_of(interaction, member)
        if not file:
            await statements.show(interaction, member.id)
            return
        data = await interaction.client.accounts.statement_csv(guild_id=guild_id, user_id=member.id)
        await statements.send_csv(interaction, f"credits-{member.id}", data)

    @app_commands.command(description=Sentence("All accounts of this server as a CSV file."))
    async def export(self, interaction: discord.Interaction[Darkroom]) -> None:
        guild_id = managed_guild(interaction)
        data = await interaction.client.accounts.guild_csv(
            guild_id=guild_id, actor_id=interaction.user.id
        )
        await statements.send_csv(interaction, "accounts", data)

    @app_commands.command(description=Sentence("Whether members may give each other credits."))
    @app_commands.describe(allowed=Sentence("Whether /give works in this server."))
    async def gifts(
        self,
        interaction: discord.Interaction[Darkroom],
        allowed: bool,  # noqa: FBT001 - a command's option
    ) -> None:
        await set_for_server(
            interaction,
            {GIFTS: ALLOWED if allowed else ""},
            f"allowed: {allowed}",
        )
        if allowed:
            said = Sentence("Members may give each other what they were granted, with /give.")
        else:
            said = Sentence("Members can give each other no credits now.")
        await tell(interaction, said)

    @app_commands.command(
        description=Sentence("For the bot's owner: what this server may still grant.")
    )
    @app_commands.describe(amount=Sentence("Credits its managers may still grant in all."))
    async def allot(self, interaction: discord.Interaction[Darkroom], amount: Allotment) -> None:
        client = interaction.client
        if not client.is_owner(interaction.user.id) or interaction.guild_id is None:
            raise NotAllowed("Only the bot's owner (OWNER_IDS) may change a server's allotment.")
        await client.accounts.allot(
            guild_id=interaction.guild_id, amount=cents(amount), actor_id=interaction.user.id
        )
        said = Sentence(
            "Who manages this server may now grant {amount}.", amount=credits_text(cents(amount))
        )
        await tell(interaction, said)

    code = app_commands.Group(name="code", description=Sentence("Gift codes of this server."))

    @code.command(name="create", description=Sentence("A code that members turn into credits."))
    @app_commands.describe(
        amount=Sentence("Credits for each who redeems it."),
        uses=Sentence("How many members may redeem it; without it one."),
        days=Sentence("How many days it is good for; without it 30."),
    )
    async def create(
        self,
        interaction: discord.Interaction[Darkroom],
        amount: Amount,
        uses: app_commands.Range[int, 1, 1000] = 1,
        days: app_commands.Range[int, 1, 366] = 30,
    ) -> None:
        client, guild_id = interaction.client, managed_guild(interaction)
        await think(interaction, ephemeral=True)
        text = await client.accounts.create_code(
            guild_id=guild_id,
            amount=cents(amount),
            uses=uses,
            days=days,
            actor_id=interaction.user.id,
            by_owner=client.is_owner(interaction.user.id),
        )
        said = Sentence.plural(
            "`{code}` gives {amount} to {uses} member for {days} days: they type /redeem. It is "
            "shown only now; keep it.",
            "`{code}` gives {amount} to each of {uses} members for {days} days: they type "
            "/redeem. It is shown only now; keep it.",
            count=uses,
            code=text,
            amount=credits_text(cents(amount)),
            uses=uses,
            days=days,
        )
        await _tell(interaction, said)

    @code.command(
        name="list", description=Sentence("Codes and grants to roles that are not used up.")
    )
    async def list_(self, interaction: discord.Interaction[Darkroom]) -> None:
        await line_pages.show(interaction, CODES)

    @code.command(
        name="delete",
        description=Sentence("End a code or a grant to a role; what is left can be granted."),
    )
    @app_commands.describe(number=Sentence("Its number in /credits code list."))
    async def delete(
        self, interaction: discord.Interaction[Darkroom], number: app_commands.Range[int, 1]
    ) -> None:
        guild_id = managed_guild(interaction)
        left = await interaction.client.accounts.delete_code(
            guild_id=guild_id, code_id=number, actor_id=interaction.user.id
        )
        said = Sentence(
            "It is void now; nobody had taken {amount} of it.", amount=credits_text(left)
        )
        await tell(interaction, said)


async def _grant_to_role(
    interaction: discord.Interaction[Darkroom],
    role: discord.Role,
    amount: int,
    members: int,
    days: int,
) -> None:
    """Members are not listed to the bot: each gets theirs when they next use it."""
    client, guild_id = interaction.client, managed_guild(interaction)
    await think(interaction, ephemeral=True)
    await client.accounts.grant_to_role(
        guild_id=guild_id,
        role_id=role.id,
        amount=amount,
        uses=members,
        days=days,
        actor_id=interaction.user.id,
        by_owner=client.is_owner(interaction.user.id),
    )
    said = Sentence(
        "Who has {role} gets {amount} when they next use Darkroom, once, also who gets the role "
        "later: {members} members at most, within {days} days. {whole} are set aside for them; "
        "/credits code list shows what is left, /credits code delete ends it.",
        role=role_mention(role.id, guild_id),
        amount=credits_text(amount),
        members=members,
        days=days,
        whole=credits_text(amount * members),
    )
    await _tell(interaction, said)


async def listed(interaction: discord.Interaction[Any], _: str) -> Listed:
    """The server's gift codes and grants to roles, for who manages it."""
    guild_id = managed_guild(interaction)
    codes = await interaction.client.accounts.codes(guild_id=guild_id)
    return Listed(
        title=Sentence("Gift codes and grants to roles"),
        lines=[_code_line(each, guild_id) for each in codes],
        empty=Sentence(
            "This server has no gift code that can be redeemed, and no grant to a role."
        ),
    )


def _code_line(code: GiftCode, guild_id: int) -> Sentence:
    values = {
        "number": code.id,
        "amount": credits_text(code.amount),
        "uses": code.uses_left,
        "member": f"<@{code.actor_id}>",
        "until": f"<t:{code.expires_ms // 1000}:d>",
    }
    if code.role_id is not None:
        return Sentence(
            "`{number}`: {amount} for who has {role}, {uses} left, made by {member}, until {until}",
            role=role_mention(code.role_id, guild_id),
            **values,
        )
    return Sentence("`{number}`: {amount}, {uses} left, made by {member}, until {until}", **values)


def _guild_of(
    interaction: discord.Interaction[Darkroom], member: discord.User | discord.Member
) -> int:
    """The server that the member's account is in; NotAllowed if it is not managed, or a bot's."""
    guild_id = managed_guild(interaction)
    if member.bot:
        raise NotAllowed("Bots draw no pictures here; choose a member.")
    return guild_id


async def _tell(interaction: discord.Interaction[Darkroom], said: Sentence) -> None:
    """Say what was done; money that moved is in the log where the reply is lost."""
    text = to_member(interaction, said)
    reply = interaction.edit_original_response(
        content=text, allowed_mentions=discord.AllowedMentions.none()
    )
    await attempt(reply, f"the reply to credits that were changed ({text})")


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
