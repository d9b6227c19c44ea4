"""Freezes and halts set by hand, lines of the audit channel that are of no operation, whole requests in choosers."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()


def upgrade() -> None:
    """Makes the table of holds and the key of notices, and rewrites answers of a shape that is no more."""
    op.create_table(
        "holds",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "scope", name=op.f("pk_holds")),
    )
    notice = sa.text("operation_id IS NULL AND kind = 'audit'")
    op.create_index(
        op.f("uq_messages_notice"),
        "messages",
        ["key"],
        unique=True,
        sqlite_where=notice,
        postgresql_where=notice,
    )
    _rewrite_choosers()


def _rewrite_choosers() -> None:
    """A chooser holds the whole request that it is about, not three words of it."""
    messages = sa.table("messages", sa.column("id"), sa.column("answer"))
    choosers = sa.select(messages).where(messages.c.answer.contains('"type":"choose_node"'))
    connection = op.get_bind()
    for row in connection.execute(choosers).all():
        answer = json.loads(row.answer)
        answer["request"] = {key: answer.pop(key) for key in ("database", "shard", "reason")}
        connection.execute(
            sa.update(messages)
            .where(messages.c.id == row.id)
            .values(answer=json.dumps(answer, sort_keys=True, separators=(",", ":")))
        )
