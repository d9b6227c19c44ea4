"""How long calls have to wait for Slack's limits."""

from __future__ import annotations

from handlers.pace import POST, Pace
from tests.handlers.ledger import HandClock


def test_of_two_times_to_wait_the_longer_one_counts() -> None:
    clock = HandClock()
    pace = Pace(clock)
    pace.hold(POST, 30.0)
    pace.hold(POST, 5.0)
    assert pace.take(POST, "C1") == 30.0
    clock.advance(30)
    assert pace.take(POST, "C1") == 0.0
