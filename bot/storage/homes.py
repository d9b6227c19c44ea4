"""The Home tabs that people have opened lately: which are due, and what Slack shows in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Update,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import UserId
from bot.ports import HomeTab, InboxItem
from bot.storage import claims, inbox
from bot.storage.codec import plain
from bot.storage.tables import EPOCH, Instant, audit_head, homes, insert_new

OPENED_SINCE = bindparam("opened_since", type_=Instant())
LOOKED_BEFORE = bindparam("looked_before", type_=Instant())


async def open_(connection: AsyncConnection, *, item: InboxItem, blank: bool, now: datetime) -> None:
    """Somebody opened their tab: it is due at once, also where it is just being brought up to date.

    Raises:
        Stale: The inbox item is done already.
    """
    await inbox.finish(connection, item.id, now)
    user = plain(item.origin.user)
    new = {"id": user, "opened_at": now, "looked_at": EPOCH, "seq": 0, "shown": "", "due_at": now, "team": ""}
    await connection.execute(insert_new(connection, homes).values(new))
    again: dict[str, Any] = {"team": plain(item.origin.team), "opened_at": now, "due_at": now}
    again |= {"claimed_from": None} | ({"shown": ""} if blank else {})
    await connection.execute(update(homes).where(homes.c.id == user).values(again))


@cache
def _claiming() -> Update:
    head = select(func.max(audit_head.c.seq)).scalar_subquery()
    behind = and_(homes.c.claimed_from.is_(None), homes.c.seq < head)
    due = (
        claims.due_ids(
            homes,
            homes,
            or_(homes.c.due_at <= claims.NOW, behind),
            homes.c.opened_at >= OPENED_SINCE,
            homes.c.looked_at <= LOOKED_BEFORE,
        )
        .order_by(homes.c.opened_at < homes.c.looked_at, homes.c.due_at, homes.c.id)
        .limit(claims.LIMIT)
    )
    return claims.claim(homes, due)


async def claim(connection: AsyncConnection, given: dict[str, Any], until: datetime) -> Sequence[HomeTab]:
    """Takes tabs that are due, or that the audit trail has moved past, in the order that ``HomeStore`` says."""
    rows = (await connection.execute(_claiming(), given)).all()
    return [
        HomeTab(UserId(row.id), row.team, row.opened_at, row.looked_at, row.shown, until)
        for row in sorted(rows, key=lambda row: (row.opened_at < row.looked_at, row.claimed_from, row.id))
    ]


async def settle(
    connection: AsyncConnection, tab: HomeTab, *, shown: str, seq: int, looked_at: datetime, due_at: datetime
) -> None:
    """Records what a tab shows and when it is due again."""
    changes = {"shown": shown, "seq": seq, "looked_at": looked_at, "due_at": due_at, "claimed_from": None}
    await connection.execute(update(homes).where(_ours(tab)).values(changes))


async def hasten(connection: AsyncConnection, now: datetime) -> None:
    """Every tab that waits for a later time is due; and none was brought up to date later than now.

    Else it would be left as it is until then.
    """
    unclaimed, looked_at = homes.c.claimed_from.is_(None), homes.c.looked_at
    chosen = select(homes.c.id).where(unclaimed, or_(homes.c.due_at > now, looked_at > now))
    earlier = {
        each: case((each > now, literal(now, Instant())), else_=each) for each in (homes.c.due_at, looked_at)
    }
    await connection.execute(
        update(homes).where(homes.c.id.in_(chosen.with_for_update(skip_locked=True))).values(earlier)
    )


async def forget(connection: AsyncConnection, tab: HomeTab) -> None:
    """Drops a tab."""
    await connection.execute(delete(homes).where(_ours(tab)))


async def make_due(connection: AsyncConnection, now: datetime) -> None:
    """There is something new in what every tab shows."""
    waiting = and_(homes.c.claimed_from.is_(None), homes.c.due_at > now)
    await connection.execute(update(homes).where(waiting).values(due_at=now))


async def prune(connection: AsyncConnection, before: datetime) -> None:
    """Drops the tabs that nobody has opened since a time."""
    await claims.forget(connection, homes, homes.c.opened_at < before)


def _ours(tab: HomeTab) -> ColumnElement[bool]:
    return and_(homes.c.id == plain(tab.user), claims.held(homes, tab.claimed_until))
