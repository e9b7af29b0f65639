"""How long the device drew each job.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in batch mode: SQLite would build the table anew and lose its triggers.
    op.execute("ALTER TABLE jobs ADD COLUMN gpu_ms BIGINT")
    op.create_index("ix_jobs_guild", "jobs", ["guild_id", "created_ms"])
