"""What forbids every switchover of a database for a time: a freeze in force, the cooldown after the last one."""

from __future__ import annotations

from datetime import datetime

from bot.core.model import Reason, Target
from bot.core.operation import Operation, Status
from bot.ports import Store
from bot.service.catalogue import Database

_MAY_HAVE_MOVED = frozenset({Status.SUCCEEDED, Status.CLOSED})


async def hindrance(
    store: Store, database: Database, target: Target, now: datetime, *, besides: str = ""
) -> Reason | None:
    """Why nothing may start now; None if it may. Asked at the request, at each approval and at the start.

    Args:
        store: Knows the last switchover.
        database: Whose freezes and cooldown count.
        target: The database and shard.
        now: The time.
        besides: The operation that asks; its own submissions don't count.
    """
    frozen = database.frozen(now)
    if frozen is not None:
        return frozen
    cooldown = database.policy.cooldown
    if not cooldown:
        return None
    for op in await store.operations(open_only=False, database=database.name, limit=20):
        if op.id != besides and op.target == target and _moved_at(op) and op.ended_at is not None:
            until = op.ended_at + cooldown
            return Reason.of("cooldown", last=op.id, until=until.isoformat()) if now < until else None
    return None


def _moved_at(op: Operation) -> bool:
    return bool(op.submissions) and op.status in _MAY_HAVE_MOVED
