"""Deliveries: recorded once, worked on until done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, Row, Update, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Stale
from bot.failpoints import hit
from bot.ports import Inbound, InboxItem, Receipt, Reply
from bot.storage import claims, outbox, unreadable
from bot.storage.codec import COMMANDS, ORIGINS, plain
from bot.storage.tables import inbox, inbox_signatures, insert_new


async def receive(connection: AsyncConnection, items: Sequence[Inbound]) -> list[Receipt]:
    """Records deliveries unless they are known, in their order and in two statements for all of them.

    Concurrent transactions wait for each other at the unique keys.
    """
    signatures = {item.signature: item.received_at for item in reversed(items) if item.signature}
    new = await _insert_new(
        connection,
        inbox_signatures.c.signature,
        [{"signature": plain(key), "received_at": at} for key, at in signatures.items()],
    )
    fresh = [not item.signature or _taken(new, plain(item.signature)) for item in items]
    rows = {plain(i.dedupe_key): _row(i) for i, ok in reversed(list(zip(items, fresh, strict=True))) if ok}
    recorded = await _insert_new(connection, inbox.c.dedupe_key, list(rows.values()))
    hit("before_commit.inbox")
    return [
        Receipt.REPLAYED
        if not ok
        else Receipt.RECORDED
        if _taken(recorded, plain(item.dedupe_key))
        else Receipt.DUPLICATE
        for item, ok in zip(items, fresh, strict=True)
    ]


def _row(item: Inbound) -> dict[str, Any]:
    return {
        "dedupe_key": plain(item.dedupe_key),
        "origin": ORIGINS.dumps(item.origin),
        "command": COMMANDS.dumps(item.command),
        "received_at": item.received_at,
        "due_at": item.received_at,
        "attempts": 0,
    }


def _taken(keys: set[str], key: str) -> bool:
    """Whether the key is among them; the next one that asks for it is late."""
    if key not in keys:
        return False
    keys.remove(key)
    return True


async def _insert_new(
    connection: AsyncConnection, key: Column[str], rows: Sequence[dict[str, Any]]
) -> set[str]:
    """Inserts the rows whose key is not there yet, and says which these were."""
    if not rows:
        return set()
    insert = insert_new(connection, key.table).values(list(rows)).returning(key)
    return set((await connection.execute(insert)).scalars())


@cache
def _claiming() -> Update:
    due = (
        claims.due_ids(inbox, inbox, inbox.c.done_at.is_(None), inbox.c.due_at <= claims.NOW)
        .order_by(inbox.c.received_at, inbox.c.id)
        .limit(claims.LIMIT)
    )
    return claims.claim(inbox, due, attempts=inbox.c.attempts + 1)


async def claim(
    connection: AsyncConnection, now: datetime, until: datetime, limit: int
) -> Sequence[InboxItem]:
    """Takes the oldest due items."""
    while claimed := (await connection.execute(_claiming(), claims.given(now, until, limit))).all():
        rows = sorted(claimed, key=lambda row: (row.received_at, row.id))
        if items := await unreadable.claimed(connection, inbox, rows, _item, now):
            return items
    return []


def _item(row: Row[Any]) -> InboxItem:
    return InboxItem(
        id=row.id,
        origin=ORIGINS.loads(row.origin),
        command=COMMANDS.loads(row.command),
        received_at=row.received_at,
        attempts=row.attempts,
    )


async def postpone(connection: AsyncConnection, item: InboxItem, due_at: datetime) -> None:
    """Puts an item back, unless it was claimed again: every claim counts as an attempt."""
    await connection.execute(
        update(inbox)
        .where(inbox.c.id == item.id, inbox.c.attempts == item.attempts, inbox.c.done_at.is_(None))
        .values(due_at=due_at, claimed_from=None)
    )


async def finish(
    connection: AsyncConnection, item_id: int, now: datetime, replies: Sequence[Reply] = ()
) -> None:
    """Marks an item done and records the answers.

    Raises:
        Stale: It is done already; of concurrent finishers the row lets exactly one through.
    """
    done = await connection.execute(
        update(inbox)
        .where(inbox.c.id == item_id, inbox.c.done_at.is_(None))
        .values(done_at=now, claimed_from=None)
    )
    if done.rowcount != 1:
        raise Stale(f"delivery {item_id} is finished already")
    await answer(connection, item_id, replies, now)


async def answer(connection: AsyncConnection, item_id: int, replies: Sequence[Reply], now: datetime) -> None:
    """Records the answers to a delivery."""
    await outbox.owe_answers(connection, f"answer-{item_id}", replies, now)


async def hasten(connection: AsyncConnection, now: datetime) -> None:
    """Makes due what waits for a later time."""
    await claims.hasten(connection, inbox, now)


async def prune(connection: AsyncConnection, before: datetime) -> None:
    """Deletes what was received before a time: done items, and the signatures, useless to a replay by then."""
    await claims.forget(connection, inbox, inbox.c.done_at.is_not(None), inbox.c.received_at < before)
    await claims.forget(connection, inbox_signatures, inbox_signatures.c.received_at < before)
