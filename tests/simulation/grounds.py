"""What a history's process keeps its truth in: the store in memory, or the real one on a SQLite file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random

from tests.simulation.life import Failing
from tests.storage.disk import Disk, Lost
from tests.storage.memory import MemoryStore, Process

LONGEST = (0.0, 0.0, 0.0, 0.004, 0.05)
"""How many seconds the slowest transaction of a history may take."""


class InMemory:
    """The store that passes the real ones' suite without their work.

    Args:
        dice: Decide how long transactions take, if any time.
        clock: The database's.
        audit_channel: Where what everybody should know is told once more.
    """

    def __init__(self, dice: Random, clock: Callable[[], datetime], *, audit_channel: str) -> None:
        self._audit_channel = audit_channel
        longest = dice.choice(LONGEST)
        self.look = Disk(pause=(lambda: longest * dice.random()) if longest else float, clock=clock)

    def open(self, process: Process) -> MemoryStore:
        """The store of one process."""
        return MemoryStore(self.look, audit_channel=self._audit_channel, process=process)

    def cut_off(self) -> None:
        """The dead can't commit, and nothing else of theirs is left."""

    def fail(self, failing: Failing, dice: Random) -> None:
        """From now on it fails in this way; the dice say which commits are lost."""
        words = {
            Failing.LOCKED: "the database is locked by somebody else",
            Failing.FULL: "the disk is full",
        }
        self.look.trouble = words.get(failing, "")
        self.look.gone = "the database can't be reached" if failing is Failing.GONE else ""
        losing = failing is Failing.LOSING
        self.look.losing = lambda: dice.choice(tuple(Lost)) if losing else Lost.NOTHING

    def close(self) -> None:
        """Nothing is open."""
