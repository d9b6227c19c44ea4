"""A clock that moves only by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class HandClock:
    """Callable like the clocks that the sandbox takes."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)  # Slack's SDK and Bolt compare with the real time

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """Moves on; arguments as of ``timedelta``."""
        self.now += timedelta(**by)
