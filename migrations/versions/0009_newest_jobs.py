"""A member's newest jobs, in all servers or in one channel, are found without reading the others.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_jobs_member_anywhere", "jobs", ["user_id", "created_ms"])
    op.create_index("ix_jobs_member_channel", "jobs", ["user_id", "channel_id", "created_ms"])
