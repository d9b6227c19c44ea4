"""What forbids every switchover of a database for a time: a halt, a freeze, the cooldown after the last one."""

from __future__ import annotations

from datetime import datetime

from bot.core.holds import binding, kinds_binding
from bot.core.model import Reason, Target
from bot.core.operation import Status
from bot.errors import Unreadable
from bot.ports import Store
from bot.service.catalogue import Database

_MAY_HAVE_MOVED = frozenset({Status.SUCCEEDED, Status.CLOSED})
"""The ends after which the roles may have moved; none of them is reached without a submission."""


async def hindrance(
    store: Store,
    database: Database,
    target: Target,
    now: datetime,
    *,
    emergency: bool = False,
    start_at: datetime | None = None,
) -> Reason | None:
    """Why nothing may start; None if it may. Asked at the request, at each approval and at the start.

    Args:
        store: Knows what was set by hand, and the last switchover.
        database: Whose freezes and cooldown count.
        target: The database and shard.
        now: The time.
        emergency: Only a halt stops it.
        start_at: When it is to start, where that is later.
    """
    hold = binding(await store.holds(now), database.name, now, kinds_binding(emergency=emergency))
    if hold is not None:
        return hold.sentence()
    if emergency:
        return None
    return (
        database.frozen(now)
        or _frozen_then(database, start_at)
        or await cooling(store, database, target, start_at or now)
    )


def _frozen_then(database: Database, start_at: datetime | None) -> Reason | None:
    """A configured freeze at the start. One set by hand that lasts until then is in force now."""
    frozen = None if start_at is None else database.frozen(start_at)
    if frozen is None or start_at is None:
        return None
    return Reason("frozen-at-start", (*frozen.params, ("when", start_at.isoformat())))


async def cooling(store: Store, database: Database, target: Target, start_at: datetime) -> Reason | None:
    """Why nothing may start at a time, so soon after the last switchover; None if it may.

    What is asked of a shard by its name is asked again once a reading has told its id: the past knows ids.
    """
    cooldown = database.policy.cooldown
    try:
        found = await store.newest(target, _MAY_HAVE_MOVED) if cooldown else []
    except Unreadable:
        return Reason.of("stored-unreadable")  # how long ago it was can't be known: a definite no
    last = found[0] if found else None
    if last is None or last.ended_at is None or start_at >= last.ended_at + cooldown:
        return None
    return Reason.of("cooldown", last=last.id, until=(last.ended_at + cooldown).isoformat())
