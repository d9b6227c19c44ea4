"""Two clocks: ours, and the provider's as far as its answers told."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.ports import Clock
from providers.http import Answer

NOTICED = timedelta(seconds=2)  # Date has whole seconds and is some way old when it arrives


class CloudClock:
    """Learns the provider's time from ``Date`` headers.

    ``skew`` is what signing adds to our time: zero until ``correct`` is called, because the provider refused a
    signature for its age, and kept in step with the headers from then on. ``known``: an answer told the time.
    ``told``: the provider's clock whatever ours was set to meanwhile, None where no answer has told the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = timedelta(0)
        self.skew = timedelta(0)
        self.known = False
        self._last: tuple[datetime, float] | None = None

    @property
    def theirs(self) -> datetime:
        """The provider's clock, ours where nothing is known of it."""
        return self.in_theirs(self._clock.now())

    @property
    def told(self) -> datetime | None:
        if self._last is None:
            return None
        date, at = self._last
        return date + timedelta(seconds=self._clock.monotonic() - at)

    def in_theirs(self, ours: datetime) -> datetime:
        """What the provider's clock showed when ours showed this, were they as far apart as now."""
        return ours + self._offset

    @property
    def signing(self) -> datetime:
        """What a request that is signed now is signed with."""
        return self._clock.now() + self.skew

    def note(self, answer: Answer) -> None:
        """Takes the time from an answer."""
        date = answer.date
        if date is None:
            return
        self.known = True
        self._last = date, self._clock.monotonic()
        seconds = round((date - self._clock.now()).total_seconds())
        self._offset = timedelta(seconds=seconds) if abs(seconds) > NOTICED.total_seconds() else timedelta(0)
        if self.skew:  # a hint that outlived a corrected clock would date requests into the future
            self.skew = self._offset

    def correct(self) -> None:
        """From now on requests are signed with the provider's time."""
        self.skew = self._offset
