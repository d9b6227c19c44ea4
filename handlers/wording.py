"""The message builders behind the ports that ask for words: one place decides which language is used where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from bot.core.answers import Answer
from bot.core.commands import ShowHelp
from bot.core.holds import Hold
from bot.core.home import Awaiting, Board
from bot.core.machine import Say
from bot.core.model import Reason
from bot.core.operation import Operation
from handlers import answers, card, home
from handlers.blocks import Block, Rendered, metadata
from handlers.form import Shown, error_text, form, notice
from handlers.grammar import COMMAND, Misunderstood
from handlers.home import HomeView
from handlers.texts import LOCALES, Texts


class Wording:
    """Implements ``handlers.rendering.Renderer`` and words what the listeners answer on the spot.

    Args:
        locale: Language of what is posted in channels; answers to one person follow their own, where it is known.
        command: The slash command, as the help shows it.
    """

    def __init__(self, locale: str, *, command: str = COMMAND) -> None:
        self._channel = Texts(locale)
        self._command = command

    def reader(self, locale: str) -> Texts:
        """The language of one person as Slack names it, the channel's where Slack does not say ("")."""
        return Texts(locale) if locale else self._channel

    def warm_up(self) -> None:
        """Reads every catalogue, which takes a tenth of a second, so that no delivery has to wait for it."""
        for locale in LOCALES:
            _warm_up(locale)

    def unrecorded(self, locale: str) -> str:
        """What is answered when nothing could be recorded."""
        return self.reader(locale).text("not-recorded")

    def maybe_recorded(self, locale: str) -> str:
        """What is answered when it is not known whether it was recorded."""
        return self.reader(locale).text("maybe-recorded")

    def maybe_recorded_view(self, locale: str) -> Block:
        """The same, in place of a form."""
        return notice(self.maybe_recorded(locale), self.reader(locale))

    def outsider(self, locale: str) -> str:
        """What somebody is told who may not have the form."""
        return self.reader(locale).text("deny-not-a-member")

    def form(self, shown: Shown, *, locale: str) -> Block:
        """The request form, in the reader's language."""
        return form(shown, self.reader(locale))

    def form_errors(self, found: Mapping[str, Reason], *, locale: str, zone: str) -> dict[str, str]:
        """What is wrong with fields of the form, in the reader's language and time zone."""
        texts = self.reader(locale)
        return {name: error_text(reason, texts, zone=zone) for name, reason in found.items()}

    def card(self, operation: Operation, *, hold: Hold | None = None, now: datetime) -> Rendered:
        """The card, in the channel's language; ``hold``: what keeps the operation from what it waits for."""
        return card.card(operation, self._channel, hold=hold, now=now)

    def reply(self, operation: Operation, say: Say) -> Rendered:
        """A milestone, in the channel's language."""
        return card.reply(operation, say, self._channel)

    def direct(self, operation: Operation, say: Say) -> Rendered:
        """The same for the requester alone, in the channel's language."""
        return card.direct(operation, say, self._channel)

    def notice(self, operation: Operation, say: Say) -> Rendered:
        """The same for readers who don't see the card, in the channel's language."""
        return card.notice(operation, say, self._channel)

    def announcement(self, say: Say) -> Rendered:
        """What is of no operation, in the channel's language."""
        return card.announcement(say, self._channel)

    def answer(self, answer: Answer, *, locale: str, mention: bool = False) -> Rendered:
        """What one person is told, in their own language; for a ``mention`` with what to type in one."""
        command = answers.MENTION if mention else self._command
        return answers.answer(answer, self.reader(locale), command=command)

    def home(self, board: Board, awaiting: Awaiting, *, links: Mapping[str, str], locale: str) -> HomeView:
        """The Home tab, in its reader's language."""
        return home.home(board, awaiting, self.reader(locale), links=links, command=self._command)

    def closed_home(self, *, locale: str) -> HomeView:
        """The Home tab of somebody who may not see what is in it."""
        return home.closed(self.reader(locale))

    def explain(self, parsed: object, locale: str) -> Rendered:
        """Words for a text that is no command, in the language of who typed it."""
        texts = self.reader(locale)
        if isinstance(parsed, Misunderstood):
            return answers.misunderstood(parsed, texts)
        return answers.help_text(texts, command=self._command, form=isinstance(parsed, ShowHelp))

    def metadata(self, operation_id: str, status: str, key: str) -> Mapping[str, Any]:
        """The metadata of every card and reply."""
        return metadata(operation_id, status, key)


@cache
def _warm_up(locale: str) -> None:
    answers.help_text(Texts(locale))
