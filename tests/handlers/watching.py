"""Who counts connections and envelopes."""

from __future__ import annotations

from collections import Counter


class Watching:
    """What is told of connections and envelopes."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.reasons: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.seconds: list[float] = []

    def socket_connections(self, count: int) -> None:
        self.counts.append(count)

    def socket_reconnect(self, reason: str) -> None:
        self.reasons[reason] += 1

    def socket_envelope(self, outcome: str) -> None:
        self.outcomes[outcome] += 1
