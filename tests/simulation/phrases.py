"""What people type: requests of every kind, and what holds everything up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

from bot.core.preflight import OVERRIDABLE
from tests.simulation.clouds import Clouds
from tests.simulation.loop import START

LIKELY = (4, 3, 3)
"""How likely each database is to be switched: orders, sessions, events."""
OFTEN_CHEAP = (6, 2, 2)
"""The same where submissions often get lost: a lost one to DDS is looked for during a quarter of an hour."""
OFTEN_DDS = (2, 4, 4)
"""The same where the trouble is about what DDS is asked with."""
STARTS = ("in 8s", "in 20s", "in 45s", "in 70s", "in 3m", "in 5m30s", "at 2026-03-01T12:01:10Z", "at {clock}")
"""When it is to start: soon, or amid the freeze, or so late that there is time for a reminder."""
CLOCK = START + timedelta(minutes=9)
"""What clocks show then is typed as a time of day."""
UNTIL = timedelta(minutes=4)
"""After that it is no longer typed: to a clock that is ahead as far as may be, it would be tomorrow's."""
SOON = "in 45s"


class Phrases:
    """Commands without the slash.

    Args:
        clouds: What there is to switch.
        dice: Decides.
        elapsed: Seconds since the history began.
    """

    def __init__(self, clouds: Clouds, dice: Random, elapsed: Callable[[], float]) -> None:
        self._clouds = clouds
        self._dice = dice
        self._elapsed = elapsed
        self._reasons = count(1)

    def request(self, zone: str, likely: Sequence[float] = LIKELY, *, later: float = 0.0) -> str:
        """A planned switchover; how likely one that is to start later, as people of a zone say it."""
        dice = self._dice
        text = self._target(likely)
        if dice.random() < later:
            clock = f"{CLOCK.astimezone(ZoneInfo(zone)):%H:%M}"
            start = dice.choice(STARTS)
            gone = "{clock}" in start and self._elapsed() > UNTIL.total_seconds()
            text += f" {SOON if gone else start.format(clock=clock)}"
        return f"{text} because of the simulation" if dice.random() < 0.3 else text

    def emergency(self, likely: Sequence[float] = LIKELY) -> str:
        """One that nobody has to approve."""
        checks = self._dice.sample(OVERRIDABLE, self._dice.choice((0, 0, 1, 2)))
        override = f" override {','.join(checks)}" if checks else ""
        return f"emergency {self._target(likely)}{override} {self._because()}"

    def halt(self) -> str:
        return f"halt {self._because()}"

    def hold(self) -> str:
        """Something that holds everything up, or lets it go on."""
        dice = self._dice
        scope = dice.choice(("all", "orders", "sessions", "events"))
        length = dice.choice(("", " for 5s", " for 30s", " for 2m"))
        return dice.choices(
            (f"freeze {scope}{length} {self._because()}", f"unfreeze {scope}", self.halt(), "resume"),
            weights=(3, 2, 2, 3),
        )[0]

    def _because(self) -> str:
        """No reason is given twice, so that each is known again."""
        return f"because of reason {next(self._reasons)}"

    def _target(self, likely: Sequence[float]) -> str:
        return self._dice.choices((self._orders, self._sessions, self._events), weights=likely)[0]()

    def _orders(self) -> str:
        orders = self._clouds.orders
        nodes = [node.id for node in orders.nodes if node.id not in orders.primaries]
        return "orders" + (f" to {self._dice.choice(nodes)}" if nodes and self._dice.random() < 0.75 else "")

    def _sessions(self) -> str:
        electable = [node.id for node in self._clouds.sessions.groups[0].electable]
        named = f" to {self._dice.choice(electable)}" if electable and self._dice.random() < 0.35 else ""
        return f"sessions{named}"

    def _events(self) -> str:
        shards = [group for group in self._clouds.events.groups if group.type == "shard"]
        shard = self._dice.choice(shards)
        named = ""
        if shard.electable and self._dice.random() < 0.3:
            named = f" to {self._dice.choice(shard.electable).id}"
        return f"events shard {self._dice.choice((shard.name, shard.id))}{named}"
