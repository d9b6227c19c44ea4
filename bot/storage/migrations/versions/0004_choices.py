"""Of which chooser each operation was made."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def upgrade() -> None:
    """Makes the table, and writes down the choices that operations were made of: their choosers may still be open."""
    choices = op.create_table(
        "choices",
        sa.Column("delivery", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asked_at", INSTANT, autoincrement=False, nullable=False),
        sa.Column("operation_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("delivery", "asked_at", name=op.f("pk_choices")),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name=op.f("fk_choices_operation_id")),
    )
    operations = sa.table("operations", sa.column("id"), sa.column("state"))
    chosen = sa.select(operations).where(operations.c.state.contains('"choice":{'))
    rows = [_row(each.id, json.loads(each.state)["choice"]) for each in op.get_bind().execute(chosen)]
    op.bulk_insert(choices, rows)


def _row(operation_id: str, choice: dict[str, Any]) -> dict[str, Any]:
    asked_at = (datetime.fromisoformat(choice["asked_at"]) - EPOCH) // timedelta(microseconds=1)
    return {"delivery": choice["delivery"], "asked_at": asked_at, "operation_id": operation_id}
