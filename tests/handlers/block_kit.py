"""Slack's limits for messages, checked by hand: the SDK checks only some of them, and only when asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from handlers.blocks import Rendered
from handlers.home import HomeView

JOINER = "\u2060"

_OWN = re.compile(
    r"<@[UW][A-Z0-9]{2,30}>|<!subteam\^S[A-Z0-9]{2,30}>|<!date\^\d+\^[^|<>]*\|[^|<>]*>|<https://home\.slack\.com/[^|<>]*\|SW-\w+>"
)
_DRAWN = re.compile(r"```([^`].*)```", re.DOTALL)
_ENTITY = re.compile(r"&(?:amp|lt|gt);")


def problems(message: Rendered) -> list[str]:
    """Every limit that a message breaks."""
    found = list(_too_long("text", message.text, 4000))
    if not message.text.strip():
        found.append("text: empty")
    if not 1 <= len(message.blocks) <= 50:
        found.append(f"{len(message.blocks)} blocks")
    for number, block in enumerate(message.blocks):
        found += [f"blocks[{number}]: {problem}" for problem in _block(block)]
    return found


def home_problems(view: HomeView) -> list[str]:
    """Every limit that a Home tab breaks."""
    found = [
        f"blocks[{number}]: {what}" for number, block in enumerate(view.blocks) for what in _block(block)
    ]
    if not 1 <= len(view.blocks) <= 100:
        found.append(f"{len(view.blocks)} blocks")
    if len(json.dumps(view.view)) > 250_000:
        found.append("view_too_large")
    return found


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


def _block(block: dict[str, Any]) -> Iterator[str]:
    match block["type"]:
        case "section":
            yield from _text(block["text"], 3000)
            if "accessory" in block:
                yield from _button(block["accessory"])
        case "header":
            yield from _text(block["text"], 150, only="plain_text")
        case "context":
            yield from _context(block["elements"])
        case "actions":
            ids = [element["action_id"] for element in block["elements"]]
            if not 1 <= len(ids) <= 25 or len(set(ids)) != len(ids):
                yield f"actions {ids}"
            for element in block["elements"]:
                yield from _button(element)
        case other:
            yield f"unknown block {other}"
    unknown = set(block) - {"type", "text", "elements", "accessory"}
    if unknown:
        yield f"unknown keys {unknown}"


def _context(elements: list[dict[str, Any]]) -> Iterator[str]:
    if not 1 <= len(elements) <= 10:
        yield f"{len(elements)} context elements"
    for element in elements:
        yield from _text(element, 3000)


def _button(button: dict[str, Any]) -> Iterator[str]:
    yield from _text(button["text"], 75, only="plain_text")
    yield from _too_long("value", button["value"], 2000)
    yield from _too_long("action_id", button["action_id"], 255)
    if button.get("style", "primary") not in ("primary", "danger"):
        yield f"style {button['style']}"
    if "confirm" in button:
        confirm = button["confirm"]
        yield from _text(confirm["title"], 100, only="plain_text")
        yield from _text(confirm["text"], 300)
        yield from _text(confirm["confirm"], 30, only="plain_text")
        yield from _text(confirm["deny"], 30, only="plain_text")


def _text(text: dict[str, Any], most: int, *, only: str = "") -> Iterator[str]:
    if text["type"] not in ({only} if only else {"plain_text", "mrkdwn"}):
        yield f"text of type {text['type']}"
    if not text["text"].strip():
        yield "empty text"
    if text["type"] == "mrkdwn" and text.get("verbatim") is not True:
        yield "Slack would look for links"
    yield from _too_long("text", text["text"], most)


def _too_long(name: str, text: str, most: int) -> Iterator[str]:
    if len(text) > most:
        yield f"{name}: {len(text)} of {most} characters"


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
    left = _ENTITY.sub(" ", _OWN.sub("", (bold[1] if bold else first) + newline + rest))
    found = re.findall(r"[<>&]", left)
    found += re.findall(rf"(?<!{JOINER})[*~`]|[*~`](?!{JOINER})", left)
    found += re.findall(rf"(?<![A-Za-z0-9{JOINER}])_|_(?![A-Za-z0-9{JOINER}])", left)
    found += re.findall(r"://|:(?:100|1234|(?!\d+:|\d\d[+-]\d\d:)[\w+'-]+):|[@#]\w", left)
    return found + re.findall(r"(?m)^&gt;", text)
