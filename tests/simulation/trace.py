"""What happened in a history, in words: the same seed gives the same words, to the last one."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable


class Trace:
    """The story of one history.

    Args:
        elapsed: Seconds since it began.
    """

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self.lines: list[str] = []
        self.counted: Counter[str] = Counter()
        self.done: Counter[str] = Counter()

    def add(self, who: str, what: str) -> None:
        """Notes that somebody did something, or that something happened to them."""
        self.lines.append(f"{self._elapsed():10.3f}  {who:<9} {what}")

    def count(self, kind: str) -> None:
        """Counts something that went wrong on purpose."""
        self.counted[kind] += 1

    def did(self, kind: str) -> None:
        """Counts something that people did."""
        self.done[kind] += 1

    @property
    def digest(self) -> str:
        """A hash of the whole story."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()
