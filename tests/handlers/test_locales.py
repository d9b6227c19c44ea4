"""Both catalogues say the same: every message, every value, every command; and the Chinese one is Chinese."""

# ruff: noqa: RUF001 - the punctuation of Chinese

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from hypothesis import given

from bot.config.settings import SlackSettings
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
from bot.core.commands import Action, RequestSwitchover
from bot.core.events import Place
from bot.core.holds import HoldKind
from bot.core.machine import Say
from bot.core.model import Reason
from bot.core.operation import ENDS, Operation, Status
from bot.core.preflight import Outcome
from bot.sandbox import page
from handlers import texts as catalogue
from handlers.blocks import Rendered
from handlers.grammar import Misunderstood, parse
from handlers.texts import LOCALES, Texts, codes, variables
from handlers.wording import Wording
from tests.handlers.block_kit import buttons
from tests.handlers.samples import CHECKS, HALT, NODES, NOW, READING, emergency, reasons, sample

OURS = sorted(codes() & codes("zh-CN"))
PAGE = Path(page.__file__).parent / "static" / "words" / "zh-CN.json"
ENGLISH, CHINESE = Texts("en"), Texts("zh-CN")

# What people type, or read elsewhere, as it is: the names of placeholders, of settings and of products.
AS_IT_IS = {"Slack", "id", "TIME", "DURATION", "CHECK", "PART", "break_glass", "my", "database", "UTC"}
_QUOTED = re.compile(r"“[^”]*”")
_EXAMPLE = re.compile(r"\bSW-[0-9A-Z]+\b|\b\d{4}-\d\d-\d\dT[\d:]+(?:Z|[+-]\d\d:\d\d)|\b(?:\d+[smhd])+\b")
_WORD = re.compile(r"[A-Za-z][A-Za-z_]*")


def source(code: str, locale: str) -> str:
    """A message as it is said with all its values, and with only those it needs; the names of values in their place."""
    needed, optional = variables(code, locale)
    return "\n".join(
        Texts(locale).text(code, **{name: f"⟨{name}⟩" for name in given})
        for given in (needed | optional, needed)
    )


def words_left(text: str) -> list[str]:
    """The words in Latin letters that are neither commands in quotes nor examples nor names of values."""
    return _WORD.findall(_EXAMPLE.sub("", _QUOTED.sub("", re.sub("⟨[^⟩]*⟩", "", text))))


# --- the same in both ----------------------------------------------------------------------------------


def test_the_languages_are_those_that_can_be_configured() -> None:
    """And each has its file."""
    files = {file.stem for file in (Path(catalogue.__file__).parent / "locales").glob("*.ftl")}
    assert set(LOCALES) == files == set(get_args(get_type_hints(SlackSettings)["locale"]))


def test_no_language_lacks_a_message() -> None:
    """A new message is written in every language before it is said in one."""
    lacking = {locale: sorted(codes() - codes(locale)) for locale in LOCALES}
    too_many = {locale: sorted(codes(locale) - codes()) for locale in LOCALES}
    missing = "\n".join(
        f"handlers/locales/{locale}.ftl: {code} =" for locale in LOCALES for code in lacking[locale]
    )
    unused = "\n".join(
        f"handlers/locales/{locale}.ftl: {code}" for locale in LOCALES for code in too_many[locale]
    )
    assert not missing, f"to be written:\n{missing}"
    assert not unused, f"to be deleted, English has none:\n{unused}"


def test_a_message_fills_in_the_same_values_in_every_language() -> None:
    """Needed ones and those that may be left out; and each is really shown, not only asked about."""
    assert [code for code in OURS if variables(code, "zh-CN") != variables(code, "en")] == []
    assert [code for code in OURS if shown(code, "zh-CN") != shown(code, "en")] == []


def shown(code: str, locale: str) -> set[str]:
    return set(re.findall("⟨([^⟩]*)⟩", source(code, locale)))


