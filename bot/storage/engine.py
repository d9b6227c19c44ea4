"""Connections: SQLite as it wants to be used, PostgreSQL with limits, and whole transactions on both."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from bot.errors import StoreUnavailable
from bot.storage.failures import unavailable, uncommitted

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

URL_FORMS = "a database url is sqlite:///file.db, sqlite:////path/file.db or postgresql://user@host/name"
CONNECT_TIMEOUT = 5.0
STATEMENT_TIMEOUT = timedelta(seconds=10)
# Who stands still in a transaction has others wait for its locks: all of them for that of the audit trail. A start that
# comes a minute late is missed.
IDLE_TIMEOUT = timedelta(seconds=10)
POOL_TIMEOUT = 10.0
SQLITE_READERS = 4
POSTGRESQL_CONNECTIONS = 10
# Beside those: whoever waits for somebody else's lock has a connection meanwhile, and all of them may.
URGENT_CONNECTIONS = 3
URGENT_POOL_TIMEOUT = 2.0  # Slack waits three seconds
# And a connection whose other end is gone without a word (the database has moved) makes room for a new one soon.
URGENT_STATEMENT_TIMEOUT = timedelta(seconds=2)


class Turns:
    """Who writes next on the one connection that SQLite has for it: the urgent first, the others in their order.

    Slack waits three seconds for an acknowledgement, and the rows behind it wait for nobody; without turns
    it would queue behind all the work that its own predecessors caused.
    """

    def __init__(self) -> None:
        self._taken = False
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def take(self, *, urgent: bool) -> AsyncIterator[None]:
        """Waits for its turn, and holds it for the length of the block."""
        if self._taken:
            turn = asyncio.get_running_loop().create_future()
            (self._urgent if urgent else self._others).append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on()
                raise
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        for queue in (self._urgent, self._others):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._taken = False


@dataclass(frozen=True, slots=True)
class Engines:
    """Who does what on a database.

    Attributes:
        writer: What it commits survives a power cut.
        noter: What it commits survives the death of the process; where that is cheaper than the above.
        reader: Reads one snapshot.
        urgent: Like the writer, for what must not wait until others are done.
        migrator: Like the writer, without limits of time.
    """

    writer: AsyncEngine
    noter: AsyncEngine
    reader: AsyncEngine
    urgent: AsyncEngine
    migrator: AsyncEngine


class Database:
    """Runs transactions, each one whole or not at all, whoever is cancelled meanwhile."""

    def __init__(self, engines: Engines, file: LockedFile | None) -> None:
        self._engines = engines
        self._turns = None if file is None else Turns()
        self._file = file
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def write(self, work: Work[T], *, urgent: bool = False) -> T:
        """Runs ``work`` in one transaction and commits it; ``urgent`` goes before whatever else waits.

        Raises:
            Conflict: A uniqueness rule said no.
            MaybeRecorded: The connection was lost with the commit on its way.
            StoreUnavailable: Anything else went wrong; nothing was recorded.
        """
        engine = self._engines.urgent if urgent else self._engines.writer
        return await self._whole(self._in_turn(engine, work, urgent=urgent))

    async def note(self, work: Work[T]) -> T:
        """Runs ``work`` like ``write``, but a power cut may undo it: for what is only done once more then.

        Raises:
            Conflict: A uniqueness rule said no.
            MaybeRecorded: The connection was lost with the commit on its way.
            StoreUnavailable: Anything else went wrong; nothing was recorded.
        """
        return await self._whole(self._in_turn(self._engines.noter, work, urgent=False))

    @property
    def one_writer(self) -> bool:
        """Whether writers wait for each other, so that several small writes are dearer than a large one."""
        return self._turns is not None

    async def read(self, work: Work[T]) -> T:
        """Runs ``work`` on one snapshot of the database.

        Raises:
            StoreUnavailable: It can't be read.
        """
        return await self._whole(self._transaction(self._engines.reader, work))

    async def migrate(self, work: Work[T]) -> T:
        """Runs ``work`` like ``write``, without limits of time.

        Raises:
            StoreUnavailable: It went wrong; the schema is as before.
        """
        return await self._whole(self._transaction(self._engines.migrator, work))

    async def close(self) -> None:
        """Waits for what is running, closes every connection, gives up the lock. Closing twice is fine."""
        self._closed = True
        if self._running:
            await asyncio.wait(self._running)
        engines = self._engines
        for engine in {engines.writer, engines.noter, engines.reader, engines.urgent, engines.migrator}:
            await engine.dispose()
        file, self._file = self._file, None
        if file is not None:
            file.close()

    async def _whole(self, transaction: Coroutine[Any, Any, T]) -> T:
        # A task of its own, so that a cancelled caller can't leave a connection halfway through a statement.
        task = asyncio.create_task(transaction)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _in_turn(self, engine: AsyncEngine, work: Work[T], *, urgent: bool) -> T:
        if self._turns is None:
            return await self._transaction(engine, work)
        async with self._turns.take(urgent=urgent):
            return await self._transaction(engine, work)

    async def _transaction(self, engine: AsyncEngine, work: Work[T]) -> T:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._file is not None:
            self._file.check()
        committing = False
        try:
            async with engine.begin() as connection:
                result = await work(connection)
                committing = engine is not self._engines.reader
        except (SQLAlchemyError, OSError) as error:
            # Not chained: a driver's message may hold what people typed.
            raise (uncommitted if committing else unavailable)(error) from None
        return result


@dataclass(frozen=True, slots=True)
class LockedFile:
    """The database file, which must stay where it is, and the lock beside it, None for a mere reader."""

    path: Path
    identity: tuple[int, int]
    lock: int | None

    @classmethod
    def open(cls, path: Path, *, read_only: bool) -> LockedFile:
        """Makes the file where there is none (not for a reader) and takes the lock.

        Raises:
            StoreUnavailable: Another process has the lock, or the file can't be opened.
        """
        lock = None if read_only else _take_lock(path)
        try:
            descriptor = os.open(path, os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            if lock is not None:
                os.close(lock)
            raise StoreUnavailable(f"{path} can't be opened: {error.strerror}") from None
        found = os.fstat(descriptor)
        os.close(descriptor)
        return cls(path, (found.st_dev, found.st_ino), lock)

    def check(self) -> None:
        """Raises StoreUnavailable if the file is gone: SQLite would go on writing to what nobody can find."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise StoreUnavailable(f"{self.path} is gone: {error.strerror}") from None
        if (found.st_dev, found.st_ino) != self.identity:
            raise StoreUnavailable(f"{self.path} was replaced: restart the bot")

    def close(self) -> None:
        """Gives up the lock."""
        if self.lock is not None:
            os.close(self.lock)


