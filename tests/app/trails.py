"""An audit trail with something of everything, and the commands that look at it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

from bot.core.events import Requested
from bot.storage import SqlStore, connect
from tests.app.commands import Printed, configure_with_database, run
from tests.storage.values import NOW, after, chain, done_without_approval, planned, requested, reviewed

FORMULA = '=HYPERLINK("https://evil.example"; "click")'


@dataclass(frozen=True)
class Trail:
    """A database that a bot has open, with an emergency that ended and was reviewed, and one that is under way."""

    store: SqlStore
    folder: Path

    async def command(self, *arguments: str) -> Printed:
        return await run("audit", *arguments, "--config", str(self.folder / "switchover.toml"))

    def sql(self, *statements: str) -> None:
        with sqlite3.connect(self.folder / "switchover.db", isolation_level=None) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()


async def filled(folder: Path) -> Trail:
    """A trail of nine rows."""
    configure_with_database(folder)
    store = await connect(f"sqlite:///{folder}/switchover.db", migrate=True)
    first = requested(1, emergency=True)
    await store.open(first, due_at=NOW, item_id=None)
    decisions = done_without_approval(first)
    await store.commit(decisions, due_at=None)
    await store.commit(chain(decisions[-1], reviewed), due_at=None)
    under_way = requested(2, at=after(90))
    typed = under_way.event
    assert isinstance(typed, Requested)
    under_way = replace(under_way, event=replace(typed, reason=FORMULA))
    await store.open(under_way, due_at=NOW, item_id=None)
    await store.commit(chain(under_way, planned), due_at=NOW)
    return Trail(store, folder)
