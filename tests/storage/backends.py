"""What the one suite runs on, each fresh, with a way in beside the store."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import asyncpg
import pytest

from bot.ports import Storage
from bot.storage import SqlStore, connect
from tests.storage.disk import Disk
from tests.storage.memory import MemoryStore

PATIENCE = timedelta(milliseconds=300)
EVERYWHERE = pytest.mark.parametrize("backend", ["sqlite", "postgresql", "memory"], indirect=True)
"""Marks what holds of every store, the one in memory included."""


@dataclass(frozen=True, slots=True)
class OwedOnce:
    """A message that is owed or was."""

    id: int
    kind: str
    key: str
    status: str
    operation: str | None


class Ground(Protocol):
    """Where stores keep what they record. ``several``: whether several processes may use it at once."""

    name: str
    several: bool

    async def open(self, *, patience: timedelta, audit_channel: str) -> Storage:
        """A process's store."""
        ...

    async def messages(self) -> Sequence[OwedOnce]:
        """Every message there is, the oldest first."""
        ...


class Backend(Ground, Protocol):
    """A migrated database of its own."""

    url: str

    async def sql(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Runs a statement as somebody with a client would."""
        ...

    async def disarm(self) -> None:
        """Takes the guards off the audit trail."""
        ...


class _Sql:
    """What is the same on every database."""

    url: str

    async def open(self, *, patience: timedelta, audit_channel: str) -> SqlStore:
        return await connect(self.url, migrate=False, patience=patience, audit_channel=audit_channel)

    async def sql(self, statement: str) -> Sequence[tuple[Any, ...]]:
        raise NotImplementedError

    async def messages(self) -> Sequence[OwedOnce]:
        rows = await self.sql("SELECT id, kind, key, status, operation_id FROM messages ORDER BY id")
        return [OwedOnce(*row) for row in rows]


@dataclass
class Sqlite(_Sql):
    url: str
    path: Path
    name: str = "sqlite"
    several: bool = False

    async def sql(self, statement: str) -> Sequence[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()

    async def disarm(self) -> None:
        for verb in ("update", "delete"):
            await self.sql(f"DROP TRIGGER audit_events_no_{verb}")


@dataclass
class Postgres(_Sql):
    url: str
    name: str = "postgresql"
    several: bool = True

    async def sql(self, statement: str) -> Sequence[tuple[Any, ...]]:
        return await administer(self.url, statement)

    async def disarm(self) -> None:
        await self.sql("ALTER TABLE audit_events DISABLE TRIGGER USER")


@dataclass
class Memory:
    """No database at all."""

    disk: Disk = field(default_factory=Disk)
    name: str = "memory"
    several: bool = True

    async def open(self, *, patience: timedelta, audit_channel: str) -> Storage:
        return MemoryStore(self.disk, audit_channel=audit_channel)

    async def messages(self) -> Sequence[OwedOnce]:
        return [
            OwedOnce(row.id, row.kind, row.key, row.status, row.operation_id)
            for row in self.disk.messages.values()
        ]


async def administer(url: str, statement: str) -> Sequence[tuple[Any, ...]]:
    """Runs a statement on a PostgreSQL database."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def set_clock(url: str, ahead: timedelta) -> None:
    """Has the clock of a PostgreSQL database show another time, to all who connect from now on.

    A function of ours is found before the server's own.
    """
    name = urlsplit(url).path.strip("/")
    shown = f"pg_catalog.clock_timestamp() + make_interval(secs => {ahead.total_seconds()})"
    for statement in (
        "CREATE SCHEMA another",
        f"CREATE FUNCTION another.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT {shown}'",
        f"ALTER DATABASE {name} SET search_path = another, pg_catalog, public",
    ):
        await administer(url, statement)


async def migrate(url: str) -> None:
    """Gives a database the schema."""
    store = await connect(url, migrate=True)
    await store.close()


@dataclass
class Stores:
    """Opens stores in one place; the fixture closes them."""

    backend: Ground
    opened: list[Storage]

    async def open(self, *, patience: timedelta = PATIENCE, audit_channel: str = "") -> Storage:
        """Another store, as another process (or this one, started again) would open it."""
        store = await self.backend.open(patience=patience, audit_channel=audit_channel)
        self.opened.append(store)
        return store

    async def replica(self) -> Storage:
        """Another replica's store; where there can't be one, the one there is."""
        return await self.open() if self.backend.several else self.opened[0]
