"""What moves from where to where, drawn in a few columns: one look on a phone tells which node is primary now."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from bot.core.model import NodeId, Role
from bot.core.operation import Operation, Status
from handlers.blocks import Block, mrkdwn, name_of
from handlers.mrkdwn import literal, one_line
from handlers.texts import Texts

COLUMNS = 32
"""As many as fit beside each other on a phone 320 pixels wide, in Slack's type for code."""
_GAP = 2
_ARROW = "↓"
# A full and an empty circle differ in shape, not only in colour; the word of the role stands beside them.
_MARKS = {Role.PRIMARY: "●", Role.UNKNOWN: "?"}
_FENCE = "```"


@dataclass(frozen=True, slots=True)
class _Row:
    mark: str
    name: str
    role: str = ""


def drawn(op: Operation, texts: Texts) -> Block | None:
    """The old and the new primary with their roles as last read, and whoever else is primary; None before a reading."""
    if op.topology is None or op.plan is None:
        return None
    before = _of(op, op.plan.primary, texts) or _Row("?", texts.text("moves-nobody-known"))
    after = _after(op, texts)
    rows = [before] if after is None else [before, after]
    present = op.topology.primary
    other = None if present is None else _of(op, present.id, texts)
    lines = _aligned(rows if other is None or other in rows else [*rows, other])
    if after is not None and (op.open or op.status is Status.SUCCEEDED):
        lines.insert(1, _ARROW)
    # Roles that were read before the request was sent must not be taken for those of now.
    aside = texts.text("picture-before") if op.read_before_start else ""
    title = literal(_clipped(op.label, COLUMNS - _width(aside))) + aside
    return {"type": "section", "text": mrkdwn(_FENCE + "\n".join([title, *lines]) + _FENCE)}


def _after(op: Operation, texts: Texts) -> _Row | None:
    """Who is to become primary, or did; None where nobody else is meant."""
    if op.plan is None:
        return None
    chosen = op.becomes_primary
    if chosen == op.plan.primary:
        return None
    if chosen is None:
        return _Row("○", texts.text("moves-cloud-chooses")) if op.cloud_chooses else None
    return _of(op, chosen, texts)


def _of(op: Operation, node_id: NodeId | None, texts: Texts) -> _Row | None:
    if node_id is None:
        return None
    node = op.topology.node(node_id) if op.topology else None
    role = node.role if node else Role.UNKNOWN
    return _Row(
        _MARKS.get(role, "○"), name_of(op.topology, node_id), texts.text(f"role-{role.replace('_', '-')}")
    )


def _aligned(rows: list[_Row]) -> list[str]:
    """A line each: mark, name, and the roles below each other."""
    words = max(_width(row.role) for row in rows)
    most = COLUMNS - 2
    names = [_clipped(row.name, most - _GAP - words if row.role else most) for row in rows]
    widest = max((_width(name) for name, row in zip(names, rows, strict=True) if row.role), default=0)
    return [_line(row, name, widest) for row, name in zip(rows, names, strict=True)]


def _line(row: _Row, name: str, widest: int) -> str:
    pad = " " * (widest - _width(name) + _GAP)
    return f"{row.mark} {literal(name)}{pad + row.role if row.role else ''}"


# --- columns -------------------------------------------------------------------------------------------


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _width(text: str) -> int:
    return len(text) if text.isascii() else sum(map(_columns, text))


def _clipped(text: str, columns: int) -> str:
    """On one line of so many columns, the last one "…" where something is missing."""
    line = one_line(text)
    if _width(line) <= columns:
        return line
    kept, left = "", columns - 1
    for character in line:
        left -= _columns(character)
        if left < 0:
            break
        kept += character
    return kept + "…"
