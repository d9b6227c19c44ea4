"""Named places where a process may be made to die or to stand still: off unless the environment asks for one.

``SWITCHOVER_FAILPOINT=before_send:kill`` kills the process with SIGKILL when it first comes to ``before_send``,
``before_send:kill:3`` the third time; ``stop`` instead of ``kill`` stops it until SIGCONT. For tests only: nothing
is cleaned up and nobody is asked. When off, a place costs one call of a function that does nothing.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence

VARIABLE = "SWITCHOVER_FAILPOINT"

EVENTS = (
    "requested",
    "planned",
    "planning_failed",
    "calls_awaited",
    "approved",
    "start_near",
    "start_reached",
    "rejected",
    "cancelled",
    "expired",
    "recheck_refused",
    "submission_started",
    "submission_accepted",
    "submission_not_accepted",
    "submission_refused",
    "submission_uncertain",
    "submission_found",
    "submission_absent",
    "doubt_remained",
    "job_reported",
    "roles_moved",
    "deadline_passed",
    "roles_confirmed",
    "roles_unchanged",
    "roles_unproven",
    "acknowledged",
    "reviewed",
)
"""What is committed about an operation, by the names of its events."""

HOLD_EVENTS = ("frozen", "unfrozen", "halted", "resumed")

POSTS = ("card", "reply")
TOLD = ("card", "reply", "answer", "update")

PLACES: Mapping[str, tuple[str, Sequence[str]]] = {
    "claims_released": ("start-up has made due what the last process had claimed", ()),
    "before_commit.inbox": ("a delivery is written, not committed", ()),
    "after_commit.inbox": ("a delivery is committed, not acknowledged", ()),
    "acknowledged": ("a delivery through Socket Mode is recorded and acknowledged", ()),
    "inbox_claimed": ("deliveries are claimed, nothing is done about them", ()),
    "inbox_finished": ("a delivery is answered and done", ()),
    "operations_claimed": ("operations are claimed, nothing is done about them", ()),
    "before_commit": (
        "an event is written with all that follows from it, not committed",
        EVENTS + HOLD_EVENTS,
    ),
    "after_commit": ("the same, committed; nobody has been told", EVENTS + HOLD_EVENTS),
    "before_send": ("connected to the cloud; the submission's first byte is to be written", ()),
    "after_send": ("the submission's last byte was written", ()),
    "answer_read": ("the answer to the submission was read, not recorded", ()),
    "before_begin_post": ("a post is due, and its beginning is not recorded", POSTS),
    "after_begin_post": ("the beginning of a post is recorded; nothing is sent", POSTS),
    "before_told": ("Slack has taken a message or an update; it is not recorded", TOLD),
    "after_told": ("the same, recorded", TOLD),
    "draining": ("no intake any more; work is still under way", ()),
    "drained": ("nothing is under way any more; the database is still open", ()),
}
"""Every place: its name, what has happened there and what has not, and the kinds that it is told apart by."""

_ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def names() -> Iterator[str]:
    """Every name that may be asked for, such as ``before_send`` and ``after_commit.planned``."""
    for place, (_, kinds) in PLACES.items():
        yield from (f"{place}.{kind}" for kind in kinds) if kinds else (place,)


def problem(asked: str) -> str:
    """Why this value of the variable can't be obeyed, "" if it can."""
    name, _, how = asked.partition(":")
    action, _, time = how.partition(":")
    if name not in names():
        return f"{VARIABLE}: there is no failpoint {name!r}"
    if action not in _ACTIONS:
        return f"{VARIABLE}: {action!r} is none of {', '.join(_ACTIONS)}"
    if time and not (time.isascii() and time.isdigit() and int(time) > 0):
        return f"{VARIABLE}: {time!r} is no number of times"
    return ""


def armed(asked: str) -> Callable[..., None]:
    """What ``hit`` is while this is asked for.

    Raises:
        ValueError: It can't be obeyed.
    """
    if why := problem(asked):
        raise ValueError(why)
    name, action, time = [*asked.split(":"), "1"][:3]
    left = int(time)

    def hit(place: str, kind: str = "") -> None:
        nonlocal left
        if (f"{place}.{kind}" if kind else place) != name:
            return
        left -= 1
        if left == 0:
            os.write(2, json.dumps({"event": "failpoint", "name": name, "action": action}).encode() + b"\n")
            os.kill(os.getpid(), _ACTIONS[action])

    return hit


def off(place: str, kind: str = "") -> None:
    """What ``hit`` is otherwise."""


def environment_problem() -> str:
    """Why what the environment asks for can't be obeyed, "" if it can or if nothing is asked for."""
    asked = os.environ.get(VARIABLE, "")
    return problem(asked) if asked else ""


def from_environment() -> Callable[..., None]:
    """What ``hit`` is in this environment."""
    asked = os.environ.get(VARIABLE, "")
    return off if not asked or problem(asked) else armed(asked)


hit = from_environment()
"""To be called where the process may die: the place, and the kind where there are kinds."""
