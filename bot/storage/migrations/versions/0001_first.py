"""The first schema: operations, their audit trail, the inbox, what Slack is owed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()


def upgrade() -> None:
    """Makes every table, the two rows that are always there, and the guards of the trail."""
    _operations()
    _audit()
    _inbox()
    _messages()
    op.create_table(
        "heartbeat",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_heartbeat_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heartbeat")),
    )
    op.execute("INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '')")
    op.execute("INSERT INTO heartbeat (id, beats) VALUES (1, 0)")
    if op.get_context().dialect.name == "postgresql":
        _guards_postgresql()
    else:
        _guards_sqlite()


def _partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(
        op.f(name),
        table,
        columns,
        unique=unique,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("database", sa.Text(), nullable=False),
        sa.Column("shard", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("due_at", INSTANT),
        sa.Column("claimed_from", INSTANT),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operations")),
    )
    _partial_index("uq_operations_open", "operations", ["database", "shard"], "is_open", unique=True)
    _partial_index("ix_operations_due_at", "operations", ["due_at"], "due_at IS NOT NULL")
    op.create_index(op.f("ix_operations_requested_at"), "operations", ["requested_at"])


def _audit() -> None:
    op.create_table(
        "audit_events",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("operation_id", sa.Text()),
        sa.Column("version", sa.Integer()),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_events")),
        sa.UniqueConstraint("operation_id", "version", name=op.f("uq_audit_events_operation_id_version")),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("claimed_from", INSTANT),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_inbox_dedupe_key")),
    )
    _partial_index("ix_inbox_due_at", "inbox", ["due_at"], "done_at IS NULL")
    op.create_table(
        "inbox_signatures",
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("signature", name=op.f("pk_inbox_signatures")),
    )
    op.create_index(op.f("ix_inbox_signatures_received_at"), "inbox_signatures", ["received_at"])


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("operation_id", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("say", sa.Text()),
        sa.Column("to", sa.Text()),
        sa.Column("answer", sa.Text()),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text()),
        sa.Column("ts", sa.Text(), nullable=False),
        sa.Column("uncertain", sa.Boolean(), nullable=False),
        sa.Column("posted_version", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("owed_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("claimed_from", INSTANT),
        sa.Column("done_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("operation_id", "key", name=op.f("uq_messages_operation_id_key")),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name=op.f("fk_messages_operation_id")),
    )
    _partial_index("ix_messages_due_at", "messages", ["due_at"], "done_at IS NULL")


def _guards_sqlite() -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_events_no_{verb.lower()} BEFORE {verb} ON audit_events "
            "BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END"
        )


def _guards_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit_events is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()"
    )
