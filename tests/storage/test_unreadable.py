"""A row that can't be read, written by a newer version or spoiled, fails alone: nothing else waits for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.core.events import Choice
from bot.core.model import JobState
from bot.errors import Chosen, StoreUnavailable
from bot.ports import MessageKind
from bot.storage import SqlStore
from bot.storage.unreadable import PAUSE
from tests.storage.backends import Backend
from tests.storage.values import NOW, after, chain, confirmed, inbound, reply, reported, requested, running

LATER = NOW + PAUSE
SPOILED = ["{", '{"type": "from_the_future"}', "null", '{"status": "levitating"}']


@pytest.mark.parametrize("spoiled", SPOILED)
@pytest.mark.parametrize("column", ["origin", "command"])
async def test_of_deliveries(store: SqlStore, backend: Backend, column: str, spoiled: str) -> None:
    for number in range(5):
        await store.receive(inbound(f"k{number}", at=after(number - 5)))
    await backend.sql(f"UPDATE inbox SET {column} = '{spoiled}' WHERE dedupe_key < 'k3'")  # noqa: S608
    claimed = []
    with capture_logs() as logs:
        while items := await store.claim_inbox(NOW, NOW + 2 * PAUSE, 2):
            claimed += [item.received_at for item in items]
    assert claimed == [after(-2), after(-1)]
    rows = await backend.sql("SELECT id FROM inbox WHERE dedupe_key < 'k3' ORDER BY id")
    assert [(line["event"], line["table"], line["row"]) for line in logs] == [
        ("row_unreadable", "inbox", str(row_id)) for (row_id,) in rows
    ]
    assert await store.claim_inbox(LATER - timedelta(seconds=1), LATER, 9) == []


async def test_of_operations(store: SqlStore, backend: Backend) -> None:
    for number in range(4):
        await store.open(requested(number), due_at=after(number - 5), item_id=None)
    whole = await backend.sql("SELECT state FROM operations WHERE id = 'SW-000001'")
    newer = str(whole[0][0]).replace('"planning"', '"levitating"')
    await backend.sql(f"UPDATE operations SET state = '{newer}' WHERE id = 'SW-000001'")  # noqa: S608
    await backend.sql("UPDATE operations SET state = '' WHERE id = 'SW-000000'")
    with capture_logs() as logs:
        claimed = await store.claim_operations(NOW, LATER, 2)
    assert [op.id for op in claimed] == ["SW-000002", "SW-000003"]
    assert [line["row"] for line in logs] == ["SW-000000", "SW-000001"]
    assert len(await store.operations(open_only=True)) == 2
    with pytest.raises(StoreUnavailable, match="newer version"):
        await store.operations(open_only=True, database="db1")
    await backend.sql("UPDATE operations SET is_open = false WHERE id < 'SW-000003'")
    assert [op.id for op in await store.ended()] == ["SW-000002"], "the past is only shown"
    await backend.sql("UPDATE operations SET is_open = true")
    await backend.sql("INSERT INTO owed_reviews SELECT id FROM operations")
    assert [op.id for op in await store.to_review()] == ["SW-000002", "SW-000003"]

    await backend.sql(f"UPDATE operations SET state = '{whole[0][0]}' WHERE id = 'SW-000001'")  # noqa: S608
    assert await store.claim_operations(LATER - timedelta(seconds=1), LATER, 9) == []
    assert "SW-000001" in [op.id for op in await store.claim_operations(LATER, NOW + 2 * PAUSE, 9)]


async def test_of_an_operation_that_was_chosen(store: SqlStore, backend: Backend) -> None:
    """Neither another chooser waits for somebody who can read it, nor does its own make a second operation."""
    choice = Choice(7, NOW)
    await store.open(requested(0, choice=choice), due_at=NOW, item_id=None)
    await backend.sql("UPDATE operations SET state = ''")
    await store.open(requested(1, choice=Choice(8, NOW)), due_at=NOW, item_id=None)
    with pytest.raises(Chosen) as chosen:
        await store.open(requested(2, choice=choice), due_at=NOW, item_id=None)
    assert chosen.value.made == "SW-000000"
    assert await store.made_of(choice) == "SW-000000"


async def test_a_restart_tries_them_again_at_once(store: SqlStore, backend: Backend) -> None:
    await store.receive(inbound())
    ((origin,),) = await backend.sql("SELECT origin FROM inbox")
    await backend.sql("UPDATE inbox SET origin = ''")
    assert await store.claim_inbox(NOW, LATER, 9) == []
    await backend.sql(f"UPDATE inbox SET origin = '{origin}'")  # noqa: S608
    assert await store.claim_inbox(NOW, LATER, 9) == []
    await store.release_claims(NOW)
    assert len(await store.claim_inbox(NOW, LATER, 9)) == 1


@pytest.mark.parametrize("limit", [1, 9])
async def test_of_messages_whatever_of_them_is_spoiled(store: SqlStore, backend: Backend, limit: int) -> None:
    for number in range(3):
        await store.open(requested(number, at=after(number - 9)), due_at=NOW, item_id=None)
    await store.receive(inbound())
    (item,) = await store.claim_inbox(NOW, LATER, 1)
    await store.finish_item(item.id, [reply(f"{n}") for n in range(4)], NOW)
    await backend.sql("UPDATE operations SET state = '' WHERE id = 'SW-000000'")
    await backend.sql("UPDATE messages SET kind = 'hologram' WHERE operation_id = 'SW-000001'")
    await backend.sql("UPDATE messages SET answer = '' WHERE key = 'answer-1-1'")
    await backend.sql("""UPDATE messages SET "to" = '{}' WHERE key = 'answer-1-2'""")
    keys = []
    with capture_logs() as logs:
        while claimed := await store.claim_messages(NOW, LATER, limit):
            keys += [message.key for message in claimed]
    assert keys == ["answer-1-3", "answer-1-4", "card"]
    assert [line["table"] for line in logs] == ["messages"] * 4


async def test_a_milestone_that_can_not_be_read_does_not_hold_up_the_end(
    store: SqlStore, backend: Backend
) -> None:
    first = requested()
    await store.open(first, due_at=NOW, item_id=None)
    decisions = running(first)
    decisions += chain(decisions[-1], reported("done", JobState.DONE), confirmed)
    await store.commit(decisions, due_at=None)
    await backend.sql("UPDATE messages SET say = '' WHERE key = '6'")
    told = []
    while claimed := await store.claim_messages(NOW, LATER, 9):
        for message in claimed:
            await store.posted(message, ts="1", version=decisions[-1].after.version, now=NOW)
            told.append((message.kind, message.key))
    assert told == [(MessageKind.CARD, "card"), (MessageKind.REPLY, "5"), (MessageKind.REPLY, "7")]
    assert await store.backlog() == 1
