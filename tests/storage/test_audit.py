"""The trail: append-only, chained, and honest about any change."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tracemalloc
from dataclasses import replace
from functools import partial

import pytest

from bot.ports import AuditBreak, AuditHead, Storage
from bot.storage import SqlStore, audit
from tests.storage.backends import EVERYWHERE, Backend, Stores
from tests.storage.values import NOW, after, requested, running

COLUMNS = "seq, stream, operation_id, version, type, at, actor, data, prev_hash"


@pytest.fixture
async def trail(store: Storage) -> Storage:
    """A store with seven rows: an operation's first five events, a configuration load, another request."""
    first = requested(1)
    await store.open(first, due_at=NOW, item_id=None)
    await store.commit(running(first), due_at=NOW)
    await store.record_configuration({"file": "a.toml", "digest": "äöü"}, after(1))
    await store.open(requested(2), due_at=NOW, item_id=None)
    return store


async def head_of(store: Storage) -> AuditHead:
    found = await store.verify_audit()
    assert isinstance(found, AuditHead), found
    return found


@EVERYWHERE
async def test_an_empty_trail_is_intact(store: Storage) -> None:
    assert await store.verify_audit() == AuditHead(0, "")


async def test_an_intact_trail_ends_at_its_head(trail: SqlStore, backend: Backend) -> None:
    head = await head_of(trail)
    assert await backend.sql("SELECT seq, hash FROM audit_events ORDER BY seq DESC LIMIT 1") == [
        (head.seq, head.hash)
    ]
    assert head.seq == 7


async def test_every_head_ever_printed_is_found_again(trail: SqlStore, backend: Backend) -> None:
    for seq, printed in await backend.sql("SELECT seq, hash FROM audit_events"):
        assert await trail.verify_audit(printed) == replace(await head_of(trail), found=seq)


@EVERYWHERE
async def test_a_head_is_found_at_the_row_that_it_was_of(store: Storage) -> None:
    await store.record_configuration({}, NOW)
    earlier = await store.audit_head()
    await store.record_configuration({}, NOW)
    assert await store.verify_audit(earlier.hash) == replace(await store.audit_head(), found=1)


@EVERYWHERE
async def test_an_unknown_head_is_a_break(trail: Storage) -> None:
    found = await trail.verify_audit("0" * 64)
    assert isinstance(found, AuditBreak)
    assert "no row has the hash" in found.problem


@pytest.mark.usefixtures("trail")
async def test_a_row_says_who_did_what_when(backend: Backend) -> None:
    rows = await backend.sql(
        "SELECT stream, operation_id, version, type, actor FROM audit_events ORDER BY seq"
    )
    assert rows[2:6] == [
        ("operation", "SW-000001", 3, "approved", "U2"),
        ("operation", "SW-000001", 4, "submission_started", ""),
        ("operation", "SW-000001", 5, "submission_accepted", ""),
        ("configuration", None, None, "configuration_loaded", ""),
    ]


@pytest.mark.usefixtures("trail")
async def test_anybody_can_compute_the_hashes_from_the_documentation(backend: Backend) -> None:
    previous = ""
    for row in await backend.sql(f"SELECT {COLUMNS}, hash FROM audit_events ORDER BY seq"):  # noqa: S608
        text = json.dumps(list(row[:-1]), separators=(",", ":"))
        assert row[-2] == previous
        assert row[-1] == (previous := hashlib.sha256(text.encode("ascii")).hexdigest())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET actor = 'U9' WHERE seq = 2",
        "UPDATE audit_events SET actor = actor",
        "DELETE FROM audit_events WHERE seq = 7",
        "DELETE FROM audit_events",
    ],
)
async def test_the_database_refuses_to_change_the_trail(
    trail: SqlStore, backend: Backend, statement: str
) -> None:
    with pytest.raises(Exception, match="append-only"):
        await backend.sql(statement)
    assert (await head_of(trail)).seq == 7


@pytest.mark.usefixtures("trail")
async def test_the_database_refuses_to_empty_the_trail(backend: Backend) -> None:
    statement = {"sqlite": "DELETE FROM audit_events", "postgresql": "TRUNCATE audit_events CASCADE"}
    with pytest.raises(Exception, match="append-only"):
        await backend.sql(statement[backend.name])


@pytest.mark.parametrize(
    "change",
    [
        "stream = 'other'",
        "operation_id = 'SW-OTHER'",
        "operation_id = NULL",
        "version = 9",
        "type = 'rejected'",
        "at = at + 1",
        "at = 9223372036854775807",
        "at = -9223372036854775807",
        "actor = 'U9'",
        "data = '{}'",
        "data = 'no JSON'",
        "hash = 'abc'",
        "prev_hash = 'abc'",
    ],
)
async def test_a_changed_column_is_found(trail: SqlStore, backend: Backend, change: str) -> None:
    await backend.disarm()
    await backend.sql(f"UPDATE audit_events SET {change} WHERE seq = 3")  # noqa: S608
    found = await trail.verify_audit()
    assert isinstance(found, AuditBreak)
    assert found.seq == 3


