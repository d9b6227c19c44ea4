"""How a command ends: its exit code, and the lines on stderr that say why."""

from __future__ import annotations

import sys

OK, ERROR, REFUSED, BROKEN = 0, 1, 3, 4


def fail(*problems: str) -> int:
    """Says each problem on a line of stderr; the exit code of an error."""
    for problem in problems:
        print(problem, file=sys.stderr)
    return ERROR
