"""Was this message posted after all? Looks for its key in the metadata of what the bot has posted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.errors import DirectoryUnavailable
from bot.ports import Message
from handlers.directory import Identity
from handlers.slack_client import Done, Outcome, RateLimited, Rejected, SlackClient

EVENT_TYPE = "switchover_operation"
SKEW = timedelta(seconds=60)  # between our clock and the one behind Slack's ``ts``
PAGE = 200
MAX_PAGES = 50


@dataclass(frozen=True, slots=True)
class Found:
    """It was posted, under this ``ts``."""

    ts: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Everything since it became owed was read, and it is not there."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It can't be known now. ``outcome`` is what stood in the way, None where there was too much to read."""

    method: str
    outcome: Outcome | None = None

    @property
    def error(self) -> str:
        match self.outcome:
            case Rejected(error):
                return error
            case RateLimited():
                return "ratelimited"
            case _:
                return "unreadable"


class Finder:
    """Reads channels and threads (needs ``channels:history`` and ``groups:history``).

    Args:
        client: Calls Slack.
        identity: Who we are: others' messages never count, whatever their metadata says.
    """

    def __init__(self, client: SlackClient, identity: Callable[[], Awaitable[Identity]]) -> None:
        self._client = client
        self._identity = identity

    async def find(self, message: Message) -> Found | Absent | Unreadable:
        """Looks for a message where it would have been posted, from a minute before it became owed."""
        method = "conversations.replies" if message.thread else "conversations.history"
        try:
            us = await self._identity()
        except DirectoryUnavailable:
            return Unreadable(method)
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            outcome = await self._page(method, message, cursor)
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
                return Unreadable(method) if outcome.data.get("has_more") else Absent()
        return Unreadable(method)

    async def _page(self, method: str, message: Message, cursor: str | None) -> Outcome:
        return await self._client.call(
            method,
            channel=message.channel,
            ts=message.thread,
            oldest=f"{(message.created_at - SKEW).timestamp():.6f}",
            include_all_metadata=True,
            inclusive=True,
            limit=PAGE,
            cursor=cursor,
        )


def _find(posted: Sequence[Any], message: Message, us: Identity) -> str:
    for candidate in posted:
        if isinstance(candidate, dict) and _is_ours(candidate, us) and _carries(candidate, message):
            return str(candidate.get("ts", ""))
    return ""


def _is_ours(candidate: Mapping[str, Any], us: Identity) -> bool:
    return candidate.get("user") == us.user or (bool(us.bot) and candidate.get("bot_id") == us.bot)


def _carries(candidate: Mapping[str, Any], message: Message) -> bool:
    metadata = candidate.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return False
    payload = metadata.get("event_payload")
    operation = message.operation.id if message.operation else ""
    return (
        isinstance(payload, dict)
        and payload.get("key") == message.key
        and payload.get("operation") == operation
    )


def _next(data: Mapping[str, Any]) -> str | None:
    more = data.get("response_metadata")
    cursor = more.get("next_cursor") if isinstance(more, dict) else None
    return cursor if isinstance(cursor, str) and cursor else None
