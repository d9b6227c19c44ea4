"""Slack's rate limits, as token buckets on the injected clock.

The tiers are those of docs.slack.dev/apis/web-api/rate-limits. Slack promises "N+ per minute" and
tolerates bursts of unsaid size; here a minute's worth may come at once and refills evenly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Tier:
    """How many calls at once, and how many per second after that."""

    burst: float
    per_second: float


def _per_minute(calls: int) -> Tier:
    return Tier(calls, calls / 60)


TIER_1 = _per_minute(1)
TIER_2, TIER_3, TIER_4 = _per_minute(20), _per_minute(50), _per_minute(100)
SPECIAL = _per_minute(600)  # "hundreds per minute"
POST_PER_CHANNEL = Tier(5, 1)  # about one a second, short bursts allowed
POST_PER_WORKSPACE = _per_minute(300)  # "several hundred per minute"


class RateLimits:
    """Counts calls per key.

    Args:
        clock: The wall clock.
        enabled: Set False to switch all limits off.

    Attributes:
        exempt: The keys that are not counted.
    """

    def __init__(self, clock: Callable[[], datetime], *, enabled: bool) -> None:
        self.enabled = enabled
        self.exempt: set[str] = set()
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str, tier: Tier) -> int:
        """Counts a call; returns 0, or the seconds that ``Retry-After`` names when it is one too many."""
        if not self.enabled or key in self.exempt:
            return 0
        now = self._clock().timestamp()
        tokens, since = self._buckets.get(key, (tier.burst, now))
        tokens = min(tier.burst, tokens + max(0.0, now - since) * tier.per_second)
        if tokens < 1:
            self._buckets[key] = (tokens, now)
            return max(1, math.ceil((1 - tokens) / tier.per_second))
        self._buckets[key] = (tokens - 1, now)
        return 0
