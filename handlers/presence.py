"""Whether the bot is in a channel: a form says so at once, where no card could be posted."""

from __future__ import annotations

import asyncio

from bot.errors import DirectoryUnavailable
from bot.ports import Clock
from handlers.directory import SingleFlight
from handlers.finder import Take
from handlers.slack_client import Done, Rejected, SlackClient

KNOWN_FOR = 300.0
"""Seconds for which it is believed to still be where it was."""
ASKED_FOR = 1.0
"""Seconds that the answer to a form waits to find out: it has to come within three."""
METHOD = "conversations.history"
ABSENT = frozenset({"not_in_channel", "channel_not_found"})


class Presence:
    """Asks Slack, with a scope that the bot has for other reasons.

    Args:
        client: Calls Slack.
        take: Counts a call: those that look for lost messages share Slack's limit. What would have to wait is not
            found out.
        clock: Ages what is known.
        asked_for: Seconds to find it out.
    """

    def __init__(
        self, client: SlackClient, take: Take, *, clock: Clock, asked_for: float = ASKED_FOR
    ) -> None:
        self._client = client
        self._take = take
        self._asked_for = asked_for
        self._there = SingleFlight(self._ask, ttl=KNOWN_FOR, clock=clock)

    async def meet(self, channel: str) -> None:
        """Finds it out before it is needed. Never raises for Slack."""
        await self.missing(channel)

    async def missing(self, channel: str) -> bool:
        """Whether the bot is surely not there. What can't be found out soon is found out when the card is posted."""
        try:
            async with asyncio.timeout(self._asked_for):
                there = await self._there.get(channel)
        except (DirectoryUnavailable, TimeoutError):
            return False
        if not there:
            self._there.invalidate(channel)  # people who are told so invite it, and send the form again
        return not there

    async def _ask(self, channel: str) -> bool:
        if wait := self._take(METHOD, channel):
            raise DirectoryUnavailable(f"Slack is not to be asked for {wait:.0f} s")
        match await self._client.call(METHOD, channel=channel, limit=1):
            case Done():
                return True
            case Rejected(error) if error in ABSENT:
                return False
            case other:
                raise DirectoryUnavailable(f"Slack did not answer: {other}")
