"""A connection that dies at its COMMIT: what was recorded is told as recorded, and what isn't known as not known."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.core.holds import Halted
from bot.core.machine import Decision, Say
from bot.core.model import Reason, UserId
from bot.errors import MaybeRecorded, Stale, StoreUnavailable
from bot.ports import AuditHead, HoldTold, Receipt
from bot.storage import SqlStore, connect, engine
from tests.handlers.desk import Desk
from tests.storage.backends import PATIENCE, administer
from tests.storage.severed import Cut, Proxy
from tests.storage.values import LATER, NOW, inbound, requested, running

URGENT = 10.0
"""Seconds, by far: without a limit of its own, a connection for deliveries is waited for for longer."""
DIRECTLY = [Cut.REQUEST, Cut.ANSWER]
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.fixture
async def store(severed: Proxy) -> AsyncIterator[SqlStore]:
    store = await connect(severed.url, migrate=False, patience=PATIENCE)
    yield store
    severed.let_go.set()
    await store.close()


async def recorded_once(store: SqlStore) -> None:
    assert len(await store.claim_inbox(NOW, LATER, 9)) == 1
    assert await store.receive(inbound("k", "another")) is Receipt.DUPLICATE
    assert await store.receive(inbound("k", "s")) is Receipt.REPLAYED


@pytest.mark.parametrize("where", DIRECTLY)
async def test_a_delivery_is_recorded_after_all(store: SqlStore, severed: Proxy, where: Cut) -> None:
    severed.once(where)
    assert await store.receive(inbound("k", "s")) is Receipt.RECORDED
    assert severed.cuts == 1
    await recorded_once(store)


async def test_the_second_try_waits_for_a_first_that_is_still_committing(
    store: SqlStore, severed: Proxy, postgres_server: str
) -> None:
    patient = await connect(severed.url, migrate=False)
    severed.once(Cut.HELD)
    receiving = asyncio.create_task(patient.receive(inbound("k", "s")))
    direct = f"{postgres_server.rsplit('/', 1)[0]}/{severed.url.rsplit('/', 1)[1]}"
    while (await administer(direct, WAITING))[0][0] == 0:
        assert not receiving.done()
    severed.let_go.set()
    assert await receiving is Receipt.RECORDED
    await patient.close()
    await recorded_once(store)


async def test_a_first_that_does_not_end_in_time_leaves_it_open(store: SqlStore, severed: Proxy) -> None:
    severed.once(Cut.HELD)
    with pytest.raises(MaybeRecorded):
        await store.receive(inbound("k", "s"))
    severed.let_go.set()
    assert await store.receive(inbound("k", "later")) is Receipt.DUPLICATE


@pytest.mark.parametrize("where", DIRECTLY)
async def test_what_can_not_be_looked_up_is_said_to_be_open(
    store: SqlStore, severed: Proxy, where: Cut
) -> None:
    severed.once(where)
    cut = severed.cut

    def and_gone(sent: bytes) -> Cut | None:
        severed.refuses = True
        return cut(sent)

    severed.cut = and_gone
    with pytest.raises(MaybeRecorded, match="not known"):
        await store.receive(inbound("k", "s"))
    severed.refuses = False
    assert len(await store.claim_inbox(NOW, LATER, 9)) == (where is Cut.ANSWER)


async def test_after_a_database_has_moved_deliveries_are_recorded_as_soon_as_slack_asks_again(
    severed: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was connected hears nothing more, not even that it is no longer: it is not waited for for long."""
    assert engine.URGENT_STATEMENT_TIMEOUT.total_seconds() <= engine.URGENT_POOL_TIMEOUT
    monkeypatch.setattr(engine, "URGENT_STATEMENT_TIMEOUT", timedelta(milliseconds=500))
    store = await connect(severed.url, migrate=False)
    received = await asyncio.gather(*(store.receive(inbound(f"k{number}")) for number in range(20)))
    assert received == [Receipt.RECORDED] * 20
    severed.moves += 1
    lost = (store.receive(inbound(f"lost{number}")) for number in range(engine.URGENT_CONNECTIONS))
    await asyncio.wait_for(asyncio.gather(*lost, return_exceptions=True), URGENT)
    assert await store.receive(inbound("again")) is Receipt.RECORDED
    await store.close()