def test_commands_and_buttons_are_quoted_alike() -> None:
    """What is typed stays English; a button is called what it says in that language."""
    names = ["form-open", *(f"button-{action.replace('_', '-')}" for action in Action)]
    labels = {f"“{ENGLISH.text(name)}”": f"“{CHINESE.text(name)}”" for name in names}

    def unquoted(code: str) -> Counter[str]:
        said, meant = (Counter(_QUOTED.findall(source(code, locale))) for locale in LOCALES)
        return Counter(labels.get(quote, quote) for quote in said.elements()) - meant

    assert {code: missing for code in OURS if (missing := unquoted(code))} == {}


def test_no_english_is_left_in_a_chinese_message() -> None:
    """But for what is typed or named so, and examples."""
    left = {code: set(words_left(source(code, "zh-CN"))) - AS_IT_IS for code in OURS}
    assert {code: words for code, words in left.items() if words} == {}
    worded = [code for code in OURS if words_left(source(code, "en"))]
    assert [code for code in worded if not re.search(r"[\u4e00-\u9fff]", source(code, "zh-CN"))] == []


OTHER_WORDS = re.compile("主备|备库|副本(?!集)|作业|取消|闪断|别人|什么都没做|回答")


def test_a_thing_has_one_name_in_chinese() -> None:
    """Also on the sandbox's page, beside the bot's own texts."""
    words = json.loads(PAGE.read_text(encoding="utf-8"))
    said = {code: source(code, "zh-CN") for code in OURS} | words
    assert {code: text for code, text in said.items() if OTHER_WORDS.search(text)} == {}
    assert {code: text for code, text in words.items() if re.search("(?<!青)(?<!华为)云(?!平台)", text)} == {}


def test_the_same_mark_stands_first_in_every_language() -> None:
    """Nobody learns two sets."""
    first = {code: [source(code, locale)[0] for locale in LOCALES] for code in OURS}
    assert {
        code: marks for code, marks in first.items() if marks[0] in "▶⏸❔⚠✔✖■✓✗·…" and len(set(marks)) > 1
    } == {}


@given(reasons(codes()))
def test_every_message_is_said_in_chinese_with_anything_filled_in(reason: Reason) -> None:
    """Never in English instead, for a flaw of its own."""
    said = CHINESE.say(reason)
    filled_in = said in dict(reason.params).values()
    worded = words_left(source(reason.code, "en"))
    assert said != ENGLISH.say(reason) or filled_in or not worded


def test_counts_and_plurals() -> None:
    """English has two forms, Chinese one; none is a number in parts of a sentence."""
    assert [ENGLISH.text("list-head", count=n) for n in (0, 1, 2)] == [
        "0 databases",
        "1 database",
        "2 databases",
    ]
    assert [CHINESE.text("list-head", count=n) for n in (0, 1, 1200)] == [
        *("0 个数据库", "1 个数据库", "1200 个数据库"),
    ]
    assert CHINESE.text("check-primary-unknown", count=0).startswith("没有节点报告自己是主库")
    assert CHINESE.text("check-primary-unknown", count=2, claiming="a, b").startswith(
        "有 2 个节点报告自己是主库 (a, b)；"
    )


# --- who reads which -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "locale", ["zh-CN", "zh-cn", "zh_CN", "zh", "zh-SG", "zh-Hans", "zh-Hans-HK", "zh_hans_sg"]
)
def test_readers_of_simplified_characters_get_them(locale: str) -> None:
    assert Texts(locale).locale == "zh-CN"


@pytest.mark.parametrize(
    "locale",
    ["en", "en-US", "en-GB", "zh-TW", "zh-HK", "zh-Hant", "zh-Hant-CN", "zhx", "ja-JP", "", "zh-CN\n"],
)
def test_everybody_else_gets_english(locale: str) -> None:
    """Traditional characters are another script, with other terms."""
    assert Texts(locale).locale == "en"


def test_a_reader_whose_language_is_not_known_gets_the_channels() -> None:
    """Slack names none of people of other workspaces, and none while it is down."""
    wording = Wording("zh-CN")
    told = Tell(Reason.of("not-halted"))
    assert wording.answer(told, locale="").text == "当前没有暂停。"
    assert wording.answer(told, locale="en-GB").text == "Nothing is halted."
    assert wording.unrecorded("") == CHINESE.text("not-recorded")
    assert wording.maybe_recorded("ja-JP") == ENGLISH.text("maybe-recorded")


