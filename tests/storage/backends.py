"""The databases that the one suite runs on, each a fresh one, with a way in beside the store."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from bot.storage import SqlStore, connect

PATIENCE = timedelta(milliseconds=300)


class Backend(Protocol):
    """A migrated database of its own. ``several``: whether several processes may use it at once."""

    name: str
    url: str
    several: bool

    async def sql(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Runs a statement as somebody with a client would."""
        ...

    async def disarm(self) -> None:
        """Takes the guards off the audit trail."""
        ...


@dataclass
class Sqlite:
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
class Postgres:
    url: str
    name: str = "postgresql"
    several: bool = True

    async def sql(self, statement: str) -> Sequence[tuple[Any, ...]]:
        return await administer(self.url, statement)

    async def disarm(self) -> None:
        await self.sql("ALTER TABLE audit_events DISABLE TRIGGER USER")


async def administer(url: str, statement: str) -> Sequence[tuple[Any, ...]]:
    """Runs a statement on a PostgreSQL database."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def migrate(url: str) -> None:
    """Gives a database the schema."""
    store = await connect(url, migrate=True)
    await store.close()


@dataclass
class Stores:
    """Opens stores on one backend; the fixture closes them."""

    backend: Backend
    opened: list[SqlStore]

    async def open(self, *, patience: timedelta = PATIENCE) -> SqlStore:
        """Another store, as another process (or this one, started again) would open it."""
        store = await connect(self.backend.url, migrate=False, patience=patience)
        self.opened.append(store)
        return store

    async def replica(self) -> SqlStore:
        """Another replica's store; where there can't be one, the one there is."""
        return await self.open() if self.backend.several else self.opened[0]
