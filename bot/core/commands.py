"""What people ask of the bot: imperative, small, and exactly what they typed or clicked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bot.core.events import Choice, Place
from bot.core.model import UserId
from bot.core.schedule import Start


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked, and where the answer goes.

    Attributes:
        user: The id of the person who typed or clicked.
        team: The workspace that the delivery says they belong to; "" if it does not say.
        place: The channel (and thread) they were in.
        response_url: Where an answer only they see can be sent for half an hour; "" if there is none.
        mentioned: Whether they mentioned the bot, rather than typed its command or clicked.
    """

    user: UserId
    team: str
    place: Place
    response_url: str = ""
    mentioned: bool = False


@dataclass(frozen=True, slots=True)
class RequestSwitchover:
    """``DATABASE [to NODE] [shard GROUP] [at TIME | in DURATION] [because REASON…]``.

    With ``dry_run`` it is ``plan DATABASE …``, with ``emergency`` it is ``emergency DATABASE …``; then
    ``overrides`` names the checks that may fail. ``choice``: the node was picked in a chooser.

    Attributes:
        follows: The operation whose button led to the chooser that this comes from, as the delivery said, unchecked.
    """

    database: str
    node: str | None = None
    shard: str | None = None
    reason: str = ""
    dry_run: bool = False
    start: Start | None = None
    emergency: bool = False
    overrides: tuple[str, ...] = ()
    follows: str = ""
    choice: Choice | None = None


class Action(StrEnum):
    """The buttons of a card; the values are the ``action_id``s."""

    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"
    CHECK_AGAIN = "check_again"
    ACKNOWLEDGE = "acknowledge"
    SWITCH_BACK = "switch_back"
    REPLAN = "replan"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Act:
    """A click on a card's button, or ``cancel ID``. ``operation`` is what the delivery said, unchecked.

    ``typed``: who did it may be where they don't see the card.
    """

    action: Action
    operation: str
    typed: bool = False


@dataclass(frozen=True, slots=True)
class Freeze:
    """``freeze DATABASE|all [for DURATION] because REASON…``."""

    scope: str
    reason: str
    duration: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unfreeze:
    """``unfreeze DATABASE|all``."""

    scope: str


@dataclass(frozen=True, slots=True)
class Halt:
    """``halt because REASON…``: nothing new is submitted."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """``resume``: the halt is over."""


@dataclass(frozen=True, slots=True)
class ListDatabases:
    """``list [PART] [page NUMBER]``: the configured databases with their present primary, some at a time.

    Only those whose name or description has ``part`` in it; "" for all.
    """

    part: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """``status [DATABASE|ID]``: what is under way, or one operation."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class ShowHistory:
    """``history [DATABASE] [page NUMBER]``: what was done, some at a time."""

    database: str | None = None
    page: int = 1


@dataclass(frozen=True, slots=True)
class ShowHelp:
    """What was typed where no answer fits into the acknowledgement (a mention, a shortcut, an unknown button).

    ``text`` is as typed, without the mention; the grammar explains it, or shows the usage where it is empty.
    ``databases`` are those that it may be about; None while nobody has looked, who knows which there are.
    """

    text: str = ""
    databases: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ShowHome:
    """The Home tab was opened; ``blank``: Slack had nothing of ours to show in it."""

    blank: bool = False


Command = (
    RequestSwitchover
    | Act
    | Freeze
    | Unfreeze
    | Halt
    | Resume
    | ListDatabases
    | ShowStatus
    | ShowHistory
    | ShowHelp
    | ShowHome
)
