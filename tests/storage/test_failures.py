"""Whatever goes wrong: nothing is recorded, the caller is told so, and the next transaction works."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Locked, Stale, StoreUnavailable
from bot.ports import AuditHead, Storage
from bot.storage import SqlStore, connect
from bot.storage.tables import audit_head
from tests.storage.backends import Backend, Postgres, Sqlite, Stores
from tests.storage.values import LATER, NOW, inbound, requested, running

SECRET = "hunter2"


async def still_works(store: Storage) -> None:
    """The store takes a write and a read, and the trail is whole."""
    assert await store.ready() == ""
    await store.receive(inbound("afterwards"))
    assert isinstance(await store.verify_audit(), AuditHead)


@contextlib.asynccontextmanager
async def held_by_somebody(backend: Backend) -> AsyncIterator[None]:
    """What the store wants to write is locked by another client."""
    if isinstance(backend, Sqlite):
        with contextlib.closing(sqlite3.connect(backend.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    client = await asyncpg.connect(backend.url)
    try:
        await client.execute("BEGIN")
        await client.execute("LOCK TABLE inbox, operations, audit_head, heartbeat, messages")
        yield
    finally:
        await client.close()


async def test_a_lock_held_for_too_long_makes_it_unavailable(store: SqlStore, backend: Backend) -> None:
    async with held_by_somebody(backend):
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.receive(inbound())
        assert "locked" in await store.ready()
        with pytest.raises(StoreUnavailable):
            await store.open(requested(), due_at=NOW, item_id=None)
    await still_works(store)
    assert await store.load("SW-000001") is None


async def test_a_read_only_database_is_unavailable(stores: Stores, store: SqlStore, backend: Backend) -> None:
    refusing: Storage = store
    if isinstance(backend, Postgres):
        name = backend.url.rsplit("/", 1)[1]
        await backend.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        refusing = await stores.open()
    else:

        async def freeze(connection: AsyncConnection) -> None:
            await connection.exec_driver_sql("PRAGMA query_only=ON")

        await store._database.write(freeze)
    with pytest.raises(StoreUnavailable, match="read-only"):
        await refusing.receive(inbound())
    assert await refusing.operations(open_only=True) == []


async def test_a_full_disk_is_unavailable_and_then_goes_on(store: SqlStore, backend: Backend) -> None:
    async def limit(pages: int, connection: AsyncConnection) -> None:
        await connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    if isinstance(backend, Postgres):
        await backend.sql(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$"
        )
        await backend.sql("CREATE TRIGGER full_disk BEFORE INSERT ON inbox EXECUTE FUNCTION full_disk()")
    else:
        await store._database.write(lambda connection: limit(1, connection))

    async def fill() -> None:
        for number in range(200):
            await store.receive(inbound(f"{number}" * 100))

    with pytest.raises(StoreUnavailable, match="disk is full"):
        await fill()
    if isinstance(backend, Postgres):
        await backend.sql("DROP TRIGGER full_disk ON inbox")
    else:
        await store._database.write(lambda connection: limit(100_000, connection))
    await still_works(store)


async def test_a_database_that_goes_away_is_unavailable(store: SqlStore, backend: Backend) -> None:
    await store.receive(inbound("before"))
    if isinstance(backend, Sqlite):
        backend.path.rename(backend.path.with_suffix(".moved"))
        gone = "is gone"
    else:
        name = backend.url.rsplit("/", 1)[1]
        renamed = Postgres(backend.url.rsplit("/", 1)[0] + "/postgres")
        await renamed.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await renamed.sql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608
        )
        gone = "database"
    with pytest.raises(StoreUnavailable, match=gone):
        await store.receive(inbound("after"))
    assert gone in await store.ready()
    if isinstance(backend, Sqlite):
        backend.path.write_bytes(b"")
        with pytest.raises(StoreUnavailable, match="was replaced"):
            await store.load("SW-000001")


async def test_connections_that_the_server_dropped_are_renewed(store: SqlStore, backend: Backend) -> None:
    await store.receive(inbound("before"))
    if isinstance(backend, Postgres):
        await backend.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await still_works(store)


async def test_a_refused_connection_names_no_password(stores: Stores) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = {
        "sqlite": f"sqlite:////no/such/{SECRET[:0]}folder/x.db",
        "postgresql": f"postgresql://bot:{SECRET}@127.0.0.1:{port}/nowhere",
    }[stores.backend.name]
    with pytest.raises(StoreUnavailable) as raised:
        await connect(url, migrate=True)
    assert SECRET not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "url", ["", "orders.db", "sqlite://", "sqlite:///:memory:", f"mysql://u:{SECRET}@h/d", f"http://{SECRET}"]
)
async def test_a_url_of_another_form_is_named_without_its_secrets(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="a database url is") as raised:
        await connect(url, migrate=True)
    assert SECRET not in "".join(traceback.format_exception(raised.value))


async def test_errors_hold_nothing_that_people_typed(store: SqlStore, backend: Backend) -> None:
    column = {"sqlite": "gone", "postgresql": "gone"}[backend.name]
    await backend.sql(f"ALTER TABLE inbox RENAME COLUMN origin TO {column}")
    with pytest.raises(StoreUnavailable) as raised:
        await store.receive(inbound(SECRET))
    shown = "".join(traceback.format_exception(raised.value))
    assert SECRET not in shown
    assert "INSERT" not in shown
    assert "switchover db upgrade" in shown


async def test_a_relative_path_is_taken_from_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = await connect("sqlite:///here.db", migrate=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert await store.ready() == ""
    await store.close()
    assert (tmp_path / "here.db").exists()


async def test_a_second_store_on_the_same_file_is_refused(stores: Stores, store: SqlStore) -> None:
    if stores.backend.several:
        await still_works(await stores.open())
        return
    with pytest.raises(StoreUnavailable, match="another process uses"):
        await stores.open()
    await store.close()
    await still_works(await stores.open())


async def test_a_closed_store_says_so(store: SqlStore) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.load("SW-000001")
    assert await store.ready() == "the store is closed"


async def test_closing_waits_for_what_is_running(stores: Stores, store: SqlStore) -> None:
    receiving = [asyncio.create_task(store.receive(inbound(str(number)))) for number in range(5)]
    await asyncio.sleep(0)
    await store.close()
    done = await asyncio.gather(*receiving, return_exceptions=True)
    recorded = sum(not isinstance(outcome, BaseException) for outcome in done)
    again = await stores.open()
    assert len(await again.claim_inbox(NOW, LATER, 50)) == recorded


async def steps(count: int) -> None:
    """Lets the loop turn a number of times."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("whom", ["the caller", "everybody"])