# --- messages as they go out ---------------------------------------------------------------------------

WORDING = Wording("zh-CN")
# Ids, names and commands; the words of a cloud, which stay its own; and Slack's markup.
_NAMES = re.compile(
    r"<[@!#][^>]*>|\borders\b|\bevents\b|\b(?:mysql|cln|cl|node|shard|j)-[\w-]+|\b9f3c\b|\b5b21\b|\bC1\b|"
    r"\b[a-z]+(?:_[a-z]+)+\b|/switchover\b.*|RunClusterCustomService .*|\bactive\b|\bworking\b|UTC\S*|Asia/Shanghai"
)


def in_chinese(op: Operation) -> Operation:
    """The same operation, asked for by somebody who writes Chinese."""
    return replace(op, reason="mysql-1 磁盘故障", place=Place("C1"))


def english_in(made: Rendered) -> list[str]:
    """Every run of words in a message that is neither Chinese nor a name."""
    words = [button["text"]["text"] for button in buttons(made)]
    return [
        word
        for text in (made.text, *words)
        for word in words_left(_NAMES.sub("", text))
        if word not in AS_IT_IS
    ]


@pytest.mark.parametrize("status", Status)
def test_cards_replies_and_notices_are_chinese_throughout(status: Status) -> None:
    """Of every status, also of emergencies."""
    for op in (in_chinese(sample(status)), in_chinese(emergency(status))):
        quiet = replace(op, detail=None if status in (Status.IN_DOUBT, Status.FAILED) else op.detail)
        warned = replace(
            quiet, plan=quiet.plan and replace(quiet.plan, call=replace(quiet.plan.call, warning=""))
        )
        assert english_in(WORDING.card(warned, now=NOW)) == []
        if status in ENDS:
            code = f"reply-{status.replace('_', '-')}"
            facts = {
                "database": "orders",
                "by": "U0456EFGH",
                "before": "cln-1",
                "now": "cln-2",
                "seconds": 14,
            }
            say = Say(Reason.of(code, **facts))
            assert english_in(WORDING.reply(warned, say)) == []
            assert english_in(WORDING.notice(warned, say)) == []


def test_answers_are_chinese_throughout() -> None:
    """A dry run, the chooser, the lists, help and a misunderstanding."""
    halt = replace(HALT, reason="演练")
    shards = (ShardLine("9f3c", "shard-1", "node-1", "SW-7K3M9Q"), ShardLine("5b21", "", ""))
    answers: list[Answer] = [
        *(
            ShowPlan("orders", None, outcome, "cln-2", CHECKS, CHECKS[1].detail, READING)
            for outcome in Outcome
        ),
        ChooseNode(RequestSwitchover("orders"), NODES * 8),
        ShowDatabases(
            (
                DatabaseLine(
                    "orders", "", "mysql-1", frozen=Reason.of("list-frozen", by="U0AAAAAAA", reason="审计")
                ),
                DatabaseLine("events", "", "", shards=shards * 8),
            )
        ),
        ShowOperations((in_chinese(sample(Status.RUNNING)), in_chinese(emergency(Status.SUCCEEDED)))),
        ShowOperations((), "orders", held=(halt.sentence(), replace(halt, kind=HoldKind.FREEZE).sentence())),
        ShowOperations((), past=True, to_review=(in_chinese(emergency(Status.SUCCEEDED)),) * 9),
        ShowOperations((in_chinese(sample(Status.FAILED)),), past=True, page=1, pages=2, total=21),
    ]
    for told in answers:
        assert english_in(WORDING.answer(told, locale="zh-CN")) == []
    found = parse("orders ot mysql-2", databases=["orders"])
    assert isinstance(found, Misunderstood)
    made = WORDING.explain(found, "zh-CN")
    assert made.text == (
        "无法识别“ot”。\n"
        "已识别：/switchover orders\n"
        "可以试试：/switchover orders to mysql-2\n"
        "未执行任何操作。"
    )
    help_lines = WORDING.explain(None, "zh-CN").text.splitlines()
    assert "/switchover cancel ID：撤回尚未提交到云平台的申请" in help_lines
