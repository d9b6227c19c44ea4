"""What the app may say: checks the contents of messages and views and fills in what Slack fills in."""

from __future__ import annotations

import json
from typing import Any

from bot.sandbox.slack.block_kit import MESSAGE_TEXT_TOTAL, problems, text_length, view_problems
from bot.sandbox.slack.model import Json, SlackError
from bot.sandbox.slack.params import Params
from bot.sandbox.slack.workspace import Workspace

POST_TEXT, UPDATE_TEXT = 40_000, 4_000  # the first truncates, the second is an error (chat.update)
# The real limits are not published; these are strict enough that what fits here will not surprise.
METADATA_BYTES = 8_000
VIEW_BYTES = 250_000  # views.open: "250 KB"


def message_text(params: Params, *, most: int = POST_TEXT, truncate: bool = True) -> str:
    """The ``text``; Slack cuts a long post short and refuses a long update.

    Raises:
        SlackError: ``msg_too_long``.
    """
    text = params.text("text")
    if len(text) > most and not truncate:
        raise SlackError("msg_too_long")
    return text[:most]


def message_blocks(workspace: Workspace, params: Params) -> tuple[Json, ...] | None:
    """The ``blocks`` as Slack would return them, None where none were given.

    Raises:
        SlackError: ``invalid_blocks``, ``invalid_blocks_format``, ``msg_blocks_too_long``.
    """
    blocks = params.json("blocks", "invalid_blocks_format")
    if blocks is None:
        return None
    if found := problems(blocks):
        raise SlackError("invalid_blocks", *found)
    if text_length(blocks) > MESSAGE_TEXT_TOTAL:
        raise SlackError("msg_blocks_too_long")
    return tuple(completed(workspace, blocks))


def message_metadata(params: Params) -> Json | None:
    """The ``metadata``, None where it was not given.

    Raises:
        SlackError: ``invalid_metadata_format``, ``invalid_metadata_schema``, ``metadata_too_large``.
    """
    metadata = params.json("metadata", "invalid_metadata_format")
    if metadata is None:
        return None
    if metadata == {}:
        return {}
    if not isinstance(metadata, dict):
        raise SlackError("invalid_metadata_format")
    event_type, payload = metadata.get("event_type"), metadata.get("event_payload")
    if not isinstance(event_type, str) or not event_type or not isinstance(payload, dict):
        raise SlackError("invalid_metadata_schema")
    if len(json.dumps(metadata).encode()) > METADATA_BYTES:
        raise SlackError("metadata_too_large")
    return metadata


def view_payload(workspace: Workspace, params: Params) -> Json:
    """The ``view`` as Slack would return it.

    Raises:
        SlackError: ``invalid_arguments`` with every problem, ``view_too_large``.
    """
    view = params.json("view", "invalid_arguments")
    if found := view_problems(view):
        raise SlackError("invalid_arguments", *found)
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")
    return {**view, "blocks": completed(workspace, view["blocks"])}


def completed(workspace: Workspace, blocks: list[Json]) -> list[Json]:
    """Blocks with the ids and defaults that Slack adds: nobody may rely on getting back what was sent."""
    return [
        {"block_id": workspace.new_id("b"), **_filled(workspace, block)}
        if not block.get("block_id")
        else _filled(workspace, block)
        for block in blocks
    ]


def _filled(workspace: Workspace, item: Any) -> Any:
    if isinstance(item, list):
        return [_filled(workspace, part) for part in item]
    if not isinstance(item, dict):
        return item
    filled = {
        key: value if isinstance(value, str) else _filled(workspace, value) for key, value in item.items()
    }
    kind = item.get("type")
    if kind == "plain_text":
        filled.setdefault("emoji", True)
    elif kind == "mrkdwn":
        filled.setdefault("verbatim", False)
    elif kind == "button":
        filled.setdefault("action_id", workspace.new_id("a"))
    return filled