async def test_a_changed_row_with_a_hash_made_anew_is_found_at_the_next(
    trail: SqlStore, backend: Backend
) -> None:
    await backend.disarm()
    await backend.sql("UPDATE audit_events SET actor = 'U9' WHERE seq = 3")
    await backend.sql(f"UPDATE audit_events SET hash = '{await remade(backend, 3)}' WHERE seq = 3")  # noqa: S608
    assert await trail.verify_audit() == AuditBreak(4, "the row does not follow the one before it")


async def remade(backend: Backend, seq: int) -> str:
    (row,) = await backend.sql(f"SELECT {COLUMNS} FROM audit_events WHERE seq = {seq}")  # noqa: S608
    return hashlib.sha256(json.dumps(list(row), separators=(",", ":")).encode()).hexdigest()


@pytest.mark.parametrize("seq", [1, 4])
async def test_a_removed_row_is_found(trail: SqlStore, backend: Backend, seq: int) -> None:
    await backend.disarm()
    await backend.sql(f"DELETE FROM audit_events WHERE seq = {seq}")  # noqa: S608
    assert await trail.verify_audit() == AuditBreak(seq, "the row is missing")


async def test_swapped_rows_are_found(trail: SqlStore, backend: Backend) -> None:
    await backend.disarm()
    for old, new in ((3, 99), (4, 3), (99, 4)):
        await backend.sql(f"UPDATE audit_events SET seq = {new} WHERE seq = {old}")  # noqa: S608
    found = await trail.verify_audit()
    assert isinstance(found, AuditBreak)
    assert found.seq == 3


@pytest.mark.parametrize("seq", [-1, 0, 8])
async def test_an_inserted_row_is_found(trail: SqlStore, backend: Backend, seq: int) -> None:
    last = await head_of(trail)
    await backend.sql(
        f"INSERT INTO audit_events ({COLUMNS}, hash) "  # noqa: S608
        f"VALUES ({seq}, 'operation', 'SW-X', 1, 'approved', 0, 'U9', '{{}}', '{last.hash}', '')"
    )
    await backend.disarm()
    await backend.sql(
        f"UPDATE audit_events SET hash = '{await remade(backend, seq)}' WHERE seq = {seq}"  # noqa: S608
    )
    found = await trail.verify_audit()
    assert isinstance(found, AuditBreak)
    assert found.seq in {seq, 9}


async def test_a_cut_tail_is_found(trail: SqlStore, backend: Backend) -> None:
    await backend.disarm()
    await backend.sql("DELETE FROM audit_events WHERE seq > 5")
    found = await trail.verify_audit()
    assert isinstance(found, AuditBreak)
    assert found.seq == 6


async def test_a_cut_tail_with_a_forged_end_is_found_by_a_head_printed_earlier(
    trail: SqlStore, backend: Backend
) -> None:
    printed = (await head_of(trail)).hash
    await backend.disarm()
    await backend.sql("DELETE FROM audit_events WHERE seq > 5")
    await backend.sql("UPDATE audit_head SET seq = 5, hash = (SELECT hash FROM audit_events WHERE seq = 5)")
    assert (await head_of(trail)).seq == 5
    found = await trail.verify_audit(printed)
    assert isinstance(found, AuditBreak)
    assert found.seq == 6


@EVERYWHERE
async def test_concurrent_events_make_one_chain(stores: Stores, store: Storage) -> None:
    workers = [store, await stores.replica()]
    await asyncio.gather(
        *(workers[n % 2].open(requested(n), due_at=NOW, item_id=None) for n in range(10)),
        *(workers[n % 2].record_configuration({"n": str(n)}, NOW) for n in range(10)),
    )
    assert (await head_of(store)).seq == 20


async def test_a_long_trail_is_walked_in_batches(
    store: SqlStore, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BATCH", 3)
    for number in range(7):
        await store.record_configuration({"n": str(number)}, NOW)
    assert (await head_of(store)).seq == 7
    await backend.disarm()
    await backend.sql("DELETE FROM audit_events WHERE seq = 4")
    assert await store.verify_audit() == AuditBreak(4, "the row is missing")


async def test_the_length_of_the_trail_costs_no_memory(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BATCH", 50)
    entries = [
        audit.configuration_entry({"n": str(number), "text": "x" * 1000}, NOW) for number in range(2000)
    ]
    for start in range(0, len(entries), 100):
        await store._database.write(partial(audit.append, entries=entries[start : start + 100]))
    del entries

    async def read() -> int:
        return len([None async for _ in store.audit_trail()])

    await head_of(store)  # what is made once and kept is made
    peaks = []
    for walk in (store.verify_audit, read):
        tracemalloc.start()
        await walk()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 1_000_000, "all rows together have twice as much"
