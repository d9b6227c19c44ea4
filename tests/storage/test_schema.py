"""Migrations make exactly the tables that the code reads and writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.answers import ChooseNode
from bot.core.commands import RequestSwitchover
from bot.core.events import Choice
from bot.errors import Chosen, StoreUnavailable
from bot.storage import SqlStore, connect, schema, tables
from bot.storage.codec import OPERATIONS
from tests.storage.backends import Backend, Stores, migrate
from tests.storage.values import (
    LATER,
    NOW,
    cancelled,
    chain,
    done_without_approval,
    planned,
    requested,
    reviewed,
    started,
)

CATALOGUE = {
    "sqlite": [
        """SELECT type, name, sql FROM sqlite_master
        WHERE type <> 'trigger' AND name NOT LIKE 'sqlite%' AND name <> 'alembic_version' ORDER BY name""",
    ],
    "postgresql": [
        """SELECT table_name, column_name, data_type, is_nullable, column_default
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
        ORDER BY table_name, ordinal_position""",
        """SELECT indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY indexname""",
        """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
        ORDER BY conname""",
    ],
}


async def catalogue(backend: Backend) -> list[Sequence[tuple[Any, ...]]]:
    return [await backend.sql(statement) for statement in CATALOGUE[backend.name]]


async def synchronously(store: SqlStore, work: Any) -> Any:
    async def run(connection: AsyncConnection) -> Any:
        return await connection.run_sync(work)

    return await store._database.migrate(run)


async def test_alembic_finds_nothing_to_change(store: SqlStore) -> None:
    def check(connection: Connection) -> None:
        command.check(schema.configuration(connection))

    await synchronously(store, check)


async def test_migrations_and_metadata_make_the_same_schema(empty: Backend) -> None:
    store = await connect(empty.url, migrate=False)
    await synchronously(store, tables.metadata.create_all)
    from_metadata = [_words(rows) for rows in await catalogue(empty)]
    await synchronously(store, tables.metadata.drop_all)
    await store.upgrade()
    assert [_words(rows) for rows in await catalogue(empty)] == from_metadata
    await store.close()


def _words(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [[" ".join(str(value).split()) for value in row] for row in rows]


async def test_the_code_names_the_newest_revision(store: SqlStore) -> None:
    def newest(connection: Connection) -> str | None:
        return ScriptDirectory.from_config(schema.configuration(connection)).get_current_head()

    assert await synchronously(store, newest) == tables.REVISION


async def test_upgrading_what_is_up_to_date_changes_nothing(store: SqlStore, backend: Backend) -> None:
    before = await catalogue(backend)
    await store.upgrade()
    assert await catalogue(backend) == before


async def test_replicas_that_start_together_take_turns(empty: Backend) -> None:
    count = 4 if empty.several else 1
    await asyncio.gather(*(migrate(empty.url) for _ in range(count)))
    store = await connect(empty.url, migrate=False)
    assert await store.ready() == ""
    await store.close()


async def test_ready_names_a_schema_that_is_missing(empty: Backend) -> None:
    store = await connect(empty.url, migrate=False)
    assert "switchover db upgrade" in await store.ready()
    await store.close()


async def test_ready_names_a_schema_of_another_version(store: SqlStore, backend: Backend) -> None:
    assert await store.ready() == ""
    await backend.sql("UPDATE alembic_version SET version_num = '9999'")
    assert await store.ready() == (
        f"the database has schema 9999, newer than {tables.REVISION}: run the version of the bot that upgraded it"
    )


async def test_a_schema_from_before_is_to_be_upgraded(store: SqlStore, backend: Backend) -> None:
    await backend.sql("UPDATE alembic_version SET version_num = '0001'")
    said = f"the database has schema 0001, not {tables.REVISION}: run switchover db upgrade"
    assert await store.ready() == said


async def test_an_older_version_of_the_bot_upgrades_nothing_and_says_so(
    store: SqlStore, backend: Backend
) -> None:
    await backend.sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnavailable, match="schema 9999, newer than"):
        await store.upgrade()


async def test_ready_really_writes(store: SqlStore, backend: Backend) -> None:
    await store.ready()
    await store.ready()
    assert await backend.sql("SELECT beats FROM heartbeat") == [(2,)]


async def test_sqlite_is_set_up_to_survive(stores: Stores, store: SqlStore) -> None:
    async def pragma(name: str, connection: AsyncConnection) -> Any:
        return (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()

    async def setting(name: str, connection: AsyncConnection) -> Any:
        return (await connection.exec_driver_sql(f"SHOW {name}")).scalar_one()

    asked: dict[str, tuple[Any, dict[str, Any]]] = {
        "sqlite": (pragma, {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 300}),
        "postgresql": (setting, {"statement_timeout": "10s", "lock_timeout": "300ms", "fsync": "off"}),
    }
    ask, wanted = asked[stores.backend.name]
    for name, value in wanted.items():
        assert await store._database.write(partial(ask, name)) == value


@pytest.mark.usefixtures("store")
async def test_a_reader_writes_nothing(backend: Backend) -> None:
    reader = await connect(backend.url, migrate=False, read_only=True)
    assert await reader.operations(open_only=True) == []
    assert "read-only" in await reader.ready()
    await reader.close()


async def test_a_reader_makes_no_file(tmp_path: Any) -> None:
    with pytest.raises(StoreUnavailable, match="can't be opened"):
        await connect(f"sqlite:///{tmp_path}/none.db", migrate=False, read_only=True)
    assert list(tmp_path.iterdir()) == []


OLDER = json.loads(Path(__file__).with_name("stored_0001.json").read_text(encoding="utf-8"))


def older_schema(connection: Connection, revision: str) -> None:
    command.upgrade(schema.configuration(connection), revision)


async def owe_answer(backend: Backend, number: int, answer: str) -> None:
    await backend.sql(
        'INSERT INTO messages (kind, key, status, channel, "to", answer, ts, uncertain, posted_version, '  # noqa: S608
        "attempts, last_error, owed_at, due_at) VALUES ('answer', "
        f"'answer-{number}-1', '', 'C1', '{OLDER['origins'][0]}', '{answer}', '', false, 0, 0, '', 0, 0)"
    )


async def test_a_database_of_the_first_schema_is_upgraded_with_what_is_in_it(empty: Backend) -> None:
    store = await connect(empty.url, migrate=False)
    await synchronously(store, partial(older_schema, revision="0001"))
    state = OLDER["operations"][0]
    await empty.sql(
        "INSERT INTO operations (id, database, shard, status, version, is_open, requested_at, state) "  # noqa: S608
        f"VALUES ('SW-000001', 'db1', '', 'succeeded', 9, false, 0, '{state}')"
    )
    for number, answer in enumerate(OLDER["answers"]):
        await owe_answer(empty, number, answer)
    assert "switchover db upgrade" in await store.ready()
    await store.upgrade()
    assert await store.ready() == ""
    op = await store.load("SW-000001")
    assert op is not None
    assert not op.review_owed
    answers = {message.answer for message in await store.claim_messages(NOW, LATER, 50)}
    assert len(answers) == len(OLDER["answers"])
    (chooser,) = [answer for answer in answers if isinstance(answer, ChooseNode)]
    assert chooser.request == RequestSwitchover("orders", reason="because")
    assert await store.holds(NOW) == []
    await store.close()


async def test_what_was_chosen_before_an_upgrade_stays_chosen(empty: Backend) -> None:
    store = await connect(empty.url, migrate=False)
    await synchronously(store, partial(older_schema, revision="0003"))
    choice = Choice(7, NOW)
    state = OPERATIONS.dumps(requested(1, choice=choice).after)
    await empty.sql(
        "INSERT INTO operations (id, database, shard, status, version, is_open, requested_at, state) "  # noqa: S608
        f"VALUES ('SW-000001', 'db1', '', 'planning', 1, true, 0, '{state}')"
    )
    await store.upgrade()
    with pytest.raises(Chosen) as chosen:
        await store.open(requested(2, choice=choice), due_at=NOW, item_id=None)
    assert chosen.value.made == "SW-000001"
    await store.close()


async def test_cards_of_what_waits_are_renewed_after_an_upgrade(empty: Backend) -> None:
    """What holds it may have been set before, when cards did not show it."""
    store = await connect(empty.url, migrate=False)
    await synchronously(store, partial(older_schema, revision="0005"))
    for number, step in ((1, planned), (2, None)):
        op = requested(number).after if step is None else chain(requested(number), step)[-1].after
        await empty.sql(
            "INSERT INTO operations (id, database, shard, status, version, is_open, requested_at, state) "  # noqa: S608
            f"VALUES ('{op.id}', '{op.database}', '', '{op.status}', {op.version}, true, 0, '{OPERATIONS.dumps(op)}')"
        )
        await empty.sql(
            "INSERT INTO messages (kind, key, operation_id, status, channel, ts, uncertain, posted_version, "  # noqa: S608
            "attempts, last_error, owed_at, due_at) "
            f"VALUES ('card', 'card', '{op.id}', '', 'C1', '1.1', false, {op.version}, 0, '', 0, 0)"
        )
    await store.upgrade()
    found = await store.claim_messages(NOW, LATER, 9)
    assert [message.operation and message.operation.id for message in found] == ["SW-000001"]
    await store.close()


async def test_what_was_in_doubt_before_an_upgrade_still_is_and_nobody_knows_since_when(
    empty: Backend,
) -> None:
    store = await connect(empty.url, migrate=False)
    await synchronously(store, partial(older_schema, revision="0006"))
    for key, uncertain in (("halted-1", "true"), ("halted-2", "false")):
        await empty.sql(
            "INSERT INTO messages (kind, key, status, say, channel, ts, uncertain, posted_version, attempts, "  # noqa: S608
            f"last_error, owed_at, due_at) VALUES ('audit', '{key}', '', '{OLDER['says'][0]}', 'C1', '', "
            f"{uncertain}, 0, 0, '', 0, 0)"
        )
    await store.upgrade()
    found = [(one.uncertain, one.begun_at) for one in await store.claim_messages(NOW, LATER, 9)]
    assert found == [(True, None), (False, None)]
    await store.close()


async def test_what_was_to_be_reviewed_before_an_upgrade_still_is(empty: Backend) -> None:
    """An emergency that was sent and has ended, unless somebody has reviewed it."""
    store = await connect(empty.url, migrate=False)
    await synchronously(store, partial(older_schema, revision="0004"))
    owed, seen, unsent, under_way = (requested(number, emergency=True) for number in range(1, 5))
    done = done_without_approval(seen)[-1]
    states = [
        done_without_approval(owed)[-1],
        chain(done, reviewed)[-1],
        chain(unsent, cancelled)[-1],
        chain(under_way, planned, started)[-1],
        chain(requested(5), cancelled)[-1],
    ]
    for each in states:
        op = each.after
        await empty.sql(
            "INSERT INTO operations (id, database, shard, status, version, is_open, requested_at, state) "  # noqa: S608
            f"VALUES ('{op.id}', '{op.database}', '', '{op.status}', 1, {op.open}, 0, '{OPERATIONS.dumps(op)}')"
        )
    await store.upgrade()
    assert [op.id for op in await store.to_review()] == [owed.after.id]
    await store.close()
