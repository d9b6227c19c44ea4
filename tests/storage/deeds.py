"""What tests ask of a store, in short."""

from __future__ import annotations

from datetime import datetime

from bot.core.holds import HoldEvent
from bot.core.machine import Decision
from bot.ports import Message, MessageKind, Storage
from tests.storage.values import NOW, after, done_without_approval, requested


async def opened(store: Storage, first: Decision, due_at: datetime = NOW) -> Decision:
    await store.open(first, due_at=due_at, item_id=None)
    return first


async def record(store: Storage, *events: HoldEvent) -> None:
    for event in events:
        await store.record_hold(event, item_id=None)


async def due(store: Storage, now: datetime = NOW, limit: int = 50) -> list[Message]:
    return list(await store.claim_messages(now, after(3600), limit))


async def post(store: Storage, message: Message, ts: str = "100.1", now: datetime = NOW) -> None:
    version = message.operation.version if message.operation else 0
    await store.begin_post(message, now=now)
    await store.posted(message, ts=ts, version=version, now=now)


async def ended_emergency(store: Storage) -> Decision:
    """The end of what nobody approved, committed."""
    first = await opened(store, requested(emergency=True))
    decisions = done_without_approval(first)
    await store.commit(decisions, due_at=None)
    return decisions[-1]


async def cards(store: Storage, now: datetime = NOW) -> list[Message]:
    return [one for one in await due(store, now) if one.kind is MessageKind.CARD]
