"""Freezes by hand and the halt: who may, what is recorded, and what people are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from bot.core import holds as h
from bot.core.answers import Answer, Tell
from bot.core.commands import Freeze, Halt, Origin, Resume, Unfreeze
from bot.core.events import StartNear, event_name
from bot.core.machine import Decision, Say
from bot.core.model import Reason, UserId
from bot.core.operation import UNSENT, Operation, Status
from bot.core.policy import Policy, may_reject, may_request
from bot.ports import Clock, Directory, HoldTold, InboxItem, Reply, SayHeld, Store, TellHold
from bot.service.catalogue import CatalogueHolder
from bot.service.people import standing

log = structlog.get_logger()


class Holding:
    """Sets and lifts what stops every new submission.

    Args:
        store: Where holds and operations live.
        directory: Who people are.
        catalogue: The configuration in force.
        clock: The time.
    """

    def __init__(
        self, *, store: Store, directory: Directory, catalogue: CatalogueHolder, clock: Clock
    ) -> None:
        self._store = store
        self._directory = directory
        self._catalogue = catalogue
        self._clock = clock

    async def hold(self, item: InboxItem, command: Freeze | Unfreeze | Halt | Resume) -> Answer | None:
        """Does what is asked, and with it finishes the item; or the answer why not."""
        match command:
            case Freeze():
                return await self._freeze(item, command)
            case Unfreeze(scope=scope):
                return await self._unfreeze(item, scope)
            case Halt(reason=reason):
                return await self._halt(item, reason)
            case Resume():
                return await self._resume(item)

    # --- freezes ---

    async def _freeze(self, item: InboxItem, command: Freeze) -> Answer | None:
        current, scope, origin = self._catalogue.current, command.scope, item.origin
        if scope != h.ALL and scope not in current.databases:
            return Tell(current.unknown(scope, h.ALL))
        denied = await self._denied(origin, current.policy_for(scope)) or _needs(command.reason)
        if denied is not None:
            return Tell(denied)
        now = self._clock.now()
        until = None if command.duration is None else now + command.duration
        event = h.Frozen(now, scope, until, command.reason, origin.user, origin.team)
        shown = _shown(until)
        frozen = Reason.of("notice-frozen", scope=scope, until=shown, by=origin.user, reason=command.reason)

        def tell(under_way: Sequence[Operation], before: Sequence[h.Hold]) -> HoldTold:
            instead = _instead(h.replaced(before, event))
            answer = Tell(Reason.of("frozen-now", scope=scope, until=shown), instead)
            return HoldTold([Reply(origin, answer)], Say(frozen, instead), _threads(under_way, before, event))

        await self._record(item, event, tell)
        return None

    async def _unfreeze(self, item: InboxItem, scope: str) -> Answer | None:
        current, origin, now = self._catalogue.current, item.origin, self._clock.now()
        holds = await self._store.holds(now)
        frozen = [hold.scope for hold in holds if hold.kind is h.HoldKind.FREEZE]
        # What was frozen before the configuration dropped it can be lifted for as long as it is frozen.
        if scope != h.ALL and scope not in current.databases and scope not in frozen:
            return Tell(current.unknown(scope, h.ALL, *frozen))
        denied = await self._denied(origin, current.policy_for(scope))
        if denied is not None:
            return Tell(denied)
        event = h.Unfrozen(now, scope, origin.user, origin.team)
        if scope not in frozen:
            still = self._still_frozen(scope, h.apply(holds, event), now)
            return Tell(Reason.of("not-frozen-by-hand", scope=scope), still)
        notice = Reason.of("notice-unfrozen", scope=scope, by=origin.user)

        def tell(under_way: Sequence[Operation], before: Sequence[h.Hold]) -> HoldTold:
            still = self._still_frozen(scope, h.apply(before, event), now)
            answer = Tell(Reason.of("unfrozen-now", scope=scope), still)
            return HoldTold([Reply(origin, answer)], Say(notice), _threads(under_way, before, event))

        await self._record(item, event, tell)
        return None

    def _still_frozen(self, scope: str, holds: Sequence[h.Hold], now: datetime) -> Reason | None:
        """What else freezes the scope after its own freeze is lifted; of ``all``, which databases are frozen."""
        current = self._catalogue.current
        freezes = [hold for hold in holds if hold.kind is h.HoldKind.FREEZE]
        if scope == h.ALL:
            names = self._frozen(freezes, now)
            return Reason.of("still-frozen", names=names) if names else None
        hold = h.binding(freezes, scope, now)
        if hold is not None:
            return hold.sentence()
        database = current.databases.get(scope)
        return None if database is None else database.frozen(now)

    def _frozen(self, holds: Sequence[h.Hold], now: datetime) -> str:
        """What is frozen, by hand or by configuration: ``all``, or which databases."""
        scopes = {hold.scope for hold in holds if hold.kind is h.HoldKind.FREEZE}
        windows = {
            name for name, database in self._catalogue.current.databases.items() if database.frozen(now)
        }
        return h.ALL if h.ALL in scopes else ", ".join(sorted(scopes | windows))

    # --- the halt ---

    async def _halt(self, item: InboxItem, reason: str) -> Answer | None:
        origin = item.origin
        denied = await self._denied_halt(origin) or _needs(reason)
        if denied is not None:
            return Tell(denied)
        now = self._clock.now()
        holds = await self._store.holds(now)
        present = h.binding(holds, h.ALL, now, h.ONLY_HALT)
        if present is not None:
            told = Reason.of("halted-already", by=present.by, reason=present.reason)
            return Tell(told, _tracked(_sent(await self._store.operations(open_only=True, limit=1000))))

        event = h.Halted(now, reason, origin.user, origin.team)

        def tell(under_way: Sequence[Operation], before: Sequence[h.Hold]) -> HoldTold:
            sent = _sent(under_way)
            answer = Tell(Reason.of("halted-now", reason=reason), _tracked(sent))
            notice = Reason.of("notice-halted", by=origin.user, reason=reason, operations=sent)
            return HoldTold([Reply(origin, answer)], Say(notice), _threads(under_way, before, event))

        await self._record(item, event, tell)
        return None

    async def _resume(self, item: InboxItem) -> Answer | None:
        origin, now = item.origin, self._clock.now()
        denied = await self._denied(origin, self._catalogue.current.policy_for(h.ALL))
        if denied is not None:
            return Tell(denied)
        holds = await self._store.holds(now)
        if h.binding(holds, h.ALL, now, h.ONLY_HALT) is None:
            return Tell(Reason.of("not-halted"))
        event = h.Resumed(now, origin.user, origin.team)

        def tell(under_way: Sequence[Operation], before: Sequence[h.Hold]) -> HoldTold:
            frozen = self._frozen(h.apply(before, event), now)
            scope, names = (frozen, "") if frozen == h.ALL else ("", frozen)
            notice = Reason.of("notice-resumed", by=origin.user, scope=scope, names=names)
            answer = Tell(Reason.of("resumed-now", scope=scope, names=names))
            return HoldTold([Reply(origin, answer)], Say(notice), _threads(under_way, before, event))

        await self._record(item, event, tell)
        return None

    # --- both ---

    async def _denied(self, origin: Origin, policy: Policy) -> Reason | None:
        who = await standing(self._directory, policy.approvers, origin.user, origin.team)
        return may_reject(policy, who)

    async def _denied_halt(self, origin: Origin) -> Reason | None:
        policy = self._catalogue.current.policy_of_any(h.ALL)
        who = await standing(self._directory, policy.requesters, origin.user, origin.team)
        return may_request(policy, who)

    async def _record(self, item: InboxItem, event: h.HoldEvent, tell: TellHold) -> None:
        await self._store.record_hold(event, item_id=item.id, tell=tell)
        log.warning("hold_changed", what=event_name(event), by=event.by)


def _threads(
    under_way: Sequence[Operation], before: Sequence[h.Hold], event: h.HoldEvent
) -> Sequence[tuple[Operation, Say]]:
    """What the threads of operations that wait for people or their start are told, where it is news to them.

    Args:
        under_way: What is open.
        before: The holds in force until now.
        event: What was set or lifted.
    """
    after = h.apply(before, event)
    waiting = sorted((op for op in under_way if op.status in h.WAITING), key=lambda op: op.id)
    found = ((op, _of_hold(op, before, after, event)) for op in waiting)
    return [(op, say) for op, say in found if say is not None]


def _of_hold(
    op: Operation, before: Sequence[h.Hold], after: Sequence[h.Hold], event: h.HoldEvent
) -> Say | None:
    held, hold = h.in_the_way(op, before, event.at), h.in_the_way(op, after, event.at)
    if hold == held:
        return None
    # A freeze that takes the place of a longer one lifts nothing, but may end before the start.
    lifted_by = None if isinstance(event, h.Frozen) else event.by
    if hold is None:
        return Say(Reason.of("reply-let-go", database=op.label, when=_start(op), by=lifted_by))
    if hold in before:
        # One was lifted, or its place taken, and another is still in the way.
        return _held(op, hold, None, lifted_by)
    return _held(op, hold, _instead(h.replaced(before, event)))


def say_held(before: Status, decision: Decision) -> SayHeld | None:
    """What tells the thread of what holds an operation that now begins to wait, or whose start is near.

    None for any other.

    Args:
        before: Its status until now.
        decision: What is to be recorded of it.
    """
    op, event = decision.after, decision.event
    begins = before not in h.WAITING and op.status in h.WAITING
    if not begins and not isinstance(event, StartNear):
        return None

    def tell(holds: Sequence[h.Hold]) -> Say | None:
        hold = h.in_the_way(op, holds, event.at)
        return None if hold is None else _held(op, hold, None)

    return tell


def _held(op: Operation, hold: h.Hold, instead: Reason | None, lifted_by: UserId | None = None) -> Say:
    """The reply; what it takes the place of, or who lifted another one, is told in the same sentence."""
    more = {} if instead is None else dict(instead.params)
    if lifted_by is not None:
        more["lifted"] = lifted_by
    return Say(Reason.of("reply-held", database=op.label, when=_start(op), **more), hold.sentence())


def _start(op: Operation) -> str | None:
    return _shown(op.start_at if op.status is Status.SCHEDULED else None)


def _instead(older: h.Hold | None) -> Reason | None:
    """Whose freeze another took the place of."""
    if older is None:
        return None
    return Reason.of("freeze-replaced", by=older.by, until=_shown(older.until), reason=older.reason)


def _shown(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _needs(reason: str) -> Reason | None:
    return None if reason.strip() else Reason.of("reason-needed")


def _sent(found: Sequence[Operation]) -> str:
    """Those that nothing stops any more: what is sent, or may be. A line each, the newest request first."""
    newest_first = sorted(found, key=lambda op: op.requested_at, reverse=True)
    return "\n".join(f"{op.id} ({op.label})" for op in newest_first if op.status not in UNSENT)


def _tracked(operations: str) -> Reason | None:
    return Reason.of("still-tracked", operations=operations) if operations else None
