"""Whether it is of any use to call Slack: while nothing answers, one question at a time is enough."""

from __future__ import annotations

from collections.abc import Callable

from bot.ports import Clock
from handlers.slack_client import NotSent, RateLimited, SlackClient, Unknown

FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0  # between two questions

PROBE = "auth.test"


def backoff(tries: int, random: Callable[[], float]) -> float:
    """Seconds to wait after so many tries in vain, from 1: ever longer, and never the same for everybody."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries - 1, 6))
    return wait * (0.5 + random() / 2)


class Circuit:
    """Opens when several calls in a row got no answer; then only ``auth.test`` is asked, ever more seldom.

    It asks something that says nothing, so that no message is tried, or held up by another one, to find out.
    An answer to whatever somebody else asks meanwhile, as the directory does, closes it too.

    Args:
        client: Counts the calls without an answer, whoever made them.
        clock: Tells when the next question is due.
        random: A number from 0 to 1, for jitter.
    """

    def __init__(self, client: SlackClient, clock: Clock, random: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._random = random
        self._asks = 0
        self._ask_at = 0.0

    @property
    def open(self) -> bool:
        """Whether nothing should be sent for now."""
        return self._client.silent

    async def closes(self) -> bool:
        """Whether messages may be sent; while it is open, asks Slack when that is due."""
        if not self.open:
            self._asks = 0
            return True
        now = self._clock.monotonic()
        if self._asks and now < self._ask_at:
            return False
        self._asks += 1
        outcome = await self._client.call(PROBE)
        if isinstance(outcome, RateLimited):
            self._client.unanswered = 0  # also where it was not called because of an earlier answer
        if not isinstance(outcome, NotSent | Unknown):
            self._asks = 0
            return True
        self._ask_at = self._clock.monotonic() + backoff(self._asks, self._random)
        return False
