"""Everything the bot says, at its largest and worst, in both languages: Slack takes it, and words say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import cycle

import pytest

from bot.core.answers import (
    Answer,
    ChooseNode,
    DatabaseLine,
    ShardLine,
    ShowDatabases,
    ShowOperations,
    ShowPlan,
    Tell,
)
from bot.core.commands import RequestSwitchover
from bot.core.home import Awaiting, Board, DatabaseTile, Reading
from bot.core.machine import Say
from bot.core.model import Node, NodeId, OperationId, Reason, Role, Topology
from bot.core.operation import ENDS, Operation, Status
from bot.core.preflight import Outcome
from handlers.answers import answer
from handlers.blocks import MAX_WORDS, Rendered, rendered, words
from handlers.card import announcement, card, notice, reply
from handlers.grammar import COMMAND
from handlers.home import home
from handlers.mrkdwn import without_dates
from handlers.texts import LOCALES, Texts
from tests.handlers.block_kit import alive, home_problems, problems
from tests.handlers.samples import CHECKS, HOSTILE, NOW, READING, emergency, sample

WORST = {
    "hostile": " ".join(HOSTILE),
    "escaped": "&" * 3500,
    "wide": "订" * 3500,
    "turned round": "\u202e\u2067\u200f" * 500 + "x",
    "lines": "a\n" * 2000,
}
TONGUES = pytest.mark.parametrize("texts", [Texts(locale) for locale in LOCALES], ids=LOCALES)
EVERY_WORST = pytest.mark.parametrize("worst", WORST.values(), ids=WORST)


def fine(made: Rendered) -> bool:
    assert problems(made) == []
    assert alive(made) == []
    return True


def huge(worst: str) -> Topology:
    """A hundred nodes that are all called that."""
    nodes = tuple(
        Node(NodeId(f"{number}{worst}"), worst, worst, Role.REPLICA, healthy=None, lag=timedelta(days=9))
        for number in range(100)
    )
    primary = replace(nodes[0], role=Role.PRIMARY)
    return replace(READING, nodes=(primary, *nodes[1:]), state=worst, obstacle=worst, shard_name=worst)


def spoilt(op: Operation, worst: str) -> Operation:
    """The operation with that wherever somebody else has a say."""
    checks = tuple(replace(check, detail=Reason.of("check-cluster-busy", state=worst)) for check in CHECKS)
    reading = huge(worst)
    plan = op.plan and replace(
        op.plan,
        database=worst,
        primary=reading.nodes[0].id,
        candidate=reading.nodes[1].id,
        call=replace(op.plan.call, summary=worst, warning=worst),
    )
    return replace(
        op,
        database=worst,
        shard=worst,
        asked=worst,
        reason=worst,
        zone=worst,
        plan=plan,
        topology=op.topology and reading,
        checks=checks * 10,
        approvers=("S0123ABCD", worst, "*") * 30,
        job=op.job and replace(op.job, word=worst, detail=worst),
        detail=Reason.of("provider-said", message=worst, error=worst),
    )


@TONGUES
@EVERY_WORST
def test_cards_replies_and_notices_at_their_worst(worst: str, texts: Texts) -> None:
    for status, made in zip(Status, cycle([sample, emergency]), strict=False):
        op = spoilt(made(status), worst)
        assert fine(card(op, texts, now=NOW + timedelta(hours=9)))
        code = f"reply-{status.replace('_', '-')}" if status in ENDS else "reply-awaiting-approval"
        facts = dict.fromkeys(("database", "before", "now", "job", "by", "approvers"), worst)
        say = Say(Reason.of(code, **facts, needed=9, seconds=9), op.detail)
        assert fine(reply(op, say, texts))
        assert fine(notice(op, say, texts))


@TONGUES
@EVERY_WORST
def test_answers_at_their_worst(worst: str, texts: Texts) -> None:
    """A chooser of a hundred nodes, a page of databases with a hundred shards each, a dry run, lists."""
    reading, op = huge(worst), spoilt(sample(Status.RUNNING), worst)
    problem = Reason.of("provider-said", message=worst)
    shards = tuple(ShardLine(worst, worst, worst, worst) for _ in range(100))
    lines = tuple(DatabaseLine(worst, worst, worst, problem, worst, shards, problem) for _ in range(20))
    held = (Reason.of("frozen-by-hand-until", scope=worst, by=worst, reason=worst, until=worst),) * 9
    request = RequestSwitchover(worst, reason=worst, emergency=True)
    worst_of_all: tuple[Answer, ...] = (
        ChooseNode(request, reading.nodes),
        ShowDatabases(lines, worst, 1, 250, 5000, held),
        ShowOperations((op,) * 100, held=held, to_review=(op,) * 100),
        ShowOperations((), worst, held=held, to_review=(op,) * 100),
        ShowOperations((op,), op.id, held=held),
        *(ShowPlan(worst, worst, outcome, worst, op.checks, problem, reading) for outcome in Outcome),
    )
    for told in worst_of_all:
        assert fine(answer(told, texts))


@TONGUES
@pytest.mark.parametrize("count", [1, 3, 1000])
def test_a_halt_names_as_much_of_what_is_under_way_as_fits_whole_and_how_much_more_there_is(
    count: int, texts: Texts
) -> None:
    """In the answer and in the audit channel, whatever the reason."""
    entries = [f"SW-{number:06} (orders-{number})" for number in range(count)]
    listed = "\n".join(entries)
    answered = Tell(Reason.of("halted-now", reason="x" * 900), Reason.of("still-tracked", operations=listed))
    noticed = Reason.of("notice-halted", by="U0AAAAAAA", reason="x" * 900, operations=listed)
    for made in (answer(answered, texts), announcement(Say(noticed), texts)):
        assert fine(made)
        names = re.findall(r"SW-\d{6} \(orders-\d+\)", made.text)
        assert names == entries[: len(names)]
        more = re.search(r"and (\d+) more|另有 (\d+) 个", made.text)
        assert count - len(names) == int((more[1] or more[2]) if more else 0)
        assert made.text.count("SW-") == len(names) >= min(count, 40)
        assert made.text.endswith(
            entries[-1] if count == len(names) else (" more", " 个")[texts.locale == "zh-CN"]
        )


@TONGUES
@EVERY_WORST
def test_what_has_names_at_their_worst_is_listed(worst: str, texts: Texts) -> None:
    for listed in (worst, f"{worst}\n" * 1000):
        assert fine(answer(Tell(Reason.of("still-tracked", operations=listed)), texts))
        assert fine(
            announcement(Say(Reason.of("notice-halted", by=worst, reason=worst, operations=listed)), texts)
        )


@TONGUES
@EVERY_WORST
def test_the_home_tab_at_its_worst(worst: str, texts: Texts) -> None:
    """Five thousand databases, each of a hundred shards."""
    reading = Reading(tuple(replace(huge(worst), shard=str(number)) for number in range(100)))
    ops = tuple(
        replace(spoilt(sample(Status.AWAITING_APPROVAL), worst), id=OperationId(f"SW-{number:06}"))
        for number in range(40)
    )
    tiles = tuple(DatabaseTile(worst, reading, tuple(op.id for op in ops)) for _ in range(30))
    awaiting = Awaiting(ops, ops)
    made = home(Board(NOW, 9, tiles, 5000, ops, ops), awaiting, texts, links={}, command=COMMAND)
    assert home_problems(made) == []
    assert alive(made) == []


# --- the same in words -----------------------------------------------------------------------------------


def lines_of(made: Rendered) -> Iterator[str]:
    """Every line of the blocks, without what is only form; not what is drawn, nor buttons."""
    for block in made.blocks:
        texts = [block["text"]] if "text" in block else block["elements"]
        for text in texts:
            if text["type"] == "mrkdwn" and not text["text"].startswith("```"):
                yield from (without_dates(each).strip("*") for each in text["text"].splitlines())


@TONGUES
@pytest.mark.parametrize("status", Status)
def test_a_card_says_in_words_all_that_its_blocks_show(status: Status, texts: Texts) -> None:
    """Line by line, and both of the drawn nodes, with which of them is primary."""
    for op in (sample(status), emergency(status)):
        made = card(op, texts, now=NOW)
        said = made.text.splitlines()
        assert [each for each in lines_of(made) if each not in said] == []
        if op.topology is not None:
            primary = op.topology.primary
            assert primary is not None
            assert f"{primary.name} ({primary.address})" in said[1] + said[2] + said[3] + said[4]


def test_what_says_nothing_takes_no_section() -> None:
    made = rendered([[""], [], ["one", ""], ["", "two"]], Texts())
    assert [block["text"]["text"] for block in made.blocks] == ["one\n", "\ntwo"]


def test_what_has_no_room_is_counted() -> None:
    """Of a message that would hold too much the last groups are left out, in the blocks as in the text."""
    groups = [["x" * 2900, "y"]] * 5
    made = rendered(groups, Texts())
    assert words(made.blocks) <= MAX_WORDS
    assert [block["text"]["text"] for block in made.blocks][3:] == ["… and 4 more"]
    assert problems(made) == []
