"""A workspace as text for a terminal: messages with their buttons, threads, and changes as they happen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bot.sandbox.slack.model import Change, ChangeKind, Json, Message
from bot.sandbox.slack.workspace import Workspace

INDENT = "    "
ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}


def blocks_text(workspace: Workspace, blocks: Any) -> str:
    """Blocks as readable lines: buttons as ``[Approve]``, menus as ``[Choose a node ▾]``."""
    lines = (_block(workspace, block) for block in blocks)
    return "\n".join(line for line in lines if line)


def message_text(workspace: Workspace, message: Message) -> str:
    """What a message shows: its blocks, or its text where it has none."""
    if message.deleted:
        return "(deleted)"
    if message.blocks:
        return blocks_text(workspace, message.blocks)
    return plain(workspace, message.text)


def message_lines(workspace: Workspace, message: Message) -> str:
    """A message under its time and author; a reply is indented, an ephemeral one says who sees it."""
    margin = INDENT if message.is_reply else ""
    name = _name(workspace, message.user)
    only = f" (only {_name(workspace, message.ephemeral_to)} sees this)" if message.ephemeral_to else ""
    edited = " (edited)" if message.edited_ts else ""
    edited += " (also sent to the channel)" if message.broadcast else ""
    body = message_text(workspace, message).replace("\n", f"\n{margin}{INDENT}")
    return f"{margin}{_time(workspace, message.ts)} {name}{only}{edited}\n{margin}{INDENT}{body}"


def thread_lines(workspace: Workspace, parent: Message) -> str:
    """A whole thread as it is now."""
    now = workspace.find(parent.channel, parent.ts) or parent
    return "\n".join(message_lines(workspace, one) for one in [now, *workspace.thread(now)])


def change_lines(workspace: Workspace, change: Change) -> str:
    """One change as lines for a live transcript; "" for what is not worth a line.

    Of an update only the lines that are new are shown, marked ``~``: a growing card does not fill the screen.
    """
    if change.view:
        title = plain(workspace, change.view.payload.get("title", {}).get("text", "Home"))
        return f"{_now(change)} {_name(workspace, change.view.user)}: {title} {change.kind.value[5:]}"
    if change.message is None:
        return ""
    if change.kind is ChangeKind.POSTED:
        return message_lines(workspace, change.message)
    margin = INDENT if change.message.is_reply else ""
    if change.kind is ChangeKind.DELETED or change.before is None:
        return f"{margin}{_now(change)} {_name(workspace, change.message.user)} deleted a message"
    before = message_text(workspace, change.before).split("\n")
    after = message_text(workspace, change.message).split("\n")
    fresh = [line for line in after if line not in before]
    if not fresh:
        return ""
    head = f"{margin}{_now(change)} {_name(workspace, change.message.user)} (card changes)"
    return "\n".join([head, *(f"{margin}{INDENT}~ {line}" for line in fresh)])


def live(workspace: Workspace, write: Callable[[str], None]) -> Callable[[Change], None]:
    """A callback for ``Workspace.on_change`` that writes the transcript as things happen."""

    def show(change: Change) -> None:
        if change.kind is not ChangeKind.HOME_PUBLISHED and (lines := change_lines(workspace, change)):
            write(lines)

    return show


def plain(workspace: Workspace, text: str) -> str:
    """Slack's mrkdwn without its markup: names for mentions, words for links, entities as characters."""
    text = re.sub(r"<@(\w+)(?:\|[^>]*)?>", lambda m: "@" + _name(workspace, m[1]), text)
    text = re.sub(r"<#(\w+)(?:\|([^>]*))?>", lambda m: "#" + (m[2] or _channel(workspace, m[1])), text)
    text = re.sub(r"<!subteam\^(\w+)[^>]*>", lambda m: "@" + _group(workspace, m[1]), text)
    text = re.sub(r"<!date\^\d+\^[^|>]*\|([^>]*)>", r"\1", text)
    text = re.sub(r"<!(\w+)[^>]*>", r"@\1", text)
    text = re.sub(r"<([^>|]+)\|([^>]*)>", r"\2", text)
    text = re.sub(r"<([^>]+)>", r"\1", text)
    text = re.sub(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"\1", text)
    return re.sub("&(?:lt|gt|amp);", lambda m: ENTITIES[m[0]], text)


def _block(workspace: Workspace, block: Json) -> str:
    kind = block["type"]
    if kind == "divider":
        return "─" * 20
    if kind == "actions":
        return " ".join(_element(workspace, element) for element in block["elements"])
    if kind == "context":
        return " · ".join(_element(workspace, element) for element in block["elements"])
    if kind == "input":
        label = plain(workspace, block["label"]["text"])
        return f"{label}: {_element(workspace, block['element'])}"
    if kind == "image":
        return f"({block['alt_text']})"
    parts = [_text(workspace, block.get("text")), *(_text(workspace, one) for one in block.get("fields", []))]
    if "accessory" in block:
        parts.append(_element(workspace, block["accessory"]))
    return "\n".join(part for part in parts if part)


def _element(workspace: Workspace, element: Json) -> str:
    kind = element["type"]
    if kind in {"mrkdwn", "plain_text"}:
        return _text(workspace, element)
    if kind == "image":
        return f"({element['alt_text']})"
    label = _text(workspace, element.get("text")) or _text(workspace, element.get("placeholder"))
    return f"[{label}]" if kind == "button" else f"[{label or kind} ▾]"


def _text(workspace: Workspace, text: Any) -> str:
    if isinstance(text, str):  # of markdown and alert blocks
        return text
    return plain(workspace, text["text"]) if isinstance(text, dict) else ""


def _name(workspace: Workspace, user_id: str) -> str:
    user = workspace.users.get(user_id)
    return user.name if user else user_id


def _channel(workspace: Workspace, channel_id: str) -> str:
    channel = workspace.channels.get(channel_id)
    return channel.name if channel else channel_id


def _group(workspace: Workspace, group_id: str) -> str:
    group = workspace.groups.get(group_id)
    return group.handle if group else group_id


def _time(workspace: Workspace, ts: str) -> str:
    zone = workspace.clock().tzinfo
    return workspace.clock().fromtimestamp(float(ts), zone).strftime("%H:%M:%S")


def _now(change: Change) -> str:
    return change.at.strftime("%H:%M:%S")
