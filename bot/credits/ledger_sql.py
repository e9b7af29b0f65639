"""The ledger's statements that every job needs, built once: building takes longer than doing.

Values are given when they are executed, by the names of `bindparam`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Executable, bindparam, case, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.storage.tables import accounts, entries, holds, purses

_account = bindparam("of_account", type_=accounts.c.id.type)
_job = bindparam("of_job", type_=holds.c.job_id.type)

PURSES = (
    select(purses.c.kind, purses.c.available)
    .where(purses.c.account_id == _account)
    .with_for_update()
)
"""of_account: what each purse holds; nobody else changes them until the transaction ends."""

OPEN_PURSE: Mapping[str, Executable] = {
    name: own.insert(purses).on_conflict_do_nothing(index_elements=["account_id", "kind"])
    for name, own in (("sqlite", sqlite), ("postgresql", postgresql))
}
"""By the name of the dialect: a purse, where there is none of this kind yet."""

CHANGE_PURSE = (
    update(purses)
    .where(
        purses.c.account_id == _account,
        purses.c.kind == bindparam("of_kind"),
        purses.c.available >= -bindparam("change", type_=purses.c.available.type),
    )
    .values(available=purses.c.available + bindparam("change", type_=purses.c.available.type))
)
"""of_account, of_kind, change: changes no row where the purse holds too little."""

ENTER = insert(entries)
OPEN_HOLD = insert(holds)

CLOSE_HOLD = (
    update(holds)
    .where(
        holds.c.job_id == _job,
        holds.c.state == "open",
        holds.c.amount >= bindparam("cost", type_=holds.c.amount.type),
    )
    .values(state=bindparam("closed"), settled=bindparam("cost", type_=holds.c.amount.type))
    .returning(holds.c.account_id, holds.c.amount)
)
"""of_job, closed, cost: none where the hold is not open, or below the cost."""

HELD_OF = select(entries.c.purse, entries.c.amount).where(
    entries.c.job_id == _job, entries.c.kind == "hold"
)
"""of_job: what was taken from each purse, below zero."""

_granted = (
    select(-func.coalesce(func.sum(entries.c.amount), 0))
    .where(entries.c.job_id == _job, entries.c.purse == "granted")
    .scalar_subquery()
)
SPEND_ALLOTTED = (
    update(accounts)
    .where(accounts.c.id == _account, accounts.c.allotted > 0)
    .values(
        allotted=case((accounts.c.allotted > _granted, accounts.c.allotted - _granted), else_=0)
    )
)
"""of_account, of_job: of what the job cost in granted credits, the allotted ones go first."""
