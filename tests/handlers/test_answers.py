"""Answers to one person, and the choice that may come back."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.answers import (
    Answer,
    AskAgain,
    ChooseNode,
    DatabaseLine,
    ShardLine,
    ShowDatabases,
    ShowOperations,
    ShowPlan,
    Tell,
)
from bot.core.commands import ListDatabases, RequestSwitchover, ShowHelp, ShowHistory
from bot.core.events import Choice
from bot.core.holds import Hold, HoldKind
from bot.core.model import Call, Node, NodeId, OperationId, Reason, Role, UserId, nested
from bot.core.operation import Operation, Status
from bot.core.preflight import Check, Outcome
from bot.core.schedule import Start
from handlers.answers import LONG_AGO, MENTION, answer, choice_value, help_text, misunderstood, parse_choice
from handlers.grammar import Misunderstood, parse
from handlers.manifest import manifest
from handlers.texts import LOCALES, Texts
from handlers.wording import Wording
from handlers.words import storable
from tests.handlers.block_kit import alive, buttons, problems
from tests.handlers.samples import (
    CHECKS,
    HALT,
    NODES,
    NOW,
    READING,
    answers,
    emergency,
    nodes,
    requests,
    sample,
    words,
)

TEXTS = Texts()
TONGUES = st.sampled_from([Texts(locale) for locale in LOCALES])
CHOICE = Choice(17, datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC))
ORDERS = RequestSwitchover("orders", choice=CHOICE)
relaxed = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


@relaxed
@given(answers, TONGUES)
def test_every_answer_is_within_the_limits_and_inert(told: Answer, texts: Texts) -> None:
    """A hundred nodes, sixty databases, names of a thousand characters, markup everywhere."""
    made = answer(told, texts)
    assert problems(made) == []
    assert alive(made) == []


@relaxed
@given(st.one_of(words, st.lists(words, max_size=5).map(" ".join)), TONGUES)
def test_every_misunderstanding_is_within_the_limits_and_inert(text: str, texts: Texts) -> None:
    """Whatever was typed."""
    found = parse(text)
    if isinstance(found, Misunderstood):
        made = misunderstood(found, texts)
        assert problems(made) == []
        assert alive(made) == []


def test_a_misunderstanding_says_what_was_understood_and_what_comes_closest() -> None:
    """And that nothing was done."""
    found = parse("orders ot mysql-2", databases=["orders"])
    assert isinstance(found, Misunderstood)
    assert misunderstood(found, TEXTS).text == (
        "“ot” is not understood.\n"
        "Understood: /switchover orders\n"
        "Nearest command: /switchover orders to mysql-2\n"
        "Nothing was done."
    )


def test_a_first_word_that_is_no_database_is_named_with_a_command_about_one_that_is() -> None:
    """It was taken for one only because it is no command."""
    told = ShowHelp("rollback orders", ("orders",))
    assert answer(told, TEXTS, command="/sw").text == (
        "There is no database “rollback”. “list” shows what there is.\n"
        "Nearest command: /sw plan orders\n"
        "Nothing was done."
    )
    told = ShowHelp("ordres ot n-2", ("orders",))
    assert answer(told, TEXTS, command="/sw").text == (
        "There is no database “ordres”. Did you mean orders?\n"
        "Nearest command: /sw orders to n-2\n"
        "Nothing was done."
    )


def test_a_time_that_is_none_is_answered_with_what_is_wrong_and_forms_that_work() -> None:
    """Nobody can tell what was meant, so what is shown is called an example."""
    found = parse("orders at 25:00")
    assert isinstance(found, Misunderstood)
    assert misunderstood(found, TEXTS).text == (
        "There is no “25:00” on the clock: hours go from 0 to 23, minutes from 00 to 59."
        " Write 22:00, or date, time and zone like 2026-11-23T02:00+08:00 or 2026-11-22T18:00Z.\n"
        "Understood: /switchover orders\n"
        "For example: /switchover orders at 22:00\n"
        "Nothing was done."
    )


def test_whoever_mistypes_a_check_in_an_emergency_has_the_whole_command_to_type() -> None:
    """With the check that was meant and the reason as it was typed."""
    found = parse("emergency orders to n override candidate_helthy because prod is burning")
    assert isinstance(found, Misunderstood)
    checks = "cluster_ready, primary_known, candidate_is_replica, candidate_healthy, candidate_lag"
    assert misunderstood(found, TEXTS).text == (
        "“candidate_helthy” is not a check that can be overridden; did you mean candidate_healthy?"
        f" All that can be: {checks}\n"
        "Understood: /switchover emergency orders to n\n"
        "Nearest command: /switchover emergency orders to n override candidate_healthy because prod is burning\n"
        "Nothing was done."
    )


def test_whoever_cancels_nothing_is_told_that_an_id_is_needed() -> None:
    """And how that is written, and where to find it."""
    found = parse("cancel")
    assert isinstance(found, Misunderstood)
    assert misunderstood(found, TEXTS).text == (
        "“cancel” needs the id of an operation; “status” shows those that are under way.\n"
        "Understood: /switchover cancel\n"
        "For example: /switchover cancel SW-7K3M9Q\n"
        "Nothing was done."
    )


def test_where_nothing_is_near_nothing_is_suggested() -> None:
    """But where all commands are."""
    found = parse("in 5 minutes", command="/sw")
    assert isinstance(found, Misunderstood)
    assert misunderstood(found, TEXTS).text == (
        "A request begins with the name of a database (DATABASE), not with “in”.\n"
        "All commands: /sw help\n"
        "Nothing was done."
    )


def test_whoever_named_nothing_that_is_there_is_told_what_to_type() -> None:
    """The whole command, with what was typed besides."""
    request = RequestSwitchover("events", "db-b", "shard-1", reason="of all", dry_run=True)
    problem = Reason.of("which-shard", name="events", known="shard-1, shard-2", more=3)
    assert answer(AskAgain(problem, request), TEXTS, command="/sw").text == (
        "events is a sharded cluster, and each shard is switched by itself."
        " Say which: shard-1, shard-2 and 3 more, which “list” shows.\n"
        "To ask again, type: /sw plan events to db-b shard shard-1 because of of all\n"
        "Nothing was done."
    )
    nothing = Reason.of("check-node-not-found", asked="mysql-9", known="a, b", nearest="")
    assert answer(AskAgain(nothing), TEXTS).text == (
        "“mysql-9” is not a node of this database; name one of a, b\nNothing was done."
    )


@pytest.mark.parametrize("texts", [Texts(locale) for locale in LOCALES])
def test_what_an_emergency_could_override_is_typed_before_the_reason(texts: Texts) -> None:
    """Which takes everything after its word: added at the end, the override would be a part of it."""
    said = texts.text("emergency-could-override", checks="candidate_healthy, candidate_lag")
    because, override = sorted(re.findall("“(.*?)”", said))
    assert parse(f"emergency orders {override} {because} x") == RequestSwitchover(
        "orders", reason="x", emergency=True, overrides=("candidate_healthy", "candidate_lag")
    )


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("statsu", "status"),
        ("Histroy", "history"),
        ("halp", "help"),
        ("lits", "list"),
        ("cancle", "cancel ID"),
        ("haltt", "halt because REASON…"),
        ("freez", "freeze DATABASE|all [for DURATION] because REASON…"),
        ("帮助", "help"),
        ("状态", "status"),
        ("列表", "list"),
        ("历史", "history"),
        ("撤回", "cancel ID"),
    ],
)
def test_who_mistyped_a_command_is_told_the_nearest(typed: str, meant: str) -> None:
    """Alone it may be a database's name; only when there is none it is known what was meant."""
    assert parse(typed) == RequestSwitchover(typed)
    nowhere = Reason.of("unknown-database", name=typed, nearest="")
    assert answer(AskAgain(nowhere), TEXTS, command="/sw").text == (
        f"There is no database “{typed}”. “list” shows what there is.\n"
        f"Nearest command: /sw {meant}\n"
        "Nothing was done."
    )


