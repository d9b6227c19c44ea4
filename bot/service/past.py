"""What was done before on the same database and shard."""

from __future__ import annotations

import structlog

from bot.core.events import LastSwitchover
from bot.core.model import Target
from bot.core.operation import Status
from bot.errors import Unreadable
from bot.ports import Store

log = structlog.get_logger()


async def last_switchover(store: Store, target: Target) -> LastSwitchover | None:
    """What succeeded last on a database and shard, None if nothing did, or it can't be read: it is only shown."""
    try:
        op = await store.newest(target, {Status.SUCCEEDED})
    except Unreadable as error:
        # What nobody can read must not be in the way of what can be done.
        log.error("row_unreadable", database=target.database, reason=str(error))  # noqa: TRY400
        return None
    if op is None or op.plan is None or op.ended_at is None:
        return None
    return LastSwitchover(op.id, op.ended_at, before=op.plan.primary or "", after=op.primary_now or "")
