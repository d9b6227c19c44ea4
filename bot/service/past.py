"""What was done before on the same database and shard."""

from __future__ import annotations

from collections.abc import Collection

from bot.core.events import LastSwitchover
from bot.core.model import Target
from bot.core.operation import Operation, Status
from bot.ports import Store

LOOKED_BACK = 100
"""So many of a database's newest operations are looked through."""


async def last_sent(store: Store, target: Target, ends: Collection[Status]) -> Operation | None:
    """The newest operation of a database and shard that was sent to the cloud and ended like this."""
    for op in await store.operations(open_only=False, database=target.database, limit=LOOKED_BACK):
        if op.target == target and op.submissions and op.status in ends:
            return op
    return None


async def last_switchover(store: Store, target: Target) -> LastSwitchover | None:
    """What succeeded last on a database and shard, None if nothing did."""
    op = await last_sent(store, target, {Status.SUCCEEDED})
    if op is None or op.plan is None or op.ended_at is None:
        return None
    return LastSwitchover(op.id, op.ended_at, before=op.plan.primary or "", after=op.primary_now or "")
