"""How fast Slack may be spoken to: token buckets by channel and by method, and its own ``Retry-After``."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import Clock

POST = "chat.postMessage"
UPDATE = "chat.update"
EPHEMERAL = "chat.postEphemeral"
OPEN = "conversations.open"
PUBLISH = "views.publish"
MAX_CHANNELS = 1_000

# Calls a second, and how many at once: together never more in a minute than Slack says (docs.slack.dev, rate
# limits: tier 3 is fifty, tier 4 a hundred, posting "several hundred" for a workspace).
METHODS: Mapping[str, tuple[float, float]] = {
    UPDATE: (40 / 60, 10),
    "conversations.history": (40 / 60, 10),
    "conversations.replies": (40 / 60, 10),
    OPEN: (40 / 60, 10),
    EPHEMERAL: (80 / 60, 20),
    POST: (240 / 60, 20),
    # Slack takes twice as many. For each of these somebody's standing is looked up, too, and clicks need that more.
    PUBLISH: (40 / 60, 10),
}
PER_CHANNEL = (1.0, 5.0)  # of chat.postMessage
NEARLY = 1e-3
"""So little of a call is not waited for: seconds are not added up exactly, and times are of whole microseconds."""
SHORTEST = 0.01
"""Seconds: who has to wait is not told to come back at once."""


class Bucket:
    """Lets ``burst`` calls through at once and then ``rate`` a second."""

    def __init__(self, rate: float, burst: float, *, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until the next call may be made; 0.0: now."""
        self._refill(now)
        missing = 1 - self._tokens
        return 0.0 if missing <= NEARLY else missing / self._rate

    def room(self, now: float) -> int:
        """How many calls may be made at once."""
        self._refill(now)
        return max(0, int(self._tokens + NEARLY))

    def take(self, now: float) -> None:
        """Counts a call."""
        self._refill(now)
        self._tokens -= 1

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class Pace:
    """Slack's limits for this workspace, as this process sees them.

    A channel takes about one ``chat.postMessage`` a second, in bursts; every method has a limit of its own for
    the whole workspace.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        now = clock.monotonic()
        self._methods = {method: Bucket(rate, burst, now=now) for method, (rate, burst) in METHODS.items()}
        self._channels: dict[str, Bucket] = {}
        self._held: dict[str, float] = {}

    def take(self, method: str, channel: str, *, begun: bool = False) -> float:
        """Counts a call that is about to be made, or says how many seconds it has to wait.

        Args:
            method: The call.
            channel: Where.
            begun: It continues something that is of no use half done: it need not wait, those after it do.
        """
        now = self._clock.monotonic()
        held = self._held.get(method, now) - now
        if held > 0:
            return max(held, SHORTEST)
        buckets = self._buckets(method, channel, now)
        wait = 0.0 if begun else max((bucket.wait(now) for bucket in buckets), default=0.0)
        if wait:
            return max(wait, SHORTEST)
        for bucket in buckets:
            bucket.take(now)
        return 0.0

    @staticmethod
    def apart(method: str) -> float:
        """How many seconds lie between two calls where many wait for ``take``: those of one channel for POST."""
        return 1 / (PER_CHANNEL if method == POST else METHODS[method])[0]

    def room(self, method: str) -> int:
        """How many calls of a method could be made at once now."""
        now = self._clock.monotonic()
        return 0 if self._held.get(method, now) > now else self._methods[method].room(now)

    def hold(self, method: str, seconds: float) -> None:
        """Slack said ``Retry-After``: nothing more through this method until then."""
        until = self._clock.monotonic() + seconds
        self._held[method] = max(until, self._held.get(method, until))

    def _buckets(self, method: str, channel: str, now: float) -> list[Bucket]:
        found = [self._methods[method]] if method in self._methods else []
        return [*found, self._channel(channel, now)] if method == POST else found

    def _channel(self, channel: str, now: float) -> Bucket:
        # The oldest is forgotten: among so many channels it has been full again for long.
        while len(self._channels) >= MAX_CHANNELS and channel not in self._channels:
            del self._channels[next(iter(self._channels))]
        return self._channels.setdefault(channel, Bucket(*PER_CHANNEL, now=now))
