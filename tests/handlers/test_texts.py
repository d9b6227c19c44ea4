"""The catalogue and the code agree: nothing is missing, nothing is left over, nothing ever raises."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.commands import Action
from bot.core.events import JobReported
from bot.core.machine import Say, decide
from bot.core.model import Job, JobId, JobState, NodeId, Reason, Role, nested
from bot.core.operation import ENDS, Status
from bot.errors import OutcomeUnknown, Refused, Throttled, Unavailable
from bot.service.planning import outcome_unknown, provider_said, what_moved
from handlers import texts as catalogue
from handlers.blocks import sentence
from handlers.card import CONFIRMED
from handlers.mrkdwn import literal
from handlers.texts import LOCALES, Texts, codes, variables
from providers import wording
from providers.huawei_dds.answers import REFUSALS as REFUSED_BY_HUAWEI
from providers.huawei_dds.provider import FORCED
from providers.qingcloud.answers import REFUSALS as REFUSED_BY_QINGCLOUD
from providers.qingcloud.answers import UNDECIDED as UNDECIDED_BY_QINGCLOUD
from providers.wording import worded
from tests.handlers.samples import NOW, PLAN, SENTENCES, reasons, sample

ROOT = Path(__file__).parents[2]
NO_WORDS = {"sandbox", "storage", "config"}  # rooms in which "text" is something else
SOURCES = [
    path
    for room in ("bot", "handlers", "providers")
    for path in sorted((ROOT / room).rglob("*.py"))
    if not NO_WORDS & set(path.relative_to(ROOT).parts)
]

PHRASES = [
    *(each for each in vars(wording).values() if isinstance(each, wording.Phrase)),
    *REFUSED_BY_QINGCLOUD.values(),
    *REFUSED_BY_HUAWEI.values(),
    *UNDECIDED_BY_QINGCLOUD.values(),
    wording.unknown(7),
]
FAMILIES = [
    *(f"status-{status}" for status in Status),
    *(f"word-{status}" for status in Status),
    *(f"reply-{status}" for status in ENDS),
    *(f"role-{role}" for role in Role),
    *(f"button-{action}" for action in Action),
    *(f"confirm-{action}{part}" for action in sorted(CONFIRMED) for part in ("-title", "-text")),
    *(f"confirm-yes-{action}" for action in sorted(CONFIRMED)),
    *(f"unconnected-{why}" for why in ("untrusted", "tls", "no-name", "refused", "timeout", "other")),
    "confirm-switch-back-chosen-text",
    "button-replan-ordinary",
    "confirm-replan-ordinary-title",
    "confirm-replan-ordinary-text",
    "confirm-yes-replan-ordinary",
    "confirm-choose-node-title",
    "confirm-yes-choose-node",
    *(f"unfit-{check}" for check in ("not-a-replica", "unhealthy", "health-unknown")),
    *(f"unfit-{check}" for check in ("lag-too-long", "lag-unknown")),
    *(f"looked-{what}" for what in ("found", "ambiguous", "in-part", "may-leave-none", "too-early", "none")),
    *(f"answered-{phrase.what}" for phrase in PHRASES),
    "cloud-answered",
    f"warning-{FORCED}",
    "scope-all",
]
# The functions whose argument of this position is a code.
SAYING = {"of": 0, "text": 0, "line": 1, "_passed": 1, "_failed": 1}
SAID = {"looked-", "reply-", "check-", "deny-", "roles-", "help-", "not-needed-"}


def calls() -> Iterator[tuple[str, str, set[str]]]:
    """Every place that names a code: where, the code, and the variables it gives."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "meaning" and isinstance(node.value, ast.Tuple):
                yield f"{path.name}:{node.lineno}", *_meant(node.value)
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            position = SAYING.get(name)
            if position is None or len(node.args) <= position:
                continue
            code = node.args[position]
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                given = {keyword.arg for keyword in node.keywords if keyword.arg}
                yield f"{path.name}:{node.lineno}", code.value, given


def _meant(pair: ast.Tuple) -> tuple[str, set[str]]:
    """What a provider's error means, where it is made: a code, and a value for each of these names."""
    code, values = pair.elts
    assert isinstance(code, ast.Constant)
    assert isinstance(values, ast.Dict)
    return str(code.value), {str(key.value) for key in values.keys if isinstance(key, ast.Constant)}


