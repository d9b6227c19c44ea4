"""Configured freezes: when each begins and until when it is told to last, also where the clocks are changed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app import freezes_of
from bot.config import FreezeSettings, PolicySettings
from bot.core.model import Reason

YEAR = 2026
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ZONES = [
    "UTC",
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Africa/Cairo",
    "America/Santiago",
    "America/Havana",
    "Australia/Lord_Howe",
]
"""Without changes, with changes at night, at midnight, and of half an hour."""
EXPRESSIONS = {
    "0 0 * * *": ({0}, {0}, range(1, 32), range(1, 13), range(7)),
    "0 0 * * 1-5": ({0}, {0}, range(1, 32), range(1, 13), range(5)),
    "0 0 1 * *": ({0}, {0}, {1}, range(1, 13), range(7)),
    "30 2 * 3-4,9-11 *": ({30}, {2}, range(1, 32), {3, 4, 9, 10, 11}, range(7)),
    "20,35 1-3 * * sun": ({20, 35}, {1, 2, 3}, range(1, 32), range(1, 13), {6}),
    "59 23 * * 6": ({59}, {23}, range(1, 32), range(1, 13), {5}),
}
"""What each means: minutes, hours, days of the month, months, and days of the week from Monday on."""


def shown_in_the_year(expression: str) -> Iterator[datetime]:
    """Every local minute of the year that an expression names."""
    minutes, hours, days, months, weekdays = EXPRESSIONS[expression]
    midnights = (datetime(YEAR, 1, 1) + number * DAY for number in range(365))  # noqa: DTZ001  # clocks have no zone
    for day in midnights:
        if day.day in days and day.month in months and day.weekday() in weekdays:
            yield from (
                day + number * MINUTE
                for number in range(24 * 60)
                if number // 60 in hours and number % 60 in minutes
            )


def local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


@cache
def changes(zone: ZoneInfo) -> tuple[datetime, ...]:
    """The hours of the year after which the clocks of a zone have another distance to UTC."""
    hours = [datetime(YEAR, 1, 1, tzinfo=UTC) + timedelta(hours=number) for number in range(365 * 24)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return tuple(
        hour for hour, this, after in zip(hours, offsets, offsets[1:], strict=False) if this != after
    )


@cache
def offsets(zone: ZoneInfo) -> list[timedelta]:
    """What the clocks of a zone are ahead of UTC in the year, the most first."""
    times = (datetime(YEAR, 1, 1, tzinfo=UTC), *(each + 2 * DAY for each in changes(zone)))
    return sorted({time.astimezone(zone).utcoffset() or timedelta(0) for time in times}, reverse=True)


def meant(shown: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which the clocks show it; where they never do, what they would with the lesser offset."""
    candidates = [(shown - each).replace(tzinfo=UTC) for each in offsets(zone)]
    return next((each for each in candidates if local(each, zone) == shown), candidates[-1])


def entry(cron: str, zone: str, length: str = "24h") -> dict[str, str]:
    return {"cron": cron, "for": length, "timezone": zone, "reason": "trading hours"}


def freeze(cron: str, zone: str, length: str = "24h") -> Callable[[datetime], Reason | None]:
    """What a policy with this freeze says at an instant."""
    policy = {"approvers": ["S0123ABCD"], "freeze": [entry(cron, zone, length)]}
    return freezes_of(PolicySettings.model_validate(policy))


@pytest.mark.parametrize("zone", ZONES)
def test_a_freeze_begins_whenever_the_clocks_of_its_zone_show_what_its_cron_says(zone: str) -> None:
    """A whole year, and anew from every half an hour around each change of the clocks."""
    there = ZoneInfo(zone)
    assert len(changes(there)) == (0 if zone in {"UTC", "Asia/Shanghai"} else 2)
    around = [each + number * timedelta(minutes=29) for each in changes(there) for number in range(-56, 56)]
    for expression in EXPRESSIONS:
        settings = FreezeSettings.model_validate(entry(expression, zone))
        expected = sorted({meant(shown, there) for shown in shown_in_the_year(expression)})
        starts, found = settings.starts(), [datetime.min.replace(tzinfo=UTC)]
        at = expected[0]
        for _ in expected:
            first = starts.first(at)
            assert first is not None
            found.append(first)
            at = first + timedelta(microseconds=1)
        assert found[1:] == expected, expression
        for at in around:
            assert settings.starts().first(at) == expected[bisect_left(expected, at)], (expression, at)


@pytest.mark.parametrize(
    ("zone", "cron", "length", "first", "last"),
    [
        ("Europe/Berlin", "0 0 * * 1-5", "24h", "2026-03-30T00:00+02:00", "2026-03-30T23:59+02:00"),
        ("America/New_York", "0 0 * * 1-5", "24h", "2026-03-09T00:00-04:00", "2026-03-09T23:59-04:00"),
        ("Europe/Berlin", "0 0 1 * *", "72h", "2024-04-01T00:00+02:00", "2024-04-03T23:59+02:00"),
        ("Africa/Cairo", "0 0 * * *", "23h", "2026-04-24T01:00+03:00", "2026-04-24T23:59+03:00"),
        ("America/Santiago", "0 0 * * *", "23h", "2026-09-06T01:00-03:00", "2026-09-06T23:59-03:00"),
        ("America/Havana", "0 0 * * *", "23h", "2026-03-08T01:00-04:00", "2026-03-08T23:59-04:00"),
        # a day that was left out as a whole
        ("Pacific/Apia", "0 0 30 12 *", "24h", "2011-12-31T00:00+14:00", "2011-12-31T23:59+14:00"),
    ],
)
def test_the_day_on_which_the_clocks_go_forward_and_the_next_are_frozen_as_any(
    zone: str, cron: str, length: str, first: str, last: str
) -> None:
    asked = freeze(cron, zone, length)
    at, end = datetime.fromisoformat(first).astimezone(UTC), datetime.fromisoformat(last)
    asked(at - DAY)  # as the bot does, at every step
    assert freeze(cron, zone, length)(at - MINUTE) is None
    while at <= end:
        assert asked(at) is not None, at.astimezone(ZoneInfo(zone))
        at += 15 * MINUTE
    assert asked(end) is not None


@pytest.mark.parametrize(
    ("day", "until"),
    [("2026-03-29", "2026-03-30T01:00+02:00"), ("2026-10-25", "2026-10-25T23:00+01:00")],
)
def test_a_freeze_ends_when_it_is_said_to(day: str, until: str) -> None:
    """Its length is time that passes, on a day of 23 hours and on one of 25."""
    asked = freeze("0 0 * * 0", "Europe/Berlin")
    begun = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert asked(begun) == Reason.of("frozen", reason="trading hours", until=until)
    end = datetime.fromisoformat(until)
    assert end - begun == DAY
    assert (asked(end - MINUTE) is None, asked(end) is None) == (False, True)


@given(st.lists(st.integers(0, 15 * 24 * 60), min_size=1, max_size=8), st.sampled_from(ZONES))
def test_a_freeze_says_the_same_whatever_it_was_asked_before(minutes: list[int], zone: str) -> None:
    asked, start = freeze("0 9 * * 1-5", zone, "9h"), datetime(YEAR, 3, 20, tzinfo=UTC)
    for at in (start + number * MINUTE for number in minutes):
        assert asked(at) == freeze("0 9 * * 1-5", zone, "9h")(at)
