"""How a command speaks and ends: what it says on stdout, its exit code, and the lines on stderr that say why."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

from bot.errors import Unheard

OK, ERROR, REFUSED, BROKEN = 0, 1, 3, 4


def say(text: str, *, end: str = "\n", now: bool = False) -> None:
    """Says it on stdout.

    Args:
        text: What is said.
        end: What is said after it.
        now: At once, not only when there is enough of it.

    Raises:
        Unheard: It can't be written.
    """
    if sys.stdout is None:  # whoever started us closed it
        raise Unheard(os.strerror(errno.EBADF))
    with _told():
        print(text, end=end, flush=now)


def said_all() -> None:
    """All that was said is out.

    Raises:
        Unheard: It can't be written.
    """
    if sys.stdout is not None:
        with _told():
            # Nothing is written where nothing is left: a terminal that is gone is no error of what ended with it.
            sys.stdout.flush()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise Unheard from None
    except OSError as error:
        raise Unheard(error.strerror or str(error)) from None


def unheard(error: Unheard) -> int:
    """Says on stderr why stdout can't be written; the exit code of an error."""
    if sys.stdout is not None:
        # At the exit Python flushes once more, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    # Whoever closed a pipe has seen enough.
    return fail(f"stdout can't be written ({error.why}): let it go elsewhere") if error.why else ERROR


def fail(*problems: str) -> int:
    """Says each problem on a line of stderr; the exit code of an error."""
    for problem in problems:
        print(problem, file=sys.stderr)
    return ERROR
