"""What the bot is configured with, and what the checks know of it without reading the bot's mind."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.simulation.loop import START

APPROVERS, GLASS = "S0APPROVERS", "S0GLASS"
"""The groups of those who may approve, and of those who may break the glass."""
CLOSED = START + timedelta(minutes=1)
"""When the one configured freeze begins that every history has."""


@dataclass(frozen=True)
class Rules:
    """What is promised of one database.

    Attributes:
        approvals: How many people must approve.
        approvers: The group whose approvals count.
        self_approval: The requester may be one of them.
        cooldown: How soon after a switchover none may follow.
        frozen: From when to when nothing planned may start; the first is a whole minute.
    """

    approvals: int = 1
    approvers: str = APPROVERS
    self_approval: bool = False
    cooldown: timedelta = timedelta(0)
    frozen: tuple[datetime, datetime] | None = None

    def is_frozen(self, at: datetime) -> bool:
        return self.frozen is not None and self.frozen[0] <= at < self.frozen[1]


Book = Mapping[str, Rules]
"""The rules of every database that is configured."""

RULES: Book = {
    "orders": Rules(approvals=2),
    "sessions": Rules(cooldown=timedelta(seconds=25)),
    "events": Rules(self_approval=True, frozen=(CLOSED, CLOSED + timedelta(seconds=40))),
}


def policies(book: Book) -> str:
    """The policies of a configuration: one for each database, under its name."""
    return "\n".join(_policy(name, rules) for name, rules in {**RULES, **book}.items())


def _policy(name: str, rules: Rules) -> str:
    lines = [
        f"[policies.{name}]",
        f'approvers = ["{rules.approvers}"]',
        f"approvals = {rules.approvals}",
        f"self_approval = {'true' if rules.self_approval else 'false'}",
        f'approval_ttl = "{10 if rules.approvals > 1 else 8}m"',
        f'cooldown = "{rules.cooldown.total_seconds():.0f}s"',
        f'break_glass = ["{GLASS}"]',
    ]
    if rules.frozen is not None:
        start, end = rules.frozen
        cron, length = f"{start:%-M %-H %-d %-m} *", f"{(end - start).total_seconds():.0f}s"
        closed = f'cron = "{cron}", for = "{length}", timezone = "UTC", reason = "the books are closed"'
        lines.append(f"freeze = [{{ {closed} }}]")
    return "\n".join(lines)


class Rulebook:
    """Which rules were in force when.

    Args:
        elapsed: Seconds since the history began.
    """

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._since: list[float] = []
        self._books: list[Book] = []
        self._process = 0

    def in_force(self, book: Book) -> None:
        """From now on these count."""
        self._since.append(self._elapsed())
        self._books.append(book)

    def process_ended(self) -> None:
        """The next process knows nothing of the configurations before it."""
        self._process = len(self._books)

    def known(self, database: str) -> bool:
        """Whether the process has ever had a configuration with this database."""
        return any(database in book for book in self._books[self._process :])

    def lately(self, database: str, seconds: float) -> Sequence[Rules]:
        """All that counted for a database at some instant of the last seconds; empty where it was not configured."""
        first = max(bisect_right(self._since, self._elapsed() - seconds) - 1, 0)
        return [book[database] for book in self._books[first:] if database in book]
