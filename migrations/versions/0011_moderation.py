"""Word rules, verdicts with their appeals, members' standings; pictures that were blurred.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    sqlite = op.get_bind().dialect.name == "sqlite"
    default = "0" if sqlite else "false"
    op.execute(f"ALTER TABLE images ADD COLUMN blurred BOOLEAN DEFAULT {default} NOT NULL")
    op.create_table(
        "word_rules",
        sa.Column("id", number, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("phrase", sa.Text(), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "level IN ('block', 'warn', 'spoiler', 'allow')", name=op.f("ck_word_rules_level_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_word_rules")),
        sa.UniqueConstraint("guild_id", "key", name=op.f("uq_word_rules_guild_id_key")),
        comment="Phrases that a server's managers added to the starter list.",
    )
    op.create_table(
        "verdicts",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("phrase", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("prompt_sha256", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=24), nullable=True),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("appeal", sa.String(length=16), server_default="none", nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('words', 'result', 'upload')", name=op.f("ck_verdicts_kind_known")
        ),
        sa.CheckConstraint(
            "appeal IN ('none', 'pending', 'approved', 'denied')",
            name=op.f("ck_verdicts_appeal_known"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_verdicts_job_id_jobs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
        comment="What the rules found in members' texts and pictures, and what became of appeals.",
    )
    op.create_index("ix_verdicts_member", "verdicts", ["user_id", "guild_id", "created_ms"])
    op.create_table(
        "standings",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("blocked_until_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("blocked_by", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("strikes_from_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rules_sha256", sa.String(length=64), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "user_id", name=op.f("pk_standings")),
        comment="Who may not order for now and why, and which rules a member has accepted.",
    )
