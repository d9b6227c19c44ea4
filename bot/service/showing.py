"""What people look at: the databases, what is under way, what was done."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.core.answers import Answer, DatabaseLine, ShardLine, ShowDatabases, ShowOperations, Tell
from bot.core.commands import ListDatabases, ShowHelp, ShowHistory, ShowStatus
from bot.core.holds import (
    ALL,
    EVERY_KIND,
    Hold,
    HoldKind,
    frozen_policy,
    in_the_way,
    kinds_binding,
    sentences,
)
from bot.core.model import OperationId, Reason, Topology
from bot.core.names import OPERATION
from bot.core.operation import ENDS, UNSENT, Operation
from bot.errors import ProviderError
from bot.ports import Clock, Store
from bot.service.catalogue import CatalogueHolder, Database
from bot.service.past import unknown_operation
from bot.service.planning import provider_said

READ_TOGETHER = 8
"""How many databases ``list`` reads at a time."""
LISTED = 20
"""How many databases, or operations of the past, one answer shows, and so how many are read for it."""


class Showing:
    """Answers what changes nothing.

    Args:
        store: What was asked and done.
        catalogue: The configuration in force.
        clock: The time.
    """

    def __init__(self, *, store: Store, catalogue: CatalogueHolder, clock: Clock) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clock = clock

    async def show(self, command: ListDatabases | ShowStatus | ShowHistory | ShowHelp) -> Answer:
        """What the command asks to see."""
        match command:
            case ListDatabases():
                return await self._list(command)
            case ShowStatus(name=name):
                return await self._status(name)
            case ShowHistory(database=database, page=page):
                return await self._history(database, page)
            case ShowHelp(text=text):
                return replace(command, databases=self._catalogue.current.named_in(text)) if text else command

    async def _list(self, command: ListDatabases) -> Answer:
        databases, part = self._catalogue.current.databases, command.part.casefold()
        named = [name for name in sorted(databases) if part in _sought(databases[name])]
        if part and not named:
            near = self._catalogue.current.nearest(command.part)
            return Tell(Reason.of("list-none", part=command.part, nearest=near))
        page, pages, beyond = _page(command.page, len(named))
        together = asyncio.Semaphore(READ_TOGETHER)
        under_way = await self._store.operations(open_only=True, limit=1000)

        now = self._clock.now()
        holds = await self._store.holds(now)

        async def line(database: Database) -> DatabaseLine:
            async with together:
                read = await _line(database, [op for op in under_way if op.database == database.name])
                return replace(read, frozen=_frozen(database, holds, now))

        shown = named[(page - 1) * LISTED : page * LISTED]
        lines = await asyncio.gather(*(line(databases[name]) for name in shown))
        # What is frozen for itself is marked; what binds all of them is said once.
        held = tuple(sentences(holds, ALL, now, EVERY_KIND))
        return ShowDatabases(tuple(lines), command.part, page, pages, len(named), held, beyond)

    async def _status(self, name: str | None) -> Answer:
        now = self._clock.now()
        if name is None:
            found = await self._store.operations(open_only=True)
            to_review = tuple(await self._store.to_review())
            holds = await self._store.holds(now)
            return ShowOperations(
                tuple(found),
                held=self._held(holds, None, now),
                to_review=to_review,
                stopped=_stopped(found, holds, now),
            )
        if name in self._catalogue.current.databases:
            found = await self._store.operations(open_only=True, database=name)
            holds = await self._store.holds(now)
            held = self._held(holds, name, now)
            return ShowOperations(tuple(found), name, held=held, stopped=_stopped(found, holds, now))
        shown = await self._one(name)
        if isinstance(shown, ShowOperations):
            (op,) = shown.operations
            if op.status in UNSENT:
                holds = await self._store.holds(now)
                hold = in_the_way(op, holds, now)
                held = self._held(holds, op.database, now, emergency=op.emergency)
                # What is said with its status is not said above it, too.
                others = tuple(each for each in held if hold is None or each != hold.sentence())
                return replace(shown, held=others, hold=hold)
        return shown

    def _held(
        self, holds: Sequence[Hold], name: str | None, now: datetime, *, emergency: bool = False
    ) -> tuple[Reason, ...]:
        """What stops new submissions, of one database or of any."""
        current = self._catalogue.current
        by_hand = sentences(holds, name, now, kinds_binding(emergency=emergency))
        policy = None if name is None else current.policy_for(name).name
        configured = [] if emergency else current.frozen(now)
        windows = [frozen_policy(each, why) for each, why in configured if policy in (None, each)]
        return (*by_hand, *windows)

    async def _history(self, database: str | None, asked: int) -> Answer:
        if database is not None and self._catalogue.current.tracked(database) is None:
            return await self._one(database)
        counted = await self._store.count_operations(database)
        total = sum(count for status, count in counted.items() if status in ENDS)
        page, pages, beyond = _page(asked, total)
        ended = await self._store.ended(database=database, limit=LISTED, skip=(page - 1) * LISTED)
        return ShowOperations(
            tuple(ended), database or "", past=True, page=page, pages=pages, total=total, beyond=beyond
        )

    async def _one(self, name: str) -> Answer:
        """The operation that is called so, or what there is no such thing of."""
        op = await self._store.load(name.upper())
        if op is not None:
            return ShowOperations((op,), op.id)
        if name.upper().startswith(OPERATION):
            return Tell(await unknown_operation(self._store, name))
        return Tell(self._catalogue.current.unknown(name))


def _stopped(
    operations: Sequence[Operation], holds: Sequence[Hold], now: datetime
) -> tuple[OperationId, ...]:
    return tuple(op.id for op in operations if in_the_way(op, holds, now) is not None)


def _page(asked: int, total: int) -> tuple[int, int, int]:
    """Which page is shown, of how many: the one that was asked for, or the last, and then which was asked for."""
    pages = max(1, -(-total // LISTED))
    return max(1, min(asked, pages)), pages, asked if asked > pages else 0


def _frozen(database: Database, holds: Sequence[Hold], now: datetime) -> Reason | None:
    """Why this one is frozen, where not all of them are: of a freeze by hand and a configured one what ends later."""
    own = (hold for hold in holds if hold.kind is HoldKind.FREEZE and hold.scope == database.name)
    by_hand, window = next(own, None), database.frozen(now)
    if by_hand is None or (window is not None and _ends_before(by_hand, window)):
        return None if window is None else Reason("list-frozen", window.params)
    until = None if by_hand.until is None else by_hand.until.isoformat()
    return Reason.of("list-frozen", until=until, by=by_hand.by, reason=by_hand.reason)


def _ends_before(by_hand: Hold, window: Reason) -> bool:
    return by_hand.until is not None and by_hand.until < datetime.fromisoformat(window["until"])


def _sought(database: Database) -> str:
    return f"{database.name}\n{database.description}".casefold()


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
