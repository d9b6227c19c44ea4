"""The ``conversations.*`` methods."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from bot.sandbox.slack.chat import visible
from bot.sandbox.slack.model import Channel, Json, Message, SlackError
from bot.sandbox.slack.params import Params
from bot.sandbox.slack.shown import channel_json, message_json
from bot.sandbox.slack.workspace import Workspace

T = TypeVar("T")
MOST_MESSAGES = 999


def info(workspace: Workspace, params: Params) -> Json:
    """``conversations.info``."""
    channel = visible(workspace, params.required("channel", "channel_not_found"))
    shown = channel_json(workspace, channel)
    if params.flag("include_num_members"):
        shown["num_members"] = len(channel.members)
    return {"channel": shown}


def members(workspace: Workspace, params: Params) -> Json:
    """``conversations.members``, in pages."""
    channel = visible(workspace, params.required("channel", "channel_not_found"))
    page, cursor = _page(sorted(channel.members), params, 100)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


def history(workspace: Workspace, params: Params) -> Json:
    """``conversations.history``: newest first, of the replies in threads only those sent to the channel too."""
    channel = _readable(workspace, params)
    top = [m for m in workspace.messages(channel, tombstones=True) if m.broadcast or not m.is_reply]
    return _messages(workspace, params, list(reversed(_between(top, params))))


def replies(workspace: Workspace, params: Params) -> Json:
    """``conversations.replies``: the parent, then the replies, oldest first; a reply's ts gives only that."""
    channel = _readable(workspace, params)
    ts = params.required("ts")
    parent = next((m for m in workspace.messages(channel, tombstones=True) if m.ts == ts), None)
    if parent is None:
        raise SlackError("thread_not_found")
    found = [] if parent.is_reply else _between(workspace.thread(parent), params)
    return _messages(workspace, params, [parent, *found])


def open_im(workspace: Workspace, params: Params) -> Json:
    """``conversations.open`` with one person."""
    if channel_id := params.text("channel"):
        return {"channel": {"id": visible(workspace, channel_id).id}}
    people = [one for one in params.required("users", "users_list_not_supplied").split(",") if one]
    if len(people) > 1:
        raise SlackError("not_enough_users")  # the simulation has no group conversations
    if people[0] not in workspace.users:
        raise SlackError("user_not_found")
    if workspace.users[people[0]].deleted:
        raise SlackError("user_disabled")
    channel = workspace.direct_channel(people[0])
    full = channel_json(workspace, channel) if params.flag("return_im") else {"id": channel.id}
    return {"no_op": True, "already_open": True, "channel": full}


def _readable(workspace: Workspace, params: Params) -> Channel:
    channel = visible(workspace, params.required("channel", "channel_not_found"))
    if workspace.bot_user not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _between(messages: Sequence[Message], params: Params) -> list[Message]:
    oldest, latest = _moment(params, "oldest"), _moment(params, "latest")
    inclusive = params.flag("inclusive")

    def inside(ts: str) -> bool:
        at = _parts(ts)
        after = oldest is None or at > oldest or (inclusive and at == oldest)
        return after and (latest is None or at < latest or (inclusive and at == latest))

    return [message for message in messages if inside(message.ts)]


def _moment(params: Params, name: str) -> tuple[int, int] | None:
    given = params.text(name)
    if not given or given == "0":
        return None
    try:
        return _parts(given)
    except ValueError:
        raise SlackError(f"invalid_ts_{name}") from None


def _parts(ts: str) -> tuple[int, int]:
    second, _, fraction = ts.partition(".")
    return int(second), int(fraction.ljust(6, "0"))


def _messages(workspace: Workspace, params: Params, found: list[Message]) -> Json:
    page, cursor = _page(found, params, 100)
    with_metadata = params.flag("include_all_metadata")
    answer: Json = {
        "messages": [message_json(workspace, message, metadata=with_metadata) for message in page],
        "has_more": bool(cursor),
    }
    if cursor:
        answer["response_metadata"] = {"next_cursor": cursor}
    return answer


def _page(items: list[T], params: Params, default: int) -> tuple[list[T], str]:
    limit = params.number("limit", default)
    if not 1 <= limit <= MOST_MESSAGES:
        raise SlackError("invalid_limit")
    start = _offset(params.text("cursor"))
    rest = start + limit
    return items[start:rest], base64.b64encode(f"next:{rest}".encode()).decode() if rest < len(items) else ""


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix("next:"))
    except (binascii.Error, ValueError):
        raise SlackError("invalid_cursor") from None
