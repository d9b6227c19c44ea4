"""What people ask, worked off the inbox: each item ends in one transaction with its effect or its answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from bot.core import events as e
from bot.core.answers import Answer, Tell
from bot.core.commands import (
    Act,
    Freeze,
    Halt,
    ListDatabases,
    RequestSwitchover,
    Resume,
    ShowHelp,
    ShowHistory,
    ShowHome,
    ShowStatus,
    Unfreeze,
)
from bot.core.machine import Limits, decide
from bot.core.model import OperationId, Reason
from bot.core.operation import Operation
from bot.errors import DirectoryUnavailable, IllegalTransition, Stale, StoreUnavailable, Unreadable
from bot.ports import Clock, Directory, InboxItem, Message, MessageKind, Reply, Store
from bot.service.catalogue import CatalogueHolder
from bot.service.choosing import answered
from bot.service.clicks import Clicks
from bot.service.holding import Holding
from bot.service.people import standing
from bot.service.requests import Requests
from bot.service.showing import Showing

ATTEMPTS = 4
"""How often an item is tried before its asker is told that it can't be done now."""

log = structlog.get_logger()


class Desk:
    """Works off recorded deliveries. An item worked on twice has one effect: the store finishes it once.

    Args:
        store: Where deliveries, operations and answers live.
        directory: Who people are.
        catalogue: The configuration in force.
        clock: The time.
        new_id: Makes operation ids.
        limits: The configured times.
        wake: Told after every change.
        home_opened: Told when somebody has opened their Home tab.
    """

    def __init__(
        self,
        *,
        store: Store,
        directory: Directory,
        catalogue: CatalogueHolder,
        clock: Clock,
        new_id: Callable[[], OperationId],
        limits: Limits,
        wake: Callable[[], None],
        home_opened: Callable[[], None],
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self.limits = limits
        self._wake = wake
        self._home_opened = home_opened
        self._requests = Requests(
            store=store, directory=directory, catalogue=catalogue, clock=clock, new_id=new_id
        )
        self._clicks = Clicks(
            store=store, directory=directory, catalogue=catalogue, clock=clock, requests=self._requests
        )
        self._holding = Holding(store=store, directory=directory, catalogue=catalogue, clock=clock)
        self._showing = Showing(store=store, catalogue=catalogue, clock=clock)

    async def work(self, item: InboxItem) -> None:
        """Gives one claimed item its effect or its answer.

        Raises:
            StoreUnavailable: Nothing was recorded; the claim runs out and the item is due again.
        """
        try:
            result = await self._handle(item)
        except Stale:
            return  # finished by another worker
        except DirectoryUnavailable as error:
            log.warning("directory_unavailable", item=item.id, reason=str(error))
            await self._try_later(item, Tell(Reason.of("who-unknown")))
            return
        except Unreadable as error:
            # No later try of this version reads it: who asked must hear of it, and not wait for ever.
            log.error("row_unreadable", item=item.id, reason=str(error))  # noqa: TRY400
            result = Tell(Reason.of("stored-unreadable"))
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("item_broke", item=item.id, attempts=item.attempts)
            await self._try_later(item, Tell(Reason.of("internal-error", id=f"in-{item.id}")))
            return
        if result is not None:
            await self._finish(item, result)
        self._wake()

    async def undeliverable(self, message: Message, error: str) -> Operation | None:
        """A card that can't be posted: what nobody can see, nobody can approve, so it is withdrawn.

        The requester hears of it as of every end: the publisher tells directly what can't be posted.

        Returns:
            The operation as it is now, which may have been sent meanwhile; None where there is none.

        Raises:
            Stale: It was overtaken again and again; nothing was recorded.
            StoreUnavailable: Nothing was recorded.
        """
        op = message.operation
        if op is None or message.kind is not MessageKind.CARD:
            return op
        detail = Reason.of("cancelled-undeliverable", error=error, channel=op.place.channel)
        for _ in range(ATTEMPTS):
            fresh = await self._store.load(op.id)
            if fresh is None:
                return None
            try:
                decision = decide(fresh, e.Cancelled(self._clock.now(), None, detail))
                await self._store.commit([decision], due_at=None)
            except Stale:
                continue
            except IllegalTransition:
                return fresh  # sent already, or over: it is still tracked, and told where it can be
            self._wake()
            return decision.after
        raise Stale

    async def _finish(self, item: InboxItem, answer: Answer) -> None:
        reply = Reply(item.origin, answered(item.command, answer))
        await self._store.finish_item(item.id, [reply], self._clock.now())

    async def _try_later(self, item: InboxItem, answer: Answer) -> None:
        if item.attempts >= ATTEMPTS:
            await self._finish(item, answer)
            self._wake()
        else:
            pause = timedelta(seconds=0.5 * 2 ** (item.attempts - 1))
            await self._store.postpone_item(item, self._clock.now() + pause)

    async def _handle(self, item: InboxItem) -> Answer | None:
        """The answer; None where the item has had its effect, in a transaction that finished it."""
        match command := item.command:
            case RequestSwitchover():
                return await self._requests.take(item, command, self.limits)
            case Act():
                return await self._clicks.act(item, command, self.limits)
            case Freeze() | Unfreeze() | Halt() | Resume():
                return await self._holding.hold(item, command)
            case ShowHome(blank=blank):
                await self._store.open_home(item, blank=blank, now=self._clock.now())
                self._home_opened()
                return None
            case ListDatabases() | ShowStatus() | ShowHistory() | ShowHelp():
                who = await standing(self._directory, (), item.origin.user, item.origin.team)
                if not who.member:
                    return Tell(Reason.of("deny-not-a-member"))
                return await self._showing.show(command)
