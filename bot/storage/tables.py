"""The tables. The migrations make them; a test holds the two together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeDecorator

REVISION = "0007"  # the newest migration; what this code reads and writes

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """A point in time as microseconds since 1970 UTC: orders and compares the same on every engine."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + value * MICROSECOND


RowId = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts by itself on SQLite

operations = Table(
    "operations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("database", Text, nullable=False),
    Column("shard", Text, nullable=False),  # "" for none: NULLs would not exclude each other
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("due_at", Instant),  # NULL: nothing is due
    Column("claimed_from", Instant),  # what due_at was before the present claim; NULL: not claimed
    Column("state", Text, nullable=False),
)
Index(
    "uq_operations_open",
    operations.c.database,
    operations.c.shard,
    unique=True,
    sqlite_where=operations.c.is_open,
    postgresql_where=operations.c.is_open,
)
Index(
    "ix_operations_due_at",
    operations.c.due_at,
    sqlite_where=operations.c.due_at.is_not(None),
    postgresql_where=operations.c.due_at.is_not(None),
)
Index("ix_operations_requested_at", operations.c.requested_at)

# Of which chooser an operation was made: one row each, so that one chooser makes one.
choices = Table(
    "choices",
    metadata,
    Column("delivery", BigInteger, primary_key=True, autoincrement=False),
    Column("asked_at", Instant, primary_key=True, autoincrement=False),
    Column("operation_id", Text, ForeignKey("operations.id"), nullable=False),
)

# What was done without approvals and is still to be reviewed: few of very many, so a table of its own.
owed_reviews = Table(
    "owed_reviews",
    metadata,
    Column("operation_id", Text, ForeignKey("operations.id"), primary_key=True),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("stream", Text, nullable=False),  # "operation", "hold" or "configuration"
    Column("operation_id", Text),
    Column("version", Integer),
    Column("type", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("operation_id", "version"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

# What is in force of what people set by hand; how it came about is in the trail.
holds = Table(
    "holds",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),  # the row of the trail that set it
    Column("since", Instant, nullable=False),
    Column("until", Instant),  # NULL: until somebody lifts it
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("dedupe_key", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("claimed_from", Instant),
    Column("attempts", Integer, nullable=False),
    Column("done_at", Instant),
    UniqueConstraint("dedupe_key"),
)
Index(
    "ix_inbox_due_at",
    inbox.c.due_at,
    sqlite_where=inbox.c.done_at.is_(None),
    postgresql_where=inbox.c.done_at.is_(None),
)

# A table of its own: one payload may arrive under several signatures, and each of them counts once.
inbox_signatures = Table(
    "inbox_signatures",
    metadata,
    Column("signature", Text, primary_key=True),
    Column("received_at", Instant, nullable=False),
)
Index("ix_inbox_signatures_received_at", inbox_signatures.c.received_at)

messages = Table(
    "messages",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("operation_id", Text, ForeignKey("operations.id")),
    Column("status", Text, nullable=False),  # of a reply; a card's is its operation's
    Column("say", Text),
    Column("to", Text),
    Column("answer", Text),
    Column("channel", Text, nullable=False),
    Column("thread", Text),  # of the request; where a card is in the channel itself, replies take its ts
    Column("ts", Text, nullable=False),
    Column("uncertain", Boolean, nullable=False),
    Column("posted_version", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("owed_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("claimed_from", Instant),
    Column("done_at", Instant),  # it will never be owed again
    Column("renew_at", Instant),  # from when a card shows something else, though at the same version
    Column("renewals", Integer, nullable=False, server_default="0"),  # how often that was said
    Column("begun_at", Instant),  # when the post in doubt was begun; NULL: none is, or it was not said when
    UniqueConstraint("operation_id", "key"),
)
Index(
    "ix_messages_due_at",
    messages.c.due_at,
    sqlite_where=messages.c.done_at.is_(None),
    postgresql_where=messages.c.done_at.is_(None),
)

_of_no_operation = text("operation_id IS NULL AND kind = 'audit'")
Index(  # NULLs would not exclude each other in the constraint above
    "uq_messages_notice",
    messages.c.key,
    unique=True,
    sqlite_where=_of_no_operation,
    postgresql_where=_of_no_operation,
)

# The Home tabs that people have opened lately, under their users' ids.
homes = Table(
    "homes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("team", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("looked_at", Instant, nullable=False),  # when it was last brought up to date
    Column("seq", BigInteger, nullable=False),  # the row of the trail that it takes in, with all before
    Column("shown", Text, nullable=False),  # the digest of what Slack shows, "": not known
    Column("due_at", Instant, nullable=False),
    Column("claimed_from", Instant),
)

# What the clouds said last of each database, for whoever looks at a Home tab.
readings = Table(
    "readings",
    metadata,
    Column("database", Text, primary_key=True),
    Column("asked_at", Instant, nullable=False),  # when somebody last began to read it
    Column("reading", Text),
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("beats", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

schema_version = text("SELECT version_num FROM alembic_version")


def insert_new(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insertion that leaves out the rows whose unique key is there already."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
