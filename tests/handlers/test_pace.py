"""How long calls have to wait for Slack's limits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.pace import POST, SHORTEST, UPDATE, Bucket, Pace
from tests.handlers.ledger import HandClock


def test_of_two_times_to_wait_the_longer_one_counts() -> None:
    clock = HandClock()
    pace = Pace(clock)
    pace.hold(POST, 30.0)
    pace.hold(POST, 5.0)
    assert pace.take(POST, "C1") == 30.0
    clock.advance(30)
    assert pace.take(POST, "C1") == 0.0


@pytest.mark.parametrize("method", [POST, UPDATE])
def test_who_waited_as_long_as_told_may_call(method: str) -> None:
    """Times are of whole microseconds, and seconds that are added up are a little less than they were."""
    clock = HandClock()
    pace = Pace(clock)
    looks = 0
    for _ in range(500):
        while wait := pace.take(method, "C1"):
            looks += 1
            assert looks <= 500
            clock.advance(timedelta(seconds=wait).total_seconds())
        clock.advance(0.1)


@pytest.mark.parametrize("seconds", [1e-16, 1e-7])
def test_nobody_is_told_to_come_back_at_once(seconds: float) -> None:
    """Where time stands still until the next is due, that would be for ever."""
    clock = HandClock()
    pace = Pace(clock)
    pace.hold(POST, seconds)
    assert pace.take(POST, "C1") == SHORTEST


def test_what_is_nearly_a_call_is_one() -> None:
    bucket = Bucket(1.0, 1.0, now=0.0)
    bucket.take(0.0)
    assert (bucket.wait(1 - 1e-16), bucket.room(1 - 1e-16)) == (0.0, 1)
    assert bucket.wait(0.99) == pytest.approx(0.01)
    assert bucket.room(0.99) == 0
