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
async def held(backend: Backend, table: str) -> AsyncIterator[None]:
    """Another client's transaction stands still with the row of this table locked."""
    client = await asyncpg.connect(backend.url)
    try:
        await client.execute(f"BEGIN; SELECT FROM {table} FOR UPDATE")
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
    async with held(backend, "heartbeat"):
        asked = [asyncio.create_task(patient.ready()) for _ in range(URGENT_CONNECTIONS)]
        await all_wait(backend, asked, count=1)
        assert await patient.receive(inbound()) is Receipt.RECORDED
        assert not any(each.done() for each in asked)
    assert await asyncio.gather(*asked) == [""] * URGENT_CONNECTIONS
