"""How far the switchovers of the sandbox have come, whoever looks: the tour goes by it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from bot.sandbox.slack import Message, Workspace
from bot.sandbox.stack import EVENT_TYPE, operation_of, status_of

Json = dict[str, Any]


def progress_picture(space: Workspace, tries: Mapping[str, Collection[str]]) -> Json:
    """Every operation that has a card, by its id: when it began, its status, and who was refused an approval.

    Args:
        space: The workspace.
        tries: By operation, the people who have pressed Approve.
    """
    return {
        operation_of(card): {
            "at": card.ts,
            "status": status_of(card),
            "thread": f"{card.channel}/{_root(card)}",
            "refused": [who for who in tries.get(operation_of(card), ()) if _answered(space, card, who)],
        }
        for card in space.with_metadata(EVENT_TYPE, key="card")
    }


def _answered(space: Workspace, card: Message, who: str) -> bool:
    """Somebody was told something in the card's thread that nobody else sees: an approval that counts is not."""
    return any(
        said.channel == card.channel and said.thread_ts == _root(card) and said.ts > card.ts
        for said in space.ephemerals(who)
    )


def _root(card: Message) -> str:
    return card.thread_ts or card.ts