@pytest.mark.parametrize("typed", ["payments", "approve", "", "x" * 5000])
def test_what_is_near_to_no_command_is_not_taken_for_one(typed: str) -> None:
    nowhere = Reason.of("unknown-database", name=typed, nearest="")
    assert "Nearest" not in answer(AskAgain(nowhere), TEXTS).text


def test_who_types_an_approval_is_told_that_it_is_pressed() -> None:
    """There is no command for it, and nothing is near."""
    nowhere = Reason.of("unknown-database", name="Approve", nearest="")
    pressed = (
        "“Approve” is not a command. To approve, reject or review, press the button on the operation's card."
    )
    assert answer(AskAgain(nowhere), TEXTS).text == (
        f"There is no database “Approve”. “list” shows what there is.\n{pressed}\nNothing was done."
    )
    found = parse("Approve SW-7K3M9Q")
    assert isinstance(found, Misunderstood)
    assert misunderstood(found, TEXTS).text == (
        f"{pressed}\nNearest command: /switchover status SW-7K3M9Q\nNothing was done."
    )


def test_a_database_that_is_near_comes_before_a_command() -> None:
    near = Reason.of("unknown-database", name="lst", nearest="last")
    assert answer(AskAgain(near, RequestSwitchover("last", "n-2")), TEXTS).text == (
        "There is no database “lst”. Did you mean last?\n"
        "To ask again, type: /switchover last to n-2\n"
        "Nothing was done."
    )


def test_a_search_without_a_find_is_no_missing_database() -> None:
    assert answer(Tell(Reason.of("list-none", part="zzz", nearest="")), TEXTS).text == (
        "No database has “zzz” in its name or description. “list” shows all of them."
    )
    assert answer(Tell(Reason.of("list-none", part="ordres", nearest="orders")), TEXTS).text == (
        "No database has “ordres” in its name or description. Did you mean orders?"
    )


