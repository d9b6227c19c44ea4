"""What was done before on the same database and shard."""

from __future__ import annotations

from bot.core.events import LastSwitchover
from bot.core.model import Target
from bot.core.operation import Status
from bot.ports import Store


async def last_switchover(store: Store, target: Target) -> LastSwitchover | None:
    """What succeeded last on a database and shard, None if nothing did."""
    op = await store.newest(target, {Status.SUCCEEDED})
    if op is None or op.plan is None or op.ended_at is None:
        return None
    return LastSwitchover(op.id, op.ended_at, before=op.plan.primary or "", after=op.primary_now or "")
