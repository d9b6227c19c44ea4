"""What Slack would refuse of what we send: by the simulated Slack's checker, and by slackblocks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from bot.sandbox.slack import block_kit
from handlers.blocks import Rendered
from handlers.home import HomeView
from tests.sandbox.slack.slackblocks_oracle import refusal, view_refusal

MESSAGE_TEXT = 4000  # what chat.update takes
VIEW_BYTES = 250_000

JOINER = "\u2060"

_OWN = re.compile(
    r"<@[UW][A-Z0-9]{2,30}>|<!subteam\^S[A-Z0-9]{2,30}>|<!date\^\d+\^[^|<>]*\|[^|<>]*>|<https://home\.slack\.com/[^|<>]*\|SW-\w+>"
)
# What the provider is asked exactly, at the end of its line; in code only a backtick would come to life.
_CODE = re.compile(r"(?m)(?<=[:\uff1a] )`[^`\n]+`$")
_DRAWN = re.compile(r"```([^`].*)```", re.DOTALL)
_ENTITY = re.compile(r"&(?:amp|lt|gt);")


def problems(message: Rendered) -> list[str]:
    """Every limit that a message breaks."""
    found = [*block_kit.problems(message.blocks), *_not_verbatim(message.blocks)]
    if block_kit.text_length(message.blocks) > block_kit.MESSAGE_TEXT_TOTAL:
        found.append("msg_blocks_too_long")
    if not 1 <= len(message.text) <= MESSAGE_TEXT or not message.text.strip():
        found.append(f"text: {len(message.text)} characters")
    return found + _elsewhere(refusal(message.blocks))


def home_problems(view: HomeView) -> list[str]:
    """Every limit that a Home tab breaks."""
    found = [*block_kit.view_problems(view.view), *_not_verbatim(view.blocks)]
    if len(json.dumps(view.view)) > VIEW_BYTES:
        found.append("view_too_large")
    return found + _elsewhere(view_refusal(view.view))


def modal_problems(view: dict[str, Any]) -> list[str]:
    """Every limit that a form breaks."""
    return [*block_kit.view_problems(view), *_not_verbatim(view["blocks"]), *_elsewhere(view_refusal(view))]


def alive(message: Rendered | HomeView) -> list[str]:
    """Every piece of markup that is neither ours nor made inert, wherever Slack would look for it."""
    found = [what for text in _marked_up(message.blocks) for what in _alive(text)]
    return found + (_alive(message.text) if isinstance(message, Rendered) else [])


def shown(view: HomeView) -> str:
    """A Home tab as text, a line for each line."""
    texts = (text for block in view.blocks for text in block.get("elements", [block]))
    return "\n".join(_words(text) for text in texts)


def _words(text: dict[str, Any]) -> str:
    return text["text"] if isinstance(text["text"], str) else _words(text["text"])


def buttons(message: Rendered | HomeView) -> list[dict[str, Any]]:
    """Every button, in order."""
    return [
        element
        for block in message.blocks
        for element in [*block.get("elements", []), *([block["accessory"]] if "accessory" in block else [])]
        if element["type"] == "button"
    ]


# --- limits --------------------------------------------------------------------------------------------


def _elsewhere(refused: str) -> list[str]:
    return [f"slackblocks: {refused}"] if refused else []


def _not_verbatim(blocks: Any) -> list[str]:
    if isinstance(blocks, dict):
        own = blocks.get("type") == "mrkdwn" and blocks.get("verbatim") is not True
        return [*(["Slack would look for links"] if own else []), *_not_verbatim(list(blocks.values()))]
    return [problem for each in blocks for problem in _not_verbatim(each)] if isinstance(blocks, list) else []


# --- markup --------------------------------------------------------------------------------------------


def _marked_up(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from _marked_up(one)
    elif isinstance(part, dict):
        if part.get("type") == "mrkdwn":
            yield part["text"]
        for one in part.values():
            yield from _marked_up(one)


def _alive(text: str) -> list[str]:
    drawn = _DRAWN.fullmatch(text)
    if drawn is not None:
        return _alive(drawn[1])
    first, newline, rest = text.partition("\n")
    bold = re.fullmatch(r"\*([^*]*)\*", first)
    left = _ENTITY.sub(" ", _CODE.sub("", _OWN.sub("", (bold[1] if bold else first) + newline + rest)))
    found = re.findall(r"[<>&]", left)
    found += re.findall(rf"(?<!{JOINER})[*~`]|[*~`](?!{JOINER})", left)
    found += re.findall(rf"(?<![A-Za-z0-9{JOINER}])_|_(?![A-Za-z0-9{JOINER}])", left)
    found += re.findall(r"://|:(?:100|1234|(?!\d+:|\d\d[+-]\d\d:)[\w+'-]+):|@(?!switchover\b)\w|#\w", left)
    return found + re.findall(r"(?m)^&gt;", text)
