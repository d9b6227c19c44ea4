"""Which emergencies are still to be reviewed."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table, and writes down what is owed already."""
    owed = op.create_table(
        "owed_reviews",
        sa.Column("operation_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operation_id", name=op.f("pk_owed_reviews")),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["operations.id"], name=op.f("fk_owed_reviews_operation_id")
        ),
    )
    operations = sa.table(
        "operations", sa.column("id"), sa.column("is_open", sa.Boolean()), sa.column("state")
    )
    ended = sa.select(operations).where(
        sa.not_(operations.c.is_open), operations.c.state.contains('"emergency":true')
    )
    found = op.get_bind().execute(ended).all()
    op.bulk_insert(owed, [{"operation_id": each.id} for each in found if _is_owed(each.state)])


def _is_owed(text: str) -> bool:
    try:
        state: dict[str, Any] = json.loads(text)
    except ValueError:
        return False  # a row that can't be read is left out everywhere
    return bool(state.get("emergency") and state.get("submissions")) and state.get("reviewed_by") is None
