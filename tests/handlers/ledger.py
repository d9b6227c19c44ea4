"""A clock that is told the time, and the parts of the store that the Slack side sees, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.core.commands import Origin
from bot.core.events import Place
from bot.core.model import Reason
from bot.errors import Stale, StoreUnavailable
from bot.ports import NO_PLACE, CardPlace, Inbound, Message, MessageKind, Receipt
from bot.scheduler import Crew
from handlers import forms
from handlers.filled import Errors, Filled
from handlers.forms import Opened

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class HandClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._elapsed += seconds

    def set_back(self, seconds: float) -> None:
        """The time of day is set; what measures goes on."""
        self._now -= timedelta(seconds=seconds)


class Inbox:
    """``Store.receive`` as the contract says: known keys are duplicates, known signatures replays."""

    def __init__(self) -> None:
        self.items: list[Inbound] = []
        self.calls = 0
        self.down = False
        self._keys: set[str] = set()
        self._signatures: set[str] = set()

    async def receive(self, item: Inbound) -> Receipt:
        self.calls += 1
        if self.down:
            raise StoreUnavailable("database is locked")
        if item.signature and item.signature in self._signatures:
            return Receipt.REPLAYED
        self._signatures.add(item.signature)
        if item.dedupe_key in self._keys:
            return Receipt.DUPLICATE
        self._keys.add(item.dedupe_key)
        self.items.append(item)
        return Receipt.RECORDED


class NoForms:
    """Where nobody may have a form: there is nobody left to open it."""

    def __init__(self) -> None:
        self.crew: forms.Crew = Crew(0)

    async def open(self, origin: Origin, trigger: str) -> Opened:
        return Opened.FAILED

    def offered(self, origin: Origin, typed: str) -> Sequence[Mapping[str, Any]]:
        return ()

    def chosen(self, origin: Origin, view: Mapping[str, Any], database: str) -> None: ...

    def chosen_shard(self, origin: Origin, view: Mapping[str, Any], shard: str) -> None: ...

    def submitted(self, origin: Origin, view: Mapping[str, Any]) -> Filled | Errors:
        return {}

    async def misplaced(self, view: Mapping[str, Any], place: Place) -> Errors:
        return {}

    async def hindered(self, origin: Origin, found: Filled) -> Errors:
        return {}

    def errors(self, origin: Origin, found: Mapping[str, Reason]) -> Mapping[str, str]:
        return {}


@dataclass
class Row:
    message: Message
    due_at: datetime
    state: str = "owed"
    errors: list[str] = field(default_factory=list)


class MemoryOutbox:
    """``Outbox`` as the contract says: claims, leases, the order of cards and replies, begun posts."""

    def __init__(self, clock: HandClock) -> None:
        self.rows: dict[int, Row] = {}
        self.down_at: set[str] = set()
        self.overtaken: set[int] = set()  # claimed by another replica just before their post is begun
        self.begins_in = 0.0  # seconds that the beginning of a post takes
        self._clock = clock

    def owe(self, message: Message) -> None:
        self.rows[message.id] = Row(message, message.created_at)

    def change(self, message_id: int, **changes: object) -> None:
        row = self.rows[message_id]
        row.message = replace(row.message, **changes)  # type: ignore[arg-type]

    async def claim_messages(self, now: datetime, until: datetime, limit: int) -> Sequence[Message]:
        self._check("claim_messages")
        due = [row for row in self.rows.values() if row.due_at <= now and self._is_owed(row)]
        due.sort(key=lambda row: (row.message.kind is not MessageKind.ANSWER, row.message.id))
        for row in due[:limit]:
            row.due_at = until
            row.message = replace(row.message, claimed_until=until)
        return [row.message for row in due[:limit]]

    async def begin_post(self, message: Message, *, now: datetime) -> None:
        self._check("begin_post")
        self._clock.advance(self.begins_in)
        if message.id in self.overtaken:
            self.rows[message.id].due_at += timedelta(seconds=30)
        if not self._ours(message):
            raise Stale(f"message {message.id} is not ours any more")
        self.change(message.id, uncertain=True, begun_at=now)

    async def posted(self, message: Message, *, ts: str, version: int, now: datetime) -> None:
        self._check("posted")
        row, ours = self.rows[message.id], self._ours(message)
        self.change(message.id, ts=ts, posted_version=version, uncertain=False, begun_at=None, attempts=0)
        row.due_at = now if ours else row.due_at
        if row.message.kind is not MessageKind.CARD:
            row.state = "posted"

    async def retry(
        self, message: Message, *, due_at: datetime, uncertain: bool, error: str, attempts: int | None = None
    ) -> None:
        self._check("retry")
        row = self.rows[message.id]
        if self._ours(message):
            begun_at = row.message.begun_at if uncertain else None
            tried = row.message.attempts + 1 if attempts is None else attempts
            self.change(message.id, uncertain=uncertain, begun_at=begun_at, attempts=tried, last_error=error)
            row.due_at = due_at
            row.errors.append(error)

    async def put_back(self, due: Sequence[tuple[Message, datetime]], *, now: datetime) -> None:
        self._check("put_back")
        for message, at in due:
            if self._ours(message):
                self.rows[message.id].due_at = at

    async def move(self, message: Message, *, channel: str, now: datetime) -> None:
        self._check("move")
        if self._ours(message):
            self.change(message.id, channel=channel, thread=None, uncertain=False, begun_at=None, attempts=0)
            self.rows[message.id].due_at = now

    async def give_up(self, message: Message, *, error: str, now: datetime) -> None:
        self._check("give_up")
        if self._ours(message):
            self.rows[message.id].state = "given_up"
            self.rows[message.id].errors.append(error)

    async def card_place(self, operation_id: str) -> CardPlace | None:
        self._check("card_place")
        for row in self.rows.values():
            card = row.message
            named = card.operation is not None and card.operation.id == operation_id
            if named and card.kind is MessageKind.CARD and card.ts:
                return CardPlace(card.channel, card.thread, card.ts)
        return None

    async def backlog(self) -> int:
        return sum(self._is_owed(row) for row in self.rows.values())

    def _ours(self, message: Message) -> bool:
        row = self.rows[message.id]
        return row.state == "owed" and row.due_at == message.claimed_until

    def _check(self, method: str) -> None:
        if method in self.down_at:
            raise StoreUnavailable("disk full")

    def _is_owed(self, row: Row) -> bool:
        message = row.message
        if row.state != "owed":
            return False
        if message.kind is MessageKind.CARD:
            assert message.operation is not None
            return not message.ts or message.posted_version < message.operation.version
        if message.kind is MessageKind.REPLY:
            return self._is_next_reply(message)
        return True

    def _is_next_reply(self, message: Message) -> bool:
        assert message.operation is not None
        for row in self.rows.values():
            other = row.message
            if other.operation is None or other.operation.id != message.operation.id:
                continue
            if row.state != "owed" or (
                other.kind is MessageKind.CARD and (other.ts or NO_PLACE in row.errors[-1:])
            ):
                continue
            if other.kind is MessageKind.CARD or other.id < message.id:
                return False
        return True
