"""On PostgreSQL a delivery has a connection, whoever else waits for what, and has one meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from bot.ports import Receipt, Storage
from bot.storage.engine import POOL_TIMEOUT, POSTGRESQL_CONNECTIONS, URGENT_CONNECTIONS
from tests.storage.backends import Backend, Stores
from tests.storage.values import NOW, inbound, requested

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
async def patient(stores: Stores) -> Storage:
    """Waits longer for somebody else's lock than a test takes."""
    return await stores.open(patience=timedelta(seconds=POOL_TIMEOUT))


@contextlib.asynccontextmanager
async def held(backend: Backend, table: str, how: str = "SELECT FROM {} FOR UPDATE") -> AsyncIterator[None]:
    """Another client's transaction stands still with the row of this table locked."""
    client = await asyncpg.connect(backend.url)
    try:
        await client.execute(f"BEGIN; {how.format(table)}")
        yield
    finally:
        await client.close()


async def all_wait(backend: Backend, tasks: Sequence[asyncio.Task[Any]], *, count: int) -> None:
    """Until so many transactions wait for a row."""
    while len(await backend.sql(WAITING)) < count:
        assert not any(task.done() for task in tasks)


async def test_a_delivery_does_not_wait_for_commits_that_wait_for_the_head(
    patient: Storage, backend: Backend
) -> None:
    async with held(backend, "audit_head"):
        commits = [
            asyncio.create_task(patient.open(requested(number), due_at=NOW, item_id=None))
            for number in range(2 * POSTGRESQL_CONNECTIONS)
        ]
        await all_wait(backend, commits, count=POSTGRESQL_CONNECTIONS)
        received = await asyncio.gather(*(patient.receive(inbound(f"key-{number}")) for number in range(20)))
        assert received == [Receipt.RECORDED] * 20
        assert await patient.ready() == ""
        assert not any(commit.done() for commit in commits)
    await asyncio.gather(*commits)


async def test_a_delivery_does_not_wait_for_those_who_ask_whether_all_is_well(
    patient: Storage, backend: Backend
) -> None:
    async with held(backend, "heartbeat", "LOCK {}"):
        asked = [asyncio.create_task(patient.ready()) for _ in range(URGENT_CONNECTIONS)]
        await all_wait(backend, asked, count=1)
        assert await patient.receive(inbound()) is Receipt.RECORDED
        assert not any(each.done() for each in asked)
    assert await asyncio.gather(*asked) == [""] * URGENT_CONNECTIONS


async def test_all_is_well_with_a_replica_though_another_stands_still_while_it_is_asked(
    patient: Storage, backend: Backend
) -> None:
    """Else none would be ready, as they all write the same row."""
    async with held(backend, "heartbeat"):
        assert await patient.ready() == ""


async def test_nothing_is_well_where_nothing_can_be_written_whoever_has_the_row(
    stores: Stores, backend: Backend
) -> None:
    await backend.sql(
        f"ALTER DATABASE {backend.url.rsplit('/', 1)[1]} SET default_transaction_read_only = on"
    )
    store = await stores.open()
    client = await asyncpg.connect(backend.url)
    await client.execute("BEGIN READ WRITE; SELECT FROM heartbeat FOR UPDATE")
    assert "read-only" in await store.ready()
    await client.close()
