"""What a history's process keeps its truth in: the store in memory, or the real one on a SQLite file."""

from __future__ import annotations

from tests.storage.disk import Disk
from tests.storage.memory import MemoryStore, Process


class InMemory:
    """The store that passes the real ones' suite without their work."""

    def __init__(self) -> None:
        self.look = Disk()

    def open(self, process: Process) -> MemoryStore:
        """The store of one process."""
        return MemoryStore(self.look, process=process)

    def cut_off(self) -> None:
        """The dead can't commit, and nothing else of theirs is left."""

    def close(self) -> None:
        """Nothing is open."""
