"""Plans of roles, and quotas of members and roles.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("folded", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.BigInteger(), nullable=False),
        sa.Column("monthly", sa.BigInteger(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=True),
        sa.Column("queued", sa.Integer(), nullable=True),
        sa.Column("batch", sa.Integer(), nullable=True),
        sa.Column("fast", sa.Boolean(), nullable=False),
        sa.Column("relax", sa.Boolean(), nullable=False),
        sa.Column("turbo", sa.Boolean(), nullable=False),
        sa.Column("relax_free", sa.Boolean(), nullable=False),
        sa.Column("models", sa.Text(), nullable=False),
        sa.Column("price_percent", sa.Integer(), nullable=False),
        sa.Column("side_px", sa.Integer(), nullable=True),
        sa.Column("steps", sa.Integer(), nullable=True),
        sa.CheckConstraint("monthly >= 0", name=op.f("ck_plans_monthly_not_negative")),
        sa.CheckConstraint("price_percent > 0", name=op.f("ck_plans_price_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("guild_id", "folded", name=op.f("uq_plans_guild_id_folded")),
        comment="What members with a role may do and get; see plan_roles. NULL: no limit of its "
        "own.",
    )
    op.create_table(
        "plan_roles",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("role_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["plans.id"], name=op.f("fk_plan_roles_plan_id_plans")
        ),
        sa.PrimaryKeyConstraint("guild_id", "role_id", name=op.f("pk_plan_roles")),
        comment="The plan of each role; the role of everybody has its server's id.",
    )
    op.create_table(
        "quotas",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("is_role", sa.Boolean(), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_quotas_amount_not_negative")),
        sa.CheckConstraint("period IN ('day', 'month')", name=op.f("ck_quotas_period_known")),
        sa.PrimaryKeyConstraint("guild_id", "subject_id", "period", name=op.f("pk_quotas")),
        comment="How much a member, or each member with a role, may spend in a period.",
    )
