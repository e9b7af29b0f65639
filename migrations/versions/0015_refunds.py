"""What a job cost is given back where its pictures are lost before anybody saw them.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_KINDS = (
    "kind IN ('trial', 'grant', 'revoke', 'hold', 'return', 'refund', 'monthly', 'expire', "
    "'give', 'receive', 'redeem')"
)
_JOBS = "(kind IN ('hold', 'return', 'refund')) = (job_id IS NOT NULL)"
_SIGNS = "(kind IN ('hold', 'revoke', 'expire', 'give')) = (amount < 0)"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_entries()
        return
    op.drop_constraint("ck_entries_kind_known", "entries")
    op.drop_constraint("ck_entries_job_with_its_hold", "entries")
    op.create_check_constraint(op.f("ck_entries_kind_known"), "entries", _KINDS)
    op.create_check_constraint(op.f("ck_entries_job_with_its_hold"), "entries", _JOBS)


def _rebuild_entries() -> None:
    """SQLite cannot change a CHECK: a new table, with the same rows, indexes and triggers."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.execute("ALTER TABLE entries RENAME TO entries_before")
    op.create_table(
        "entries",
        sa.Column("id", number, nullable=False),
        sa.Column("account_id", number, nullable=False),
        sa.Column("purse", sa.String(length=16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("job_id", sa.String(length=24), nullable=True),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_entries_amount_not_zero")),
        sa.CheckConstraint(_KINDS, name=op.f("ck_entries_kind_known")),
        sa.CheckConstraint(_JOBS, name=op.f("ck_entries_job_with_its_hold")),
        sa.CheckConstraint(_SIGNS, name=op.f("ck_entries_sign_of_its_kind")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_entries_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_entries_job_id_jobs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
        sa.UniqueConstraint("job_id", "kind", "purse", name=op.f("uq_entries_job_id_kind_purse")),
        comment="Append-only; a purse is the sum of its entries.",
    )
    op.execute(
        "INSERT INTO entries (id, account_id, purse, amount, kind, job_id, actor_id, created_ms) "
        "SELECT id, account_id, purse, amount, kind, job_id, actor_id, created_ms "
        "FROM entries_before"
    )
    op.execute("DROP TABLE entries_before")  # with its indexes and triggers
    op.create_index(
        "uq_entries_one_trial",
        "entries",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'trial'"),
    )
    op.create_index("ix_entries_statement", "entries", ["account_id", "id"])
    for name, moment in (
        ("entries_are_never_changed", "UPDATE"),
        ("entries_are_never_deleted", "DELETE"),
    ):
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {moment} ON entries FOR EACH ROW "
            f"BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END"
        )
