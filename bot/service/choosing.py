"""What becomes of a chooser, one of whose buttons was pressed: it goes once pressing it again can change nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.answers import Answer, Tell
from bot.core.commands import Command, RequestSwitchover
from bot.core.events import Place, Requested
from bot.core.model import Reason, Topology, label

CHOICE_LIFE = timedelta(minutes=10)
"""Whoever picks a node later than this may not remember what else the chooser stood for."""

_MAY_PASS = frozenset(
    {"halted-by", "frozen-by-hand", "frozen-by-hand-until", "locked", "who-unknown", "internal-error"}
)
"""Refusals that somebody may lift, or that pass, nobody knows when."""
_LASTS_UNTIL = frozenset({"frozen", "cooldown"})
"""Refusals that pass at a time that they name."""


def made(requested: Requested, pressed_in: Place, seen: Topology | None) -> Tell:
    """What stands in the place of the chooser that this request was made with.

    Args:
        requested: The request.
        pressed_in: Where the chooser is.
        seen: A reading that knows what the node is called, if there is one.
    """
    node = None if seen is None else seen.node(requested.node)
    told = Reason.of(
        "chosen",
        id=requested.id,
        database=label(requested.database, requested.shard, seen),
        node=requested.node if node is None else node.name or node.id,
        emergency="yes" if requested.emergency else "",
        thread="yes" if pressed_in.thread else "",
        beside="" if requested.place == pressed_in else requested.follows,
    )
    return Tell(told, instead=True)


def answered(command: Command, answer: Answer) -> Answer:
    """The answer to a press, in the place of the chooser unless pressing that again may help; any other as it is."""
    if not isinstance(command, RequestSwitchover) or command.choice is None or not isinstance(answer, Tell):
        return answer
    if _may_pass(answer.text, command, command.choice.asked_at + CHOICE_LIFE):
        return answer
    return replace(answer, instead=True)


def _may_pass(refusal: Reason, command: RequestSwitchover, open_until: datetime) -> bool:
    """Whether what is refused now may be taken while the chooser is open."""
    if refusal.code not in _LASTS_UNTIL:
        return refusal.code in _MAY_PASS
    if refusal.code == "cooldown" and command.start is not None:
        return False  # it is the start that is too soon, and that stays
    return datetime.fromisoformat(refusal["until"]) <= open_until
