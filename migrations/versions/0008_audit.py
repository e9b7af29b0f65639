"""What who manages a server did.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SENTENCE = "the audit is append-only"


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        comment="Append-only: what who manages a server did, each line in the action's "
        "transaction.",
    )
    op.create_index("ix_audit_guild_id_id", "audit", ["guild_id", "id"])
    for name, moment in (
        ("audit_is_never_changed", "UPDATE"),
        ("audit_is_never_deleted", "DELETE"),
    ):
        _add_rule(name, moment)


def _add_rule(name: str, moment: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {moment} ON audit FOR EACH ROW "
            f"BEGIN SELECT RAISE(ABORT, '{_SENTENCE}'); END"
        )
        return
    row = "OLD" if moment == "DELETE" else "NEW"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$rule$ BEGIN RAISE EXCEPTION '{_SENTENCE}'; RETURN {row}; END $rule$"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {moment} ON audit FOR EACH ROW EXECUTE FUNCTION {name}()"
    )
