"""What members may do with their credits, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits import ledger
from bot.credits.ledger import Balance
from bot.storage.database import Database


class Accounts:
    """The accounts of all members. Amounts are in 1/100 credit."""

    def __init__(
        self, *, database: Database, trial: int, allotment: int, now_ms: Callable[[], int]
    ) -> None:
        """trial: a new account's credits; allotment: what a guild's managers may grant at first."""
        self._database = database
        self._trial = trial
        self._allotment = allotment
        self._now_ms = now_ms

    async def opened(self, connection: AsyncConnection, guild_id: int, user_id: int) -> int:
        """The id of the member's account in the guild, in the caller's transaction."""
        return await ledger.account(
            connection,
            guild_id=guild_id,
            user_id=user_id,
            trial=self._trial,
            now_ms=self._now_ms(),
        )

    async def balance(self, *, guild_id: int, user_id: int) -> Balance:
        """What the member has in the guild; their account is opened on first sight."""
        async with self._database.write() as connection:
            account_id = await self.opened(connection, guild_id, user_id)
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
            await ledger.open_allotment(connection, guild_id, self._allotment)
            account_id = await self.opened(connection, guild_id, user_id)
            await ledger.grant(
                connection,
                account_id=account_id,
                amount=amount,
                actor_id=actor_id,
                now_ms=self._now_ms(),
                allotment_of=None if by_owner else guild_id,
            )
            return (await ledger.balance(connection, account_id)).available

    async def allot(self, *, guild_id: int, amount: int) -> None:
        """Set what the managers of the guild may still grant."""
        async with self._database.write() as connection:
            await ledger.allot(connection, guild_id, amount)
