"""The trail is read row by row, in order, as it is stored, with what came of the operations that ended."""

from __future__ import annotations

import contextlib
from datetime import datetime

import pytest

from bot.core.holds import Frozen
from bot.core.machine import Decision
from bot.core.model import UserId
from bot.ports import AuditRow
from bot.storage import SqlStore, audit, connect
from tests.storage.backends import Backend, Stores
from tests.storage.values import (
    LATER,
    NOW,
    after,
    cancelled,
    chain,
    done_without_approval,
    planned,
    requested,
    reviewed,
)

COLUMNS = "seq, stream, operation_id, version, type, actor, data, prev_hash, hash"


async def rows_of(store: SqlStore, since: datetime | None = None) -> list[AuditRow]:
    async with contextlib.aclosing(store.audit_trail(since)) as rows:
        return [row async for row in rows]


async def done(store: SqlStore, first: Decision) -> list[Decision]:
    await store.open(first, due_at=NOW, item_id=None)
    decisions = done_without_approval(first)
    await store.commit(decisions, due_at=None)
    return decisions


async def test_an_empty_trail_has_no_rows(store: SqlStore) -> None:
    assert await rows_of(store) == []


async def test_every_column_is_there_as_it_is_stored(store: SqlStore, backend: Backend) -> None:
    await done(store, requested(emergency=True))
    await store.record_configuration({"digest": "ä"}, after(1))
    rows = await rows_of(store)
    assert [
        (r.seq, r.stream, r.operation_id, r.version, r.type, r.actor, r.data, r.prev_hash, r.hash)
        for r in rows
    ] == await backend.sql(f"SELECT {COLUMNS} FROM audit_events ORDER BY seq")  # noqa: S608
    assert rows[0].at == NOW
    assert [row.hash for row in rows][:-1] == [row.prev_hash for row in rows][1:]


async def test_the_team_is_that_of_who_acted(store: SqlStore) -> None:
    first = requested(emergency=True)
    decisions = await done(store, first)
    await store.commit(chain(decisions[-1], reviewed), due_at=None)
    await store.record_hold(Frozen(NOW, "all", None, "why", UserId("W2"), "E1"), item_id=None)
    await store.record_configuration({"team": "no team of a person", "x": "y"}, NOW)
    by_type = {row.type: (row.actor, row.team) for row in await rows_of(store)}
    assert by_type["requested"] == ("U1", "T1")
    assert by_type["reviewed"] == ("U2", "T1")
    assert by_type["frozen"] == ("W2", "E1")
    assert by_type["planned"] == by_type["configuration_loaded"] == ("", "")


async def test_the_row_that_ended_an_operation_carries_it(store: SqlStore) -> None:
    ended = await done(store, requested(1, emergency=True))
    await store.open(requested(2), due_at=NOW, item_id=None)
    withdrawn = requested(3)
    await store.open(withdrawn, due_at=NOW, item_id=None)
    await store.commit(chain(withdrawn, planned, cancelled), due_at=None)
    expected = [("SW-000001", "roles_confirmed"), ("SW-000003", "cancelled")]
    carried = [row for row in await rows_of(store) if row.ended]
    assert [(row.operation_id, row.type) for row in carried] == expected
    assert carried[0].ended == ended[-1].after

    (review,) = chain(ended[-1], reviewed)
    await store.commit([review], due_at=None)  # comes after the end, and is none
    carried = [row for row in await rows_of(store) if row.ended]
    assert [(row.operation_id, row.type) for row in carried] == expected
    assert carried[0].ended == review.after


async def test_a_time_leaves_out_what_is_older(store: SqlStore) -> None:
    for second in (1, 2, 3, 2):  # clocks of replicas differ
        await store.record_configuration({}, after(second))
    assert [row.seq for row in await rows_of(store, after(2))] == [2, 3, 4]
    assert [row.seq for row in await rows_of(store, after(3))] == [3]
    assert await rows_of(store, LATER) == []


async def test_a_long_trail_is_read_page_by_page(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "BATCH", 3)
    for number in range(7):
        await store.record_configuration({"n": str(number)}, after(number % 2))
    assert [row.seq for row in await rows_of(store)] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.seq for row in await rows_of(store, after(1))] == [2, 4, 6]


async def test_what_is_appended_meanwhile_is_not_waited_for(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BATCH", 1)
    await store.record_configuration({}, NOW)
    seen = []
    async with contextlib.aclosing(store.audit_trail()) as rows:
        async for row in rows:
            seen.append(row.seq)
            await store.record_configuration({}, NOW)
    assert seen == [1]


async def test_what_somebody_changed_is_read_all_the_same(store: SqlStore, backend: Backend) -> None:
    await done(store, requested(emergency=True))
    await backend.disarm()
    await backend.sql("UPDATE audit_events SET actor = 'U9'")
    for number, data in enumerate(("no json", "[]", '{"team":7}', ""), start=1):
        await backend.sql(f"UPDATE audit_events SET data = '{data}' WHERE seq = {number}")  # noqa: S608
    await backend.sql("UPDATE operations SET state = '{}'")
    rows = await rows_of(store)
    assert [row.team for row in rows][:4] == [""] * 4
    assert [row.data for row in rows][:4] == ["no json", "[]", '{"team":7}', ""]
    assert not any(row.ended for row in rows)


async def test_the_trail_is_read_beside_the_process_that_writes_it(
    stores: Stores, store: SqlStore, backend: Backend
) -> None:
    await done(store, requested(emergency=True))
    reader = await connect(backend.url, migrate=False, read_only=True)
    stores.opened.append(reader)
    async with contextlib.aclosing(reader.audit_trail()) as rows:
        await anext(rows)
        await store.record_configuration({}, NOW)  # nobody is held up by a reader
        assert len([row async for row in rows]) == 5
