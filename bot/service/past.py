"""What was done before on the same database and shard, and how long it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

import structlog

from bot.core.events import LastSwitchover, UsualTime
from bot.core.model import Reason, Target
from bot.core.names import nearest
from bot.core.operation import Operation, Status
from bot.errors import Unreadable
from bot.ports import Store

LOOKED_AT = 5
"""Of how many of the latest switchovers the usual time is made."""

REMEMBERED = 200
"""Among so many of the latest operations one that was mistyped is looked for."""
NEARLY_THE_SAME = 0.85
"""At most one of the six characters of an id is another, or in another place."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Past:
    """The last switchover and the usual time; None where nothing succeeded yet, or it can't be read."""

    last: LastSwitchover | None = None
    usual: UsualTime | None = None


async def past_switchovers(store: Store, target: Target) -> Past:
    """What a card says of the past: it is only shown, and nothing is decided by it."""
    try:
        done = await store.newest(target, {Status.SUCCEEDED}, most=LOOKED_AT)
    except Unreadable as error:
        # What nobody can read must not be in the way of what can be done.
        log.error("row_unreadable", database=target.database, reason=str(error))  # noqa: TRY400
        return Past()
    return Past(_last(done[0]), _usual(done)) if done else Past()


def _last(op: Operation) -> LastSwitchover | None:
    if op.plan is None or op.ended_at is None:
        return None
    return LastSwitchover(op.id, op.ended_at, before=op.plan.primary or "", after=op.primary_now or "")


def _usual(done: Sequence[Operation]) -> UsualTime | None:
    """Nobody expects what waited for a person, or for a cloud that was away, nor what a clock set back has measured."""
    usual = [op.took for op in done if not op.needed_attention]
    took = [each.total_seconds() for each in usual if each is not None and each > timedelta(0)]
    return UsualTime(timedelta(seconds=median(took)), len(took)) if took else None


async def unknown_operation(store: Store, typed: str) -> Reason:
    """What is said of an id that no operation has, with the one that was probably meant."""
    latest = await store.operations(open_only=False, limit=REMEMBERED)
    near = nearest(typed, (op.id for op in latest), likeness=NEARLY_THE_SAME)
    return Reason.of("unknown-operation", id=typed, nearest=near)
