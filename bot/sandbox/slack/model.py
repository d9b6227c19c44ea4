"""What a simulated workspace is made of: people, groups, channels, messages, views, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class SlackError(Exception):
    """A Web API method's ``ok: false``.

    Args:
        code: Slack's name of the error.
        messages: What Slack puts into ``response_metadata.messages``.
        extra: Further top-level keys, such as ``needed`` of ``missing_scope``.
    """

    def __init__(self, code: str, *messages: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.extra = extra

    def body(self) -> Json:
        """The answer as Slack words it."""
        body: Json = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            body["errors"] = list(self.messages)
            body["response_metadata"] = {"messages": [f"[ERROR] {line}" for line in self.messages]}
        return body


@dataclass(slots=True)
class User:
    """Somebody the bot may see. Change the attributes to demote, deactivate or rename.

    ``is_stranger`` marks people of another team met through Slack Connect; ``is_restricted`` a guest, who is
    ``is_ultra_restricted`` too when confined to one channel.
    """

    id: str
    name: str
    real_name: str
    team_id: str
    is_bot: bool = False
    deleted: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    tz: str = "UTC"
    tz_offset: int = 0
    locale: str = "en-US"


@dataclass(slots=True)
class Group:
    """A user group (a ``subteam``)."""

    id: str
    handle: str
    name: str
    members: list[str] = field(default_factory=list)
    enabled: bool = True


@dataclass(slots=True)
class Channel:
    """A channel, or the direct conversation with ``im_with``."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)
    is_private: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    im_with: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is at one moment; an update makes a new value.

    Attributes:
        user: Who posted it; the bot's own user id for the bot.
        ephemeral_to: The one person who sees it, "" for everybody.
        edited_ts: "" until it is edited.
        broadcast: A reply that was also sent to the channel.
    """

    channel: str
    ts: str
    user: str
    text: str
    blocks: tuple[Json, ...] = ()
    metadata: Mapping[str, Any] | None = None
    thread_ts: str = ""
    by_bot: bool = False
    ephemeral_to: str = ""
    edited_ts: str = ""
    deleted: bool = False
    broadcast: bool = False

    @property
    def is_reply(self) -> bool:
        """It stands in somebody else's thread."""
        return bool(self.thread_ts) and self.thread_ts != self.ts


@dataclass(frozen=True, slots=True)
class View:
    """A modal that was opened, or somebody's Home tab.

    Attributes:
        payload: What the app sent: type, title, blocks, callback_id, private_metadata and so on.
        open: False once it was closed, submitted or cleared away.
        errors: What the app answered to the last submission, by block id.
    """

    id: str
    user: str
    payload: Json
    hash: str
    open: bool = True
    errors: Mapping[str, str] = field(default_factory=dict)
    root_id: str = ""
    previous_id: str = ""

    @property
    def callback_id(self) -> str:
        """What the app called it."""
        return str(self.payload.get("callback_id", ""))


@dataclass(slots=True)
class Trigger:
    """A ``trigger_id``: usable once, within 3 seconds."""

    user: str
    at: datetime
    used: bool = False


@dataclass(slots=True)
class ResponseUrl:
    """A ``response_url``: usable 5 times within 30 minutes.

    ``source`` is the message whose button was clicked, for ``replace_original`` and ``delete_original``;
    None after a slash command, whose own message can't be touched.
    """

    id: str
    channel: str
    user: str
    at: datetime
    source: Message | None = None
    uses: int = 0


class ChangeKind(StrEnum):
    """What happened to a message or a view."""

    POSTED = "posted"
    UPDATED = "updated"
    DELETED = "deleted"
    VIEW_OPENED = "view_opened"
    VIEW_UPDATED = "view_updated"
    VIEW_CLOSED = "view_closed"
    HOME_PUBLISHED = "home_published"


@dataclass(frozen=True, slots=True)
class Change:
    """One change that somebody in the workspace could see.

    Attributes:
        message: The message as it is now; None for views.
        before: The message as it was; None where it is new.
        view: The view as it is now; None for messages.
    """

    kind: ChangeKind
    at: datetime
    message: Message | None = None
    before: Message | None = None
    view: View | None = None
