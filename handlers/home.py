"""The Home tab: what is stored and was read, in Block Kit, within its limits whatever is put in. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.core.holds import Hold, frozen_policy, in_the_way
from bot.core.home import Awaiting, Board, DatabaseTile, Reading
from bot.core.model import OperationId, Topology
from bot.core.operation import Operation, Status
from handlers.answers import operation_line
from handlers.blocks import (
    Block,
    button,
    context,
    gathered,
    header,
    line,
    section,
    sentence,
    shard_label,
)
from handlers.mrkdwn import link, literal, moment
from handlers.texts import Texts

OPEN_FORM = "open_form"
MAX_AWAITING = 10
MAX_UNDER_WAY = 15
MAX_PAST = 8
MAX_HOLDS = 10
MAX_SHARDS = 10
MAX_UNWELL = 3
MAX_NAMED = 3
OLD = timedelta(minutes=3)
"""Roles that were read longer ago than this are shown with the time."""
MAX_BYTES = 200_000
"""Slack takes a view of 250 kB; long names of 30 databases could be more."""
_DATABASE_LINES = (60, 30, 10, 3)


@dataclass(frozen=True, slots=True)
class HomeView:
    """A Home tab.

    Attributes:
        blocks: What is shown.
        digest: The same for the same content, whenever it was written.
        size: How long that content is, in the bytes of a request.
    """

    blocks: list[Block]
    digest: str
    size: int

    @property
    def view(self) -> dict[str, Any]:
        """What ``views.publish`` takes."""
        return {"type": "home", "blocks": self.blocks}


def closed(texts: Texts) -> HomeView:
    """What is shown to guests and people of other workspaces."""
    return _view([section([texts.text("home-closed")], texts)])


def home(
    board: Board,
    awaiting: Awaiting,
    texts: Texts,
    *,
    links: Mapping[str, str],
    command: str,
) -> HomeView:
    """The tab of a member.

    Args:
        board: What everybody sees.
        awaiting: What awaits the reader's approval or review.
        texts: The catalogue, in the reader's language.
        links: The addresses of cards, by operation.
        command: The slash command, which shows what there is no room for.
    """
    sizes = (
        _view(_blocks(board, awaiting, _Shown(texts, links, command, most, board.holds, board.at)))
        for most in _DATABASE_LINES
    )
    made = next(each for each in sizes if each.size <= MAX_BYTES)
    # When it was written is no content: for that alone nothing is published again.
    return replace(made, blocks=[*made.blocks, context(texts.text("home-as-of", when=moment(board.at)))])


@dataclass(frozen=True, slots=True)
class _Shown:
    """How it is shown, and what is in force; ``most``: how many lines of databases."""

    texts: Texts
    links: Mapping[str, str]
    command: str
    most: int
    holds: Sequence[Hold]
    at: datetime


def _view(blocks: Iterable[Block]) -> HomeView:
    made = list(blocks)
    text = json.dumps(made, sort_keys=True)
    return HomeView(made, hashlib.sha256(text.encode()).hexdigest(), len(text))


def _blocks(board: Board, awaiting: Awaiting, how: _Shown) -> Iterator[Block]:
    texts = how.texts
    new = button(texts.text("home-new"), action_id=OPEN_FORM, value="home", style="primary")
    yield {"type": "actions", "elements": [new]}
    yield from _sections(_holds(board, texts), MAX_HOLDS, texts)
    yield header(texts.text("home-awaiting"))
    yield from _operations(awaiting.approval, MAX_AWAITING, how, none=texts.text("home-awaiting-none"))
    if awaiting.review:
        yield header(texts.text("home-to-review"))
        yield from _operations(awaiting.review, MAX_AWAITING, how)
    yield header(texts.text("home-under-way"))
    yield from _operations(board.under_way, MAX_UNDER_WAY, how, none=texts.text("home-under-way-none"))
    yield header(texts.text("home-databases", count=board.total))
    yield from _databases(board, how)
    yield header(texts.text("home-past"))
    yield from _operations(board.past, MAX_PAST, how, none=texts.text("home-past-none"))


def _operations(
    operations: Sequence[Operation], most: int, how: _Shown, *, none: str = ""
) -> Iterator[Block]:
    lines = [
        operation_line(
            op,
            how.texts,
            address=how.links.get(op.id, ""),
            held=in_the_way(op, how.holds, how.at) is not None,
        )
        for op in operations
    ]
    return _sections(lines or [none], most, how.texts)


def linked(board: Board) -> list[str]:
    """The operations whose cards are linked to, for ``links``."""
    shown = (*board.under_way[:MAX_UNDER_WAY], *board.to_review[:MAX_AWAITING], *board.past[:MAX_PAST])
    return list(dict.fromkeys(op.id for op in shown))


def _sections(lines: Sequence[str], most: int, texts: Texts) -> Iterator[Block]:
    groups, hidden = gathered([[each] for each in lines], most)
    yield from (section(group, texts) for group in groups)
    if hidden:
        yield section([texts.text("card-more", count=hidden)], texts)


def _holds(board: Board, texts: Texts) -> list[str]:
    by_hand = [sentence(texts, hold.sentence(), most=500) for hold in board.holds]
    configured = [sentence(texts, frozen_policy(policy, reason), most=500) for policy, reason in board.frozen]
    return [f"⏸ {each}" for each in (*by_hand, *configured)]


# --- databases -----------------------------------------------------------------------------------------


def _databases(board: Board, how: _Shown) -> Iterator[Block]:
    texts = how.texts
    if not board.total:
        yield section([texts.text("list-empty")], texts)
    stuck = {op.id for op in board.under_way if op.status is Status.NEEDS_ATTENTION}
    entries = [_database(tile, board.at, how, stuck=stuck) for tile in board.databases]
    groups, left_out = gathered(entries, how.most)
    yield from (section(group, texts) for group in groups)
    hidden = board.total - len(board.databases) + left_out
    if hidden:
        listing = literal(f"{how.command} list", 60)
        yield section([texts.text("home-databases-more", count=hidden, command=listing)], texts)


def _database(tile: DatabaseTile, now: datetime, how: _Shown, *, stuck: Collection[OperationId]) -> list[str]:
    """A line, and one more for each of its shards; nothing is well while one of its operations is stuck."""
    texts, reading = how.texts, tile.reading
    name, facts = literal(tile.name, 40), {"operations": _named(tile, how.links)}
    trouble = any(each in stuck for each in tile.operations)
    if reading is None:
        return [texts.text("home-unread", mark="⚠" if trouble else "·", name=name, **facts)]
    facts |= _age(reading, now, texts)
    shards = [topology for topology in reading.topologies if topology.shard]
    if not reading.topologies:
        return [texts.text("home-unread", mark="⚠", name=name, **facts)]
    mark = (
        "⚠"
        if reading.problem or trouble
        else max((_mark(each) for each in reading.topologies), key=_MARKS.index)
    )
    if not shards:
        return [
            texts.text(
                "home-database",
                mark=mark,
                name=name,
                health=_health(reading.topologies[0], texts),
                **_state(reading.topologies[0], texts),
                **facts,
            )
        ]
    head = texts.text("home-sharded", mark=mark, count=len(shards), name=name, **facts)
    hidden = len(shards) - MAX_SHARDS
    more = [texts.text("list-shards-more", count=hidden)] if hidden > 0 else []
    return [head, *(_shard(topology, texts) for topology in shards[:MAX_SHARDS]), *more]


def _named(tile: DatabaseTile, links: Mapping[str, str]) -> str:
    shown = tile.operations[:MAX_NAMED]
    return ", ".join(link(links[each], each) if links.get(each) else each for each in shown)


def _age(reading: Reading, now: datetime, texts: Texts) -> dict[str, str]:
    """Why the roles could not be read, and when they were, where that is not just now."""
    problem = "" if reading.problem is None else sentence(texts, reading.problem, most=200)
    old = reading.read_at is not None and (problem or now - reading.read_at > OLD)
    return {"problem": problem, "when": moment(reading.read_at) if old and reading.read_at else ""}


def _shard(topology: Topology, texts: Texts) -> str:
    name = shard_label(topology.shard or "", topology.shard_name, texts, room=40)
    return "· " + texts.text(
        "home-database",
        mark=_mark(topology),
        name=name,
        health=_health(topology, texts),
        **_state(topology, texts),
    )


_MARKS = ("✔", "❔", "⚠")


def _mark(topology: Topology) -> str:
    """The worst that is known, as a mark; words beside it say the same."""
    healths = {node.healthy for node in topology.nodes}
    if topology.primary is None or topology.obstacle or False in healths:
        return "⚠"
    return "❔" if None in healths else "✔"


def _state(topology: Topology, texts: Texts) -> dict[str, str]:
    primary, state = topology.primary, literal("" if topology.idle else topology.state, 60)
    return {
        "primary": literal(primary.name or primary.id, 60) if primary else "",
        "state": line(texts, "home-obstacle", most=300, obstacle=topology.obstacle)
        if topology.obstacle
        else state,
    }


def _health(topology: Topology, texts: Texts) -> str:
    unwell = [literal(node.name or node.id, 30) for node in topology.nodes if node.healthy is False]
    if unwell:
        names = [*unwell[:MAX_UNWELL], *(["…"] if len(unwell) > MAX_UNWELL else [])]
        return texts.text("home-unwell", names=", ".join(names))
    if any(node.healthy is None for node in topology.nodes):
        return texts.text("health-unknown")
    return texts.text("home-well", count=len(topology.nodes))
