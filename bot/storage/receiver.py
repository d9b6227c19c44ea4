"""Deliveries that come in together are recorded together: one commit, and one wait for the disk, for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import MaybeRecorded, StoreUnavailable
from bot.ports import Inbound, Receipt
from bot.storage import inbox
from bot.storage.engine import Database

log = structlog.get_logger()

Waiting = tuple[Inbound, asyncio.Future[Receipt]]


class Receiver:
    """Records deliveries, each one durably before its ``receive`` returns.

    With one writer (SQLite) whatever arrives while another commit is under way joins the next one. Several
    writers (PostgreSQL) don't wait for each other, and would only lock each other's keys.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[Waiting] = []
        self._committing: asyncio.Task[None] | None = None

    async def receive(self, item: Inbound) -> Receipt:
        """Records a delivery, unless it is known.

        Raises:
            MaybeRecorded: It may be recorded; its sender may send it again.
            StoreUnavailable: It is not recorded.
        """
        if not self._database.one_writer:
            return await self._alone(item)
        recorded: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, recorded))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_all(), name="receive")
        return await recorded

    async def _commit_all(self) -> None:
        while self._waiting:
            taken: list[Waiting] = []
            try:
                receipts = await self._database.write(partial(self._take, taken), urgent=True)
            except StoreUnavailable as error:
                await self._each(taken or self._take_waiting(), error)
            except Exception:
                # A defect, here or in a driver: nobody may be left waiting for an answer.
                log.exception("receive_broke")
                broken = StoreUnavailable("the delivery could not be recorded")
                await self._each(taken or self._take_waiting(), broken)
            else:
                for (_, recorded), receipt in zip(taken, receipts, strict=True):
                    _tell(recorded, receipt)

    async def _take(self, taken: list[Waiting], connection: AsyncConnection) -> Sequence[Receipt]:
        # Taken only now, in its turn to write: what came in while it waited is among them.
        taken += self._take_waiting()
        return await inbox.receive(connection, [item for item, _ in taken])

    async def _alone(self, item: Inbound) -> Receipt:
        try:
            return await self._record(item)
        except MaybeRecorded as error:
            return await self._once_more(item, error)

    async def _record(self, item: Inbound) -> Receipt:
        receipts = await self._database.write(partial(inbox.receive, items=[item]), urgent=True)
        return receipts[0]

    async def _once_more(self, item: Inbound, lost: MaybeRecorded) -> Receipt:
        # Its keys are unique: where the first commit is still under way, the second waits for it. So now it is
        # recorded, whichever of the two did it, and that it was known by then says nothing.
        try:
            receipt = await self._record(item)
        except StoreUnavailable:
            raise lost from None
        log.info("commit_looked_up", receipt=receipt)
        return Receipt.RECORDED

    def _take_waiting(self) -> list[Waiting]:
        waiting, self._waiting = self._waiting, []
        return waiting

    async def _each(self, failed: Sequence[Waiting], error: StoreUnavailable) -> None:
        """One by one, so that a delivery that the database won't take fails alone."""
        for item, recorded in failed:
            if len(failed) == 1:
                _tell(recorded, error)
                continue
            try:
                receipt = await self._alone(item)
            except StoreUnavailable as its_own:
                _tell(recorded, its_own)
            except Exception:
                log.exception("receive_broke")
                _tell(recorded, error)
            else:
                _tell(recorded, receipt)


def _tell(recorded: asyncio.Future[Receipt], outcome: Receipt | StoreUnavailable) -> None:
    if recorded.done():
        return  # its asker has gone away; recorded it is
    if isinstance(outcome, StoreUnavailable):
        recorded.set_exception(outcome)
    else:
        recorded.set_result(outcome)
