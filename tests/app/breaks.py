"""Ways in which the file of a database is of no use for a while."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from tests.app.door import RealDoor
from tests.app.payloads import SLASH
from tests.app.signed import form

PATIENCE = timedelta(milliseconds=200)
UNRECORDED = "othing was recorded"
Break = Callable[[RealDoor, Path], "contextlib.AbstractAsyncContextManager[None]"]


@contextlib.asynccontextmanager
async def full(door: RealDoor, _folder: Path) -> AsyncIterator[None]:
    async def limit(connection: AsyncConnection, pages: int) -> None:
        await connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    await door.store._database.write(lambda connection: limit(connection, 1))
    # Big ones first, then ever smaller ones: in the end there is no room for the smallest on any page.
    for size in (900, 200, 0):
        for number in range(200):
            text = "orders because " + "x" * size if size else "list"
            told = await door.send(form(SLASH | {"trigger_id": f"fill-{size}-{number}", "text": text}))
            if UNRECORDED in told.text:
                break
        else:
            raise AssertionError("it is never full")
    yield
    await door.store._database.write(lambda connection: limit(connection, 1_000_000))


LOCKER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.asynccontextmanager
async def locked(_door: RealDoor, folder: Path) -> AsyncIterator[None]:
    """By another process, which dies at the end."""
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LOCKER, str(folder / "switchover.db")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert other.stdout is not None
    assert await other.stdout.readline() == b"held\n"
    yield
    other.kill()
    await other.communicate()


@contextlib.asynccontextmanager
async def file_gone(_door: RealDoor, folder: Path) -> AsyncIterator[None]:
    path = folder / "switchover.db"
    path.rename(folder / "moved")
    yield
    (folder / "moved").rename(path)


@contextlib.asynccontextmanager
async def folder_gone(_door: RealDoor, folder: Path) -> AsyncIterator[None]:
    moved = folder.parent / "elsewhere"
    folder.rename(moved)  # noqa: ASYNC240
    yield
    moved.rename(folder)


@contextlib.asynccontextmanager
async def replaced(_door: RealDoor, folder: Path) -> AsyncIterator[None]:
    path = folder / "switchover.db"
    path.rename(folder / "moved")
    shutil.copyfile(folder / "moved", path)
    yield
    (folder / "moved").replace(path)


SAYS: dict[Break, str] = {
    full: "full",
    locked: "locked",
    file_gone: "is gone",
    folder_gone: "is gone",
    replaced: "was replaced",
}
