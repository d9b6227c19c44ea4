"""What the clouds said last of each database: who may ask them again, and what was found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.home import Reading
from bot.errors import Unreadable
from bot.storage import homes
from bot.storage.codec import READINGS
from bot.storage.tables import EPOCH, insert_new, readings


async def known(connection: AsyncConnection, databases: Collection[str]) -> Mapping[str, Reading]:
    """The last readings of these databases; one that a newer version wrote counts as none."""
    of_these = readings.c.database.in_(sorted(databases)), readings.c.reading.is_not(None)
    found = {}
    for row in await connection.execute(select(readings).where(*of_these)):
        try:
            found[row.database] = READINGS.loads(row.reading)
        except Unreadable:
            continue
    return found


async def begin(
    connection: AsyncConnection, databases: Collection[str], now: datetime, asked_before: datetime
) -> Sequence[str]:
    """Those of the databases that nobody has begun to read since a time; of two askers one gets each."""
    if not databases:
        return []
    names = sorted(databases)
    new = [{"database": name, "asked_at": EPOCH} for name in names]
    await connection.execute(insert_new(connection, readings).values(new))
    key = readings.c.database
    # What another worker is just taking is passed over, so that two of them never wait for each other.
    due = select(key).where(key.in_(names), readings.c.asked_at <= asked_before)
    taking = update(readings).where(key.in_(due.with_for_update(skip_locked=True)))
    taken = await connection.execute(taking.values(asked_at=now).returning(key))
    return sorted(taken.scalars())


async def record(connection: AsyncConnection, found: Mapping[str, Reading], now: datetime) -> None:
    """Keeps readings, and makes every tab due; where no roles were found, those known before are kept."""
    before = await known(connection, found)
    for name, reading in sorted(found.items()):
        kept = reading.topologies or (before[name].topologies if name in before else ())
        text = READINGS.dumps(replace(reading, topologies=kept))
        await connection.execute(update(readings).where(readings.c.database == name).values(reading=text))
    await homes.make_due(connection, now)
