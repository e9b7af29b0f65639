"""Pictures that members marked as favourites.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "favourites",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(length=24), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("position >= 0", name=op.f("ck_favourites_position_not_negative")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_favourites_job_id_jobs")),
        sa.PrimaryKeyConstraint("user_id", "job_id", "position", name=op.f("pk_favourites")),
        comment="What members marked: one picture of a job, or 0 for all of them.",
    )
    op.create_index("ix_favourites_member", "favourites", ["user_id", "created_ms"])
