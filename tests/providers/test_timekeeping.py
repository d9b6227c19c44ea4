"""What is known of the provider's clock, whatever ours is set to."""

from __future__ import annotations

from datetime import timedelta

import httpx

from providers.http import Answer
from providers.timekeeping import CloudClock
from tests.providers.clocks import START, TestClock


def answer(date: str = "") -> Answer:
    return Answer(200, httpx.Headers({"date": date} if date else {}), b"")


def test_the_clouds_time_goes_on_from_what_it_told_though_ours_is_set() -> None:
    clock = TestClock()
    time = CloudClock(clock)
    assert time.told is None
    time.note(answer())
    assert time.told is None
    time.note(answer("Sun, 01 Mar 2026 12:05:00 GMT"))
    clock.advance(3)
    for by in (timedelta(minutes=30), timedelta(hours=-2)):
        clock.jump(by)
        time.note(answer())
        assert time.told == START + timedelta(minutes=5, seconds=3)
