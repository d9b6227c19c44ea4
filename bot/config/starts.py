"""When a freeze begins: a crontab expression read on the clocks of its zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from apscheduler.triggers.cron import CronTrigger

_DAY = timedelta(days=1)


class Starts:
    """The instants at which the clocks of a zone show what a crontab expression names.

    A time that the clocks jump over counts all the same, as if they had not been set yet: what should begin
    then begins as much later as they jump. One that they show twice counts the first time.

    APScheduler is asked in UTC, and what it is given and answers is taken for what the clocks show: in a zone
    of its own it leaves out a day, or a month, after the clocks go forward. Finding out takes long and is
    asked at every step, and the answer is mostly the last one: that one is kept.
    """

    def __init__(self, trigger: CronTrigger, zone: tzinfo) -> None:
        self._trigger = trigger
        self._zone = zone
        self._asked: datetime | None = None
        self._found: datetime | None = None

    def first(self, at: datetime) -> datetime | None:
        """The first instant at or after one, in UTC; None: it never comes."""
        known = self._asked is not None and self._asked <= at and (self._found is None or at <= self._found)
        if not known:
            self._asked, self._found = at, self._first(at.astimezone(UTC))
        return self._found

    def _first(self, at: datetime) -> datetime | None:
        found: datetime | None = None
        for shown in self._shown_from(self._earliest(at)):
            instant = shown.replace(tzinfo=self._zone).astimezone(UTC)
            if instant >= at:
                found = min(found or instant, instant)
            # Of times that are jumped over and those after them, a later one may mean an earlier instant.
            if found is not None and shown >= _shown(found, self._zone):
                break
        return found

    def _earliest(self, at: datetime) -> datetime:
        """The earliest that the clocks could show for an instant from now on: none jumps by more than a day."""
        return min(_shown(at, self._zone), _shown(at - _DAY, self._zone) + _DAY)

    def _shown_from(self, shown: datetime) -> Iterator[datetime]:
        """What the expression names, as the clocks show it."""
        while (fires := self._trigger.get_next_fire_time(None, shown.replace(tzinfo=UTC))) is not None:
            yield fires.replace(tzinfo=None)
            shown = fires.replace(tzinfo=None) + timedelta(minutes=1)


def _shown(instant: datetime, zone: tzinfo) -> datetime:
    """What the clocks of a zone show at an instant, whether for the first or the second time."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
