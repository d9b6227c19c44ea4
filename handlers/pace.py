"""How fast Slack may be spoken to: token buckets by channel and by method, and its own ``Retry-After``."""

from __future__ import annotations

from bot.ports import Clock

POST = "chat.postMessage"
UPDATE = "chat.update"
MAX_CHANNELS = 1_000


class Bucket:
    """Lets ``burst`` calls through at once and then ``rate`` a second."""

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until the next call may be made; 0.0: now."""
        self._refill(now)
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._rate

    def take(self, now: float) -> None:
        """Counts a call."""
        self._refill(now)
        self._tokens -= 1

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class Pace:
    """Slack's limits for this workspace, as this process sees them.

    ``chat.postMessage`` about one a second and channel, in bursts; ``chat.update`` about fifty a minute for
    the whole workspace (docs.slack.dev, rate limits).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._channels: dict[str, Bucket] = {}
        self._updates = Bucket(rate=50 / 60, burst=10, now=clock.monotonic())
        self._held: dict[str, float] = {}

    def take(self, method: str, channel: str) -> float:
        """Counts a call that is about to be made, or says how many seconds it has to wait."""
        now = self._clock.monotonic()
        held = self._held.get(method, now) - now
        if held > 0:
            return held
        bucket = self._bucket(method, channel, now)
        if bucket is None:
            return 0.0
        wait = bucket.wait(now)
        if not wait:
            bucket.take(now)
        return wait

    def hold(self, method: str, seconds: float) -> None:
        """Slack said ``Retry-After``: nothing more through this method until then."""
        until = self._clock.monotonic() + seconds
        self._held[method] = max(until, self._held.get(method, until))

    def _bucket(self, method: str, channel: str, now: float) -> Bucket | None:
        if method == UPDATE:
            return self._updates
        if method != POST:
            return None
        # The oldest is forgotten: among so many channels it has been full again for long.
        while len(self._channels) >= MAX_CHANNELS and channel not in self._channels:
            del self._channels[next(iter(self._channels))]
        return self._channels.setdefault(channel, Bucket(rate=1, burst=5, now=now))
