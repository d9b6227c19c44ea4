"""What people look at: the databases, what is under way, what was done."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.core.answers import Answer, DatabaseLine, ShardLine, ShowDatabases, ShowOperations, Tell
from bot.core.commands import ListDatabases, ShowHelp, ShowHistory, ShowStatus
from bot.core.model import Topology
from bot.core.operation import Operation
from bot.errors import ProviderError
from bot.ports import Store
from bot.service.catalogue import CatalogueHolder, Database
from bot.service.planning import provider_said

READ_TOGETHER = 8
"""How many databases ``list`` reads at a time."""


class Showing:
    """Answers what changes nothing.

    Args:
        store: What was asked and done.
        catalogue: The configuration in force.
    """

    def __init__(self, *, store: Store, catalogue: CatalogueHolder) -> None:
        self._store = store
        self._catalogue = catalogue

    async def show(self, command: ListDatabases | ShowStatus | ShowHistory | ShowHelp) -> Answer:
        """What the command asks to see."""
        match command:
            case ListDatabases():
                return await self._list()
            case ShowStatus(name=name):
                return await self._status(name)
            case ShowHistory(database=database):
                return await self._history(database)
            case ShowHelp():
                return command

    async def _list(self) -> Answer:
        together = asyncio.Semaphore(READ_TOGETHER)
        under_way = await self._store.operations(open_only=True, limit=1000)

        async def line(database: Database) -> DatabaseLine:
            async with together:
                return await _line(database, [op for op in under_way if op.database == database.name])

        databases = self._catalogue.current.databases
        lines = await asyncio.gather(*(line(databases[name]) for name in sorted(databases)))
        return ShowDatabases(tuple(lines))

    async def _status(self, name: str | None) -> Answer:
        if name is None:
            return ShowOperations(tuple(await self._store.operations(open_only=True)))
        if name in self._catalogue.current.databases:
            found = await self._store.operations(open_only=True, database=name)
            return ShowOperations(tuple(found), name)
        op = await self._store.load(name.upper())
        if op is not None:
            return ShowOperations((op,), op.id)
        return Tell(self._catalogue.current.unknown(name))

    async def _history(self, database: str | None) -> Answer:
        if database is not None and self._catalogue.current.tracked(database) is None:
            return Tell(self._catalogue.current.unknown(database))
        found = await self._store.operations(open_only=False, database=database, limit=20)
        ended = tuple(op for op in found if not op.open)
        return ShowOperations(ended, database or "", past=True)


async def _line(database: Database, under_way: Sequence[Operation]) -> DatabaseLine:
    busy = {op.shard: op.id for op in under_way}
    line = DatabaseLine(database.name, database.description, "")
    try:
        readings = await database.provider.survey(database.name)
    except ProviderError as error:
        return replace(line, problem=provider_said(error), operation=next(iter(busy.values()), ""))
    shards = tuple(_shard_line(reading.shard, reading, busy) for reading in readings if reading.shard)
    listed = {shard.operation for shard in shards}
    elsewhere = next((operation for operation in busy.values() if operation not in listed), "")
    primary = "" if shards else _primary(readings[0])
    return replace(line, primary=primary, operation=elsewhere, shards=shards)


def _shard_line(shard: str, reading: Topology, busy: Mapping[str | None, str]) -> ShardLine:
    # While a request is being planned it has no more than what was typed, id or name.
    operation = busy.get(shard) or busy.get(reading.shard_name, "")
    return ShardLine(shard, reading.shard_name, _primary(reading), operation)


def _primary(reading: Topology) -> str:
    primary = reading.primary
    if primary is None:
        return ""
    return f"{primary.name} ({primary.id})" if primary.name else primary.id
