"""The Home tabs that people have opened lately, and what the clouds said last of each database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()


def upgrade() -> None:
    """Makes both tables."""
    op.create_table(
        "homes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("looked_at", INSTANT, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("claimed_from", INSTANT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_homes")),
    )
    op.create_table(
        "readings",
        sa.Column("database", sa.Text(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("reading", sa.Text()),
        sa.PrimaryKeyConstraint("database", name=op.f("pk_readings")),
    )