def constants() -> set[str]:
    """Every text constant of the source."""
    return {
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def dashed(code: str) -> str:
    return code.replace("_", "-")


def test_every_code_that_is_said_has_its_message() -> None:
    """Direct calls, families, and codes that are picked first and said later."""
    said = {code for _where, code, _given in calls()}
    picked = {text for text in constants() if re.fullmatch(r"[a-z]+(-[a-z]+)+", text)}
    picked = {text for text in picked if any(text.startswith(prefix) for prefix in SAID)}
    assert {dashed(code) for code in [*said, *picked, *FAMILIES]} - codes() == set()


def test_what_is_logged_of_an_answer_is_what_people_are_told_in_english() -> None:
    """Of a code that is not known the code itself follows in the log; people are told it after the sentence."""
    told = [(phrase.words, Texts().text(f"answered-{phrase.what}")) for phrase in PHRASES]
    assert [pair for pair in told if pair[0].removesuffix(": 7") != pair[1]] == []


def test_every_message_is_said_somewhere() -> None:
    """A message nobody says is deleted."""
    said = constants() | {dashed(code) for code in FAMILIES}
    assert codes() - said == set()


def test_every_call_gives_what_its_message_needs() -> None:
    """No sentence is ever left with a hole."""
    short = [
        (where, code, needed - given)
        for where, code, given in calls()
        if not (needed := variables(code)[0]) <= given
    ]
    assert short == []


@given(reasons(codes()), st.sampled_from(["en", "en-GB", "zh-CN", "", "xx"]))
def test_every_message_can_be_said_with_anything_filled_in(reason: Reason, locale: str) -> None:
    """In any locale; one without a catalogue gets English."""
    assert not Texts(locale).say(reason).startswith(reason.code)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_sentence_has_words_of_its_own(locale: str) -> None:
    """Slack takes no empty message; what has none is only a part of others."""
    for code in SENTENCES:
        needed, optional = variables(code, locale)
        assert Texts(locale).text(code, **dict.fromkeys(needed | optional, "")).strip(), code


def test_a_missing_message_or_variable_is_shown_and_never_raised() -> None:
    """A person is always told something."""
    assert Texts().say(Reason.of("no-such-code", a=1)) == "no-such-code (a: 1)"
    assert Texts().say(Reason.of("locked", holder="SW-7K3M9Q")) == "locked (holder: SW-7K3M9Q)"
    assert Texts().text("locked") == "locked"


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("code", ["cloud-said", "home-obstacle"])
def test_words_of_others_that_are_none_are_said_to_be_none(locale: str, code: str) -> None:
    """Slack takes no empty message."""
    assert Texts(locale).text(code, said="", obstacle="")


def test_optional_parts_and_plurals() -> None:
    """Empty counts as left out."""
    texts = Texts()
    assert texts.text("provider-said", message="no") == "The provider: no"
    assert texts.text("provider-said", message="no", error="2400") == "The provider: no (2400)"
    assert texts.text("reply-found", job="") == "▶ Found: the provider had taken the request."
    assert texts.text("list-head", count=1) == "1 database"
    assert texts.text("list-head", count=1200) == "1200 databases"


def test_statuses_and_roles_are_said_in_words() -> None:
    """Also where the code only passes the value on."""
    assert (
        Texts().text("too-late", status=Status.IN_DOUBT).startswith("Too late: this operation is in doubt.")
    )
    assert "read-only member" in Texts().text("check-not-a-replica", node="n", role=Role.READ_ONLY)


def test_what_people_type_is_never_taken_for_sentences_of_ours() -> None:
    """Only the list of nodes that do not fit is; of a long one the beginning, and how many more."""
    typed = nested([Reason.of("resumed-now")])
    assert Texts().text("halted-now", reason=typed).startswith(f"Halted: {typed}.")
    unfit = nested([Reason.of("unfit-unhealthy", node=f"n{number}") for number in range(12)])
    said = Texts().text("check-nobody-fits", nodes=unfit)
    assert said.startswith("No node can become primary (n0: not healthy; n1: not healthy; ")
    assert "; n9: not healthy; and 2 more)" in said
    assert Texts().text("check-nobody-fits", nodes="-").startswith("No node can become primary (-)")


CALLING = "<!channel> *x*"
LIKE_OURS = [
    nested([Reason.of(CALLING)]),
    nested([Reason.of("no-such-code", **{CALLING: CALLING})]),
    nested([Reason.of("cloud-not-found", **{CALLING: CALLING})]),
    nested([Reason.of("cloud-not-found", by="U0AAAAAAA", approvers="U0AAAAAAA", holder="x", when=NOW)]),
    nested([Reason.of("cloud-answered", what=CALLING, said=CALLING)]),
    nested([Reason.of("notice-reviewed", by="U0AAAAAAA", database="x")]),
    nested([Reason.of("reply-awaiting-approval", database="x", needed=1, approvers="S0AAAAAAA")]),
    nested([Reason.of("cloud-not-tried-again", message=nested([Reason.of(CALLING)]))]),
    CALLING,
]
NESTING = {
    "nodes": "check-nobody-fits",
    "summary": "evidence",
    "changed": "topology-moved-roles",
    "message": "provider-said",
    "obstacle": "check-cluster-obstacle",
}


def quiet(said: str) -> None:
    """That no mention, date, link or formatting is in it."""
    assert "<" not in said
    assert "*x*" not in said


def test_each_value_that_may_hold_sentences_is_tried() -> None:
    """By the tests below."""
    assert set(NESTING) == catalogue._OF_SENTENCES


@pytest.mark.parametrize("hostile", LIKE_OURS)
@pytest.mark.parametrize("name", NESTING)
def test_a_value_that_looks_like_a_sentence_of_ours_calls_nobody(name: str, hostile: str) -> None:
    """Nor does anything else of it come to life, in whatever sentence it stands."""
    for locale in LOCALES:
        quiet(sentence(Texts(locale), Reason.of(NESTING[name], **{name: hostile})))


@pytest.mark.parametrize("code", [CALLING, "cloud-no-such-code", "no-such-code"])
def test_a_code_that_no_message_has_is_shown_and_comes_to_no_life(code: str) -> None:
    """Of a sentence, as a newer version may have stored it; within a sentence the whole value is somebody's text."""
    quiet(sentence(Texts(), Reason.of(code, **{CALLING: CALLING})))
    inner = nested([Reason.of(code)])
    assert literal(inner) in sentence(Texts(), Reason.of("provider-said", message=inner))


@pytest.mark.parametrize("hostile", LIKE_OURS)
def test_what_a_cloud_says_is_shown_as_it_says_it(hostile: str) -> None:
    """Of a job, and by an error with or without a meaning of ours; never taken for a sentence of ours."""
    op = replace(sample(Status.RUNNING), job_id=JobId("j-1"))
    report = JobReported(NOW, Job(JobId("j-1"), JobState.FAILED, "failed", hostile))
    (said,) = decide(op, report).effects
    assert isinstance(said, Say)
    assert said.detail is not None
    quoted = worded(Refused, wording.BUSY, hostile)
    errors = [Refused(hostile), Refused("x", code=hostile, request_id=hostile), quoted, quoted.as_(Throttled)]
    unknown = outcome_unknown(quoted.as_(OutcomeUnknown))
    for reason in (said.detail, unknown, *map(provider_said, errors)):
        shown = sentence(Texts(), reason, most=3000)
        quiet(shown)
        assert literal(hostile) in shown


def test_what_was_looked_at_is_a_sentence_of_its_own() -> None:
    """In the reader's language; what an older version stored is shown as it is."""
    looked = nested([Reason.of("looked-ambiguous", count=2, jobs="j-1, j-2")])
    assert Texts().text("evidence", summary=looked) == (
        "What was looked at: 2 jobs; j-1, j-2 may be this request, or somebody else's"
    )
    assert Texts("zh-CN").text("evidence", summary=looked) == (
        "查看结果：2 个任务中，j-1, j-2 可能属于这次请求，也可能属于其他操作"  # noqa: RUF001 - the punctuation of Chinese
    )
    assert Texts().text("evidence", summary="3 recent jobs") == "What was looked at: 3 recent jobs"


def test_what_the_bot_says_of_a_cloud_is_in_the_readers_language() -> None:
    """What stands in the way, which roles moved, why there was no answer; the cloud's own words stay as they are."""
    english, chinese = Texts(), Texts("zh-CN")
    obstacle = Reason.of(
        "check-cluster-obstacle", obstacle=nested([Reason.of("obstacle-cluster", state="suspended")])
    )
    assert english.say(obstacle) == (
        "No switchover is possible now: the cluster is suspended; mend that first"
    )
    assert chinese.say(obstacle) == "现在不能切换：集群的状态是 suspended；请先解决"  # noqa: RUF001
    moved = what_moved(
        replace(PLAN, members=((NodeId("n-1"), Role.REPLICA),)),
        replace(PLAN, members=((NodeId("n-1"), Role.READ_ONLY),)),
    )
    assert moved is not None
    assert "in the plan: n-1 was replica and is read-only member." in english.say(moved)
    assert "n-1 原为从库，现为只读节点。" in chinese.say(moved)  # noqa: RUF001
    meaning = ("cloud-no-connection", {"address": "10.0.0.1:443", "why": "timeout"})
    unheard = provider_said(Unavailable("can't connect to 10.0.0.1:443 (timed out)", meaning=meaning))
    assert english.say(unheard) == "The provider: can't connect to 10.0.0.1:443 (timed out)"
    assert chinese.say(unheard) == "云平台：无法连接 10.0.0.1:443（超时）"  # noqa: RUF001
    quoted = provider_said(worded(Refused, REFUSED_BY_QINGCLOUD[2400], "too little, 0.5", code="2400"))
    assert chinese.say(quoted) == "云平台：账户余额不足 (too little, 0.5) (2400)"  # noqa: RUF001


def test_a_warning_is_in_the_readers_language() -> None:
    """What an older version stored is shown as it is."""
    assert (
        Texts().text("card-warning", warning=FORCED).startswith("⚠ Naming the node is a forced promotion: ")
    )
    assert Texts("zh-CN").text("card-warning", warning=FORCED).startswith("⚠ 指定节点属于强制提升")
    assert Texts("zh-CN").text("card-warning", warning="Clients reconnect.") == "⚠ Clients reconnect."


def test_values_are_shown_as_the_place_wants_them() -> None:
    """Escaping is the business of whoever builds the message."""
    shown = Texts().say(
        Reason.of("locked", database="a", holder="b"), show=lambda name, value: f"<{name}={value}>"
    )
    assert shown.startswith("<database=a> is locked by <holder=b>.")


@pytest.mark.parametrize(
    ("reason", "english", "chinese"),
    [
        ("which primary?", "which primary? Nothing", "which primary? 审"),
        ("no.", "no. Nothing", "no. 审"),
        ("为什么\uff1f", "为什么\uff1f Nothing", "为什么\uff1f审"),
        ("fire", "fire. Nothing", "fire。审"),
        ("*why?*", "*why?*. Nothing", "*why?*。审"),
    ],
)
def test_a_reason_that_ends_a_sentence_gets_no_second_full_stop(
    reason: str, english: str, chinese: str
) -> None:
    """In either language, and with what keeps markup from coming to life."""
    said = Reason.of("halted-by", by="U1", reason=reason)
    assert english in Texts("en").say(said)
    assert chinese in Texts("zh-CN").say(said)
    joined = Reason.of("halted-by", by="U1", reason="why?\u2060")
    assert "why?\u2060 Nothing" in Texts("en").say(joined)


@pytest.mark.parametrize(
    ("code", "values", "said"),
    [
        ("moves-asked", {"database": "orders", "after": "由云平台选定的节点"}, "切换到由云平台选定的节点"),
        ("moves", {"database": "orders", "before": "未知主库", "after": "n-2"}, "从未知主库切换到 n-2"),
        ("notice-unfrozen", {"by": "U1", "scope": "all"}, "解冻了所有数据库。"),
        ("notice-unfrozen", {"by": "U1", "scope": "orders"}, "解冻了 orders。"),
        ("notice-unfrozen", {"by": "U1", "scope": "订单 甲。"}, "解冻了订单 甲。"),
        ("list-line", {"name": "orders", "description": "订单\ufdd1"}, "主库未知 · 订单"),
    ],
)
def test_between_chinese_characters_there_is_no_space(code: str, values: dict[str, str], said: str) -> None:
    """But beside names in Latin letters, and where somebody typed one; what marks the place is not seen."""
    assert Texts("zh-CN").text(code, **values).endswith(said)
    assert "\ufdd1" not in Texts("en").text(code, **values)


def test_a_value_in_quotes_keeps_its_punctuation() -> None:
    """What marks its end while a sentence is put together is not seen."""
    assert Texts().say(Reason.of("unknown-word", text="why?\ufdd0")) == "“why?” is not understood."


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    "code",
    ["cloud-answer-lost", "cloud-no-answer", "cloud-not-prepared", "cloud-unexpected", "submission-broke"],
)
@pytest.mark.parametrize("error", ["RemoteProtocolError", "ReadTimeout", "TimeoutError", "KeyError"])
def test_people_are_told_what_happened_and_not_what_an_exception_is_called(
    locale: str, code: str, error: str
) -> None:
    assert error not in Texts(locale).text(code, error=error)
