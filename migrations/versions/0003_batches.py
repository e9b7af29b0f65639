"""Jobs that were ordered together.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ENDED = "OLD.delivery IN ('posted', 'kept') AND NEW.delivery NOT IN ('posted', 'kept')"
_SENTENCE = "a batch ends once"


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("delivery", sa.String(length=16), server_default="none", nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "delivery IN ('none', 'pending', 'posted', 'kept')",
            name=op.f("ck_batches_delivery_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        comment="Jobs that were ordered together, and the message that shows them all.",
    )
    unsettled = sa.text("delivery IN ('none', 'pending')")
    op.create_index(
        "ix_batches_unsettled",
        "batches",
        ["created_ms"],
        sqlite_where=unsettled,
        postgresql_where=unsettled,
    )
    op.create_index("ix_batches_message_id", "batches", ["message_id"])
    # Not in batch mode: SQLite would build the table anew and lose its triggers.
    op.execute(
        "ALTER TABLE jobs ADD COLUMN batch_id VARCHAR(24) "
        "CONSTRAINT fk_jobs_batch_id_batches REFERENCES batches (id)"
    )
    in_one = sa.text("batch_id IS NOT NULL")
    op.create_index(
        "ix_jobs_batch_id", "jobs", ["batch_id"], sqlite_where=in_one, postgresql_where=in_one
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER batches_end_once BEFORE UPDATE ON batches FOR EACH ROW WHEN {_ENDED} "
            f"BEGIN SELECT RAISE(ABORT, '{_SENTENCE}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION batches_end_once() RETURNS trigger LANGUAGE plpgsql AS $rule$ "
        f"BEGIN IF {_ENDED} THEN RAISE EXCEPTION '{_SENTENCE}'; END IF; RETURN NEW; END $rule$"
    )
    op.execute(
        "CREATE TRIGGER batches_end_once BEFORE UPDATE ON batches FOR EACH ROW "
        "EXECUTE FUNCTION batches_end_once()"
    )
