"""What people ask of the bot: imperative, small, and exactly what they typed or clicked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.core.events import Place
from bot.core.model import UserId


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked, and where the answer goes.

    Attributes:
        user: The id of the person who typed or clicked.
        team: The workspace that the delivery says they belong to; "" if it does not say.
        place: The channel (and thread) they were in.
        response_url: Where an answer only they see can be sent for half an hour; "" if there is none.
    """

    user: UserId
    team: str
    place: Place
    response_url: str = ""


@dataclass(frozen=True, slots=True)
class RequestSwitchover:
    """``DATABASE [to NODE] [shard GROUP] [because REASON…]``; with ``dry_run``, ``plan DATABASE …``."""

    database: str
    node: str | None = None
    shard: str | None = None
    reason: str = ""
    dry_run: bool = False


class Action(StrEnum):
    """The buttons of a card; the values are the ``action_id``s."""

    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"
    CHECK_AGAIN = "check_again"
    ACKNOWLEDGE = "acknowledge"


@dataclass(frozen=True, slots=True)
class Act:
    """A click on a card's button, or ``cancel ID``. ``operation`` is what the delivery said, unchecked."""

    action: Action
    operation: str


@dataclass(frozen=True, slots=True)
class ListDatabases:
    """``list``: the configured databases with their present primary."""


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """``status [DATABASE|ID]``: what is under way, or one operation."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class ShowHistory:
    """``history [DATABASE]``: what was done."""

    database: str | None = None


@dataclass(frozen=True, slots=True)
class ShowHelp:
    """What was typed where no answer fits into the acknowledgement (a mention, a shortcut, an unknown button).

    ``text`` is as typed, without the mention; the grammar explains it, or shows the usage where it is empty.
    """

    text: str = ""


Command = RequestSwitchover | Act | ListDatabases | ShowStatus | ShowHistory | ShowHelp