def test_what_was_typed_stands_in_quotes() -> None:
    """Whatever it was, it is not taken for a part of the sentence."""
    assert answer(Tell(Reason.of("unknown-operation", id="sw-zzz")), TEXTS).text == (
        "There is no operation “sw-zzz”. “status” shows what is under way, “history” what was done."
    )
    assert answer(Tell(Reason.of("unknown-database", name="the one?", nearest="")), TEXTS).text == (
        "There is no database “the one?”. “list” shows what there is."
    )


def test_who_may_not_is_told_whom_to_ask() -> None:
    """By names that can be clicked."""
    no = Reason.of("deny-not-an-approver", policy="p", approvers="S0123ABCD,U0456EFGH")
    assert answer(Tell(no), TEXTS).text == (
        "Policy p does not name you as an approver. Ask <!subteam^S0123ABCD>, <@U0456EFGH>."
    )
    no = Reason.of("deny-not-a-requester", policy="p", requesters="U0456EFGH")
    assert answer(Tell(no), TEXTS).text == "Policy p does not let you request this. Ask <@U0456EFGH>."


def test_help_shows_the_command_as_it_is_called_here() -> None:
    """One line for each form."""
    for texts in map(Texts, LOCALES):
        made = help_text(texts, command="/sw")
        assert problems(made) == []
        assert alive(made) == []
    made = help_text(TEXTS, command="/sw")
    assert "/sw cancel ID: withdraw a request that has not been sent" in made.text
    assert "DURATION is like 45s, 90m, 1h30m, 2d." in made.text
    assert "candidate_is_replica" in made.text


def test_who_mentioned_the_bot_is_told_what_to_type_in_a_mention() -> None:
    """Inside a thread nothing else works; and whoever calls for help is told so."""
    wording = Wording("en", command="/sw")
    nowhere = Reason.of("unknown-database", name="ordres", nearest="orders")
    told: list[tuple[Answer, str]] = [
        (AskAgain(nowhere, RequestSwitchover("orders", "n-2")), "orders to n-2"),
        (ShowHelp("orders ot n-2"), "orders to n-2"),
        (AskAgain(Reason.of("unknown-database", name="statsu", nearest="")), "status"),
        (ShowHelp("help"), "list [PART] [page NUMBER]:"),
        (ShowDatabases((DatabaseLine("orders", "", "p"),), pages=2, total=21), "list page 2"),
    ]
    for each, typed in told:
        assert f"@switchover {typed}" in wording.answer(each, locale="", mention=True).text
        assert f"/sw {typed}" in wording.answer(each, locale="").text
    for command in ("/sw", MENTION):
        said = help_text(TEXTS, command=command).text.splitlines()[-1]
        assert "mention the bot instead (@switchover DATABASE …), or" in said
        assert f"{command} alone leads to a form" in said
        assert all(
            f"“{shortcut['name']}”" in said for shortcut in manifest(url=None)["features"]["shortcuts"]
        )


def test_a_sentence_comes_with_its_explanation() -> None:
    """Both in words."""
    told = Tell(Reason.of("too-late", status="running"), Reason.of("provider-said", message="busy"))
    assert answer(told, TEXTS).text == (
        "Too late: this operation is running. Nothing was done.\nThe provider: busy"
    )


# --- the chooser ---------------------------------------------------------------------------------------


def test_a_choice_is_a_button_for_each_node() -> None:
    """Each in a section of its own, where its action_id is unique."""
    choose = ChooseNode(replace(ORDERS, reason="disk & <fire>"), NODES)
    made = answer(choose, TEXTS)
    assert [button["action_id"] for button in buttons(made)] == ["choose_node"] * 3
    assert parse_choice(buttons(made)[1]["value"]) == replace(ORDERS, node="cln-2", reason="disk & <fire>")
    assert "mysql-2 (10.0.0.2): replica, healthy, lag 0.5 s" in made.text


def test_more_nodes_than_shown_can_be_typed() -> None:
    """Twenty have buttons."""
    made = answer(ChooseNode(RequestSwitchover("orders"), NODES[:2] * 15), TEXTS)
    assert len(buttons(made)) == 20
    assert "… and 10 more. Name one with “to NODE”." in made.text


@given(requests, nodes)
def test_a_choice_survives_its_way_through_slack(request: RequestSwitchover, node: Node) -> None:
    """Names, start and overrides whole, or no button at all; only a long reason may lose its end."""
    value = choice_value(ChooseNode(request, (node,)), node)
    names = [request.database, request.shard or "", node.id]
    if value is None:
        assert len(json.dumps(names, ensure_ascii=False)) > 1700
        return
    assert len(value) <= 2000
    found = parse_choice(value)
    unnamed = not storable(request.database).strip() or not storable(node.id).strip()
    unexplained = request.emergency and (found is None or not found.reason.strip())
    if unnamed or unexplained:
        assert found is None
        return
    assert found is not None
    assert [found.database, found.shard or "", found.node] == [storable(name) for name in names]
    assert replace(found, database="", shard=None, node=None, reason="") == replace(
        request, database="", shard=None, node=None, reason=""
    )
    assert storable(request.reason).startswith(found.reason.removesuffix("…"))


