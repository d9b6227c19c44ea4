"""Which instant a typed start means: zones, days on which the clocks change, and starts that can't be kept."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model import Reason
from bot.core.schedule import FARTHEST, Start, instant, zone_named

ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")


def meant(start: Start, asked_at: datetime, zone: str = "UTC") -> datetime | Reason:
    return instant(start, asked_at=asked_at, zone=ZoneInfo(zone), zone_name=zone)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+00:00")


@pytest.mark.parametrize(
    ("zone", "asked", "clock", "expected"),
    [
        # the next one: today, or tomorrow where it has passed
        ("UTC", "2026-11-22T09:00", "09:30", "2026-11-22T09:30"),
        ("UTC", "2026-11-22T09:30", "09:30", "2026-11-23T09:30"),
        ("UTC", "2026-11-22T23:59", "00:00", "2026-11-23T00:00"),
        # no summer time, and a date that is not the one in UTC
        ("Asia/Shanghai", "2026-11-22T17:00", "02:00", "2026-11-22T18:00"),
        ("Asia/Shanghai", "2026-11-22T18:30", "02:00", "2026-11-23T18:00"),
        ("Asia/Shanghai", "2026-12-31T15:59", "00:00", "2026-12-31T16:00"),
        # Berlin: +1 in winter, +2 in summer
        ("Europe/Berlin", "2026-11-22T09:00", "14:30", "2026-11-22T13:30"),
        ("Europe/Berlin", "2026-07-01T09:00", "14:30", "2026-07-01T12:30"),
        # spring: on 2027-03-28 the clocks go from 02:00 to 03:00
        ("Europe/Berlin", "2027-03-27T23:30", "01:59", "2027-03-28T00:59"),
        ("Europe/Berlin", "2027-03-27T23:30", "03:00", "2027-03-28T01:00"),
        ("Europe/Berlin", "2027-03-27T12:00", "14:00", "2027-03-27T13:00"),
        ("Europe/Berlin", "2027-03-27T13:00", "14:00", "2027-03-28T12:00"),
        ("Europe/Berlin", "2027-03-28T01:00", "02:30", "2027-03-29T00:30"),
        # autumn: on 2026-10-25 they go from 03:00 back to 02:00, so 02:30 comes twice
        ("Europe/Berlin", "2026-10-24T23:00", "02:30", "2026-10-25T00:30"),
        ("Europe/Berlin", "2026-10-25T00:30", "02:30", "2026-10-25T01:30"),
        ("Europe/Berlin", "2026-10-25T01:30", "02:30", "2026-10-26T01:30"),
        ("Europe/Berlin", "2026-10-24T23:00", "03:00", "2026-10-25T02:00"),
    ],
)
def test_a_time_of_day_is_the_next_one_where_the_asker_is(
    zone: str, asked: str, clock: str, expected: str
) -> None:
    assert meant(Start(clock=time.fromisoformat(clock)), utc(asked), zone) == utc(expected)


@pytest.mark.parametrize("clock", ["02:00", "02:30", "02:59"])
def test_a_time_that_the_clocks_jump_over_is_refused_by_name(clock: str) -> None:
    found = meant(Start(clock=time.fromisoformat(clock)), utc("2027-03-27T12:00"), "Europe/Berlin")
    assert found == Reason.of("start-in-gap", clock=clock, date="2027-03-28", zone="Europe/Berlin")


@given(st.integers(0, 3 * 365 * 24 * 60), st.times(), st.sampled_from(ZONES))
def test_a_time_of_day_comes_within_two_days_and_shows_as_typed(minutes: int, clock: time, zone: str) -> None:
    asked_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    found = meant(Start(clock=clock), asked_at, zone)
    if isinstance(found, Reason):
        assert found.code == "start-in-gap"
        return
    assert asked_at < found <= asked_at + timedelta(hours=49)
    assert found.astimezone(ZoneInfo(zone)).time().replace(fold=0) == clock.replace(fold=0)


def test_a_duration_counts_from_the_request() -> None:
    assert meant(Start(after=timedelta(minutes=90)), utc("2026-10-25T00:00")) == utc("2026-10-25T01:30")


def test_an_instant_with_its_zone_is_that_instant_whatever_the_askers_zone() -> None:
    typed = datetime.fromisoformat("2026-11-23T02:00:00+08:00")
    assert meant(Start(at=typed), utc("2026-11-22T09:00"), "Europe/Berlin") == utc("2026-11-22T18:00")


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (Start(at=utc("2026-11-22T09:00")), "start-in-the-past"),
        (Start(after=timedelta(0)), "start-in-the-past"),
        (Start(at=utc("2026-11-22T09:00") + FARTHEST + timedelta(seconds=1)), "start-too-far"),
        (Start(after=FARTHEST + timedelta(seconds=1)), "start-too-far"),
    ],
)
def test_what_has_passed_or_is_too_far_ahead_is_refused(start: Start, code: str) -> None:
    found = meant(start, utc("2026-11-22T09:00"))
    assert isinstance(found, Reason)
    assert found.code == code
    assert isinstance(meant(Start(after=FARTHEST), utc("2026-11-22T09:00")), datetime)


@pytest.mark.parametrize(
    "start", [Start(after=timedelta.max), Start(at=datetime.fromisoformat("9999-12-31T23:59-11:00"))]
)
def test_a_start_beyond_every_calendar_is_too_far(start: Start) -> None:
    found = meant(start, utc("2026-11-22T09:00"))
    assert isinstance(found, Reason)
    assert found.code == "start-too-far"
    assert datetime.fromisoformat(found["when"]).tzinfo is UTC


@pytest.mark.parametrize(
    "name", ["", "Mars/Phobos", "../UTC", "/etc/localtime", "Europe", "a\0b", "x" * 5000]
)
def test_what_names_no_zone_is_none(name: str) -> None:
    assert zone_named(name) is None
    assert zone_named("Asia/Shanghai") == ZoneInfo("Asia/Shanghai")
