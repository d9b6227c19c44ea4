"""Processes that write beside each other, seen from the database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.ports import NO_HOLD
from bot.storage import SqlStore, operations
from tests.storage.backends import Backend, Stores
from tests.storage.test_outbox import cards, ended_emergency
from tests.storage.values import LATER, NOW, chain, inbound, reviewed


async def test_pruning_waits_for_nobody_who_is_writing(store: SqlStore, backend: Backend) -> None:
    if not backend.several:
        return  # there is one writer, and everybody waits for it
    for number in range(3):
        await store.receive(inbound(f"k{number}", f"s{number}"))
    for item in await store.claim_inbox(NOW, LATER, 50):
        await store.finish_item(item.id, [], NOW)
    client = await asyncpg.connect(backend.url)
    await client.execute("BEGIN; SELECT FROM inbox_signatures WHERE signature = 's1' FOR UPDATE")
    await store.prune(NOW + timedelta(days=2), timedelta(days=1))
    await client.close()
    assert await backend.sql("SELECT signature FROM inbox_signatures") == [("s1",)]


async def test_replicas_prune_at_the_same_time(stores: Stores, store: SqlStore, backend: Backend) -> None:
    other = await stores.replica()
    for number in range(50):
        await store.receive(inbound(f"k{number}", f"s{number}"))
    for item in await store.claim_inbox(NOW, LATER, 50):
        await store.finish_item(item.id, [], NOW)
    later = NOW + timedelta(days=2)
    await asyncio.gather(*(each.prune(later, timedelta(days=1)) for each in (store, other) * 3))
    assert await backend.sql("SELECT id FROM inbox") == []
    assert await backend.sql("SELECT signature FROM inbox_signatures") == []


async def test_a_review_committed_in_the_instant_of_the_posting_makes_the_card_due_again(
    stores: Stores, store: SqlStore, backend: Backend
) -> None:
    end = await ended_emergency(store)
    (card,) = await cards(store)
    poster = await stores.open(patience=timedelta(seconds=10)) if backend.several else store
    written, go_on = asyncio.Event(), asyncio.Event()

    async def review(connection: AsyncConnection) -> None:
        await operations.commit(
            connection,
            decisions=chain(end, reviewed),
            due_at=None,
            item_id=None,
            replies=(),
            unless_held=NO_HOLD,
            say_held=None,
            audit_channel="",
        )
        written.set()
        await go_on.wait()

    reviewing = asyncio.create_task(store._database.write(review))
    await written.wait()
    posting = asyncio.create_task(poster.posted(card, ts="1", version=end.after.version, now=NOW))
    while backend.several and not posting.done() and not await somebody_waits(backend):
        pass
    go_on.set()
    await asyncio.gather(reviewing, posting)
    assert [one.posted_version for one in await cards(store)] == [end.after.version]


async def somebody_waits(backend: Backend) -> bool:
    """Whether a transaction waits for another one's row."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(await backend.sql(waiting))