def _take_lock(path: Path) -> int:
    lock = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreUnavailable(f"{lock} can't be opened: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StoreUnavailable(
            f"another process uses {path}: stop it, or use PostgreSQL for several replicas"
        ) from None
    return descriptor


def open_database(url: str, *, read_only: bool, patience: timedelta) -> Database:
    """Connections for a URL of the contract. Takes SQLite's lock at once; connects when first used.

    Args:
        url: ``sqlite:///rel``, ``sqlite:////abs`` or ``postgresql://…``.
        read_only: Take no lock and write nothing, beside a process that does.
        patience: How long a transaction waits for somebody else's lock.

    Raises:
        StoreUnavailable: The URL has another form, or the file can't be had.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreUnavailable(URL_FORMS) from None
    match parsed.drivername:
        case "sqlite" if parsed.database not in {None, "", ":memory:"}:
            return _sqlite(parsed, read_only=read_only, patience=patience)
        case "postgresql" | "postgres":
            return _postgresql(url, read_only=read_only, patience=patience)
        case _:
            raise StoreUnavailable(URL_FORMS)


def _sqlite(parsed: URL, *, read_only: bool, patience: timedelta) -> Database:
    path = Path(parsed.database or "").absolute()
    file = LockedFile.open(path, read_only=read_only)
    url = URL.create("sqlite+aiosqlite", database=str(path))
    pool: dict[str, Any] = {"max_overflow": 0, "pool_timeout": POOL_TIMEOUT, "hide_parameters": True}
    writer = create_async_engine(url, pool_size=1, **pool)
    noter = create_async_engine(url, pool_size=1, **pool)
    reader = create_async_engine(url, pool_size=SQLITE_READERS, **pool)
    wait = f"PRAGMA busy_timeout={patience // timedelta(milliseconds=1)}"
    for engine, durability in ((writer, "FULL"), (noter, "NORMAL")):
        _on_connect(
            engine,
            (
                wait,
                "PRAGMA journal_mode=WAL",
                f"PRAGMA synchronous={durability}",
                "PRAGMA foreign_keys=ON",
            ),
            begin="BEGIN IMMEDIATE",  # a deferred one that reads first fails at once when it comes to write
        )
    _on_connect(reader, (wait, "PRAGMA query_only=ON"), begin="BEGIN", text=_any_text)
    if read_only:
        return Database(Engines(reader, reader, reader, reader, reader), file)
    return Database(Engines(writer, noter, reader, urgent=writer, migrator=writer), file)


def _any_text(stored: bytes) -> str:
    # One text that is none would otherwise keep all rows beside it from being read.
    return stored.decode("utf-8", "surrogateescape")


def _on_connect(
    engine: AsyncEngine,
    pragmas: tuple[str, ...],
    *,
    begin: str,
    text: Callable[[bytes], str] | type[str] = str,
) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin anything of its own
        connection.driver_connection.text_factory = text
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "invalidate")
    def _invalidated(connection: Any, _record: object, _error: object) -> None:
        # When a task is killed in a statement, the connection is closed; but SQLite keeps the lock of one
        # that is closed amid a statement until its cursor is collected, and nobody could write till then.
        with suppress(sqlite3.Error, ValueError):
            connection.rollback()

    @event.listens_for(engine.sync_engine, "begin")
    def _begun(connection: Any) -> None:
        connection.exec_driver_sql(begin)


def _postgresql(url: str, *, read_only: bool, patience: timedelta) -> Database:
    create = partial(
        create_async_engine,
        "postgresql+asyncpg://",
        max_overflow=0,
        pool_pre_ping=True,  # a server that was restarted costs nobody a transaction
        hide_parameters=True,
    )
    creator = partial(_creator, url, lock=patience, idle=IDLE_TIMEOUT)
    writer = create(
        async_creator=creator(statement=STATEMENT_TIMEOUT),
        pool_size=POSTGRESQL_CONNECTIONS,
        pool_timeout=POOL_TIMEOUT,
    )
    reader = writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    if read_only:
        return Database(Engines(reader, reader, reader, reader, reader), None)
    urgent = create(
        async_creator=creator(statement=URGENT_STATEMENT_TIMEOUT),
        pool_size=URGENT_CONNECTIONS,
        pool_timeout=URGENT_POOL_TIMEOUT,
    )
    unhurried = _creator(url, statement=timedelta(0), lock=timedelta(minutes=1), idle=timedelta(minutes=1))
    migrator = create_async_engine(
        "postgresql+asyncpg://", async_creator=unhurried, poolclass=NullPool, hide_parameters=True
    )
    return Database(Engines(writer, writer, reader, urgent, migrator), None)


def _creator(
    url: str, *, statement: timedelta, lock: timedelta, idle: timedelta
) -> Callable[[], Awaitable[Any]]:
    async def connect() -> Any:
        import asyncpg  # noqa: PLC0415  # nobody on SQLite needs it

        # The driver reads the url itself, so that libpq's own parameters (sslmode …) mean what they say.
        return await asyncpg.connect(
            url,
            timeout=CONNECT_TIMEOUT,
            command_timeout=statement.total_seconds() * 1.5 or None,
            server_settings={
                "application_name": "switchover",
                "statement_timeout": _milliseconds(statement),
                "lock_timeout": _milliseconds(lock),
                "idle_in_transaction_session_timeout": _milliseconds(idle),
            },
        )

    return connect


def _milliseconds(duration: timedelta) -> str:
    return str(duration // timedelta(milliseconds=1))
