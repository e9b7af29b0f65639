"""What members and managers do with credits, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits import gift_codes, ledger, monthly, statement
from bot.credits.gift_codes import GiftCode
from bot.credits.ledger import Balance
from bot.credits.pricing import CENTS
from bot.credits.statement import Line
from bot.storage.audit import Audit, role_mention
from bot.storage.database import Database

DAY_MS = 24 * 60 * 60 * 1000
_DISCORD_EPOCH_MS = 1_420_070_400_000
_SNOWFLAKE_TIME_BITS = 22


class Accounts:
    """The accounts of all members. Amounts are in 1/100 credit."""

    def __init__(
        self,
        *,
        database: Database,
        audit: Audit,
        trial: int,
        allotment: int,
        now_ms: Callable[[], int],
        trial_after_days: int = 0,
        trusts: Callable[[int], bool] = lambda _guild_id: True,
    ) -> None:
        """trial: a new account's credits; allotment: what a guild's managers may grant at first.

        trial_after_days: how old a Discord account must be to get its trial. trusts: whether a
        guild has trials and a first allotment, see `Trust`.
        """
        self._database = database
        self._audit = audit
        self._trial = trial
        self._allotment = allotment
        self._now_ms = now_ms
        self._trial_after_ms = trial_after_days * DAY_MS
        self.trusts = trusts

    async def opened(
        self,
        connection: AsyncConnection,
        guild_id: int,
        user_id: int,
        *,
        monthly_credits: int | None = None,
        role_ids: Collection[int] = (),
    ) -> int:
        """The id of the member's account in the guild, in the caller's transaction.

        monthly_credits: what their plan gives each month, from the guild's allotment; None: their
        plan is not known here. role_ids: of the roles that they have in the guild, as far as known
        here: they get what was granted to those.
        """
        now_ms = self._now_ms()
        account_id = await ledger.account(
            connection,
            guild_id=guild_id,
            user_id=user_id,
            trial=self._trial,
            now_ms=now_ms,
            trial_due_ms=created_ms(user_id) + self._trial_after_ms,
            trusted=self.trusts(guild_id),
        )
        if monthly_credits is not None and guild_id != ledger.DIRECT_MESSAGES:
            if monthly_credits:
                await self._open_allotment(connection, guild_id)
            await monthly.refill(
                connection,
                account_id,
                monthly=monthly_credits,
                now_ms=now_ms,
                allotment_of=guild_id,
            )
        if guild_id in role_ids and created_ms(user_id) + self._trial_after_ms > now_ms:
            # Nobody was asked before who joins got this role: new accounts wait, as for a trial.
            role_ids = [each for each in role_ids if each != guild_id]
        if role_ids and guild_id != ledger.DIRECT_MESSAGES:
            await gift_codes.take(
                connection,
                guild_id=guild_id,
                account_id=account_id,
                role_ids=role_ids,
                now_ms=now_ms,
            )
        return account_id

    async def balance(
        self,
        *,
        guild_id: int,
        user_id: int,
        monthly_credits: int | None = None,
        role_ids: Collection[int] = (),
    ) -> Balance:
        """What the member has in the guild; their account is opened on first sight. As `opened`."""
        async with self._database.write() as connection:
            account_id = await self.opened(
                connection, guild_id, user_id, monthly_credits=monthly_credits, role_ids=role_ids
            )
            return await ledger.balance(connection, account_id)

    async def paid(self, job_id: str) -> int:
        """What the job has cost so far."""
        async with self._database.read() as connection:
            return await ledger.paid(connection, job_id)

    async def grant(
        self, *, guild_id: int, user_id: int, amount: int, actor_id: int, by_owner: bool
    ) -> int:
        """Give `amount` to a member; returns what is then available to them.

        Who manages the guild gives from its allotment; the bot's owner gives freely.
        """
        async with self._database.write() as connection:
            account_id = await self._managed(connection, guild_id, user_id)
            await ledger.grant(
                connection,
                account_id=account_id,
                amount=amount,
                actor_id=actor_id,
                now_ms=self._now_ms(),
                allotment_of=None if by_owner else guild_id,
            )
            await self._audit.note(
                connection, guild_id, actor_id, "credits grant", f"<@{user_id}>", _said(amount)
            )
            return (await ledger.balance(connection, account_id)).available

    async def revoke(
        self, *, guild_id: int, user_id: int, amount: int, actor_id: int, by_owner: bool
    ) -> int:
        """Take `amount` back; returns what is left to the member. NotAllowed if it is too much."""
        async with self._database.write() as connection:
            account_id = await self._managed(connection, guild_id, user_id)
            await ledger.revoke(
                connection,
                account_id=account_id,
                amount=amount,
                actor_id=actor_id,
                now_ms=self._now_ms(),
                allotment_of=None if by_owner else guild_id,
            )
            await self._audit.note(
                connection, guild_id, actor_id, "credits revoke", f"<@{user_id}>", _said(amount)
            )
            return (await ledger.balance(connection, account_id)).available

    async def set_to(
        self, *, guild_id: int, user_id: int, amount: int, actor_id: int, by_owner: bool
    ) -> int:
        """Grant or revoke what makes `amount` available; returns the change, which may be 0."""
        async with self._database.write() as connection:
            account_id = await self._managed(connection, guild_id, user_id)
            change = amount - (await ledger.balance(connection, account_id)).available
            make = ledger.grant if change > 0 else ledger.revoke
            if change:
                await make(
                    connection,
                    account_id=account_id,
                    amount=abs(change),
                    actor_id=actor_id,
                    now_ms=self._now_ms(),
                    allotment_of=None if by_owner else guild_id,
                )
                await self._audit.note(
                    connection, guild_id, actor_id, "credits set", f"<@{user_id}>", _said(amount)
                )
            return change

    async def give(
        self,
        *,
        guild_id: int,
        sender: int,
        receiver: int,
        amount: int,
        role_ids: Collection[int] = (),
    ) -> int:
        """Move `amount` from one member to another; returns what is left to who gave.

        role_ids: of the sender's roles.
        """
        async with self._database.write() as connection:
            sender_id = await self.opened(connection, guild_id, sender, role_ids=role_ids)
            receiver_id = await self.opened(connection, guild_id, receiver)
            await ledger.give(
                connection,
                sender_id=sender_id,
                receiver_id=receiver_id,
                amount=amount,
                now_ms=self._now_ms(),
            )
            return (await ledger.balance(connection, sender_id)).available

    async def allot(self, *, guild_id: int, amount: int, actor_id: int) -> None:
        """Set what the managers of the guild may still grant, beside the codes that they made."""
        async with self._database.write() as connection:
            await gift_codes.return_nothing(connection, guild_id)
            await ledger.allot(connection, guild_id, amount)
            await self._audit.note(
                connection, guild_id, actor_id, "credits allot", "", _said(amount)
            )

    async def allotment(self, *, guild_id: int) -> int:
        """What the managers of the guild may still grant."""
        async with self._database.write() as connection:
            await self._open_allotment(connection, guild_id)
            await gift_codes.forget_expired(connection, guild_id, self._now_ms())
            return await ledger.allotment(connection, guild_id)

    async def statement(
        self, *, guild_id: int, user_id: int, before: int | None, count: int
    ) -> tuple[Line, ...]:
        """The `count` newest lines of the member's statement whose ids are below `before`."""
        async with self._database.write() as connection:
            account_id = await self.opened(connection, guild_id, user_id)
        async with self._database.read() as connection:
            return await statement.page(connection, account_id, before=before, count=count)

    async def statement_csv(self, *, guild_id: int, user_id: int) -> bytes:
        """The member's statement as CSV, see `statement.as_csv`."""
        async with self._database.write() as connection:
            account_id = await self.opened(connection, guild_id, user_id)
        async with self._database.read() as connection:
            return await statement.as_csv(connection, account_id)

    async def guild_csv(self, *, guild_id: int, actor_id: int) -> bytes:
        """All accounts of the guild as CSV, see `statement.guild_as_csv`."""
        async with self._database.write() as connection:
            await self._audit.note(connection, guild_id, actor_id, "credits export")
        async with self._database.read() as connection:
            return await statement.guild_as_csv(connection, guild_id)

    async def grant_to_role(
        self,
        *,
        guild_id: int,
        role_id: int,
        amount: int,
        uses: int,
        days: int,
        actor_id: int,
        by_owner: bool,
    ) -> None:
        """Give `amount` to each of the first `uses` members who have the role within `days`.

        Everybody has the role of the guild's id. All of it is set aside now.
        """
        await self._create(
            "credits grant",
            role_mention(role_id, guild_id),
            f"{_said(amount)} members: {uses} days: {days}",
            guild_id=guild_id,
            amount=amount,
            uses=uses,
            days=days,
            actor_id=actor_id,
            by_owner=by_owner,
            role_id=role_id,
        )

    async def create_code(
        self, *, guild_id: int, amount: int, uses: int, days: int, actor_id: int, by_owner: bool
    ) -> str:
        """A gift code worth `amount` to each of `uses` members for `days`."""
        return await self._create(
            "credits code create",
            "",
            f"{_said(amount)} uses: {uses} days: {days}",
            guild_id=guild_id,
            amount=amount,
            uses=uses,
            days=days,
            actor_id=actor_id,
            by_owner=by_owner,
            role_id=None,
        )

    async def redeem(self, *, guild_id: int, user_id: int, code: str) -> tuple[int, int]:
        """What a gift code gave the member, and what is then available to them."""
        async with self._database.write() as connection:
            account_id = await self.opened(connection, guild_id, user_id)
            amount = await gift_codes.redeem(
                connection,
                guild_id=guild_id,
                account_id=account_id,
                code=code,
                now_ms=self._now_ms(),
            )
            return amount, (await ledger.balance(connection, account_id)).available

    async def codes(self, *, guild_id: int) -> tuple[GiftCode, ...]:
        """The guild's gift codes that can still be redeemed, oldest first."""
        async with self._database.write() as connection:
            await gift_codes.forget_expired(connection, guild_id, self._now_ms())
            return await gift_codes.of_guild(connection, guild_id)

    async def delete_code(self, *, guild_id: int, code_id: int, actor_id: int) -> int:
        """End a gift code; returns what of it nobody redeemed."""
        async with self._database.write() as connection:
            left = await gift_codes.revoke(connection, guild_id=guild_id, code_id=code_id)
            left_over = f"left: {left / CENTS:g}"
            await self._audit.note(
                connection, guild_id, actor_id, "credits code delete", f"`{code_id}`", left_over
            )
            return left

    async def _create(
        self,
        name: str,
        subject: str,
        detail: str,
        *,
        guild_id: int,
        amount: int,
        uses: int,
        days: int,
        actor_id: int,
        by_owner: bool,
        role_id: int | None,
    ) -> str:
        """The text of a new gift code, or of a grant to a role; the audit has it in these words."""
        now_ms = self._now_ms()
        async with self._database.write() as connection:
            await self._open_allotment(connection, guild_id)
            await self._audit.note(connection, guild_id, actor_id, name, subject, detail)
            return await gift_codes.create(
                connection,
                guild_id=guild_id,
                amount=amount,
                uses=uses,
                actor_id=actor_id,
                by_owner=by_owner,
                now_ms=now_ms,
                expires_ms=now_ms + days * DAY_MS,
                role_id=role_id,
            )

    async def _open_allotment(self, connection: AsyncConnection, guild_id: int) -> None:
        if self.trusts(guild_id):
            await ledger.open_allotment(connection, guild_id, self._allotment)

    async def _managed(self, connection: AsyncConnection, guild_id: int, user_id: int) -> int:
        """The account, in a guild whose allotment is open."""
        await self._open_allotment(connection, guild_id)
        await gift_codes.forget_expired(connection, guild_id, self._now_ms())
        return await self.opened(connection, guild_id, user_id)


def _said(amount: int) -> str:
    """As the audit has it."""
    return f"amount: {amount / CENTS:g}"


def created_ms(user_id: int) -> int:
    """When a Discord account was made: its id says so."""
    return (user_id >> _SNOWFLAKE_TIME_BITS) + _DISCORD_EPOCH_MS