def test_a_choice_keeps_the_start_that_was_meant_and_what_may_be_overridden() -> None:
    """However much later the button is pressed."""
    start = Start(at=datetime(2026, 11, 22, 18, 0, 7, tzinfo=UTC))
    scheduled = replace(ORDERS, start=start, follows="SW-000001")
    value = choice_value(ChooseNode(scheduled, NODES), NODES[1])
    assert value is not None
    assert parse_choice(value) == replace(scheduled, node="cln-2")
    broken = replace(
        ORDERS, shard="s1", reason="fire", emergency=True, overrides=("candidate_lag", "cluster_ready")
    )
    value = choice_value(ChooseNode(broken, NODES), NODES[1])
    assert value is not None
    assert parse_choice(value) == replace(broken, node="cln-2")


def test_a_chooser_says_what_choosing_does() -> None:
    """An emergency starts at once, a scheduled request later, any other is asked for."""

    def head(**given: Any) -> str:
        return answer(ChooseNode(RequestSwitchover("orders", **given), NODES), TEXTS).text.split("\n")[0]

    assert head().endswith("Choosing one makes the request.")
    start = Start(at=datetime(2026, 11, 22, 18, 0, tzinfo=UTC))
    assert head(start=start).endswith("makes the request, to start 2026-11-22 18:00:00 UTC.")
    assert head(emergency=True).endswith("Choosing one starts the EMERGENCY at once, without approvals.")


def test_choosing_a_node_for_an_emergency_is_asked_once_more_and_any_other_is_not() -> None:
    """One press is all that it takes."""
    broken = replace(ORDERS, shard="s1", reason="fire", emergency=True)
    confirm = buttons(answer(ChooseNode(broken, NODES), TEXTS))[1]["confirm"]
    assert confirm["title"]["text"] == "Start this emergency?"
    assert "orders/s1: to mysql-2, at once and without approvals" in confirm["text"]["text"]
    assert confirm["confirm"]["text"] == "Start the emergency"
    assert all("confirm" not in made for made in buttons(answer(ChooseNode(ORDERS, NODES), TEXTS)))


def test_a_long_reason_keeps_as_much_as_fits() -> None:
    """Not much less than there is room for."""
    long = RequestSwitchover("orders", reason="x" * 4000)
    value = choice_value(ChooseNode(long, NODES), NODES[0])
    assert value is not None
    assert 1900 < len(value) <= 2000


def test_names_too_long_for_a_button_have_none() -> None:
    """They can still be typed."""
    node = Node(NodeId("n" * 2000), "long", "", Role.REPLICA, healthy=True)
    choose = ChooseNode(RequestSwitchover("orders", reason="because"), (node,))
    assert choice_value(choose, node) is None
    assert buttons(answer(choose, TEXTS)) == []


def choice(**changed: object) -> str:
    """A value of ours, but for what is changed."""
    ours = {"database": "a", "shard": "", "node": "n", "reason": "", "start": "", "emergency": False}
    which = {"delivery": CHOICE.delivery, "asked_at": CHOICE.asked_at.isoformat()}
    return json.dumps({**ours, "overrides": "", "follows": "", **which, **changed})


def test_the_value_that_the_next_ones_differ_from_is_one_of_ours() -> None:
    assert parse_choice(choice()) == RequestSwitchover("a", node="n", choice=CHOICE)


@pytest.mark.parametrize("later", [{}, {"start": "", "emergency": False, "overrides": ""}])
def test_a_choice_that_an_earlier_version_offered_is_one_of_long_ago(later: dict[str, object]) -> None:
    """It does not say when it was asked for, so it is judged as too old, and answered so."""
    value = json.dumps({"database": "a", "shard": "", "node": "n", "reason": "", **later})
    assert parse_choice(value) == RequestSwitchover("a", node="n", choice=LONG_AGO)


def test_a_chooser_that_was_owed_before_choosers_had_an_age_offers_what_is_too_old() -> None:
    """It may be posted hours after it was asked for."""
    value = choice_value(ChooseNode(replace(ORDERS, choice=None), NODES), NODES[1])
    assert value is not None
    assert parse_choice(value) == replace(ORDERS, node="cln-2", choice=LONG_AGO)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "SW-7K3M9Q",
        "null",
        "[]",
        "[" * 2000,
        "{}",
        choice() + " " * 2000,
        '{"database":"a","node":"n","reason":""}',
        choice(dry_run=True),
        choice(database=1),
        choice(database=" "),
        choice(database="\0"),
        choice(node=None),
        choice(node=""),
        choice(shard=[]),
        choice(reason=None),
        choice(start=7),
        choice(start="tomorrow"),
        choice(start="2026-11-22T18:00"),
        choice(emergency="yes", reason="x"),
        choice(emergency=True),
        choice(emergency=True, reason=" "),
        choice(overrides=["candidate_lag"]),
        choice(overrides="candidate_known"),
        choice(follows=None),
        choice(delivery="17"),
        choice(delivery=True),
        choice(asked_at=17),
        choice(asked_at="yesterday"),
        choice(asked_at="2026-11-22T09:30:00"),
    ],
)
def test_a_value_that_is_not_ours_is_no_choice(value: str) -> None:
    """Anybody can send anything."""
    assert parse_choice(value) is None


