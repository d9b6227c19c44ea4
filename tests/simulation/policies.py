"""The policies of every history, and what the checks know of them without reading the bot's mind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.simulation.loop import START

APPROVERS, GLASS = "S0APPROVERS", "S0GLASS"
"""The groups of those who may approve, and of those who may break the glass."""
POLICIES = f"""
[policies.default]
approvers = ["{APPROVERS}"]
approval_ttl = "8m"
cooldown = "25s"
break_glass = ["{GLASS}"]
[policies.two]
approvers = ["{APPROVERS}"]
approvals = 2
approval_ttl = "10m"
break_glass = ["{GLASS}"]
[policies.own]
approvers = ["{APPROVERS}"]
self_approval = true
approval_ttl = "8m"
break_glass = ["{GLASS}"]
freeze = [{{ cron = "1 12 1 3 *", for = "40s", timezone = "UTC", reason = "the books are closed" }}]
"""
CLOSED = START + timedelta(minutes=1)
"""When the one configured freeze begins."""


@dataclass(frozen=True)
class Rules:
    """What is promised of one database.

    Attributes:
        approvals: How many people must approve.
        self_approval: The requester may be one of them.
        cooldown: How soon after a switchover none may follow.
        frozen: From when to when nothing planned may start.
    """

    approvals: int = 1
    self_approval: bool = False
    cooldown: timedelta = timedelta(0)
    frozen: tuple[datetime, datetime] | None = None

    def is_frozen(self, at: datetime) -> bool:
        return self.frozen is not None and self.frozen[0] <= at < self.frozen[1]


RULES: Mapping[str, Rules] = {
    "orders": Rules(approvals=2),
    "sessions": Rules(cooldown=timedelta(seconds=25)),
    "events": Rules(self_approval=True, frozen=(CLOSED, CLOSED + timedelta(seconds=40))),
}
