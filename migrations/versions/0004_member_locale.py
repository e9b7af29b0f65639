"""The language of who ordered a job, for what they are told by direct message.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in batch mode: SQLite would build the table anew and lose its triggers.
    op.execute("ALTER TABLE jobs ADD COLUMN member_locale VARCHAR(16) DEFAULT 'en' NOT NULL")
    op.execute("UPDATE jobs SET member_locale = locale")