@given(st.text())
def test_no_value_raises(value: str) -> None:
    """Whatever is sent."""
    parse_choice(value)


def test_a_choice_holds_nothing_that_a_database_refuses() -> None:
    """NUL and half a surrogate pair."""
    found = parse_choice(choice(database="a\0", node="n\ud800"))
    assert found == RequestSwitchover("a", node="n?", choice=CHOICE)


# --- the rest ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", Outcome)
def test_a_dry_run_says_that_it_is_one(outcome: Outcome) -> None:
    """With the checks and the nodes."""
    plan = ShowPlan("orders", "s1", outcome, "cln-2", CHECKS, CHECKS[1].detail, READING)
    text = answer(plan, TEXTS).text
    assert "This was a dry run: nothing was requested." in text
    assert "orders/s1" in text
    assert text.count("mysql-2 (cln-2) is 48 s behind, 30 s are allowed; wait until it has caught up") == 1
    assert "✗ The node's lag: as said above" in text
    assert ("Would become primary: mysql-2 (10.0.0.2)" in text) == (outcome is Outcome.CLEAN)


def test_a_dry_run_for_later_does_not_speak_of_now() -> None:
    later = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    plan = ShowPlan("orders", None, Outcome.CLEAN, "cln-2", CHECKS[:1], None, READING, start_at=later)
    said = "2026-03-02 09:30:00 UTC"
    assert f"by what is known now, a switchover can start {said}." in answer(plan, TEXTS).text
    refused = answer(replace(plan, outcome=Outcome.REFUSED), TEXTS).text
    assert f"a switchover that starts {said} can't be requested now." in refused


def test_a_dry_run_says_what_would_be_asked_of_the_cloud_and_what_to_know_before() -> None:
    """A forced promotion is said to be one before anybody requests it."""
    call = Call("POST nodes/n2/primary", "A forced promotion.")
    plan = ShowPlan("orders", None, Outcome.CLEAN, "cln-2", CHECKS[:1], None, READING, call)
    text = answer(plan, TEXTS).text
    assert "POST nodes/n2/primary" in text
    assert "A forced promotion." in text
    refused = answer(replace(plan, outcome=Outcome.REFUSED), TEXTS).text
    assert "POST nodes/n2/primary" not in refused


def test_a_dry_run_that_leaves_several_nodes_says_that_a_request_would_ask() -> None:
    """Nothing is in the way of a switchover; it only must be said to which node."""
    choices = Check("candidate_known", False, Reason.of("check-name-one", known="mysql-2, mysql-3"))
    plan = ShowPlan("orders", None, Outcome.REFUSED, None, (CHECKS[0], choices), choices.detail, READING)
    text = answer(plan, TEXTS).text
    assert "a request would ask which is to become primary" in text
    assert "mysql-2, mysql-3" in text
    assert "This was a dry run: nothing was requested." in text
    assert "not possible" not in text
    assert "✗" not in text


def test_what_a_check_asks_for_can_be_done() -> None:
    """In plain words, and where to look."""
    said = TEXTS.text("check-node-not-found", asked="mysql-9", known="mysql-1, mysql-2")
    assert said == "“mysql-9” is not a node of this database; name one of mysql-1, mysql-2"
    unfit = nested(
        [
            Reason.of("unfit-not-a-replica", node="mysql-1", role="hidden"),
            Reason.of("unfit-lag-too-long", node="mysql-2", lag=48, limit=30),
        ]
    )
    assert TEXTS.text("check-nobody-fits", nodes=unfit) == (
        "No node can become primary (mysql-1: hidden member; mysql-2: 48 s behind, 30 s are allowed);"
        " mend one of them in the provider's console, then ask again"
    )
    assert TEXTS.text("check-primary-unknown", count=0).startswith("No node says that it is primary; wait")
    assert "2 nodes say that they are primary (a, b)" in TEXTS.text(
        "check-primary-unknown", count=2, claiming="a, b"
    )
    assert "provider's console" in TEXTS.text("check-health-unknown", node="mysql-2")


def test_the_list_shows_primaries_problems_and_what_is_under_way() -> None:
    """One line for each database."""
    lines = (
        DatabaseLine("orders", "Orders, MySQL", "mysql-1", operation="SW-7K3M9Q"),
        DatabaseLine("events", "", "", Reason.of("provider-said", message="timed out")),
    )
    assert answer(ShowDatabases(lines), TEXTS).text == (
        "2 databases\n"
        "orders: primary mysql-1, under way: SW-7K3M9Q · Orders, MySQL\n"
        "events: primary not known · The provider: timed out"
    )
    assert answer(ShowDatabases(()), TEXTS).text == "No database is set up."


