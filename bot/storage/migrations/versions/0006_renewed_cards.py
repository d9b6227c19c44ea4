"""When a card shows something else though nothing has happened to its operation: what holds it comes and goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.tables import EPOCH, Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; the cards of what waits are renewed once, as something may hold it already."""
    op.add_column("messages", sa.Column("renew_at", Instant()))
    op.add_column("messages", sa.Column("renewals", sa.Integer(), server_default="0", nullable=False))
    messages = sa.table(
        "messages",
        sa.column("operation_id"),
        sa.column("kind"),
        sa.column("done_at"),
        sa.column("renew_at", Instant()),
    )
    operations = sa.table("operations", sa.column("id"), sa.column("status"))
    waiting = sa.select(operations.c.id).where(operations.c.status.in_(["awaiting_approval", "scheduled"]))
    cards = messages.c.kind == "card", messages.c.done_at.is_(None), messages.c.operation_id.in_(waiting)
    op.execute(sa.update(messages).where(*cards).values(renew_at=EPOCH))