async def test_a_cancelled_commit_is_whole_or_nothing_and_blocks_nobody(store: SqlStore, whom: str) -> None:
    for number in range(16):
        first = requested(number)
        await store.open(first, due_at=NOW, item_id=None)
        decisions = running(first)
        committing = asyncio.create_task(store.commit(decisions, due_at=NOW))
        await steps(2 * number * number)
        if whom == "everybody":
            for task in list(store._database._running):
                task.cancel()
        committing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await committing
        with contextlib.suppress(Stale):
            await store.commit(decisions, due_at=NOW)
        assert await store.load(first.after.id) == decisions[-1].after
        assert len(await store.events(first.after.id)) == 5
    await still_works(store)


async def test_a_cancelled_wait_for_a_connection_leaves_the_others_waiting(store: SqlStore) -> None:
    waiting = [asyncio.create_task(store.receive(inbound(str(number)))) for number in range(40)]
    await steps(3)
    for task in waiting[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(not isinstance(outcome, BaseException) for outcome in outcomes[1::2])
    await still_works(store)


async def test_an_error_of_ours_inside_a_transaction_rolls_it_back(store: SqlStore) -> None:
    async def fail(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("UPDATE heartbeat SET beats = 99")
        raise Locked("SW-1")

    with pytest.raises(Locked):
        await store._database.write(fail)

    async def beats(connection: AsyncConnection) -> int:
        return int((await connection.exec_driver_sql("SELECT beats FROM heartbeat")).scalar_one())

    assert await store._database.read(beats) == 0


async def test_what_a_transaction_read_in_order_to_write_nobody_changes_meanwhile(
    store: SqlStore, backend: Backend
) -> None:
    async def overtaken(connection: AsyncConnection) -> None:
        await connection.execute(select(audit_head).with_for_update())
        if isinstance(backend, Sqlite):
            with contextlib.closing(sqlite3.connect(backend.path, timeout=0)) as other:
                other.execute("UPDATE audit_head SET seq = seq")
        else:
            await backend.sql("SELECT seq FROM audit_head FOR UPDATE NOWAIT")

    refused = (sqlite3.OperationalError, asyncpg.LockNotAvailableError)
    with pytest.raises(refused, match="lock"):
        await store._database.write(overtaken)
