"""Bringing the schema up to date, and seeing whether it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StoreUnavailable
from bot.storage.tables import REVISION, heartbeat, schema_version

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 5023451717  # any number, as long as nobody else in this database takes it for an advisory lock


def configuration(connection: Connection) -> Config:
    """Alembic's configuration, with the connection handed over; there is no alembic.ini."""
    from alembic.config import Config  # noqa: PLC0415 - slow to import, and hardly a start migrates

    config = Config()
    migrations = Path(__file__).with_name("migrations")
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


async def upgrade(connection: AsyncConnection) -> None:
    """Runs what migrations are missing, in the transaction given; replicas that start together take turns.

    Raises:
        StoreUnavailable: A newer version of the bot has upgraded it already.
    """
    await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    found = _found(connection) if inspect(connection).has_table("alembic_version") else None
    if found == REVISION:
        return
    if _newer(found):
        raise StoreUnavailable(_difference(found))
    from alembic import command  # noqa: PLC0415 - see configuration()

    command.upgrade(configuration(connection), "head")


def _newer(found: str | None) -> bool:
    return found is not None and found > REVISION  # they are numbered in their order


def _difference(found: str | None) -> str:
    if _newer(found):
        return f"the database has schema {found}, newer than {REVISION}: run the version of the bot that upgraded it"
    return f"the database has schema {found or 'none'}, not {REVISION}: run switchover db upgrade"


def _found(connection: Connection) -> str | None:
    return connection.execute(schema_version).scalar_one_or_none()


async def beat(connection: AsyncConnection) -> str:
    """Writes, and says how the schema differs from what this code needs; "" if it does not."""
    found = await connection.run_sync(_found)
    if found != REVISION:
        return _difference(found)
    # Where another replica is just writing it, this one needn't: one that stands still meanwhile would have none ready.
    free = select(heartbeat.c.id).with_for_update(skip_locked=True)
    beaten = update(heartbeat).where(heartbeat.c.id.in_(free))
    await connection.execute(beaten.values(beats=heartbeat.c.beats + 1))
    return ""
