"""What the simulated clouds share: how long a switchover takes and how it really ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class Ending(StrEnum):
    """How a switchover really ends, whatever its job says."""

    MOVED = "moved"
    UNCHANGED = "unchanged"
    OTHER = "other"  # another node wins the election
    NOBODY = "nobody"  # no primary at all
    TWO = "two"  # the old and the new one both say so


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds after acceptance; ``health_lag`` counts from the change of roles.

    Only QingCloud has jobs that wait before they work, and nodes that recover.
    """

    working: float = 0.5
    roles: float = 1.8
    done: float = 2.0
    health_lag: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one accepted switchover; ``word`` is its job's last status."""

    word: str
    ending: Ending = Ending.MOVED
    winner: str | None = None

    def primaries(self, before: Sequence[str], chosen: str, others: Sequence[str]) -> list[str]:
        """The nodes that say they are primary afterwards; ``others`` could have been chosen."""
        return {
            Ending.MOVED: [chosen],
            Ending.UNCHANGED: [*before],
            Ending.OTHER: [self.winner or next(iter(others), chosen)],
            Ending.NOBODY: [],
            Ending.TWO: [*(node for node in before if node != chosen), chosen],
        }[self.ending]


def wall_clock() -> datetime:
    """The real time."""
    return datetime.now(UTC)