SINCE = "2026-11-22 03:30:00 UTC"


def test_a_list_begins_with_what_stops_all_and_marks_what_is_frozen() -> None:
    """In the same words as everywhere."""
    until = (NOW + timedelta(hours=1)).isoformat()
    lines = (
        DatabaseLine("a", "A", "p", frozen=Reason.of("list-frozen", by="U0AAAAAAA", reason="audit")),
        DatabaseLine("b", "", "p", frozen=Reason.of("list-frozen", until=until, reason="trading")),
        DatabaseLine("c", "", "p"),
    )
    assert answer(ShowDatabases(lines, held=(HALT.sentence(),)), TEXTS).text == (
        f"⏸ Halted by <@U0AAAAAAA> since {SINCE}: fire. Nothing new is sent until an approver says “resume”.\n"
        "3 databases\n"
        "a: primary p · A · ⏸ frozen by <@U0AAAAAAA>: audit\n"
        "b: primary p · ⏸ frozen until 2026-11-22 04:30:00 UTC: trading\n"
        "c: primary p"
    )


@pytest.mark.parametrize("status", [Status.RUNNING, Status.AWAITING_APPROVAL])
@pytest.mark.parametrize("name", ["", "SW-7K3M9Q"])
def test_a_status_begins_with_what_stops_new_submissions(status: Status, name: str) -> None:
    """Of all, of a database and of one operation, also where nothing is under way."""
    held = (HALT.sentence(), *(Reason.of("frozen-by-hand", scope="all", by="U1", reason="x"),) * 9)
    operations = (sample(status),)
    made = answer(ShowOperations(operations, name, held=held), TEXTS)
    plain = answer(ShowOperations(operations, name), TEXTS)
    first, *_, more, rest = made.text.split("\n", 4)
    assert first.startswith(f"⏸ Halted by <@U0AAAAAAA> since {SINCE}: fire. Nothing new is sent")
    assert (more, rest) == ("… and 7 more", plain.text)
    assert (problems(made), made.blocks[1:]) == ([], plain.blocks)
    none = answer(ShowOperations((), "orders", held=held[:1]), TEXTS).text
    assert none.splitlines() == [first, "Nothing is under way for orders."]


@pytest.mark.parametrize(
    ("op", "offered"),
    [
        (sample(Status.NEEDS_ATTENTION), ["check_again", "acknowledge"]),
        (emergency(Status.SUCCEEDED), ["review"]),
        (sample(Status.AWAITING_APPROVAL), []),
        (sample(Status.SUCCEEDED), []),
    ],
)
def test_whoever_has_lost_the_card_of_what_needs_a_person_asks_for_it_by_its_id(
    op: Operation, offered: list[str]
) -> None:
    """All else is decided on the card, which everybody sees."""
    made = answer(ShowOperations((op,), op.id), TEXTS)
    assert ([button["action_id"] for button in buttons(made)], problems(made)) == (offered, [])
    listed = answer(ShowOperations((op,), "orders"), TEXTS)
    assert buttons(listed) == []


def test_databases_are_listed_at_even_distances() -> None:
    """None looks like a shard of the one before it."""
    shards = (ShardLine("s1", "", "p"), ShardLine("s2", "", "p"))
    lines = (
        DatabaseLine("events", "", "", shards=shards),
        DatabaseLine("orders", "", "p"),
        DatabaseLine("sessions", "", "p"),
    )
    made = answer(ShowDatabases(lines), TEXTS)
    assert [block["text"]["text"].split(":")[0] for block in made.blocks] == [
        *("3 databases", "events", "orders", "sessions"),
    ]


@pytest.mark.parametrize(("part", "head", "rest"), [("", "", ""), ("db", " with “db”", " db")])
def test_a_long_list_is_shown_in_pages_and_says_how_to_get_the_next(part: str, head: str, rest: str) -> None:
    """As the command that gives it; the last has none."""
    lines = tuple(DatabaseLine(f"db{number}", "", "p") for number in range(20))
    shown = answer(ShowDatabases(lines, part, 2, 250, 5000), TEXTS, command="/sw").text.splitlines()
    assert (shown[0], shown[-1]) == (f"5000 databases{head}, page 2 of 250", f"More: /sw list{rest} page 3")
    assert parse(shown[-1].removeprefix("More: /sw ")) == ListDatabases(part, 3)
    beyond = answer(ShowDatabases(lines, part, 250, 250, 5000, beyond=999), TEXTS).text.splitlines()
    assert beyond[:2] == [
        "There is no page 999; this is the last one.",
        f"5000 databases{head}, page 250 of 250",
    ]
    last = answer(ShowDatabases(lines, part, 250, 250, 5000), TEXTS).text
    assert "There is no page" not in last
    assert last.endswith("\ndb19: primary p")


