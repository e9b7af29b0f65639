"""Which job each message shows; texts and films; the resolved order; preferences.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(length=24), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "role IN ('progress', 'grid', 'single', 'film', 'text', 'refusal')",
            name=op.f("ck_messages_role_known"),
        ),
        sa.CheckConstraint(
            "position IS NULL OR position >= 1", name=op.f("ck_messages_position_from_one")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_messages_job_id_jobs")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_messages")),
        comment="Which job every message of ours shows, and which picture if it is one.",
    )
    op.create_index("ix_messages_job_id", "messages", ["job_id"])
    op.create_table(
        "texts",
        sa.Column("job_id", sa.String(length=24), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_texts_position_from_one")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_texts_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_texts")),
        comment="What a job said: suggested prompts, or words with their weights.",
    )
    op.create_table(
        "films",
        sa.Column("job_id", sa.String(length=24), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_films_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_films")),
        comment="The animated picture of a job that kept the frames of its making.",
    )
    op.create_table(
        "preferences",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "user_id", "name", name=op.f("pk_preferences")),
        comment="What members set; user_id 0 is what a server's managers set for all of it.",
    )
    # A failed job's sentence was edited into its progress message: the same id twice, kept once.
    op.execute(
        "INSERT INTO messages (message_id, channel_id, job_id, role, position) "
        "SELECT result_message_id, channel_id, id, "
        "CASE outcome WHEN 'finished' THEN 'grid' ELSE 'refusal' END, NULL "
        "FROM jobs WHERE result_message_id IS NOT NULL"
    )
    op.execute(
        "INSERT INTO messages (message_id, channel_id, job_id, role, position) "
        "SELECT progress_message_id, channel_id, id, 'progress', NULL FROM jobs "
        "WHERE progress_message_id IS NOT NULL AND progress_message_id NOT IN "
        "(SELECT message_id FROM messages)"
    )
    # Not in batch mode: SQLite would build the table anew and lose its triggers.
    op.execute("ALTER TABLE jobs DROP COLUMN progress_message_id")
    op.execute("ALTER TABLE jobs DROP COLUMN result_message_id")
    op.execute("ALTER TABLE jobs ADD COLUMN resolved TEXT DEFAULT '{}' NOT NULL")
    op.execute("ALTER TABLE jobs ADD COLUMN locale VARCHAR(16) DEFAULT 'en' NOT NULL")
