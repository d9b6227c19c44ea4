"""The message builders behind the ports that ask for words: one place decides which language is used where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.core.answers import Answer
from bot.core.commands import ShowHelp
from bot.core.machine import Say
from bot.core.model import Reason
from bot.core.operation import Operation
from handlers import answers, card
from handlers.blocks import Block, Rendered, metadata
from handlers.form import Shown, error_text, form, notice
from handlers.grammar import COMMAND, Misunderstood
from handlers.texts import Texts


class Wording:
    """Implements ``handlers.rendering.Renderer`` and words what the listeners answer on the spot.

    Args:
        locale: Language of what is posted in channels; answers to one person follow their own.
        command: The slash command, as the help shows it.
    """

    def __init__(self, locale: str, *, command: str = COMMAND) -> None:
        self._channel = Texts(locale)
        self._command = command

    @property
    def unrecorded(self) -> str:
        """What is answered when nothing could be recorded."""
        return self._channel.text("not-recorded")

    @property
    def maybe_recorded(self) -> str:
        """What is answered when it is not known whether it was recorded."""
        return self._channel.text("maybe-recorded")

    @property
    def outsider(self) -> str:
        """What somebody is told who may not have the form."""
        return self._channel.text("deny-not-a-member")

    @property
    def maybe_recorded_view(self) -> Block:
        """The same, in place of a form."""
        return notice(self.maybe_recorded, self._channel)

    def form(self, shown: Shown, *, locale: str | None) -> Block:
        """The request form, in the reader's language; in the channel's where that is not known."""
        return form(shown, self._texts(locale))

    def form_errors(self, found: Mapping[str, Reason], *, locale: str | None) -> dict[str, str]:
        """What is wrong with fields of the form; in which language, as above."""
        return {name: error_text(reason, self._texts(locale)) for name, reason in found.items()}

    def _texts(self, locale: str | None) -> Texts:
        return self._channel if locale is None else Texts(locale)

    def card(self, operation: Operation, *, now: datetime) -> Rendered:
        """The card, in the channel's language."""
        return card.card(operation, self._channel, now=now)

    def reply(self, operation: Operation, say: Say) -> Rendered:
        """A milestone, in the channel's language."""
        return card.reply(operation, say, self._channel)

    def notice(self, operation: Operation, say: Say) -> Rendered:
        """The same for readers who don't see the card, in the channel's language."""
        return card.notice(operation, say, self._channel)

    def announcement(self, say: Say) -> Rendered:
        """What is of no operation, in the channel's language."""
        return card.announcement(say, self._channel)

    def answer(self, answer: Answer, *, locale: str) -> Rendered:
        """What one person is told, in their own language."""
        return answers.answer(answer, Texts(locale), command=self._command)

    def explain(self, parsed: object) -> Rendered:
        """Words for a text that is no command, in the channel's language: the typist's is not known yet."""
        if isinstance(parsed, Misunderstood):
            return answers.misunderstood(parsed, self._channel)
        form = isinstance(parsed, ShowHelp)
        return answers.help_text(self._channel, command=self._command, form=form)

    def metadata(self, operation_id: str, status: str, key: str) -> Mapping[str, Any]:
        """The metadata of every card and reply."""
        return metadata(operation_id, status, key)
