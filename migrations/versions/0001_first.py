"""Accounts, purses, entries and holds; jobs and their pictures; the rules that guard them.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


RULES = (
    ("entries_are_never_changed", "UPDATE ON entries", "", "entries are append-only"),
    ("entries_are_never_deleted", "DELETE ON entries", "", "entries are append-only"),
    (
        "holds_close_once",
        "UPDATE ON holds",
        "OLD.state <> 'open' OR NEW.amount <> OLD.amount OR NEW.account_id <> OLD.account_id",
        "a hold closes once and keeps its amount",
    ),
    ("holds_are_never_deleted", "DELETE ON holds", "", "holds are never deleted"),
    (
        "jobs_end_once",
        "UPDATE ON jobs",
        "OLD.outcome <> 'open' AND NEW.outcome <> OLD.outcome",
        "a job ends once",
    ),
    (
        "jobs_end_with_their_hold",
        "UPDATE ON jobs",
        (
            "OLD.outcome = 'open' AND NEW.outcome <> 'open' AND NOT EXISTS ("
            "SELECT 1 FROM holds WHERE holds.job_id = NEW.id AND holds.state = "
            "CASE NEW.outcome WHEN 'finished' THEN 'settled' ELSE 'released' END)"
        ),
        "a job and its hold end together",
    ),
    (
        "deliveries_end_once",
        "UPDATE ON jobs",
        "OLD.delivery IN ('posted', 'kept') AND NEW.delivery NOT IN ('posted', 'kept')",
        "a delivered job is not delivered again",
    ),
)


def add_rule(name: str, moment: str, condition: str, sentence: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        when = f"WHEN {condition} " if condition else ""
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {moment} FOR EACH ROW {when}"
            f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
        )
        return
    guard = f"IF {condition} THEN RAISE EXCEPTION '{sentence}'; END IF;"
    body = guard if condition else f"RAISE EXCEPTION '{sentence}';"
    row = "OLD" if moment.startswith("DELETE") else "NEW"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$rule$ BEGIN {body} RETURN {row}; END $rule$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {moment} FOR EACH ROW EXECUTE FUNCTION {name}()")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("guild_id", "user_id", name=op.f("uq_accounts_guild_id_user_id")),
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_facts")),
        comment="Small things the process remembers, such as the hash of the synced commands.",
    )
    op.create_table(
        "guilds",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("allotment", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("allotment >= 0", name=op.f("ck_guilds_allotment_not_negative")),
        sa.PrimaryKeyConstraint("guild_id", name=op.f("pk_guilds")),
        comment="What the owner lets the managers of each guild still grant.",
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.String(length=24), nullable=True),
        sa.Column("outcome", sa.String(length=16), server_default="open", nullable=False),
        sa.Column("delivery", sa.String(length=16), server_default="none", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stored_version", sa.Integer(), nullable=False),
        sa.Column("stored", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("progress_message_id", sa.BigInteger(), nullable=True),
        sa.Column("result_message_id", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(outcome = 'open') = (delivery = 'none')",
            name=op.f("ck_jobs_delivery_begins_with_the_outcome"),
        ),
        sa.CheckConstraint(
            "(outcome = 'open') = (ended_ms IS NULL)", name=op.f("ck_jobs_ended_with_the_outcome")
        ),
        sa.CheckConstraint(
            "delivery IN ('none', 'pending', 'posted', 'kept')", name=op.f("ck_jobs_delivery_known")
        ),
        sa.CheckConstraint(
            "outcome IN ('open', 'finished', 'failed', 'cancelled')",
            name=op.f("ck_jobs_outcome_known"),
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_jobs_attempts_not_negative")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_jobs_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["jobs.id"], name=op.f("fk_jobs_parent_id_jobs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_member", ["user_id", "guild_id", "created_ms"], unique=False)
        batch_op.create_index(
            "ix_jobs_unsettled",
            ["created_ms"],
            unique=False,
            sqlite_where=sa.text("outcome = 'open' OR delivery = 'pending'"),
            postgresql_where=sa.text("outcome = 'open' OR delivery = 'pending'"),
        )

    op.create_table(
        "purses",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("available", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('monthly', 'trial', 'granted')", name=op.f("ck_purses_kind_known")
        ),
        sa.CheckConstraint("available >= 0", name=op.f("ck_purses_available_not_negative")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_purses_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("account_id", "kind", name=op.f("pk_purses")),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("purse", sa.String(length=16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("job_id", sa.String(length=24), nullable=True),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(kind IN ('hold', 'return')) = (job_id IS NOT NULL)",
            name=op.f("ck_entries_job_with_its_hold"),
        ),
        sa.CheckConstraint(
            "(kind IN ('hold', 'revoke') AND amount < 0) OR "
            "(kind NOT IN ('hold', 'revoke') AND amount > 0)",
            name=op.f("ck_entries_sign_of_its_kind"),
        ),
        sa.CheckConstraint(
            "kind IN ('trial', 'grant', 'revoke', 'hold', 'return')",
            name=op.f("ck_entries_kind_known"),
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_entries_amount_not_zero")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_entries_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_entries_job_id_jobs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
        sa.UniqueConstraint("job_id", "kind", "purse", name=op.f("uq_entries_job_id_kind_purse")),
        comment="Append-only; a purse is the sum of its entries.",
    )
    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.create_index("ix_entries_account", ["account_id", "purse"], unique=False)
        batch_op.create_index(
            "uq_entries_one_trial",
            ["account_id"],
            unique=True,
            sqlite_where=sa.text("kind = 'trial'"),
            postgresql_where=sa.text("kind = 'trial'"),
        )

    op.create_table(
        "holds",
        sa.Column("job_id", sa.String(length=24), nullable=False),
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), server_default="open", nullable=False),
        sa.Column("settled", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "state = 'settled' OR settled = 0", name=op.f("ck_holds_only_settled_holds_cost")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'settled', 'released')", name=op.f("ck_holds_state_known")
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_holds_amount_not_negative")),
        sa.CheckConstraint(
            "settled >= 0 AND settled <= amount", name=op.f("ck_holds_settled_within_amount")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_holds_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_holds_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_holds")),
    )
    op.create_table(
        "images",
        sa.Column("job_id", sa.String(length=24), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_images_position_from_one")),
        sa.CheckConstraint(
            "seed >= 0 AND seed < 4294967296", name=op.f("ck_images_seed_of_32_bits")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_images_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_images")),
    )
    op.create_table(
        "inputs",
        sa.Column("job_id", sa.String(length=24), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_inputs_position_from_one")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_inputs_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_inputs")),
        comment="Pictures a job starts from, stored before the job is.",
    )
    for rule in RULES:
        add_rule(*rule)


def downgrade() -> None:
    for name, moment, _, _ in RULES:
        table = moment.rsplit(" ", 1)[1]
        if op.get_bind().dialect.name == "sqlite":
            op.execute(f"DROP TRIGGER {name}")
        else:
            op.execute(f"DROP TRIGGER {name} ON {table}")
            op.execute(f"DROP FUNCTION {name}")
    op.drop_table("inputs")
    op.drop_table("images")
    op.drop_table("holds")
    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_entries_one_trial",
            sqlite_where=sa.text("kind = 'trial'"),
            postgresql_where=sa.text("kind = 'trial'"),
        )
        batch_op.drop_index("ix_entries_account")

    op.drop_table("entries")
    op.drop_table("purses")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_jobs_unsettled",
            sqlite_where=sa.text("outcome = 'open' OR delivery = 'pending'"),
            postgresql_where=sa.text("outcome = 'open' OR delivery = 'pending'"),
        )
        batch_op.drop_index("ix_jobs_member")

    op.drop_table("jobs")
    op.drop_table("guilds")
    op.drop_table("facts")
    op.drop_table("accounts")
