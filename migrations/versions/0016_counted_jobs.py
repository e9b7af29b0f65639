"""What is asked of very many jobs stands in an index, apart from their long texts.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_jobs_guild", "jobs")
    op.create_index(
        "ix_jobs_guild", "jobs", ["guild_id", "created_ms", "user_id", "outcome", "gpu_ms", "id"]
    )
    op.drop_index("ix_jobs_member_anywhere", "jobs")
    op.create_index(
        "ix_jobs_member_anywhere", "jobs", ["user_id", "created_ms", "outcome", "delivery"]
    )
    op.drop_index("ix_jobs_member", "jobs")
    op.create_index("ix_jobs_member", "jobs", ["user_id", "guild_id", "created_ms", "id"])
    unsettled = sa.text("outcome = 'open' OR delivery = 'pending'")
    op.drop_index("ix_jobs_unsettled", "jobs")
    op.create_index(
        "ix_jobs_unsettled",
        "jobs",
        ["created_ms", "user_id", "outcome", "id"],
        sqlite_where=unsettled,
        postgresql_where=unsettled,
    )
