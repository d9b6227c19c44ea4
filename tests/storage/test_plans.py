"""What was ever done is kept for long, and there may be very much of it: what is done at a start does not read it."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event

from bot.storage import SqlStore
from tests.storage.backends import Sqlite
from tests.storage.values import NOW

GROWING = "inbox", "messages", "operations"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("work", [SqlStore.hasten, SqlStore.release_claims])
async def test_what_was_ever_done_is_not_read_at_a_start(
    store: SqlStore, backend: Sqlite, work: Callable[[SqlStore, datetime], Awaitable[None]]
) -> None:
    """SQLite tells how it finds rows: of these tables none is gone through without its index of what is due."""
    said: list[tuple[str, Any]] = []

    def listen(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        said.append((statement, values))

    event.listen(store._database._engines.writer.sync_engine, "before_cursor_execute", listen)
    await work(store, NOW)
    ways = [way for statement, values in said for way in plan(backend, statement, values)]
    assert {each for each in GROWING if any(way.split()[1] == each for way in ways)} == set(GROWING)
    assert [way for way in ways if way in {f"SCAN {each}" for each in GROWING}] == []


def plan(backend: Sqlite, statement: str, values: Any) -> list[str]:
    if not statement.startswith("UPDATE"):
        return []
    connection = sqlite3.connect(backend.path)
    found = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    connection.close()
    return found
