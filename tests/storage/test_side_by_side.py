"""Processes that write beside each other, seen from the database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.holds import Halted
from bot.core.machine import LATE_START, Decision, Say
from bot.core.model import JobState, Reason, UserId
from bot.errors import StoreUnavailable
from bot.ports import NO_HOLD, HoldTold, MessageKind
from bot.storage import SqlStore, audit, engine, holds, operations
from bot.storage.engine import Work
from bot.storage.store import PATIENCE
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


async def test_what_a_thread_is_just_told_of_does_not_keep_its_operation_from_being_hastened(
    store: SqlStore, backend: Backend
) -> None:
    """Nobody gives it its time anew, as whoever writes the operation itself does: it would wait for all of it."""
    if not backend.several:
        return
    waiting = await opened(store, requested(), due_at=after(3600))
    async with standing_still(store, told_of(waiting)):
        await store.hasten(NOW)
    assert len(await store.claim_operations(NOW, LATER, 5)) == 1


async def test_a_halt_does_not_wait_for_who_stands_still_amid_a_claim(
    store: SqlStore, backend: Backend
) -> None:
    if not backend.several:
        return
    waiting = await opened(store, requested())
    async with standing_still(store, partial(operations.claim, now=NOW, until=LATER, limit=5)):
        await store._database.write(told_of(waiting))
        assert len(await store.holds(NOW)) == 1


async def test_who_stands_still_with_the_trail_locked_holds_nobody_up_for_long(
    stores: Stores, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had begun is undone, and it hears of that when it goes on."""
    if not backend.several:
        return
    assert engine.IDLE_TIMEOUT + PATIENCE < LATE_START / 2, "a start must not be missed for it"
    patient = await stores.open(patience=timedelta(seconds=10))
    monkeypatch.setattr(engine, "IDLE_TIMEOUT", timedelta(milliseconds=100))
    other = await stores.open()
    assert isinstance(other, SqlStore)
    with pytest.raises(StoreUnavailable):
        async with standing_still(other, audit.lock):
            await opened(patient, requested())
    assert await other.ready() == ""
    assert len(await patient.operations(open_only=True)) == 1


def told_of(waiting: Decision) -> Work[None]:
    """A halt is recorded, and the thread of this operation is told."""
    said = Say(Reason.of("reply-held", database="db1"))
    return partial(
        holds.record,
        event=Halted(NOW, "fire", UserId("U2"), "T1"),
        item_id=None,
        tell=lambda *_: HoldTold(threads=[(waiting.after, said)]),
        audit_channel="",
    )


@contextlib.asynccontextmanager
async def standing_still(store: SqlStore, work: Work[Any]) -> AsyncIterator[None]:
    """Another process has done this, and stands still just before its commit."""
    done, go_on = asyncio.Event(), asyncio.Event()

    async def whole(connection: AsyncConnection) -> None:
        await work(connection)
        done.set()
        await go_on.wait()

    committing = asyncio.create_task(store._database.write(whole))
    await done.wait()
    try:
        yield
    finally:
        go_on.set()
        await committing


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
