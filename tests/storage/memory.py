"""A store in memory that passes the suite of the real ones, and does what they do without their work.

What a process leaves behind is a ``Disk``; a ``MemoryStore`` is one process's way to it. A transaction here is a
piece of code that awaits nothing: it is done as a whole, or, where the process dies just before its commit, not at all.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from types import coroutine
from typing import Protocol

from bot.core.events import Choice, Event
from bot.core.holds import Hold, HoldEvent, HoldKind, apply, binding, in_the_way
from bot.core.home import Reading
from bot.core.machine import Decision, Note, Say
from bot.core.model import OperationId, Target, UserId
from bot.core.operation import Operation, Status
from bot.errors import Chosen, Held, Locked, MaybeRecorded, Stale, StoreUnavailable
from bot.ports import (
    NO_HOLD,
    NO_PLACE,
    ON_ITS_WAY,
    AuditBreak,
    AuditHead,
    CardPlace,
    HomeTab,
    Inbound,
    InboxItem,
    Message,
    MessageKind,
    Receipt,
    Reply,
    SayHeld,
    TellHold,
    tell_nobody,
)
from bot.storage import audit
from bot.storage.claims import LONGEST
from bot.storage.codec import plain
from bot.storage.outbox import CARD_KEY, SUPERSEDED, reply_key
from bot.storage.store import KEEP_AT_LEAST, require_consecutive
from bot.storage.tables import EPOCH
from tests.storage.disk import Delivery, Disk, Home, Kept, Lost, Owed, Read, next_id


class Process(Protocol):
    """Whom a store works for."""

    def commits(self) -> bool:
        """Asked before every commit that writes something; False: the process is dead, and nothing is written."""
        ...

    def committed(self) -> bool:
        """Told of every such commit; False: the process died of it."""
        ...

    def waits(self) -> float:
        """For how many seconds it gets no further; asked before every transaction and after every commit."""
        ...


class _Immortal:
    def commits(self) -> bool:
        return True

    def committed(self) -> bool:
        return True

    def waits(self) -> float:
        return 0.0


class _Commit:
    """A commit of a process."""

    def __init__(self, process: Process, disk: Disk) -> None:
        self._process = process
        self._disk = disk
        self._lost: Lost | None = None

    async def __aenter__(self) -> None:
        if not self._process.commits():
            await for_ever()
        self._lost = self._disk.losing()
        if self._lost is Lost.ALL:
            raise MaybeRecorded("lost before the commit")

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        if not self._process.committed():
            await for_ever()
        if self._lost is Lost.ANSWER:
            raise MaybeRecorded("lost after the commit")
        # It is done, and its caller may die, or stand still, before it hears of that.
        pause = self._process.waits()
        await (asyncio.sleep(pause) if pause else others_go_on())


class MemoryStore:
    """``bot.ports.Storage`` of one process over a disk.

    Args:
        disk: What was there before, and stays.
        audit_channel: Where every end is told once more; "" for nowhere.
        process: Whose it is.
    """

    def __init__(
        self, disk: Disk | None = None, *, audit_channel: str = "", process: Process | None = None
    ) -> None:
        self.disk = Disk() if disk is None else disk
        self._audit_channel = audit_channel
        self._process = process or _Immortal()
        self._closed = False

    async def upgrade(self) -> None:
        """There is no schema."""

    async def ready(self) -> str:
        """Why nothing can be written, "" when all is well; a heartbeat is a commit like any other."""
        try:
            await self._begin()
        except StoreUnavailable as error:
            return str(error)
        async with self._commit():
            return ""

    async def close(self) -> None:
        """Nothing is read or written through this store any more."""
        self._closed = True

    # --- transactions ---

    async def _begin(self, *, writing: bool = True) -> None:
        # Whoever waits for a database lets others go on.
        pause = self.disk.pause() + self._process.waits()
        await (asyncio.sleep(pause) if pause else others_go_on())
        if self._closed:
            raise StoreUnavailable("the store is closed")
        trouble = self.disk.gone or (self.disk.trouble if writing else "")
        if trouble:
            raise StoreUnavailable(trouble)

    def _commit(self) -> _Commit:
        """What is done inside is written whole or, where the process dies here, not at all; nothing is awaited."""
        return _Commit(self._process, self.disk)

    # --- inbox ---

    async def receive(self, item: Inbound) -> Receipt:
        """Records a delivery, unless it is known; where the answer to that is lost, asks once more."""
        try:
            return await self._receive(item)
        except MaybeRecorded as error:
            try:
                await self._receive(item)
            except StoreUnavailable:
                raise error from None
            return Receipt.RECORDED

    async def _receive(self, item: Inbound) -> Receipt:
        await self._begin()
        disk, signature, key = self.disk, plain(item.signature), plain(item.dedupe_key)
        if item.signature and signature in disk.signatures:
            return Receipt.REPLAYED
        known = key in disk.dedupe_keys
        if known and not item.signature:
            return Receipt.DUPLICATE
        async with self._commit():
            if item.signature:
                disk.signatures[signature] = item.received_at
            if not known:
                row = Delivery(next_id(disk.inbox), item, item.received_at)
                disk.inbox[row.id] = row
                disk.dedupe_keys.add(key)
        return Receipt.DUPLICATE if known else Receipt.RECORDED

    async def claim_inbox(self, now: datetime, until: datetime, limit: int) -> Sequence[InboxItem]:
        """Takes the oldest due items."""
        await self._begin()
        due = [each for each in self.disk.inbox.values() if each.done_at is None and each.due_at <= now]
        if not due:
            return []
        due.sort(key=lambda each: (each.item.received_at, each.id))
        async with self._commit():
            for row in due[:limit]:
                _claim(row, until)
                row.attempts += 1
        return [
            InboxItem(row.id, row.item.origin, row.item.command, row.item.received_at, row.attempts)
            for row in due[:limit]
        ]

    async def postpone_item(self, item: InboxItem, due_at: datetime) -> None:
        """Puts an item back, unless it was claimed again."""
        await self._begin()
        row = self.disk.inbox.get(item.id)
        if row is not None and row.done_at is None and row.attempts == item.attempts:
            async with self._commit():
                row.due_at, row.claimed_from = due_at, None

    async def finish_item(self, item_id: int, replies: Sequence[Reply], now: datetime) -> None:
        """Marks an item done and records the answers; a finished one is left alone."""
        await self._begin()
        if self._is_unfinished(item_id):
            async with self._commit():
                self._finish(item_id, replies, now)

    def _is_unfinished(self, item_id: int) -> bool:
        row = self.disk.inbox.get(item_id)
        return row is not None and row.done_at is None

    def _finish(self, item_id: int, replies: Sequence[Reply], now: datetime) -> None:
        row = self.disk.inbox[item_id]
        row.done_at, row.claimed_from = now, None
        self._owe_answers(f"answer-{item_id}", replies, now)

    # --- operations ---

    async def open(
        self, decision: Decision, *, due_at: datetime, item_id: int | None, replies: Sequence[Reply] = ()
    ) -> None:
        """Records a new operation with its first event and card, and finishes the inbox item, as one."""
        await self._begin()
        op, at = decision.after, decision.event.at
        self._require_unfinished(item_id)
        self._require_unlocked(op)
        if op.id in self.disk.operations:
            raise StoreUnavailable(f"{op.id} can't be recorded: the id is taken")
        made = None if op.choice is None else self._made_of(op.choice)
        if made is not None:
            raise Chosen(made)
        async with self._commit():
            self._answer(op, item_id, replies, at)
            self.disk.operations[op.id] = Kept(op, due_at)
            self._record([decision])
            self._owe(op, MessageKind.CARD, CARD_KEY, at)
            self._owe_replies([decision])

    async def commit(
        self,
        decisions: Sequence[Decision],
        *,
        due_at: datetime | None,
        item_id: int | None = None,
        replies: Sequence[Reply] = (),
        unless_held: frozenset[HoldKind] = NO_HOLD,
        say_held: SayHeld | None = None,
    ) -> None:
        """Records consecutive events of one operation and what follows from them, unless held, as one."""
        require_consecutive(decisions)
        await self._begin()
        op, at, before = decisions[-1].after, decisions[-1].event.at, decisions[0].after.version - 1
        self._require_unfinished(item_id)
        row = self.disk.operations.get(op.id)
        if row is None or row.op.version != before:
            raise Stale(f"{op.id} is no longer at version {before}")
        self._require_unlocked(op)
        hold = binding(self.disk.holds, op.database, at, unless_held)
        if hold is not None:
            raise Held(f"{op.id} is held by a {hold.kind} of {hold.scope}")
        async with self._commit():
            self._answer(op, item_id, replies, at)
            row.op, row.due_at, row.claimed_from = op, due_at if op.open else None, None
            self._renew(op)
            self._record(decisions)
            for each in self.disk.messages.values():
                if each.operation_id == op.id and each.key == CARD_KEY and each.posted_version == before:
                    each.owed_at, each.done_at = at, None
            if not op.open:
                self._hurry(op, at)
            self._owe_replies(decisions)
            said = None if say_held is None else say_held(self._in_force(at))
            if said is not None:
                self._owe_thread(op, said, at)

    def _hurry(self, op: Operation, at: datetime) -> None:
        for each in self.disk.messages.values():
            waits = (
                each.done_at is None
                and each.claimed_from is None
                and not each.attempts
                and not each.uncertain
            )
            if each.operation_id == op.id and waits:
                each.due_at = min(each.due_at, at)

    def _renew(self, op: Operation) -> None:
        row = self.disk.readings.get(op.database)
        if row is not None and row.reading is not None and op.topology is not None and not op.open:
            row.reading = row.reading.renewed(op.topology)

    def _require_unfinished(self, item_id: int | None) -> None:
        if item_id is not None and not self._is_unfinished(item_id):
            raise Stale(f"delivery {item_id} is finished already")

    def _require_unlocked(self, op: Operation) -> None:
        for row in self.disk.operations.values():
            if op.open and row.op.open and row.op.id != op.id and row.op.target == op.target:
                raise Locked(row.op.id)

    def _answer(self, op: Operation, item_id: int | None, replies: Sequence[Reply], at: datetime) -> None:
        if item_id is None:
            self._owe_answers(f"answer-{op.id}-{op.version}", replies, at)
        else:
            self._finish(item_id, replies, at)

    def _record(self, decisions: Sequence[Decision]) -> None:
        for each in decisions:
            self.disk.operations[each.after.id].events.append(each.event)
        self.disk.append(
            [audit.operation_entry(each.after.id, each.after.version, each.event) for each in decisions]
        )

    async def load(self, operation_id: str) -> Operation | None:
        """The operation as last committed; None if there is no such id."""
        await self._begin(writing=False)
        row = self.disk.operations.get(operation_id)
        return None if row is None else row.op

    async def made_of(self, choice: Choice) -> OperationId | None:
        """The operation that was made of a choice; None while there is none."""
        await self._begin(writing=False)
        return self._made_of(choice)

    def _made_of(self, choice: Choice) -> OperationId | None:
        return next((row.op.id for row in self.disk.operations.values() if row.op.choice == choice), None)

    async def events(self, operation_id: str) -> Sequence[Event]:
        """Its events, in order."""
        await self._begin(writing=False)
        row = self.disk.operations.get(operation_id)
        return [] if row is None else list(row.events)

    async def operations(
        self, *, open_only: bool, database: str | None = None, limit: int = 100
    ) -> Sequence[Operation]:
        """Operations, the newest request first."""
        await self._begin(writing=False)
        return [op for op in self._newest_first(database) if op.open or not open_only][:limit]

    async def ended(
        self, *, database: str | None = None, limit: int = 100, skip: int = 0
    ) -> Sequence[Operation]:
        """What ended, the newest request first, without the ``skip`` newest."""
        await self._begin(writing=False)
        return [op for op in self._newest_first(database) if not op.open][skip : skip + limit]

    async def to_review(self, *, limit: int = 100) -> Sequence[Operation]:
        """Emergencies that a review is owed for, the newest request first."""
        await self._begin(writing=False)
        return [op for op in self._newest_first() if op.review_owed][:limit]

    def _newest_first(self, database: str | None = None) -> list[Operation]:
        every = [row.op for row in self.disk.operations.values() if database in (None, row.op.database)]
        every.sort(key=lambda op: op.id)
        return sorted(every, key=lambda op: op.requested_at, reverse=True)

    async def newest(
        self, target: Target, statuses: Collection[Status], *, most: int = 1
    ) -> Sequence[Operation]:
        """The newest requests of a database and shard, of those that have one of these statuses."""
        every = await self.operations(open_only=False, database=target.database, limit=sys.maxsize)
        return [op for op in every if op.target == target and op.status in statuses][:most]

    async def count_operations(self, database: str | None = None) -> Mapping[str, int]:
        """How many operations there are in each status, of one database or of all."""
        await self._begin(writing=False)
        return Counter(op.status.value for op in self._newest_first(database))

    async def claim_operations(self, now: datetime, until: datetime, limit: int) -> Sequence[Operation]:
        """Takes the open operations that are due, the longest overdue first."""
        await self._begin()
        due = [
            (row.due_at, row.op.id, row)
            for row in self.disk.operations.values()
            if row.due_at is not None and row.due_at <= now
        ]
        if not due:
            return []
        taken = [row for _, _, row in sorted(due, key=lambda each: each[:2])[:limit]]
        async with self._commit():
            for row in taken:
                _claim(row, until)
        return [row.op for row in taken]

    async def postpone(
        self, due: Mapping[OperationId, tuple[int, datetime]], *, until: datetime | None
    ) -> None:
        """Sets when operations are due again, for those that still have the version, and the claim, given."""
        if not due:
            return
        await self._begin()
        kept = self.disk.operations
        still = [
            (kept[each], due_at)
            for each, (version, due_at) in due.items()
            if each in kept and kept[each].op.version == version and kept[each].op.open
            if (kept[each].claimed_from is None if until is None else _held(kept[each], until))
        ]
        if still:
            async with self._commit():
                for row, due_at in still:
                    row.due_at, row.claimed_from = due_at, None

    async def now(self) -> datetime:
        """What the database's clock shows."""
        await self._begin(writing=False)
        return self.disk.clock()

    async def hasten(self, now: datetime) -> None:
        """Makes due what waits for a later time, but for what somebody has claimed."""
        await self._begin()
        if self._waits_in_vain(now):
            async with self._commit():
                self._hasten(now)

    def _waits_in_vain(self, now: datetime) -> bool:
        later = any(row.due_at > now for row in self._waiting() if row.due_at is not None)
        later |= any(row.due_at and row.claimed_from and row.due_at > now + LONGEST for row in self._rows())
        later |= any(tab.looked_at > now for tab in self.disk.homes.values())
        later |= any(reading.asked_at > now for reading in self.disk.readings.values())
        return later or any(each.due_at < now + ON_ITS_WAY for each in self._on_their_way())

    def _hasten(self, now: datetime) -> None:
        for row in self._rows():
            if row.claimed_from is not None and row.due_at is not None:
                row.due_at = min(row.due_at, now + LONGEST)
        for row in self._waiting():
            if isinstance(row, Kept) and row.op.status is Status.STARTING:
                row.due_at = min(row.due_at or now, now + LONGEST)
            elif row.due_at is not None:
                row.due_at = min(row.due_at, now)
            if isinstance(row, Home):
                row.looked_at = min(row.looked_at, now)
        for reading in self.disk.readings.values():
            reading.asked_at = min(reading.asked_at, now)
        for each in self._on_their_way():
            each.due_at = max(each.due_at, now + ON_ITS_WAY)

    def _waiting(self) -> Iterable[Delivery | Kept | Owed | Home]:
        for row in self._rows():
            done = isinstance(row, Delivery | Owed) and row.done_at is not None
            if not done and row.claimed_from is None:
                yield row

    def _on_their_way(self) -> list[Owed]:
        found = self.disk.messages.values()
        return [
            each for each in found if each.uncertain and each.done_at is None and each.claimed_from is None
        ]

    def _rows(self) -> Iterable[Delivery | Kept | Owed | Home]:
        disk = self.disk
        return chain(
            disk.inbox.values(), disk.operations.values(), disk.messages.values(), disk.homes.values()
        )

    async def release_claims(self, now: datetime) -> None:
        """Makes everything due at once, also what was claimed, and every submission that the last process left."""
        await self._begin()
        claimed = [row for row in self._rows() if row.claimed_from is not None]
        starting = [row for row in self.disk.operations.values() if row.op.status is Status.STARTING]
        if not claimed and not starting and not self._waits_in_vain(now):
            return
        async with self._commit():
            for row in claimed:
                if isinstance(row, Owed) and row.kind is MessageKind.CARD and row.ts:
                    row.uncertain = True  # an update may be on its way
                row.due_at, row.claimed_from = min(now, row.claimed_from or now), None
            for row in starting:
                row.due_at = now
            self._hasten(now)

    async def prune(self, now: datetime, keep: timedelta) -> None:
        """Deletes done inbox items, ended answers, notices, holds and Home tabs that are older than ``keep``."""
        if keep < KEEP_AT_LEAST:
            raise ValueError(f"keep at least {KEEP_AT_LEAST}: a payload may be delivered again till then")
        await self._begin()
        disk, before = self.disk, now - keep
        items = [
            row for row in disk.inbox.values() if row.done_at is not None and row.item.received_at < before
        ]
        signatures = [each for each, at in disk.signatures.items() if at < before]
        told = [
            row
            for row in disk.messages.values()
            if row.kind is MessageKind.ANSWER or row.is_notice
            if row.done_at is not None and row.done_at < before
        ]
        over = [hold for hold in disk.holds if hold.until is not None and hold.until < before]
        tabs = [user for user, tab in disk.homes.items() if tab.opened_at < before]
        if not (items or signatures or told or over or tabs):
            return
        async with self._commit():
            disk.holds = tuple(hold for hold in disk.holds if hold not in over)
            for item in items:
                del disk.inbox[item.id]
                disk.dedupe_keys.remove(plain(item.item.dedupe_key))
            for signature in signatures:
                del disk.signatures[signature]
            for message in told:
                del disk.messages[message.id]
            for user in tabs:
                del disk.homes[user]

    # --- holds ---

    async def holds(self, now: datetime) -> Sequence[Hold]:
        """The freezes and the halt in force at a time, in the order in which they were set."""
        await self._begin(writing=False)
        return self._in_force(now)

    def _in_force(self, at: datetime) -> Sequence[Hold]:
        return [hold for hold in self.disk.holds if hold.binds(hold.scope, at)]

    async def record_hold(
        self, event: HoldEvent, *, item_id: int | None, tell: TellHold = tell_nobody
    ) -> None:
        """Records a freeze, a halt or its end in the audit trail and in what is in force, and who is told, as one."""
        await self._begin()
        self._require_unfinished(item_id)
        async with self._commit():
            self.disk.append([audit.hold_entry(event)])
            seq = self.disk.trail[-1]["seq"]
            before, holds = self._in_force(event.at), apply(self.disk.holds, event)
            self.disk.holds = tuple(replace(hold, reason=plain(hold.reason)) for hold in holds)
            self.disk.hold_events.append(event)
            rows = self.disk.operations.values()
            told = tell([row.op for row in rows if row.op.open], before)
            if item_id is not None:
                self._finish(item_id, told.replies, event.at)
            if told.say is not None:
                self._owe_notice(f"hold-{seq}", told.say, event.at)
            for op, say in told.threads:
                self._owe_thread(op, say, event.at)
                card = self._card(op.id)
                if card is not None:
                    if not self.disk.is_behind(card):
                        card.owed_at = event.at
                    card.renew_at, card.renewals = EPOCH, card.renewals + 1

    # --- Home tabs ---

    async def open_home(self, item: InboxItem, *, blank: bool, now: datetime) -> None:
        """Makes somebody's Home tab due at once, and finishes the inbox item, as one."""
        await self._begin()
        self._require_unfinished(item.id)
        async with self._commit():
            self._finish(item.id, (), now)
            tab = self.disk.homes.setdefault(plain(item.origin.user), Home("", now, now))
            tab.team, tab.opened_at, tab.due_at, tab.claimed_from = plain(item.origin.team), now, now, None
            tab.shown = "" if blank else tab.shown

    async def claim_homes(
        self, now: datetime, until: datetime, limit: int, *, opened_since: datetime, looked_before: datetime
    ) -> Sequence[HomeTab]:
        """Takes tabs that are due, or that the audit trail has moved past."""
        await self._begin()
        head = self.disk.trail[-1]["seq"] if self.disk.trail else 0
        due = [
            (tab.opened_at < tab.looked_at, tab.due_at, user)
            for user, tab in self.disk.homes.items()
            if tab.due_at <= now or (tab.claimed_from is None and tab.seq < head)
            if tab.opened_at >= opened_since and tab.looked_at <= looked_before
        ]
        if not due:
            return []
        taken = [(user, self.disk.homes[user]) for *_, user in sorted(due)[:limit]]
        async with self._commit():
            for _, tab in taken:
                _claim(tab, until)
        return [
            HomeTab(UserId(user), tab.team, tab.opened_at, tab.looked_at, tab.shown, until)
            for user, tab in taken
        ]

    async def settle_home(
        self, tab: HomeTab, *, shown: str, seq: int, looked_at: datetime, due_at: datetime
    ) -> None:
        """Records what a tab shows, unless it was claimed or opened again."""
        await self._begin()
        row = self._our_home(tab)
        if row is not None:
            async with self._commit():
                row.shown, row.seq, row.looked_at = shown, seq, looked_at
                row.due_at, row.claimed_from = due_at, None

    async def forget_home(self, tab: HomeTab) -> None:
        """Drops a tab, unless it was claimed or opened again."""
        await self._begin()
        if self._our_home(tab) is not None:
            async with self._commit():
                del self.disk.homes[tab.user]

    def _our_home(self, tab: HomeTab) -> Home | None:
        row = self.disk.homes.get(tab.user)
        return row if row is not None and _held(row, tab.claimed_until) else None

    async def readings(self, databases: Collection[str]) -> Mapping[str, Reading]:
        """The last readings of these databases, where there are any."""
        await self._begin(writing=False)
        return self._readings(databases)

    def _readings(self, databases: Collection[str]) -> dict[str, Reading]:
        rows = self.disk.readings.items()
        return {name: row.reading for name, row in rows if name in databases and row.reading is not None}

    async def begin_readings(
        self, databases: Collection[str], now: datetime, asked_before: datetime
    ) -> Sequence[str]:
        """Those of the databases that nobody has begun to read since a time."""
        await self._begin()
        kept = self.disk.readings
        mine = [name for name in sorted(databases) if kept.get(name, Read()).asked_at <= asked_before]
        if mine:
            async with self._commit():
                for name in mine:
                    kept.setdefault(name, Read()).asked_at = now
        return mine

    async def record_readings(self, found: Mapping[str, Reading], now: datetime) -> None:
        """Keeps readings, and makes every tab due."""
        await self._begin()
        before = self._readings(found)
        async with self._commit():
            for name, reading in found.items():
                if name in self.disk.readings:
                    self.disk.readings[name].reading = reading.after(before.get(name, Reading()), now)
            for tab in self.disk.homes.values():
                if tab.claimed_from is None:
                    tab.due_at = min(tab.due_at, now)

    # --- audit ---

    async def audit_head(self) -> AuditHead:
        """Where the audit trail ends now."""
        await self._begin(writing=False)
        trail = self.disk.trail
        return AuditHead(trail[-1]["seq"], trail[-1]["hash"]) if trail else AuditHead(0, "")

    async def owe_notice(self, key: str, say: Say, now: datetime, *, series: str = "") -> None:
        """Owes the audit channel, if there is one, a line that is of no operation; once for each key."""
        await self._begin()
        older = [
            row
            for row in self.disk.messages.values()
            if row.is_notice and row.done_at is None and row.key < key and row.key.startswith(series)
        ]
        async with self._commit():
            for row in older if series and self._audit_channel else []:
                row.done_at, row.claimed_from, row.last_error = now, None, SUPERSEDED
            self._owe_notice(key, say, now)

    async def record_configuration(self, summary: Mapping[str, str], now: datetime) -> None:
        """Appends a configuration load to the audit trail."""
        await self._begin()
        async with self._commit():
            self.disk.append([audit.configuration_entry(summary, now)])

    async def verify_audit(self, head: str | None = None) -> AuditHead | AuditBreak:
        """Walks the whole chain; with ``head``, also looks for a row with that hash."""
        await self._begin(writing=False)
        last = AuditHead(0, "")
        for row in self.disk.trail:
            problem = audit.problem_of(last, audit.as_stored(row))
            if problem is not None:
                return problem
            last = AuditHead(row["seq"], row["hash"])
        if head is None:
            return last
        return audit.contained(last, {row["hash"]: row["seq"] for row in self.disk.trail}.get(head))

    # --- outbox ---

    def _owe(self, op: Operation, kind: MessageKind, key: str, at: datetime) -> Owed:
        row = self._owe_anything(kind, key, at)
        row.operation_id, row.status = op.id, op.status
        row.channel, row.thread = op.place.channel, op.place.thread
        return row

    def _owe_anything(self, kind: MessageKind, key: str, at: datetime) -> Owed:
        row = Owed(next_id(self.disk.messages), kind, key, at, at)
        self.disk.messages[row.id] = row
        return row

    def _owe_replies(self, decisions: Sequence[Decision]) -> None:
        told = [
            (each, reply_key(each.after.version, count), said)
            for each in decisions
            for count, said in enumerate((e for e in each.effects if isinstance(e, Say | Note)), start=1)
        ]
        for each, key, said in told:
            if isinstance(said, Say):
                self._owe(each.after, MessageKind.REPLY, key, each.event.at).say = said
        for each, key, said in told:
            if self._audit_channel and (isinstance(said, Note) or said.besides):
                row = self._owe(each.after, MessageKind.AUDIT, f"audit-{key}", each.event.at)
                row.say = said.say if isinstance(said, Note) else said
                row.channel, row.thread = plain(self._audit_channel), None

    def _owe_thread(self, op: Operation, say: Say, at: datetime) -> None:
        key = reply_key(op.version, self.disk.trail[-1]["seq"])
        self._owe(op, MessageKind.REPLY, key, at).say = say

    def _owe_notice(self, key: str, say: Say, at: datetime) -> None:
        rows = self.disk.messages.values()
        known = any(row.is_notice and row.key == key for row in rows)
        if self._audit_channel and not known:
            row = self._owe_anything(MessageKind.AUDIT, key, at)
            row.say, row.channel = say, plain(self._audit_channel)

    def _owe_answers(self, key: str, replies: Sequence[Reply], at: datetime) -> None:
        for count, reply in enumerate(replies, start=1):
            row = self._owe_anything(MessageKind.ANSWER, f"{key}-{count}", at)
            row.to, row.answer = reply.to, reply.answer
            row.channel, row.thread = plain(reply.to.place.channel), reply.to.place.thread

    async def claim_messages(self, now: datetime, until: datetime, limit: int) -> Sequence[Message]:
        """Takes due messages: answers and what ended operations are owed first, then new cards, then by age."""
        await self._begin()
        due = [each for each in self.disk.may_go() if self.disk.due_at(each) <= now]
        if not due:
            return []
        due.sort(key=lambda each: (self._rank(each), each.owed_at, each.id))
        async with self._commit():
            for row in due[:limit]:
                _claim(row, until)
        return [self._message(row, now) for row in due[:limit]]

    def _rank(self, row: Owed) -> int:
        op = self._op(row)
        if row.kind is MessageKind.ANSWER or (
            row.kind is not MessageKind.AUDIT and op is not None and not op.open
        ):
            return 0
        return 1 if row.kind is MessageKind.CARD and not row.ts else 2

    def _op(self, row: Owed) -> Operation | None:
        return None if row.operation_id is None else self.disk.operations[row.operation_id].op

    def _message(self, row: Owed, now: datetime) -> Message:
        op = self._op(row)
        card = self._card(row.operation_id) if row.kind is MessageKind.REPLY else None
        shown = op if row.kind is MessageKind.CARD else None
        in_card = card.ts if card is not None and card.channel == row.channel else ""
        return Message(
            id=row.id,
            kind=row.kind,
            key=row.key,
            operation=op,
            status=op.status if row.kind is MessageKind.CARD and op is not None else row.status,
            say=row.say,
            to=row.to,
            answer=row.answer,
            channel=row.channel,
            thread=row.thread or in_card or None,
            ts=row.ts,
            uncertain=row.uncertain,
            posted_version=row.posted_version,
            attempts=row.attempts,
            created_at=row.owed_at,
            claimed_until=row.due_at,
            hold=None if shown is None else in_the_way(shown, self._in_force(now), now),
            renewals=row.renewals,
            begun_at=row.begun_at,
            last_error=row.last_error,
        )

    def _card(self, operation_id: str | None) -> Owed | None:
        rows = self.disk.messages.values()
        return next((one for one in rows if one.operation_id == operation_id and one.key == CARD_KEY), None)

    async def begin_post(self, message: Message, *, now: datetime) -> None:
        """Records that a post is about to be made."""
        await self._begin()
        (row,) = self._ours([message]) or (None,)
        if row is None:
            raise Stale(f"message {message.id} is not ours any more")
        async with self._commit():
            row.uncertain, row.begun_at = True, now

    async def posted(self, message: Message, *, ts: str, version: int, now: datetime) -> None:
        """Records Slack's id, and for a card the version shown."""
        await self._begin()
        row = self.disk.messages.get(message.id)
        if row is None:
            return
        op, is_card = self._op(row), row.kind is MessageKind.CARD
        shown = op is not None and op.version <= version
        over = not is_card or (shown and op is not None and not op.open)
        shows_it = row.renewals == message.renewals and row.posted_version <= version
        async with self._commit():
            if _held(row, message.claimed_until):
                row.due_at, row.claimed_from = now, None
            row.ts, row.uncertain, row.begun_at, row.attempts = ts, False, None, 0
            row.done_at = (row.done_at or now) if over else None
            row.renew_at, row.owed_at = EPOCH, min(row.owed_at, now)
            if shows_it:
                row.renew_at = None if message.hold is None else message.hold.until
                row.owed_at = ((shown and row.renew_at) or now) if is_card else row.owed_at
            row.posted_version = max(version, row.posted_version) if is_card else 0

    async def retry(
        self, message: Message, *, due_at: datetime, uncertain: bool, error: str, attempts: int | None = None
    ) -> None:
        """Puts a message back."""

        def again(row: Owed) -> None:
            row.due_at, row.claimed_from, row.uncertain = due_at, None, uncertain
            row.begun_at = row.begun_at if uncertain else None
            row.attempts = row.attempts + 1 if attempts is None else attempts
            row.last_error = plain(error)

        await self._change(message, again)

    async def put_back(self, due: Sequence[tuple[Message, datetime]], *, now: datetime) -> None:
        """Says when messages are due again that were only claimed."""
        if not due:
            return
        await self._begin()
        at = {message.id: now if self._has_ended(message) else when for message, when in due}
        still = self._ours(message for message, _ in due)
        if still:
            async with self._commit():
                for row in still:
                    row.due_at, row.claimed_from = at[row.id], None

    def _has_ended(self, message: Message) -> bool:
        """Whether its operation has ended since it was claimed."""
        before = message.operation
        return before is not None and before.open and not self.disk.operations[before.id].op.open

    async def move(self, message: Message, *, channel: str, now: datetime) -> None:
        """Sends a message that is not posted to another channel."""

        def moved(row: Owed) -> None:
            row.channel, row.thread, row.due_at = plain(channel), None, now
            row.claimed_from, row.uncertain, row.begun_at, row.attempts = None, False, None, 0

        await self._change(message, moved)

    async def give_up(self, message: Message, *, error: str, now: datetime) -> None:
        """Records that a message can't be delivered."""

        def given_up(row: Owed) -> None:
            row.done_at, row.claimed_from, row.last_error = now, None, plain(error)

        await self._change(message, given_up)

    async def _change(self, message: Message, change: Callable[[Owed], None]) -> None:
        await self._begin()
        for row in self._ours([message]):
            async with self._commit():
                change(row)

    def _ours(self, messages: Iterable[Message]) -> list[Owed]:
        """The rows of those that are still under the claim they were taken with."""
        rows = ((self.disk.messages.get(each.id), each.claimed_until) for each in messages)
        return [row for row, until in rows if row is not None and row.done_at is None and _held(row, until)]

    async def card_place(self, operation_id: str) -> CardPlace | None:
        """Where an operation's card is."""
        await self._begin(writing=False)
        card = self._card(operation_id)
        return CardPlace(card.channel, card.thread, card.ts) if card is not None and card.ts else None

    async def backlog(self) -> int:
        """How many messages are owed."""
        await self._begin(writing=False)
        return sum(not self._waits_for_its_place(row) for row in self.disk.behind())

    def _waits_for_its_place(self, row: Owed) -> bool:
        op = self._op(row)
        ended = row.kind is MessageKind.CARD and op is not None and not op.open
        return ended and row.last_error == NO_PLACE


def _claim(row: Delivery | Kept | Owed | Home, until: datetime) -> None:
    row.claimed_from, row.due_at = row.due_at, until


def _held(row: Kept | Owed | Home, until: datetime) -> bool:
    return row.claimed_from is not None and row.due_at == until


@coroutine
def others_go_on() -> Generator[None, None, None]:
    """Lets what is ready go on first, as ``asyncio.sleep(0)`` does, and is half of it."""
    yield


async def for_ever() -> None:
    """The dead go no further."""
    await asyncio.get_running_loop().create_future()
