"""What the Home tab is made of: what is stored, what awaits a reader, and the clouds, asked seldom and by one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bot.core.holds import Hold
from bot.core.home import Awaiting, Board, DatabaseTile, Reading
from bot.core.model import Reason, UserId
from bot.core.operation import Operation, Status
from bot.core.policy import may_approve, may_review
from bot.errors import ProviderError
from bot.ports import Clock, Directory, HomeStore, Store
from bot.service.catalogue import Catalogue, CatalogueHolder, Database
from bot.service.people import standing
from bot.service.planning import provider_said

SHOWN = 30
"""How many databases a tab shows, and so how many are read for one."""
LOOKED_BACK = 30
"""So many of the requests that ended are known to a tab, the newest ones."""
READ_AGAIN = timedelta(minutes=2)
"""A database is read at most once in so long, however many people open their tabs."""
READ_TOGETHER = 4
"""How many databases are read at a time: everything else needs the clouds more."""


class Lobby:
    """Knows what Home tabs show.

    Args:
        store: What was asked and done.
        homes: What was read.
        directory: Who people are.
        catalogue: The configuration in force.
        clock: The time.
    """

    def __init__(
        self,
        *,
        store: Store,
        homes: HomeStore,
        directory: Directory,
        catalogue: CatalogueHolder,
        clock: Clock,
    ) -> None:
        self._store = store
        self._homes = homes
        self._directory = directory
        self._catalogue = catalogue
        self._clock = clock

    async def board(self) -> Board:
        """What every member sees now, from what is stored alone.

        Raises:
            StoreUnavailable: It can't be read.
        """
        now, current = self._clock.now(), self._catalogue.current
        # Read first: what comes in meanwhile is taken in once more rather than missed.
        seq = (await self._store.audit_head()).seq
        under_way = await self._store.operations(open_only=True, limit=1000)
        lately = await self._store.ended(limit=LOOKED_BACK)
        to_review = await self._store.to_review()
        holds = await self._store.holds(now)
        names = _shown(current, under_way)
        readings = await self._homes.readings(names)
        frozen = tuple(current.frozen(now))
        return Board(
            at=now,
            seq=seq,
            databases=tuple(_tile(name, readings, under_way) for name in names),
            total=len(current.databases),
            under_way=tuple(under_way),
            past=tuple(lately),
            holds=tuple(holds),
            frozen=frozen,
            changes_at=min(_ends(holds, frozen), default=None),
            to_review=tuple(to_review),
        )

    async def is_member(self, user: UserId, team: str) -> bool:
        """Whether somebody may see it at all.

        Raises:
            DirectoryUnavailable: It can't be found out now.
        """
        return (await standing(self._directory, (), user, team)).member

    async def awaiting(self, board: Board, user: UserId, team: str) -> Awaiting:
        """The operations that this person could approve, and those that they could review, at this moment.

        Raises:
            DirectoryUnavailable: It can't be found out now.
        """
        asked = [op for op in board.under_way if op.status is Status.AWAITING_APPROVAL]
        return Awaiting(
            tuple([op for op in asked if await self._may_approve(op, user, team)]),
            tuple([op for op in board.to_review if await self._may_review(op, user, team)]),
        )

    async def _may_approve(self, op: Operation, user: UserId, team: str) -> bool:
        policy = self._catalogue.current.policy_for(op.database)
        who = await standing(self._directory, policy.approvers, user, team)
        return may_approve(policy, who, requested_by=op.requested_by, approved_by=op.approved_by) is None

    async def _may_review(self, op: Operation, user: UserId, team: str) -> bool:
        policy = self._catalogue.current.policy_for(op.database)
        who = await standing(self._directory, (*policy.approvers, *policy.break_glass), user, team)
        return may_review(policy, who, requested_by=op.requested_by) is None

    def worth_reading(self, board: Board, *, opened: bool) -> frozenset[str]:
        """The databases whose roles may be others than those shown.

        Args:
            board: What is shown.
            opened: Somebody has just opened a tab and looks at it: then all that are shown. One that was never read
                is read for whoever is told so.
        """
        sent = {op.database: op.ended_at for op in reversed(board.past) if op.submissions and op.ended_at}
        return frozenset(
            tile.name for tile in board.databases if opened or _behind(tile, sent.get(tile.name))
        )

    async def read(self, names: Collection[str]) -> bool:
        """Reads those of the databases that nobody has read just now; whether there were any.

        What can't be read keeps the roles that were read last, and says why.

        Raises:
            StoreUnavailable: It can't be recorded.
        """
        now = self._clock.now()
        mine = await self._homes.begin_readings(names, now, now - READ_AGAIN)
        databases = self._catalogue.current.databases
        together = asyncio.Semaphore(READ_TOGETHER)

        async def reading(name: str) -> tuple[str, Reading]:
            async with together:
                return name, await _read(databases[name])

        found = dict(await asyncio.gather(*(reading(name) for name in mine if name in databases)))
        if found:
            await self._homes.record_readings(found, self._clock.now())
        return bool(found)


async def _read(database: Database) -> Reading:
    try:
        return Reading(tuple(await database.provider.survey(database.name)))
    except ProviderError as error:
        return Reading(problem=provider_said(error))


def _shown(catalogue: Catalogue, under_way: Sequence[Operation]) -> list[str]:
    """The databases under way first, then by name, as many as are shown."""
    busy = {op.database for op in under_way}
    return sorted(catalogue.databases, key=lambda name: (name not in busy, name))[:SHOWN]


def _tile(name: str, readings: Mapping[str, Reading], under_way: Sequence[Operation]) -> DatabaseTile:
    return DatabaseTile(name, readings.get(name), tuple(op.id for op in under_way if op.database == name))


def _ends(holds: Sequence[Hold], frozen: Sequence[tuple[str, Reason]]) -> Iterator[datetime]:
    yield from (hold.until for hold in holds if hold.until is not None)
    yield from (datetime.fromisoformat(reason["until"]) for _, reason in frozen)


def _behind(tile: DatabaseTile, ended_at: datetime | None) -> bool:
    if tile.reading is None:
        return True
    read_at = tile.reading.read_at
    return ended_at is not None and (read_at is None or read_at < ended_at)
