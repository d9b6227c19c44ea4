"""Processes that write beside each other, seen from the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.machine import Decision
from bot.core.model import JobState
from bot.ports import NO_HOLD, MessageKind
from bot.storage import SqlStore, operations
from tests.storage.backends import Backend, Stores
from tests.storage.deeds import cards, due, ended_emergency, opened, post
from tests.storage.values import (
    LATER,
    NOW,
    after,
    chain,
    confirmed,
    inbound,
    reported,
    requested,
    reviewed,
    running,
)


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


@pytest.mark.parametrize("table", ["operations", "messages", "inbox"])
async def test_hastening_waits_for_nobody_who_is_writing(
    store: SqlStore, backend: Backend, table: str
) -> None:
    """Else two who wait for each other would end one for the other: a start that fails, or a commit."""
    if not backend.several:
        return
    await opened(store, requested(1), due_at=after(500))
    await store.receive(inbound(at=after(500)))
    (card,) = await due(store)
    await store.begin_post(card, now=NOW)
    await store.retry(card, due_at=after(500), uncertain=True, error="timeout")
    client = await asyncpg.connect(backend.url)
    await client.execute(f"BEGIN; SELECT FROM {table} FOR UPDATE")
    await store.hasten(NOW)
    await client.close()
    assert len(await store.claim_operations(NOW, LATER, 5)) == (table != "operations")
    assert len(await store.claim_inbox(NOW, LATER, 5)) == (table != "inbox")
    assert len(await due(store, after(10))) == (table != "messages")


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
    meanwhile = partial(poster.posted, card, ts="1", version=end.after.version, now=NOW)
    await while_committing(chain(end, reviewed), store, backend, meanwhile)
    assert [one.posted_version for one in await cards(store)] == [end.after.version]


@pytest.mark.parametrize("kind", [MessageKind.CARD, MessageKind.REPLY])
async def test_what_is_put_back_in_the_instant_of_its_end_is_due_at_once(
    stores: Stores, store: SqlStore, backend: Backend, kind: MessageKind
) -> None:
    first = await opened(store, requested())
    await post(store, (await due(store))[0])
    last = running(first)
    await store.commit(last, due_at=NOW)
    claimed = [one for one in await due(store) if one.kind is kind]
    publisher = await stores.open(patience=timedelta(seconds=10)) if backend.several else store
    meanwhile = partial(publisher.put_back, [(one, after(60)) for one in claimed], now=after(1))
    ending = chain(last[-1], reported("done", JobState.DONE), confirmed)
    await while_committing(ending, store, backend, meanwhile)
    assert [one.id for one in await due(store, after(1))] == [one.id for one in claimed]


async def while_committing(
    decisions: Sequence[Decision], store: SqlStore, backend: Backend, meanwhile: Callable[[], Awaitable[None]]
) -> None:
    """Commits an end, or what comes after it; just before that is done somebody else begins something."""
    written, go_on = asyncio.Event(), asyncio.Event()

    async def work(connection: AsyncConnection) -> None:
        await operations.commit(
            connection,
            decisions=decisions,
            due_at=None,
            item_id=None,
            replies=(),
            unless_held=NO_HOLD,
            say_held=None,
            audit_channel="",
        )
        written.set()
        await go_on.wait()

    committing = asyncio.create_task(store._database.write(work))
    await written.wait()
    other = asyncio.ensure_future(meanwhile())
    while backend.several and not other.done() and not await somebody_waits(backend):
        pass
    go_on.set()
    await asyncio.gather(committing, other)


async def somebody_waits(backend: Backend) -> bool:
    """Whether a transaction waits for another one's row."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(await backend.sql(waiting))
