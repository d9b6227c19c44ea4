"""Who was a full member of which group, at every instant of a history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from bot.sandbox.slack.workspace import Workspace

FOR_EVER = float("inf")


class Standings:
    """Remembers every change.

    Args:
        workspace: Whose groups.
        elapsed: Seconds since the history began.
    """

    def __init__(self, workspace: Workspace, elapsed: Callable[[], float]) -> None:
        self._workspace = workspace
        self._elapsed = elapsed
        self._known: dict[str, list[tuple[float, frozenset[str]]]] = defaultdict(list)
        self._left: dict[str, float] = {}

    def changed(self) -> None:
        """Notes who of every group counts now."""
        users = self._workspace.users
        for who, user in users.items():
            if user.deleted:
                self._left[who] = FOR_EVER
            elif self._left.get(who) == FOR_EVER:
                self._left[who] = self._elapsed()
        for name, group in self._workspace.groups.items():
            valid = {
                one
                for one in group.members
                if group.enabled and not (user := users[one]).deleted and not user.is_restricted
            }
            self._known[name].append((self._elapsed(), frozenset(valid)))

    def was_away(self, who: str, since: float) -> bool:
        """Whether somebody was deactivated at some instant since a second."""
        return who in self._left and self._left[who] >= since

    def counted(self, group: str, who: str, start: float, end: float) -> bool:
        """Whether somebody counted in a group at some instant of a time."""
        known = self._known[group]
        for index, (at, members) in enumerate(known):
            until = known[index + 1][0] if index + 1 < len(known) else end
            if at <= end and until >= start and who in members:
                return True
        return False
