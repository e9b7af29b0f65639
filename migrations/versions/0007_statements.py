"""Monthly credits, gifts between members, gift codes, trials that wait for an account's age.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KINDS = (
    "kind IN ('trial', 'grant', 'revoke', 'hold', 'return', 'monthly', 'expire', 'give', "
    "'receive', 'redeem')"
)
_SIGNS = "(kind IN ('hold', 'revoke', 'expire', 'give')) = (amount < 0)"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.execute("ALTER TABLE accounts ADD COLUMN refilled_month INTEGER DEFAULT '0' NOT NULL")
    op.execute("ALTER TABLE accounts ADD COLUMN refilled BIGINT DEFAULT '0' NOT NULL")
    op.execute("ALTER TABLE accounts ADD COLUMN trial_due_ms BIGINT")
    op.execute("ALTER TABLE accounts ADD COLUMN allotted BIGINT DEFAULT '0' NOT NULL")
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_entries(number)
    else:
        op.drop_constraint("ck_entries_kind_known", "entries")
        op.drop_constraint("ck_entries_sign_of_its_kind", "entries")
        op.create_check_constraint(op.f("ck_entries_kind_known"), "entries", _KINDS)
        op.create_check_constraint(op.f("ck_entries_sign_of_its_kind"), "entries", _SIGNS)
        op.drop_index("ix_entries_account", "entries")
    op.create_index("ix_entries_statement", "entries", ["account_id", "id"])
    op.create_table(
        "gift_codes",
        sa.Column("id", number, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("by_owner", sa.Boolean(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_gift_codes_amount_positive")),
        sa.CheckConstraint("uses_left >= 0", name=op.f("ck_gift_codes_uses_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gift_codes")),
        sa.UniqueConstraint("sha256", name=op.f("uq_gift_codes_sha256")),
        comment="Known by their hash alone. What is left of one that no owner made is still "
        "allotted.",
    )
    op.create_index("ix_gift_codes_guild_id", "gift_codes", ["guild_id"])
    op.create_table(
        "redemptions",
        sa.Column("code_id", number, nullable=False),
        sa.Column("account_id", number, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["code_id"], ["gift_codes.id"], name=op.f("fk_redemptions_code_id_gift_codes")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_redemptions_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("code_id", "account_id", name=op.f("pk_redemptions")),
        comment="Who redeemed which gift code; each member once.",
    )


def _rebuild_entries(number: sa.types.TypeEngine[int]) -> None:
    """SQLite cannot change a CHECK: a new table, with the same rows, index and triggers."""
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
        sa.CheckConstraint(
            "(kind IN ('hold', 'return')) = (job_id IS NOT NULL)",
            name=op.f("ck_entries_job_with_its_hold"),
        ),
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
    for name, moment in (
        ("entries_are_never_changed", "UPDATE"),
        ("entries_are_never_deleted", "DELETE"),
    ):
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {moment} ON entries FOR EACH ROW "
            f"BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END"
        )
