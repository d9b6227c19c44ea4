"""When a switchover is to start: what was typed, and the instant that it means. Time and zone are arguments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.core.model import Reason

FARTHEST = timedelta(days=30)
"""Nobody who is asked today approves a plan for later than this."""


@dataclass(frozen=True, slots=True)
class Start:
    """A start as typed: exactly one of the three is given.

    Attributes:
        at: An instant with its zone.
        clock: A time of day where the asker is; the next one is meant.
        after: Counts from the request.
    """

    at: datetime | None = None
    clock: time | None = None
    after: timedelta | None = None


def zone_named(name: str) -> ZoneInfo | None:
    """The time zone of this name, None where this machine knows none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def instant(start: Start, *, asked_at: datetime, zone: tzinfo, zone_name: str) -> datetime | Reason:
    """The instant, in UTC, that a typed start means; a reason where it means none that could be kept.

    A time of day that the clocks jump over on that day is refused rather than moved. Of one that they show
    twice, the next is meant.

    Args:
        start: What was typed.
        asked_at: When.
        zone: Where the asker is.
        zone_name: What people call the zone.
    """
    try:
        meant = _meant(start, asked_at, zone, zone_name)
    except OverflowError:
        meant = datetime.max.replace(tzinfo=UTC)
    if isinstance(meant, Reason):
        return meant
    if meant <= asked_at:
        return Reason.of("start-in-the-past", when=meant.isoformat())
    if meant - asked_at > FARTHEST:
        return Reason.of("start-too-far", when=meant.isoformat(), days=FARTHEST.days)
    return meant


def _meant(start: Start, asked_at: datetime, zone: tzinfo, zone_name: str) -> datetime | Reason:
    if start.after is not None:
        return asked_at + start.after
    if start.at is not None:
        return start.at.astimezone(UTC)
    return _next(start.clock or time(), asked_at, zone, zone_name)


def _next(clock: time, asked_at: datetime, zone: tzinfo, zone_name: str) -> datetime | Reason:
    here = asked_at.astimezone(zone).replace(tzinfo=None)
    for days in range(3):
        naive = datetime.combine(here.date() + timedelta(days=days), clock)
        # Where the clocks show it twice, the first comes first.
        both = [naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
        real = [found for found in both if found.astimezone(zone).replace(tzinfo=None) == naive]
        if not real and naive > here:
            return Reason.of(
                "start-in-gap", clock=f"{clock:%H:%M}", date=naive.date().isoformat(), zone=zone_name
            )
        ahead = [found for found in real if found > asked_at]
        if ahead:
            return ahead[0]
    raise AssertionError("a day has every time that no clock jumps over")  # pragma: no cover
