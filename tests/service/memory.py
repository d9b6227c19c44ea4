"""An in-memory store that keeps the promises of ``bot.ports.Store``: versions, locks, an inbox worked once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core.events import Event
from bot.core.holds import Hold, HoldEvent, HoldKind, apply, binding
from bot.core.machine import Decision, Say
from bot.core.model import OperationId
from bot.core.operation import Operation
from bot.errors import Held, Locked, Stale, StoreUnavailable
from bot.ports import NO_HOLD, AuditHead, Inbound, InboxItem, Receipt, Reply


@dataclass
class _Delivery:
    item: Inbound
    due_at: datetime
    attempts: int = 0
    done: bool = False


@dataclass
class _Row:
    op: Operation
    due_at: datetime | None
    events: list[Event] = field(default_factory=list)


class MemoryStore:
    """Everything in dictionaries. A method either does all it says or raises and does nothing.

    Attributes:
        answers: What single people were told, in order.
        said: What the threads were told, by operation.
        after_commit: Runs once, between the next commit and its caller.
        notices: What the audit channel is owed besides, of no operation.
        trail: What was set and lifted by hand, in order.
        before_commit: Runs once, when the next commit has been decided and not begun.
        before_hold: The same, of the next thing that is set or lifted by hand.
        after_load: Runs once, between what the next ``load`` saw and its caller.
        down: While True, every write raises ``StoreUnavailable``.
    """

    def __init__(self) -> None:
        self.answers: list[Reply] = []
        self.said: dict[str, list[Say]] = {}
        self.notices: list[Say] = []
        self.trail: list[HoldEvent] = []
        self.down = False
        self.after_commit: Callable[[], Awaitable[None]] | None = None
        self.before_commit: Callable[[], Awaitable[None]] | None = None
        self.before_hold: Callable[[], Awaitable[None]] | None = None
        self.after_load: Callable[[], Awaitable[None]] | None = None
        self._inbox: dict[int, _Delivery] = {}
        self._rows: dict[str, _Row] = {}
        self._holds: tuple[Hold, ...] = ()
        self._noticed: set[str] = set()

    async def upgrade(self) -> None:
        return

    async def ready(self) -> str:
        return "down" if self.down else ""

    async def close(self) -> None:
        return

    # inbox

    async def receive(self, item: Inbound) -> Receipt:
        self._write()
        known = [each.item for each in self._inbox.values()]
        if item.signature and item.signature in {each.signature for each in known}:
            return Receipt.REPLAYED
        if item.dedupe_key in {each.dedupe_key for each in known}:
            return Receipt.DUPLICATE
        self._inbox[len(self._inbox) + 1] = _Delivery(item, item.received_at)
        return Receipt.RECORDED

    async def claim_inbox(self, now: datetime, until: datetime, limit: int) -> Sequence[InboxItem]:
        self._write()
        due = [(key, each) for key, each in self._inbox.items() if not each.done and each.due_at <= now]
        return [self._claimed(key, each, until) for key, each in due[:limit]]

    def _claimed(self, key: int, delivery: _Delivery, until: datetime) -> InboxItem:
        delivery.due_at = until
        delivery.attempts += 1
        item = delivery.item
        return InboxItem(key, item.origin, item.command, item.received_at, delivery.attempts)

    async def postpone_item(self, item: InboxItem, due_at: datetime) -> None:
        self._write()
        if self._inbox[item.id].attempts == item.attempts:
            self._inbox[item.id].due_at = due_at

    async def finish_item(self, item_id: int, replies: Sequence[Reply], now: datetime) -> None:
        self._write()
        if not self._inbox[item_id].done:
            self._inbox[item_id].done = True
            self.answers.extend(replies)

    def unfinished(self) -> list[int]:
        """The deliveries that are still to be worked on."""
        return [key for key, each in self._inbox.items() if not each.done]

    # operations

    async def open(
        self, decision: Decision, *, due_at: datetime, item_id: int | None, replies: Sequence[Reply] = ()
    ) -> None:
        self._write()
        self._finishable(item_id)
        self._lockable(decision.after)
        self._rows[decision.after.id] = _Row(decision.after, due_at, [decision.event])
        self.said[decision.after.id] = [each for each in decision.effects if isinstance(each, Say)]
        self._finish(item_id, replies)

    async def commit(
        self,
        decisions: Sequence[Decision],
        *,
        due_at: datetime | None,
        item_id: int | None = None,
        replies: Sequence[Reply] = (),
        unless_held: frozenset[HoldKind] = NO_HOLD,
    ) -> None:
        meanwhile, self.before_commit = self.before_commit, None
        if meanwhile is not None:
            await meanwhile()
        self._write()
        self._finishable(item_id)
        row, after = self._rows[decisions[0].after.id], decisions[-1].after
        if row.op.version != decisions[0].after.version - 1:
            raise Stale(f"{row.op.id} is at version {row.op.version}")
        self._lockable(after)
        hold = binding(self._holds, after.database, decisions[-1].event.at, unless_held)
        if hold is not None:
            raise Held(f"{hold.kind} of {hold.scope}")
        row.op, row.due_at = after, due_at if after.open else None
        row.events.extend(decision.event for decision in decisions)
        for decision in decisions:
            self.said[after.id].extend(each for each in decision.effects if isinstance(each, Say))
        self._finish(item_id, replies)
        meanwhile, self.after_commit = self.after_commit, None
        if meanwhile is not None:
            await meanwhile()

    async def load(self, operation_id: str) -> Operation | None:
        row = self._rows.get(operation_id)
        found = None if row is None else row.op
        meanwhile, self.after_load = self.after_load, None
        if meanwhile is not None:
            await meanwhile()
        return found

    async def events(self, operation_id: str) -> Sequence[Event]:
        return tuple(self._rows[operation_id].events) if operation_id in self._rows else ()

    async def operations(
        self, *, open_only: bool, database: str | None = None, limit: int = 100
    ) -> Sequence[Operation]:
        found = [
            row.op
            for row in self._rows.values()
            if (row.op.open or not open_only) and database in (None, row.op.database)
        ]
        return sorted(found, key=lambda op: op.requested_at, reverse=True)[:limit]

    async def count_operations(self) -> Mapping[str, int]:
        return Counter(row.op.status.value for row in self._rows.values())

    async def claim_operations(self, now: datetime, until: datetime, limit: int) -> Sequence[Operation]:
        self._write()
        due = [row for row in self._rows.values() if row.due_at is not None and row.due_at <= now]
        for row in due[:limit]:
            row.due_at = until
        return [row.op for row in due[:limit]]

    async def postpone(
        self, due: Mapping[OperationId, tuple[int, datetime]], *, until: datetime | None
    ) -> None:
        self._write()
        for operation_id, (version, due_at) in due.items():
            row = self._rows[operation_id]
            if row.op.version == version and row.op.open and until in (None, row.due_at):
                row.due_at = due_at

    async def release_claims(self, now: datetime) -> None:
        self._write()
        for row in self._rows.values():
            if row.op.open:
                row.due_at = now
        for delivery in self._inbox.values():
            delivery.due_at = now

    def due_at(self, operation_id: str) -> datetime | None:
        """When an operation is looked at next."""
        return self._rows[operation_id].due_at

    # holds

    async def holds(self, now: datetime) -> Sequence[Hold]:
        return [hold for hold in self._holds if hold.binds(hold.scope, now)]

    async def record_hold(
        self, event: HoldEvent, *, item_id: int | None, replies: Sequence[Reply] = (), say: Say | None = None
    ) -> None:
        meanwhile, self.before_hold = self.before_hold, None
        if meanwhile is not None:
            await meanwhile()
        self._write()
        self._finishable(item_id)
        self._holds = apply(self._holds, event)
        self.trail.append(event)
        self.notices.extend([] if say is None else [say])
        self._finish(item_id, replies)

    async def owe_notice(self, key: str, say: Say, now: datetime) -> None:
        self._write()
        if key not in self._noticed:
            self._noticed.add(key)
            self.notices.append(say)

    # what these tests do not ask for

    async def audit_head(self) -> AuditHead:
        return AuditHead(0, "")

    async def prune(self, now: datetime, keep: timedelta) -> None:
        return

    async def record_configuration(self, summary: Mapping[str, str], now: datetime) -> None:
        return

    # guards

    def _write(self) -> None:
        if self.down:
            raise StoreUnavailable("the database is gone")

    def _finishable(self, item_id: int | None) -> None:
        if item_id is not None and self._inbox[item_id].done:
            raise Stale(f"delivery {item_id} is finished already")

    def _lockable(self, op: Operation) -> None:
        for row in self._rows.values():
            if op.open and row.op.open and row.op.id != op.id and row.op.target == op.target:
                raise Locked(row.op.id)

    def _finish(self, item_id: int | None, replies: Sequence[Reply]) -> None:
        if item_id is not None:
            self._inbox[item_id].done = True
        self.answers.extend(replies)