@pytest.mark.parametrize(("name", "head", "rest"), [("", "", ""), ("orders", ": orders", " orders")])
def test_a_long_past_is_shown_in_pages_and_says_how_to_get_the_next(name: str, head: str, rest: str) -> None:
    """As the command that gives it; the last has none, and one that is all there is says nothing of pages."""
    ended = (sample(Status.CANCELLED),) * 20
    shown = ShowOperations(ended, name, past=True, page=2, pages=3, total=43)
    lines = answer(shown, TEXTS, command="/sw").text.splitlines()
    assert lines[0] == f"History{head}, page 2 of 3; 43 requests have ended"
    assert lines[-1] == f"More: /sw history{rest} page 3"
    assert parse(lines[-1].removeprefix("More: /sw ")) == ShowHistory(name or None, 3)
    last = answer(replace(shown, page=3), TEXTS).text.splitlines()
    assert (last[0].split(",")[1], len(last)) == (" page 3 of 3; 43 requests have ended", 21)
    beyond = answer(replace(shown, page=3, beyond=9), TEXTS).text.splitlines()
    assert beyond == ["There is no page 9; this is the last one.", *last]
    (only,) = answer(replace(shown, page=1, pages=1, total=20), TEXTS).text.splitlines()[:1]
    assert only == f"History{head}"


def test_a_database_with_shards_has_a_line_for_each() -> None:
    """By name and id, so that either can be typed."""
    shards = (
        ShardLine("9f3c", "shard-1", "node-1 (n-1)", "SW-7K3M9Q"),
        ShardLine("5b21", "", "node-2"),
        ShardLine("e4", "e4", ""),
    )
    lines = (
        DatabaseLine("events", "Events", "", operation="SW-000001", shards=shards),
        DatabaseLine("orders", "", "mysql-1"),
        DatabaseLine("one", "", "", shards=shards[:1]),
    )
    assert answer(ShowDatabases(lines), TEXTS).text == (
        "3 databases\n"
        "events: 3 shards, under way: SW-000001 · Events\n"
        "· shard-1 (9f3c): primary node-1 (n-1), under way: SW-7K3M9Q\n"
        "· 5b21: primary node-2\n"
        "· e4: primary not known\n"
        "orders: primary mysql-1\n"
        "one: 1 shard\n"
        "· shard-1 (9f3c): primary node-1 (n-1), under way: SW-7K3M9Q"
    )


@pytest.mark.parametrize(
    ("count", "end"),
    [(38, "· s37: primary p"), (39, "· … and 1 more shard"), (100, "· … and 62 more shards")],
)
def test_of_many_shards_as_many_are_shown_as_there_is_room_for(count: int, end: str) -> None:
    """And how many more there are."""
    shards = tuple(ShardLine(f"s{number}", "", "p") for number in range(count))
    lines = answer(ShowDatabases((DatabaseLine("events", "", "", shards=shards),)), TEXTS).text.splitlines()
    assert lines[1] == f"events: {count} shards"
    assert sum(line.startswith("· s") for line in lines) == 38
    assert lines[-1] == end


def test_every_database_of_a_page_has_its_line_however_many_shards_they_have() -> None:
    """Those share what room is left; and none is torn from its database."""
    shards = tuple(ShardLine(f"s{number}", "", "p") for number in range(100))
    lines = tuple(DatabaseLine(f"db{number}", "", "", shards=shards) for number in range(6))
    made = answer(ShowDatabases(lines), TEXTS)
    assert [block["text"]["text"].split(":")[0] for block in made.blocks] == [
        *("6 databases", "db0", "db1", "db2", "db3", "db4", "db5"),
    ]
    assert all(block["text"]["text"].endswith("· … and 96 more shards") for block in made.blocks[1:])
    full = answer(ShowDatabases(lines * 3 + lines[:2], "", 1, 250, 5000), TEXTS)
    assert sum(full.text.count(f"db{number}:") for number in range(6)) == 20
    old = answer(ShowDatabases(lines * 10), TEXTS)
    assert old.text.endswith("more")


def test_operations_are_listed_with_their_status_in_words() -> None:
    """Or it is said that there are none."""
    shown = ShowOperations((sample(Status.RUNNING), sample(Status.IN_DOUBT)))
    assert answer(shown, TEXTS).text == (
        "Under way\n"
        "SW-7K3M9Q orders: from mysql-1 (10.0.0.1) to mysql-2 (10.0.0.2): running, asked by <@U0REQUESTER>, "
        "2026-11-22 03:29:18 UTC\n"
        "SW-7K3M9Q orders: from mysql-1 (10.0.0.1) to mysql-2 (10.0.0.2): in doubt, asked by <@U0REQUESTER>, "
        "2026-11-22 03:29:18 UTC"
    )
    assert answer(ShowOperations((), "orders"), TEXTS).text == "Nothing is under way for orders."
    assert answer(ShowOperations((), past=True), TEXTS).text == "Nothing was done yet."


