"""Was this message posted after all? Looks for its key in the metadata of what the bot has posted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.errors import DirectoryUnavailable
from bot.ports import Message
from handlers.directory import Identity
from handlers.slack_client import Done, Outcome, RateLimited, Rejected, SlackClient

EVENT_TYPE = "switchover_operation"
AUDIT_TYPE = "switchover_audit"
NOTICE_TYPE = "switchover_notice"
TYPES = (EVENT_TYPE, AUDIT_TYPE, NOTICE_TYPE)
SKEW = timedelta(seconds=60)  # between our clock and the one behind Slack's ``ts``
# From the beginning of a post to its ``ts``, by our clock: a claim lasts half a minute, Slack may take its time, and
# our clock may be behind. So much is said in no channel in an hour that it could not be read.
LATE = timedelta(hours=1)
PAGE = 200
MAX_PAGES = 50
AGAIN_IN_A_THREAD = 10  # pages, see ``Finder.find``


@dataclass(frozen=True, slots=True)
class Found:
    """It was posted, under this ``ts``."""

    ts: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Everything from around the time when it was begun was read, and it is not there."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It can't be known now.

    Attributes:
        method: What was to be called, or was.
        outcome: What stood in the way, None where there was too much to read.
        wait: For how many seconds the method must rest, where nothing else stood in the way.
    """

    method: str
    outcome: Outcome | None = None
    wait: float = 0.0

    @property
    def error(self) -> str:
        match self.outcome:
            case Rejected(error):
                return error
            case RateLimited():
                return "ratelimited"
            case _:
                return "unreadable"


@dataclass(frozen=True, slots=True)
class _Part:
    """What is read of a channel or a thread.

    Attributes:
        oldest: From when, None: from the first message.
        latest: Until when, None: to the last message.
        pages: How many at most.
        beyond: What is known once these are read, and there are more.
        continues: It is not the first of a look-up.
    """

    oldest: datetime | None
    latest: datetime | None
    pages: int
    beyond: Absent | Unreadable
    continues: bool


class Take(Protocol):
    """How a call is counted."""

    def __call__(self, method: str, channel: str, *, begun: bool = False) -> float: ...


class Finder:
    """Reads channels and threads (needs ``channels:history`` and ``groups:history``).

    Args:
        client: Calls Slack.
        identity: Who we are: others' messages never count, whatever their metadata says.
        take: Counts a call of a method in a channel, or says how many seconds it has to wait; what is ``begun``
            does not wait, because half a look-up finds nothing and would have to begin anew.
    """

    def __init__(
        self,
        client: SlackClient,
        identity: Callable[[], Awaitable[Identity]],
        take: Take,
    ) -> None:
        self._client = client
        self._identity = identity
        self._take = take

    async def find(
        self, message: Message, *, in_time: Callable[[], bool] = lambda: True
    ) -> Found | Absent | Unreadable:
        """Looks for a message where it would have been posted, around the time when its post was begun.

        However long ago that is, and whatever was said since, it is about an hour to read. Where nobody wrote down
        when it was begun, that is everything from a minute before it became owed.

        Before it is said to be absent, some messages are looked at whatever their time: our clock may be further
        from the one behind Slack's ``ts`` than is thought. Those are the newest page of a channel, and a thread from
        its beginning, as far as some pages go.

        Args:
            message: What is looked for.
            in_time: Whether there is time for one more call; it can't be known otherwise.
        """
        method = "conversations.replies" if message.thread else "conversations.history"
        try:
            us = await self._identity()
        except DirectoryUnavailable:
            return Unreadable(method)
        found: Found | Absent | Unreadable = Absent()
        for part in _parts(method, message):
            found = await self._read(method, message, us, in_time, part)
            if not isinstance(found, Absent):
                break
        return found

    async def _read(
        self,
        method: str,
        message: Message,
        us: Identity,
        in_time: Callable[[], bool],
        part: _Part,
    ) -> Found | Absent | Unreadable:
        begun = part.continues
        cursor: str | None = None
        for _ in range(part.pages):
            if not in_time():
                return Unreadable(method)
            wait = self._take(method, message.channel, begun=begun)
            begun = True
            if wait:
                return Unreadable(method, wait=wait)
            outcome = await self._page(method, message, part, cursor)
            if not isinstance(outcome, Done):
                return Unreadable(method, outcome)
            posted = outcome.data.get("messages")
            if not isinstance(posted, list):
                return Unreadable(method)
            ts = _find(posted, message, us)
            if ts:
                return Found(ts)
            cursor = _next(outcome.data)
            if not cursor:
                return part.beyond if outcome.data.get("has_more") else Absent()
        return part.beyond

    async def _page(self, method: str, message: Message, part: _Part, cursor: str | None) -> Outcome:
        return await self._client.call(
            method,
            channel=message.channel,
            ts=message.thread,
            oldest=_stamp(part.oldest),
            latest=_stamp(part.latest),
            include_all_metadata=True,
            inclusive=True,
            limit=PAGE,
            cursor=cursor,
        )


def _parts(method: str, message: Message) -> Sequence[_Part]:
    """First where it must be, then where it may be if our clock is wrong."""
    begun = message.begun_at
    oldest = (message.created_at if begun is None else begun) - SKEW
    latest = None if begun is None else begun + LATE
    # The first page of a channel is the newest; that of a thread the oldest.
    again = AGAIN_IN_A_THREAD if message.thread else 1
    return (
        _Part(oldest, latest, MAX_PAGES, beyond=Unreadable(method), continues=False),
        _Part(None, None, again, beyond=Absent(), continues=True),
    )


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else f"{at.timestamp():.6f}"


def _find(posted: Sequence[Any], message: Message, us: Identity) -> str:
    for candidate in posted:
        if isinstance(candidate, dict) and _may_be_ours(candidate, us) and _carries(candidate, message):
            return str(candidate.get("ts", ""))
    return ""


def _may_be_ours(candidate: Mapping[str, Any], us: Identity) -> bool:
    # Only one that names another author is not: Slack does not name the author of every row.
    user, bot = candidate.get("user"), candidate.get("bot_id")
    if user == us.user or (us.bot and bot == us.bot):
        return True
    return not user and not (us.bot and bot)


def _carries(candidate: Mapping[str, Any], message: Message) -> bool:
    metadata = candidate.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") not in TYPES:
        return False
    payload = metadata.get("event_payload")
    operation = message.operation.id if message.operation else None
    return (
        isinstance(payload, dict)
        and payload.get("key") == message.key
        and payload.get("operation") == operation
    )


def _next(data: Mapping[str, Any]) -> str | None:
    more = data.get("response_metadata")
    cursor = more.get("next_cursor") if isinstance(more, dict) else None
    return cursor if isinstance(cursor, str) and cursor else None
