"""Slack's limits on Block Kit, checked the way Slack does: every problem with a JSON pointer.

Sources: the reference pages under docs.slack.dev/reference/block-kit, the validators of slack_sdk's
models and @slack/types. Cards, carousels, containers, plans and task cards are let through unchecked
where Slack takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.sandbox.slack.elements import Elements
from bot.sandbox.slack.model import Json
from bot.sandbox.slack.shapes import Found

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
MARKDOWN_TOTAL = 12_000
# Not documented. bolt-js#2509: about 13,200 characters refused, "12,000 and a buffer for containers" says a
# maintainer; bolt-js#2867: 11,341 refused. What is under this has not been seen refused.
MESSAGE_TEXT_TOTAL = 11_000

EVERYWHERE = {"actions", "context", "divider", "header", "image", "input", "rich_text", "section", "video"}


class Surface(StrEnum):
    """Where blocks are shown."""

    MESSAGE = "message"
    MODAL = "modal"
    HOME = "home"


ALLOWED = {
    Surface.MESSAGE: EVERYWHERE
    | {
        "call",
        "card",
        "carousel",
        "container",
        "context_actions",
        "file",
        "markdown",
        "plan",
        "table",
        "task_card",
    },
    Surface.MODAL: EVERYWHERE | {"alert"},
    Surface.HOME: EVERYWHERE,
}


def problems(blocks: Any, surface: Surface | str = Surface.MESSAGE) -> list[str]:
    """Why Slack would answer ``invalid_blocks``; empty when it would take them.

    Args:
        blocks: A list of block objects as JSON has them.
        surface: ``message``, ``modal`` or ``home``.
    """
    check = _Blocks(Found(), Surface(surface))
    check.all(blocks, "/blocks")
    return check.found.problems


def option_problems(answer: Any) -> list[str]:
    """Why Slack would not show these options of an external menu; it shows none then."""
    found = Found()
    Elements(found).suggested(answer if isinstance(answer, dict) else {})
    return found.problems


def view_problems(view: Any) -> list[str]:
    """Why Slack would refuse this modal or Home tab, blocks included."""
    found = Found()
    if not isinstance(view, dict) or view.get("type") not in {"modal", "home"}:
        return ["must be a view of type modal or home [json-pointer:/view]"]
    keys = {"type", "blocks", "private_metadata", "callback_id", "external_id"}
    modal = {"title", "submit", "close", "clear_on_close", "notify_on_close", "submit_disabled"}
    found.keys(view, "/view", keys | (modal if view["type"] == "modal" else set()), required={"blocks"})
    found.string(view, "/view", "private_metadata", 3000, empty=True)
    found.string(view, "/view", "callback_id", 255, empty=True)
    found.string(view, "/view", "external_id", 255, empty=True)
    if view["type"] == "modal":
        _modal(found, view)
    check = _Blocks(found, Surface(view["type"]))
    check.all(view.get("blocks", []), "/view/blocks")
    return found.problems


def text_length(blocks: Any) -> int:
    """The characters of every text in these blocks, which Slack bounds for a whole message."""
    if isinstance(blocks, list):
        return sum(map(text_length, blocks))
    if not isinstance(blocks, dict):
        return 0
    own = blocks.get("text")
    length = len(own) if isinstance(own, str) else 0
    for item in blocks.values():
        if not isinstance(item, str):
            length += text_length(item)
    return length


def _modal(found: Found, view: Json) -> None:
    found.text(view, "/view", "title", 24, plain=True, required=True)
    found.text(view, "/view", "submit", 24, plain=True)
    found.text(view, "/view", "close", 24, plain=True)
    blocks = view.get("blocks")
    inputs = (
        [b for b in blocks if isinstance(b, dict) and b.get("type") == "input"]
        if isinstance(blocks, list)
        else []
    )
    if inputs and "submit" not in view:
        found.add("must define `submit` to use an `input` block in modals", "/view")


@dataclass
class _Blocks:
    found: Found
    surface: Surface
    block_ids: set[str] = field(default_factory=set)
    tables: int = 0
    markdown: int = 0

    def all(self, blocks: Any, where: str) -> None:
        least, most = (0, MESSAGE_BLOCKS) if self.surface is Surface.MESSAGE else (1, VIEW_BLOCKS)
        if not self.found.items(blocks, where, least, most):
            return
        for index, block in enumerate(blocks):
            self.one(block, f"{where}/{index}")
        if self.markdown > MARKDOWN_TOTAL:
            self.found.add(f"markdown blocks hold more than {MARKDOWN_TOTAL} characters together", where)
        if self.tables > 1:
            self.found.add("only one table is allowed", where)

    def one(self, block: Any, where: str) -> None:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind not in ALLOWED[self.surface]:
            self.found.add(f"unsupported type: {kind}", where)
            return
        self.found.string(block, where, "block_id", 255, empty=True)
        block_id = block.get("block_id")
        if block_id and block_id in self.block_ids:
            self.found.add(f"block_id {block_id!r} already exists", where)
        self.block_ids.add(str(block_id))
        if kind in CHECKS:
            CHECKS[kind](self, block, where)
        elif kind == "divider":
            self.keys(block, where)

    def keys(self, block: Json, where: str, own: Iterable[str] = (), *, required: Iterable[str] = ()) -> None:
        self.found.keys(block, where, {"type", "block_id", *own, *required}, required=set(required))

    def elements(self, items: Any, where: str, allowed: set[str], most: int) -> None:
        if not self.found.items(items, where, 1, most):
            return
        action_ids: list[str] = []
        for index, item in enumerate(items):
            Elements(self.found).one(item, f"{where}/{index}", allowed)
            if isinstance(item, dict) and item.get("action_id"):
                action_ids.append(str(item["action_id"]))
        for repeated in sorted({one for one in action_ids if action_ids.count(one) > 1}):
            self.found.add(f"action_id {repeated!r} already exists in this block", where)

    def actions(self, block: Json, where: str) -> None:
        self.keys(block, where, required=["elements"])
        self.elements(block.get("elements"), f"{where}/elements", Elements.IN_ACTIONS, 25)

    def alert(self, block: Json, where: str) -> None:
        self.keys(block, where, ["level"], required=["text"])
        self.found.text(block, where, "text", 200, required=True)
        self.found.one_of(block, where, "level", {"default", "info", "warning", "error", "success"})

    def context(self, block: Json, where: str) -> None:
        self.keys(block, where, required=["elements"])
        items: Any = block.get("elements")
        if not self.found.items(items, f"{where}/elements", 1, 10):
            return
        for index, item in enumerate(items):
            at = f"{where}/elements/{index}"
            if isinstance(item, dict) and item.get("type") == "image":
                Elements(self.found).one(item, at, {"image"})
            else:
                self.found.text_object(item, at, 3000)

    def header(self, block: Json, where: str) -> None:
        self.keys(block, where, required=["text"])
        self.found.text(block, where, "text", 150, plain=True, required=True)

    def image(self, block: Json, where: str) -> None:
        self.keys(block, where, ["image_url", "slack_file", "title"], required=["alt_text"])
        self.found.image(block, where)
        self.found.text(block, where, "title", 2000, plain=True)

    def input(self, block: Json, where: str) -> None:
        self.keys(block, where, ["hint", "optional", "dispatch_action"], required=["label", "element"])
        self.found.text(block, where, "label", 2000, plain=True, required=True)
        self.found.text(block, where, "hint", 2000, plain=True)
        Elements(self.found).one(block.get("element"), f"{where}/element", Elements.IN_INPUT)

    def markdown_block(self, block: Json, where: str) -> None:
        self.keys(block, where, required=["text"])
        self.found.string(block, where, "text", MARKDOWN_TOTAL)
        self.markdown += len(str(block.get("text", "")))

    def rich_text(self, block: Json, where: str) -> None:
        self.keys(block, where, required=["elements"])
        kinds = {f"rich_text_{kind}" for kind in ("section", "list", "preformatted", "quote")}
        items: Any = block.get("elements")
        if self.found.items(items, f"{where}/elements", 0, None):
            for index, item in enumerate(items):
                if not isinstance(item, dict) or item.get("type") not in kinds:
                    self.found.add("unsupported type", f"{where}/elements/{index}")

    def section(self, block: Json, where: str) -> None:
        self.keys(block, where, ["text", "fields", "accessory", "expand"])
        if "text" not in block and "fields" not in block:
            self.found.add("missing required field: text or fields", where)
        self.found.text(block, where, "text", 3000)
        if "fields" in block and self.found.items(block["fields"], f"{where}/fields", 1, 10):
            for index, item in enumerate(block["fields"]):
                self.found.text_object(item, f"{where}/fields/{index}", 2000)
        if "accessory" in block:
            Elements(self.found).one(block["accessory"], f"{where}/accessory", Elements.IN_SECTION)

    def table(self, block: Json, where: str) -> None:
        self.tables += 1
        self.keys(block, where, ["column_settings"], required=["rows"])
        if "column_settings" in block:
            self.found.items(block["column_settings"], f"{where}/column_settings", 0, 20)
        rows: Any = block.get("rows")
        if not self.found.items(rows, f"{where}/rows", 1, 100):
            return
        for index, row in enumerate(rows):
            at = f"{where}/rows/{index}"
            if self.found.items(row, at, 1, 20):
                for column, cell in enumerate(row):
                    if not isinstance(cell, dict) or cell.get("type") not in {
                        "raw_text",
                        "raw_number",
                        "rich_text",
                    }:
                        self.found.add("unsupported type", f"{at}/{column}")


CHECKS: Mapping[str, Callable[[_Blocks, Json, str], None]] = {
    "actions": _Blocks.actions,
    "alert": _Blocks.alert,
    "context": _Blocks.context,
    "header": _Blocks.header,
    "image": _Blocks.image,
    "input": _Blocks.input,
    "markdown": _Blocks.markdown_block,
    "rich_text": _Blocks.rich_text,
    "section": _Blocks.section,
    "table": _Blocks.table,
}
