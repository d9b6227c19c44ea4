"""SQLite without threads: every statement is done when it returns, and a commit tells the process it belongs to.

The real store with its real SQL runs on it. Its engines outlive a process's life, as compiled statements are
dear; what belongs to a life are its connections and the lock on the file.
"""

from __future__ import annotations

import shutil
import sqlite3
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import event
from sqlalchemy.util.concurrency import await_

from bot.storage import SqlStore
from bot.storage.codec import warm_up
from bot.storage.engine import Database, Engines, LockedFile, open_database
from tests.simulation.life import Failing
from tests.storage.looks import SqliteLook
from tests.storage.memory import Process, for_ever


@dataclass
class Session:
    """What one life of the process has of the database.

    Attributes:
        process: Whose it is.
        connections: The open ones, to be cut off when the process dies.
        records: What the pools know of them.
    """

    process: Process
    connections: list[Connection] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)


class Cursor(sqlite3.Cursor):
    """A cursor whose rows are all read when a statement returns, as the real driver's are."""

    _rows: list[Any]

    def execute(self, sql: str, parameters: Any = ()) -> Cursor:
        await_(_at_once())
        _fail(sql)
        if sql.startswith("PRAGMA synchronous"):
            sql = "PRAGMA synchronous=OFF"  # nobody cuts the power of a simulation
        super().execute(sql, parameters)
        self._rows = super().fetchall() if self.description else []
        return self

    def executemany(self, sql: str, parameters: Any) -> Cursor:
        await_(_at_once())
        _fail(sql)
        super().executemany(sql, parameters)
        self._rows = []
        return self

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    def fetchmany(self, size: int | None = None) -> list[Any]:
        rows, self._rows = self._rows[: size or 1], self._rows[size or 1 :]
        return rows

    async def _async_soft_close(self) -> None:
        """Nothing is left to be read."""


class Connection(sqlite3.Connection):
    """A connection of one life; after its end it is closed, and what was not committed never was."""

    session: Session

    def cursor(self, *_: Any) -> Any:
        return super().cursor(Cursor)

    def commit(self) -> None:
        if not self.in_transaction:
            return
        changes = self.total_changes
        wrote = changes != getattr(self, "_changes", 0)
        if wrote and not self.session.process.commits():
            await_(for_ever())
        super().commit()
        self._changes = changes
        if wrote and not self.session.process.committed():
            await_(for_ever())

    def terminate(self) -> None:
        """As the real driver's: closes it, whatever it is doing."""
        self.close()

    @property
    def driver_connection(self) -> Connection:
        return self


_CODES = {
    Failing.LOCKED: sqlite3.SQLITE_BUSY,
    Failing.FULL: sqlite3.SQLITE_FULL,
    Failing.GONE: sqlite3.SQLITE_IOERR,
}


def _fail(sql: str) -> None:
    failing = _Present.failing
    writes = sql.lstrip().startswith(("INSERT", "UPDATE", "DELETE", "BEGIN IMMEDIATE"))
    if failing in _CODES and (writes or failing is Failing.GONE):
        error = sqlite3.OperationalError(str(failing))
        error.sqlite_errorcode = _CODES[failing]
        raise error


async def _at_once() -> None:
    """SQLAlchemy wants an asyncio driver to await something."""


class _Present:
    """The life that connections are made for now, and how the database fails."""

    session: Session
    failing = Failing.NOT


@cache
def _engines(path: Path) -> Engines:
    warm_up()
    database = open_database(f"sqlite:///{path}", read_only=False, patience=timedelta(seconds=1))
    if database._file is not None:
        database._file.close()
    engines = database._engines
    for engine in (engines.writer, engines.noter, engines.reader):
        event.listen(engine.sync_engine, "do_connect", _connect)
    return engines


def _connect(_dialect: Any, record: Any, args: Sequence[Any], _params: Any) -> Connection:
    connection = sqlite3.connect(args[0], factory=Connection, check_same_thread=False)
    connection.session = _Present.session
    _Present.session.connections.append(connection)
    _Present.session.records.append(record)
    return connection


class OnSqlite:
    """The real store with its real SQL on a new file.

    Args:
        template: A file that has the schema.
        path: Where the new one is made.
        audit_channel: Where what everybody should know is told once more.
    """

    def __init__(self, template: Path, path: Path, *, audit_channel: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(template, path)
        self.path = path
        self._audit_channel = audit_channel
        self.look = SqliteLook(self._only_reading())
        self._opened: tuple[Database, Session] | None = None

    def _only_reading(self) -> sqlite3.Connection:
        reader = sqlite3.connect(self.path, isolation_level=None)
        reader.execute("PRAGMA query_only=ON")
        return reader

    def look_anew(self) -> None:
        """After a fork: a connection of SQLite is of no use on its other side."""
        self.look.reader = self._only_reading()

    def open(self, process: Process) -> SqlStore:
        """The store of one process."""
        _Present.session = session = Session(process)
        database = Database(_engines(self.path), LockedFile.open(self.path, read_only=False))
        self._opened = database, session
        return SqlStore(database, audit_channel=self._audit_channel)

    def cut_off(self) -> None:
        """The process has died: its transactions are undone, its connections and its lock are gone."""
        assert self._opened is not None
        database, session = self._opened
        for record in session.records:
            if record.fairy_ref is not None:  # what a dead task still holds is nobody's to give back
                record.fairy_ref = weakref.ref(session)
        for connection in session.connections:
            sqlite3.Connection.close(connection)
        for engine in (database._engines.writer, database._engines.noter, database._engines.reader):
            engine.sync_engine.dispose(close=False)
        file, database._file = database._file, None
        if file is not None:
            file.close()

    def fail(self, failing: Failing, _dice: Random) -> None:
        """From now on it fails in this way; SQLite itself says whether it has committed, so none is lost."""
        _Present.failing = failing

    def close(self) -> None:
        """The history is over."""
        _Present.failing = Failing.NOT
        self.look.reader.close()
