"""What the listeners and the publisher need of the message builders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from bot.core.answers import Answer
from bot.core.holds import Hold
from bot.core.machine import Say
from bot.core.operation import Operation


class Words(Protocol):
    """A message ready to be sent: ``text`` says in plain words what ``blocks`` show."""

    @property
    def text(self) -> str: ...

    @property
    def blocks(self) -> Sequence[Mapping[str, Any]]: ...


class Renderer(Protocol):
    """Turns stored state into messages. Pure."""

    def card(self, operation: Operation, *, hold: Hold | None = None, now: datetime) -> Words:
        """The card, in the channel's language; ``hold``: what keeps the operation from what it waits for."""
        ...

    def reply(self, operation: Operation, say: Say) -> Words:
        """A milestone, in the channel's language."""
        ...

    def direct(self, operation: Operation, say: Say) -> Words:
        """The same for the requester alone, where nothing can be said in the thread."""
        ...

    def notice(self, operation: Operation, say: Say) -> Words:
        """The same for the audit channel, whose readers don't see the card."""
        ...

    def announcement(self, say: Say) -> Words:
        """What the audit channel is told that is of no operation."""
        ...

    def answer(self, answer: Answer, *, locale: str, mention: bool) -> Words:
        """What one person is told, in their own language; in the channel's where that is not known ("").

        With ``mention`` whatever it says to type begins with a mention of the bot, in place of its command.
        """
        ...

    def metadata(self, operation_id: str, status: str, key: str) -> Mapping[str, Any]:
        """The metadata of every card and reply."""
        ...
