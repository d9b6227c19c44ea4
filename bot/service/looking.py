"""The looks that clicks ask for: what several ask for within moments is done once, and told to all of them."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

from bot.core.model import OperationId, Topology
from bot.core.operation import Operation
from bot.errors import ProviderError, StoreUnavailable
from bot.ports import Clock, Store
from bot.service.catalogue import Database

SHARED_FOR = 5.0
"""Seconds from its beginning for which a look serves whoever asks for one: a calm hand on the button costs a cloud
little, and a restless one no more."""


@dataclass(slots=True)
class _Look:
    """When what was begun, in seconds of the monotonic clock, and what a reading showed, if it ended in time."""

    due_since: float = -math.inf
    read_since: float = -math.inf
    reading: Topology | ProviderError | None = None
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def begun(self) -> float:
        return max(self.due_since, self.read_since)


class Looks:
    """Remembers, for as long as the process runs, which looks were begun lately.

    Each version of an operation has its own: one that has moved is looked at anew.

    Args:
        store: Where operations live.
        clock: The time.
    """

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._looks: dict[tuple[OperationId, int], _Look] = {}

    async def make_due(self, op: Operation) -> None:
        """Has the duty of an operation done at once.

        Raises:
            StoreUnavailable: It was not recorded.
        """
        look = self._look(op)
        if self._lately(look.due_since):
            return
        look.due_since = self._clock.monotonic()
        try:
            await self._store.postpone({op.id: (op.version, self._clock.now())}, until=None)
        except StoreUnavailable:
            look.due_since = -math.inf
            raise

    async def reading(self, op: Operation, database: Database) -> Topology | ProviderError | None:
        """What the roles are, or why they can't be read; None where a reading that was begun lately did not end.

        Whoever stops waiting stops the reading, and nobody begins another one for a while.
        """
        look = self._look(op)
        async with look.alone:
            if not self._lately(look.read_since):
                look.read_since, look.reading = self._clock.monotonic(), None
                try:
                    look.reading = await database.provider.observe(op.target)
                except ProviderError as error:
                    look.reading = error
            return look.reading

    def _look(self, op: Operation) -> _Look:
        self._looks = {
            each: look
            for each, look in self._looks.items()
            if self._lately(look.begun) or look.alone.locked()
        }
        return self._looks.setdefault((op.id, op.version), _Look())

    def _lately(self, begun: float) -> bool:
        return self._clock.monotonic() - begun < SHARED_FOR
