"""When a card shows something else though nothing has happened to its operation: what holds it comes and goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.tables import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; a card that waits already is renewed when its operation or what holds it changes next."""
    op.add_column("messages", sa.Column("renew_at", Instant()))
    op.add_column("messages", sa.Column("renewals", sa.Integer(), server_default="0", nullable=False))
