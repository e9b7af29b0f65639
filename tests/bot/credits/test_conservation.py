"""Any interleaving of what members, managers, months and crashes do conserves credits.

`NIGHTLY=1` in the environment plays 2,000 histories, otherwise 200.
"""

import asyncio
import itertools
import os
import shutil

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ledger_support import add_job, sums_agree

from bot.credits import gift_codes, ledger, monthly, periods
from bot.errors import UserError
from bot.storage.database import Database
from bot.storage.tables import accounts, entries, guilds, holds, purses
from bot.storage.tables import gift_codes as codes_table

MEMBERS, ROLE = 3, 50
TRIAL, ALLOTMENT, MONTHLY = 300, 1000, 200
MONTH_MS = 31 * 24 * 60 * 60 * 1000
member = st.integers(1, MEMBERS)
crashes = st.integers(0, 4).map(lambda drawn: drawn == 4)
amounts = st.one_of(st.integers(1, 50), st.integers(1, 2000))


class Crash(Exception):
    """The process dies before the transaction is committed."""


class History(RuleBasedStateMachine):
    """One server's accounts on a real file, and beside them the sums that must hold."""

    folder = None
    numbers = itertools.count()

    @initialize()
    def open(self):
        path = self.folder / f"{next(self.numbers)}.db"
        shutil.copyfile(self.folder / "empty.db", path)
        self.loop = asyncio.new_event_loop()
        self.database = Database(f"sqlite+aiosqlite:///{path}")
        self.minted, self.spent, self.now_ms = 0, 0, 0
        self.jobs, self.made, self.number, self.months = {}, [], 0, {}
        self.ended, self.owners, self.came_back = {}, {}, []
        self.do(lambda connection: ledger.open_allotment(connection, 1, ALLOTMENT))
        for user_id in range(1, MEMBERS + 1):
            self.do(lambda connection, user_id=user_id: self.account(connection, user_id))
            self.minted += TRIAL
        self.create_code(50, 2, by_owner=False, crash=False)

    async def account(self, connection, user_id):
        return await ledger.account(
            connection, guild_id=1, user_id=user_id, trial=TRIAL, now_ms=self.now_ms
        )

    def do(self, work, crash=False):
        """What `work` returns, committed; None where it was refused or the process died."""

        async def transaction():
            async with self.database.write() as connection:
                done = await work(connection)
                if crash:
                    raise Crash
                return done

        try:
            return self.loop.run_until_complete(transaction())
        except (UserError, Crash, RuntimeError):
            return None

    @rule(user_id=member, amount=amounts, by_owner=st.booleans(), crash=crashes)
    def grant(self, user_id, amount, by_owner, crash):
        async def work(connection):
            await ledger.grant(
                connection,
                account_id=await self.account(connection, user_id),
                amount=amount,
                actor_id=9,
                now_ms=self.now_ms,
                allotment_of=None if by_owner else 1,
            )
            return amount

        if self.do(work, crash) and by_owner:
            self.minted += amount

    @rule(user_id=member, amount=amounts, by_owner=st.booleans(), crash=crashes)
    def revoke(self, user_id, amount, by_owner, crash):
        async def work(connection):
            allotted = await ledger.allotment(connection, 1)
            account_id = await self.account(connection, user_id)
            granted = (await ledger.balance(connection, account_id)).purses.get("granted", 0)
            most = min(amount, granted, await self._allotted(connection, account_id))
            await ledger.revoke(
                connection,
                account_id=account_id,
                amount=amount,
                actor_id=9,
                now_ms=self.now_ms,
                allotment_of=None if by_owner else 1,
            )
            returned = await ledger.allotment(connection, 1) - allotted
            assert returned == (0 if by_owner else most)
            return amount - returned

        self.minted -= self.do(work, crash) or 0

    @rule(sender=member, receiver=member, amount=amounts, crash=crashes)
    def give(self, sender, receiver, amount, crash):
        async def work(connection):
            await ledger.give(
                connection,
                sender_id=await self.account(connection, sender),
                receiver_id=await self.account(connection, receiver),
                amount=amount,
                now_ms=self.now_ms,
            )

        self.do(work, crash)

    @rule(user_id=member, amount=amounts, crash=crashes)
    def hold(self, user_id, amount, crash):
        job_id = f"j{self.number}"
        self.number += 1

        async def work(connection):
            account_id = await self.account(connection, user_id)
            await add_job(connection, account_id, job_id)
            await ledger.hold(
                connection, account_id=account_id, job_id=job_id, amount=amount, now_ms=self.now_ms
            )
            return amount

        if self.do(work, crash):
            self.jobs[job_id], self.owners[job_id] = amount, user_id

    @rule(number=st.integers(0, 30), amount=amounts, crash=crashes)
    def settle(self, number, amount, crash):
        job_id = self.some_job(number)

        async def work(connection):
            await ledger.settle(connection, job_id=job_id, amount=amount, now_ms=self.now_ms)
            return True

        if self.coming_back(job_id, work, crash):
            assert amount <= self.jobs.pop(job_id)
            self.ended[job_id] = amount
            self.spent += amount

    @rule(number=st.integers(0, 30), crash=crashes)
    def release(self, number, crash):
        job_id = self.some_job(number)

        async def work(connection):
            await ledger.release(connection, job_id=job_id, now_ms=self.now_ms)
            return True

        if self.coming_back(job_id, work, crash):
            self.jobs.pop(job_id)

    @precondition(lambda self: self.ended)
    @rule(number=st.integers(0, 30), crash=crashes)
    def refund(self, number, crash):
        job_id = list(self.ended)[number % len(self.ended)]

        async def work(connection):
            back = await ledger.refund(connection, job_id=job_id, now_ms=self.now_ms)
            assert back == self.ended[job_id]
            assert await ledger.refund(connection, job_id=job_id, now_ms=self.now_ms) == 0
            return back

        if back := self.coming_back(job_id, work, crash):
            self.ended[job_id] = 0
            self.spent -= back

    def coming_back(self, job_id, work, crash):
        """As `do`; notes what came back to the monthly credits of whose job it is."""

        async def measured(connection):
            if job_id not in self.owners:
                return await work(connection), 0
            account_id = await self.account(connection, self.owners[job_id])
            before = (await ledger.balance(connection, account_id)).purses.get("monthly", 0)
            done = await work(connection)
            after = (await ledger.balance(connection, account_id)).purses.get("monthly", 0)
            return done, after - before

        done, back = self.do(measured, crash) or (None, 0)
        if back:
            month = periods.month_of(self.now_ms)
            self.came_back.append((self.owners[job_id], month, back))
        return done

    def some_job(self, number):
        """Mostly one that holds credits; else one that may have ended, or never was."""
        if self.jobs and number % 4:
            return list(self.jobs)[number % len(self.jobs)]
        return f"j{number % (self.number + 1)}"

    @rule(
        user_id=member,
        credits_=st.sampled_from([0, MONTHLY, 2 * MONTHLY]),
        months=st.sampled_from([0, 0, 1, -1]),
        from_allotment=st.booleans(),
        crash=crashes,
    )
    def refill(self, user_id, credits_, months, from_allotment, crash):
        self.now_ms = max(self.now_ms + months * MONTH_MS, 0)

        seen, refilled = self.months.get(user_id, (-1, 0))

        async def work(connection):
            account_id = await self.account(connection, user_id)
            before = (await ledger.balance(connection, account_id)).purses
            allotted = await ledger.allotment(connection, 1)
            await monthly.refill(
                connection,
                account_id,
                monthly=credits_,
                now_ms=self.now_ms,
                allotment_of=1 if from_allotment else None,
            )
            taken = allotted - await ledger.allotment(connection, 1)
            after = (await ledger.balance(connection, account_id)).purses
            change = after.get("monthly", 0) - before.get("monthly", 0)
            month = periods.month_of(self.now_ms)
            had = refilled if month == seen else 0
            due = max(credits_ - had, 0) if month >= seen else 0
            given = min(due, allotted) if from_allotment else due
            assert taken == (given if from_allotment else 0)
            if month > seen:
                came_back = sum(
                    back
                    for owner, when, back in self.came_back
                    if owner == user_id and when >= month
                )
                assert after.get("monthly", 0) == given + min(before.get("monthly", 0), came_back)
            else:
                assert change == given
            if month >= seen:
                self.months[user_id] = (month, had + given)
            return change, taken

        if done := self.do(work, crash):
            self.minted += done[0] - done[1]
        elif user_id in self.months:
            self.months[user_id] = (seen, refilled)

    @rule(amount=amounts, uses=st.integers(1, 3), by_owner=st.booleans(), crash=crashes)
    def create_code(self, amount, uses, by_owner, crash):
        async def work(connection):
            return await gift_codes.create(
                connection,
                guild_id=1,
                amount=amount,
                uses=uses,
                actor_id=9,
                by_owner=by_owner,
                now_ms=self.now_ms,
                expires_ms=self.now_ms + MONTH_MS,
            )

        if code := self.do(work, crash):
            self.made.append((code, by_owner))

    @rule(which=st.integers(0, 5), user_id=member, crash=crashes)
    def redeem(self, which, user_id, crash):
        code, by_owner = self.made[which % len(self.made)]

        async def work(connection):
            return await gift_codes.redeem(
                connection,
                guild_id=1,
                account_id=await self.account(connection, user_id),
                code=code,
                now_ms=self.now_ms,
            )

        amount = self.do(work, crash) or 0
        if by_owner:
            self.minted += amount

    @rule(amount=amounts, uses=st.integers(1, 3), by_owner=st.booleans(), crash=crashes)
    def grant_to_role(self, amount, uses, by_owner, crash):
        self.do(
            lambda connection: gift_codes.create(
                connection,
                guild_id=1,
                amount=amount,
                uses=uses,
                actor_id=9,
                by_owner=by_owner,
                now_ms=self.now_ms,
                expires_ms=self.now_ms + MONTH_MS,
                role_id=ROLE,
            ),
            crash,
        )

    @rule(user_id=member, role_ids=st.sampled_from([[], [ROLE], [ROLE + 1]]), crash=crashes)
    def take_what_a_role_got(self, user_id, role_ids, crash):
        async def work(connection):
            account_id = await self.account(connection, user_id)
            before = (await ledger.balance(connection, account_id)).available
            allotted = await self._allotted(connection, account_id)
            await gift_codes.take(
                connection, guild_id=1, account_id=account_id, role_ids=role_ids, now_ms=self.now_ms
            )
            got = (await ledger.balance(connection, account_id)).available - before
            allotted = await self._allotted(connection, account_id) - allotted
            assert 0 <= allotted <= got
            assert role_ids == [ROLE] or not got
            return got, allotted

        got, allotted = self.do(work, crash) or (0, 0)
        self.minted += got - allotted

    async def _allotted(self, connection, account_id):
        return await connection.scalar(
            sa.select(accounts.c.allotted).where(accounts.c.id == account_id)
        )

    @rule(code_id=st.integers(1, 6), crash=crashes)
    def delete_code(self, code_id, crash):
        self.do(lambda c: gift_codes.revoke(c, guild_id=1, code_id=code_id), crash)

    @invariant()
    def credits_are_conserved(self):
        if hasattr(self, "minted"):
            self.loop.run_until_complete(self._check())

    async def _check(self):
        async with self.database.read() as connection:
            available = await connection.scalar(sa.select(sa.func.sum(purses.c.available)))
            held = await connection.scalar(
                sa.select(sa.func.sum(holds.c.amount)).where(holds.c.state == "open")
            )
            in_codes = await connection.scalar(
                sa.select(sa.func.sum(codes_table.c.amount * codes_table.c.uses_left)).where(
                    codes_table.c.by_owner.is_(False)
                )
            )
            allotted = await connection.scalar(sa.select(guilds.c.allotment))
            lowest = await connection.scalar(sa.select(sa.func.min(purses.c.available)))
            assert await sums_agree(connection)
            await self._check_what_may_return(connection, allotted + (in_codes or 0))
        assert (held or 0) == sum(self.jobs.values())
        assert lowest >= 0
        assert allotted >= 0
        total = available + (held or 0) + (in_codes or 0) + allotted
        assert total == ALLOTMENT + self.minted - self.spent

    async def _check_what_may_return(self, connection, left):
        """What managers could give again is there, and never more than the owner let them give."""
        for account_id, allotted in await connection.execute(
            sa.select(accounts.c.id, accounts.c.allotted)
        ):
            granted = (await ledger.balance(connection, account_id)).purses.get("granted", 0)
            held = await connection.scalar(
                sa.select(-sa.func.sum(entries.c.amount))
                .join(holds, holds.c.job_id == entries.c.job_id)
                .where(
                    holds.c.account_id == account_id,
                    holds.c.state == "open",
                    entries.c.purse == "granted",
                )
            )
            assert 0 <= allotted <= granted + (held or 0)
            left += allotted
        assert left <= ALLOTMENT

    def teardown(self):
        if hasattr(self, "database"):
            self.loop.run_until_complete(self.database.close())
            self.loop.close()
            self.database.path.unlink()


def test_any_history_conserves_credits(tmp_path):
    async def create():
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")
        await database.start()
        await database.close()

    asyncio.run(create())
    History.folder = tmp_path
    run_state_machine_as_test(
        History,
        settings=settings(
            max_examples=2000 if os.environ.get("NIGHTLY") else 200,
            stateful_step_count=50 if os.environ.get("NIGHTLY") else 12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
