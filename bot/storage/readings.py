"""What the clouds said last of each database: who may ask them again, and what was found."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.home import Reading
from bot.core.operation import Operation
from bot.errors import Unreadable
from bot.storage import claims, homes
from bot.storage.codec import READINGS
from bot.storage.tables import EPOCH, insert_new, readings


async def known(connection: AsyncConnection, databases: Collection[str]) -> Mapping[str, Reading]:
    """The last readings of these databases; one that a newer version wrote counts as none."""
    return _readable(await connection.execute(_of(databases)))


async def _locked(connection: AsyncConnection, databases: Collection[str]) -> dict[str, Reading]:
    """The same, with nobody else changing them before this transaction ends."""
    in_order = _of(databases).order_by(readings.c.database)
    return _readable(await connection.execute(in_order.with_for_update()))


def _of(databases: Collection[str]) -> Select[Any]:
    return select(readings).where(readings.c.database.in_(sorted(databases)), readings.c.reading.is_not(None))


def _readable(rows: Iterable[Row[Any]]) -> dict[str, Reading]:
    found = {}
    for row in rows:
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


async def hasten(connection: AsyncConnection, now: datetime) -> None:
    """Nothing was begun to be read later than now: else it would not be read again until then."""
    await claims.move(connection, readings.c.asked_at, now, readings.c.asked_at > now)


async def record(connection: AsyncConnection, found: Mapping[str, Reading], now: datetime) -> None:
    """Keeps readings, and makes every tab due; roles known before are kept where none, or older ones, were found."""
    before = await _locked(connection, found)
    for name, reading in sorted(found.items()):
        await _keep(connection, name, reading.after(before.get(name, Reading()), now))
    await homes.make_due(connection, now)


async def renew(connection: AsyncConnection, op: Operation) -> None:
    """Keeps the roles that an operation saw last, once it is over: nobody has to ask the cloud for them again."""
    if op.open or op.topology is None:
        return
    before = (await _locked(connection, [op.database])).get(op.database, Reading())
    renewed = before.renewed(op.topology)
    if renewed != before:
        await _keep(connection, op.database, renewed)


async def _keep(connection: AsyncConnection, database: str, reading: Reading) -> None:
    text = READINGS.dumps(reading)
    await connection.execute(update(readings).where(readings.c.database == database).values(reading=text))
