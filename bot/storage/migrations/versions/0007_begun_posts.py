"""When a post was begun of which nobody knows whether it was made: it is looked for around that time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.tables import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; of what is in doubt already nobody wrote down when it was begun."""
    op.add_column("messages", sa.Column("begun_at", Instant()))