@pytest.mark.parametrize("where", DIRECTLY)
async def test_an_event_is_there_whole_or_not_at_all(store: SqlStore, severed: Proxy, where: Cut) -> None:
    first = requested()
    severed.once(where)
    with pytest.raises(MaybeRecorded):
        await store.open(first, due_at=NOW, item_id=None)
    if await store.load(first.after.id) is None:
        await store.open(first, due_at=NOW, item_id=None)
    decisions = running(first)
    severed.once(where)
    with pytest.raises(MaybeRecorded):
        await store.commit(decisions, due_at=NOW)
    stored = await store.load(first.after.id)
    assert stored == (decisions[-1].after if where is Cut.ANSWER else first.after)
    if where is Cut.ANSWER:
        with pytest.raises(Stale):
            await store.commit(decisions, due_at=NOW)
    else:
        await store.commit(decisions, due_at=NOW)
    assert await store.verify_audit() == AuditHead(5, (await head(store)).hash)
    assert len(await store.events(first.after.id)) == 5


@pytest.mark.parametrize("where", DIRECTLY)
async def test_a_thread_hears_of_a_hold_just_where_it_is_set(
    store: SqlStore, severed: Proxy, where: Cut
) -> None:
    waiting = requested()
    await store.open(waiting, due_at=NOW, item_id=None)
    said = Say(Reason.of("reply-held", database="db1"))
    halted = Halted(NOW, "fire", UserId("U2"), "T1")
    owed = await store.backlog()
    severed.once(where)
    with pytest.raises(MaybeRecorded):
        await store.record_hold(
            halted, item_id=None, tell=lambda *_: HoldTold(threads=[(waiting.after, said)])
        )
    held, told = len(await store.holds(NOW)), await store.backlog() - owed
    assert (held, told) == ((1, 1) if where is Cut.ANSWER else (0, 0))


async def head(store: SqlStore) -> AuditHead:
    found = await store.verify_audit()
    assert isinstance(found, AuditHead)
    return found


async def test_a_commit_that_the_server_refuses_is_certainly_undone(store: SqlStore, severed: Proxy) -> None:
    await administer(
        severed.url,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
    )
    await administer(
        severed.url,
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON inbox INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    with pytest.raises(StoreUnavailable) as raised:
        await store.receive(inbound("k", "s"))
    assert not isinstance(raised.value, MaybeRecorded)


async def test_a_read_is_never_open(store: SqlStore, severed: Proxy) -> None:
    severed.once(Cut.ANSWER)
    with pytest.raises(StoreUnavailable) as raised:
        await store.backlog()
    assert not isinstance(raised.value, MaybeRecorded)


@pytest.mark.parametrize("where", DIRECTLY)
@pytest.mark.parametrize("commit", range(5))
async def test_a_card_is_posted_once_at_whichever_commit_the_connection_dies(
    store: SqlStore, severed: Proxy, where: Cut, commit: int
) -> None:
    """Claimed, begun, told: and the same for the update that follows."""
    desk = Desk()
    desk.outbox = store  # type: ignore[assignment]
    await desk.open()
    first = requested(at=desk.clock.now())
    await store.open(first, due_at=desk.clock.now(), item_id=None)
    before = severed.commits
    severed.cut = lambda _: where if severed.commits == before + commit + 1 else None
    for decision in [None, *running(first)[:1]]:
        if decision is not None:
            await insist(store, decision)
        for _ in range(3):
            with contextlib.suppress(StoreUnavailable):
                await desk.settle(seconds=5)
            desk.clock.advance(31)
    assert severed.cuts == 1
    assert desk.texts() == ["SW-000001 v2"]
    assert await store.backlog() == 0
    await desk.close()


async def insist(store: SqlStore, decision: Decision) -> None:
    """Commits it, unless it is committed."""
    try:
        await store.commit([decision], due_at=NOW)
    except MaybeRecorded:
        if await store.load(decision.after.id) != decision.after:
            await store.commit([decision], due_at=NOW)