def test_emergencies_and_starts_are_seen_in_a_list() -> None:
    """At a glance."""
    shown = ShowOperations((emergency(Status.RUNNING), sample(Status.SCHEDULED)))
    _head, first, second = answer(shown, TEXTS).text.split("\n")
    assert ": running, EMERGENCY by <@U0REQUESTER>, " in first
    assert ": waiting for its start (2026-11-22 04:30:00 UTC), asked by <@U0REQUESTER>, " in second


@pytest.mark.parametrize("open_", [(), (sample(Status.RUNNING),)])
def test_a_status_ends_with_the_reviews_that_are_owed(open_: tuple[Operation, ...]) -> None:
    """Some of them, and how many more; those of the past say so wherever they are listed."""
    owed = emergency(Status.SUCCEEDED)
    lines = answer(ShowOperations(open_, to_review=(owed,) * 7), TEXTS).text.splitlines()
    assert lines[0] == ("Under way" if open_ else "Nothing is under way.")
    head, *listed, more = lines[1 + len(open_) :]
    assert head.startswith("Done without approvals and still to be reviewed by somebody else")
    assert [line.endswith(", review owed") for line in listed] == [True] * 5
    assert more == "… and 2 more"
    past = answer(ShowOperations((owed, replace(owed, reviewed_by=UserId("U1"))), past=True), TEXTS).text
    assert [", review owed" in line for line in past.splitlines()[1:]] == [True, False]


def test_history_says_why_each_was_asked_for_and_status_does_not() -> None:
    op = replace(sample(Status.SUCCEEDED), reason="disk is failing, INC-4711 " + "x" * 200)
    past = answer(ShowOperations((op,), past=True), TEXTS).text.splitlines()[1]
    assert " · disk is failing, INC-4711 xx" in past
    assert len(past) < 260
    assert "INC-4711" not in answer(ShowOperations((op,)), TEXTS).text


def test_a_full_page_of_history_is_whole_also_as_plain_text() -> None:
    op = replace(sample(Status.SUCCEEDED), reason="x" * 500)
    page = ShowOperations((op,) * 20, past=True, page=1, pages=3, total=50)
    lines = answer(page, TEXTS).text.splitlines()
    assert len([line for line in lines if line.startswith("SW-")]) == 20
    assert lines[-1] == "More: /switchover history page 2"


def test_a_status_says_which_of_those_that_wait_are_held() -> None:
    one, other = (
        sample(Status.AWAITING_APPROVAL),
        replace(sample(Status.AWAITING_APPROVAL), id=OperationId("SW-7K3M9R")),
    )
    shown = answer(ShowOperations((one, other), stopped=(other.id,)), TEXTS).text.splitlines()[1:]
    assert ["waiting for approval, but held for now, asked by" in line for line in shown] == [False, True]


def test_a_refusal_says_until_when_and_by_whom() -> None:
    """What was set by hand names its person and how to lift it; times are shown as Slack shows times."""
    until = datetime(2026, 11, 22, 18, 0, tzinfo=UTC).isoformat()
    facts = {"by": "U0AAAAAAA", "reason": "audit", "until": until}
    made = answer(Tell(Reason.of("frozen-by-hand-until", scope="all", **facts)), TEXTS)
    assert made.text == (
        "Frozen (all databases) until 2026-11-22 18:00:00 UTC by <@U0AAAAAAA>: audit."
        " Until it ends, or an approver lifts it with “unfreeze”,"
        " nothing but an emergency can be requested, approved or started."
    )
    assert "<!date^" in made.blocks[0]["text"]["text"]
    odd = answer(Tell(Reason.of("start-in-the-past", when="<!channel>")), TEXTS)
    assert odd.text.startswith("&lt;!channel&gt; has passed.")


def test_one_operation_asked_for_by_its_id_is_shown_whole() -> None:
    """As on its card, without the buttons."""
    made = answer(ShowOperations((sample(Status.AWAITING_APPROVAL),), "SW-7K3M9Q"), TEXTS)
    assert "Approvals: 1 of 2, by <@U0456EFGH>" in made.text
    assert buttons(made) == []


def test_one_operation_that_is_held_has_the_first_line_of_its_card() -> None:
    halt = Hold(HoldKind.HALT, "all", NOW, None, "which primary?", UserId("U0EVE"))
    made = answer(ShowOperations((sample(Status.SCHEDULED),), "SW-7K3M9Q", hold=halt), TEXTS)
    assert made.text.startswith("⏸ Approved, and held: ends as refused if that is still so at its start\n")
    assert made.text.count("which primary?") == 1


def test_an_unlagged_node_is_not_called_behind() -> None:
    """Zero is a number, not reported is none."""
    node = Node(NodeId("n"), "n", "", Role.REPLICA, healthy=False, lag=timedelta(0))
    assert (
        "n: replica, not healthy, lag 0 s" in answer(ChooseNode(RequestSwitchover("o"), (node,)), TEXTS).text
    )
