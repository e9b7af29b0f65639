"""What was made here, by its bytes and by how it looks.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "picture_hashes",
        sa.Column("job_id", sa.String(length=24), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        *(sa.Column(f"band_{number}", sa.Integer(), nullable=True) for number in (1, 2, 3, 4)),
        sa.Column("colours", sa.LargeBinary(length=192), nullable=True),
        sa.CheckConstraint(
            "position IS NULL OR position >= 1", name=op.f("ck_picture_hashes_position_from_one")
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_picture_hashes_job_id_jobs")
        ),
        sa.PrimaryKeyConstraint("job_id", "sha256", name=op.f("pk_picture_hashes")),
        comment="Files that were made here, stored or posted, and how they look.",
    )
    op.create_index("ix_picture_hashes_sha256", "picture_hashes", ["sha256"])
    for number in (1, 2, 3, 4):
        op.create_index(f"ix_picture_hashes_band_{number}", "picture_hashes", [f"band_{number}"])
    # Older pictures are known by their bytes alone.
    op.execute(
        "INSERT INTO picture_hashes (job_id, sha256, position) "
        "SELECT job_id, sha256, MIN(position) FROM images GROUP BY job_id, sha256"
    )
    op.execute("INSERT INTO picture_hashes (job_id, sha256) SELECT job_id, sha256 FROM films")
