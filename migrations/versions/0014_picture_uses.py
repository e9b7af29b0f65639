"""Whether a stored picture is used is found by its hash, without reading all pictures.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_images_sha256", "images", ["sha256"])
    op.create_index("ix_inputs_sha256", "inputs", ["sha256"])
    op.create_index("ix_films_sha256", "films", ["sha256"])
