"""Places that go away: cards and threads deleted, channels archived, the bot removed, people deactivated."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from bot.sandbox.slack import Demo, Message, User
from bot.sandbox.slack.model import Channel
from tests.simulation.standing import FOR_EVER, Standings
from tests.simulation.trace import Trace


class Places:
    """Takes places away and gives them back, driven by dice; knows what was gone when.

    Args:
        demo: Whose channels and people.
        dice: Decides what, and for how long.
        trace: Notes and counts it.
        standings: Is told when somebody is deactivated.
        elapsed: Seconds since the history began.
        spawn: Lets a place come back later.

    Attributes:
        deleted: The operations whose cards somebody has deleted.
    """

    def __init__(
        self,
        demo: Demo,
        *,
        dice: Random,
        trace: Trace,
        standings: Standings,
        elapsed: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self.deleted: set[str] = set()
        self._demo = demo
        self._dice = dice
        self._trace = trace
        self._standings = standings
        self._elapsed = elapsed
        self._spawn = spawn
        self._gone: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def was_gone(self, channel: str, since: float) -> bool:
        """Whether nothing could be said in a channel at some instant since a second."""
        return any(until >= since for _, until in self._gone[channel])

    async def change(self) -> None:
        """Something goes away now."""
        turn = self._dice.choices(
            (self._archive, self._remove, self._delete_card, self._delete_parent, self._leave),
            (3, 4, 2, 2, 2),
        )[0]
        turn()

    def parent(self, place: Channel, who: User) -> Message | None:
        """What somebody says in a channel, in whose thread they ask; perhaps nothing."""
        if place.is_archived or self._dice.random() < 0.5:
            return None
        return self._demo.workspace.post(place, who, "what about the databases?")

    def _note(self, kind: str, words: str = "") -> None:
        self._trace.count(f"places: {kind}")
        self._trace.add("places", words or kind)

    def _channel(self) -> Channel:
        demo = self._demo
        return self._dice.choices((demo.channel, demo.private, demo.audit), (5, 3, 1))[0]

    def _for_a_while(self, place: str, back: Callable[[], None]) -> None:
        spans = self._gone[place]
        spans.append((self._elapsed(), FOR_EVER))
        index, wait = len(spans) - 1, self._dice.choice((5.0, 40.0, 240.0, 1000.0))

        async def later() -> None:
            await asyncio.sleep(wait)
            back()
            spans[index] = spans[index][0], self._elapsed()

        self._spawn(later())

    def _archive(self) -> None:
        channel = self._channel()
        if channel.is_archived:
            return

        def back() -> None:
            channel.is_archived = False
            self._trace.add("places", f"{channel.name} is there again")

        self._note("channel archived", f"{channel.name} is archived")
        channel.is_archived = True
        self._for_a_while(channel.id, back)

    def _remove(self) -> None:
        channel, bot = self._channel(), self._demo.workspace.bot_user
        if bot not in channel.members:
            return

        def back() -> None:
            channel.members.add(bot)
            self._trace.add("places", f"the bot is invited to {channel.name} again")

        self._note("bot removed", f"the bot is removed from {channel.name}")
        channel.members.discard(bot)
        self._for_a_while(channel.id, back)

    def _delete_card(self) -> None:
        cards = self._demo.workspace.with_metadata(key="card")
        if cards:
            card = self._dice.choice(cards)
            assert card.metadata is not None
            self.deleted.add(card.metadata["event_payload"]["operation"])
            self._note(
                "card deleted", f"the card of {card.metadata['event_payload']['operation']} is deleted"
            )
            self._demo.workspace.delete(card)

    def _delete_parent(self) -> None:
        space = self._demo.workspace
        parents = {message.thread_ts: message.channel for message in space.messages() if message.is_reply}
        found = [space.find(channel, ts) for ts, channel in parents.items()]
        there = [message for message in found if message is not None and not message.by_bot]
        if there:
            self._note("thread's parent deleted")
            space.delete(self._dice.choice(there))

    def _leave(self) -> None:
        who = self._demo.requester
        if who.deleted:
            return

        def back() -> None:
            who.deleted = False
            self._standings.changed()
            self._trace.add("places", f"{who.name} is back")

        self._note("requester deactivated")
        who.deleted = True
        self._standings.changed()
        self._for_a_while(who.id, back)
