"""What README says of backups is done as it stands there, to the database of a bot that has it open."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.ports import AuditHead
from bot.storage import SqlStore, connect
from tests.missing import missing
from tests.storage.values import NOW, requested

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.+)$", README.partition("### Backups")[2].partition("\n## ")[0], re.MULTILINE)
*BACK_UP, RESTORE = COMMANDS
PROGRAMS = [command.partition(" ")[0] for command in BACK_UP]


@dataclass(frozen=True)
class Live:
    """A database that a bot has open."""

    folder: Path
    store: SqlStore

    async def one_more(self, number: int) -> AuditHead:
        await self.store.open(requested(number), due_at=NOW, item_id=None)
        return await self.store.audit_head()

    def checkpoint(self) -> None:
        """What is in the log goes into the database, as it does from time to time."""
        connection = sqlite3.connect(self.folder / "switchover.db")
        assert connection.execute("PRAGMA wal_checkpoint").fetchone()[0] == 0
        connection.close()


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    folder = tmp_path / "bot"
    folder.mkdir()
    store = await connect(f"sqlite:///{folder}/switchover.db", migrate=True)
    yield Live(folder, store)
    await store.close()


async def type_in(folder: Path, command: str) -> None:
    """Types a command into a shell whose ``python3`` is that of the tests."""
    program = command.partition(" ")[0]
    if shutil.which(program) is None:
        missing(f"no {program}")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    await asyncio.to_thread(  # noqa: S604
        subprocess.run, command, shell=True, check=True, cwd=folder, env=os.environ | {"PATH": path}
    )


async def head_of(database: Path) -> AuditHead:
    store = await connect(f"sqlite:///{database}", migrate=False, read_only=True)
    try:
        found = await store.verify_audit()
        assert isinstance(found, AuditHead)
        return found
    finally:
        await store.close()


@pytest.mark.parametrize("command", BACK_UP, ids=PROGRAMS)
async def test_a_backup_of_a_running_bot_has_the_newest_row(live: Live, command: str) -> None:
    older = await live.one_more(1)
    live.checkpoint()
    newest = await live.one_more(2)
    await type_in(live.folder, command)
    assert await head_of(live.folder / "backup.db") == newest
    # Were the newest row not in the log, any copy would do.
    shutil.copy(live.folder / "switchover.db", live.folder / "mere-copy.db")
    assert await head_of(live.folder / "mere-copy.db") == older


async def test_what_was_backed_up_can_be_gone_back_to_after_a_crash(live: Live, tmp_path: Path) -> None:
    head = await live.one_more(1)
    await type_in(live.folder, BACK_UP[-1])
    await live.one_more(2)
    crashed = tmp_path / "crashed"
    shutil.copytree(live.folder, crashed)
    await type_in(crashed, RESTORE)
    assert await head_of(crashed / "switchover.db") == head
    again = await connect(f"sqlite:///{crashed}/switchover.db", migrate=True)
    try:
        assert await again.ready() == ""
    finally:
        await again.close()
