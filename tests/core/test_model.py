"""Values: identity, names, roles, and what an approval is bound to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core import events as e
from bot.core.answers import Answer, DatabaseLine, ShowDatabases, ShowPlan, Tell
from bot.core.commands import Action, Command, ShowHelp, ShowStatus
from bot.core.events import event_name
from bot.core.machine import TRANSITIONS, decide
from bot.core.model import (
    Call,
    NodeId,
    Plan,
    Reason,
    Role,
    Target,
    Topology,
    in_words,
    label,
    nested,
    unnested,
)
from bot.core.operation import Status
from bot.core.preflight import Outcome
from bot.errors import (
    Chosen,
    ConfigError,
    IllegalTransition,
    Locked,
    NotSent,
    OutcomeUnknown,
    Refused,
    SwitchoverError,
    Throttled,
    Unheard,
)
from tests.core.examples import (
    ACCEPTED,
    ANN,
    DONE,
    SENT,
    UNSENT,
    WHY,
    A,
    B,
    C,
    at,
    node,
    operation,
    plan,
    planned,
    reading,
)

PLAN = plan()


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, database="sessions"),
        replace(PLAN, shard="shard-1"),
        replace(PLAN, candidate=C),
        replace(PLAN, candidate=None),
        replace(PLAN, primary=C),
        replace(PLAN, primary=None),
        replace(PLAN, members=PLAN.members[:2]),
        replace(PLAN, members=(*PLAN.members, (NodeId("n-x"), Role.REPLICA))),
        replace(PLAN, members=((A, Role.REPLICA), (B, Role.REPLICA), (C, Role.PRIMARY))),
        replace(PLAN, call=Call("force n-b")),
    ],
    ids=[
        "database",
        "shard",
        "candidate",
        "no candidate",
        "primary",
        "no primary",
        "a member less",
        "a member more",
        "roles",
        "call",
    ],
)
def test_another_identity_is_another_fingerprint(other: Plan) -> None:
    assert other.fingerprint != PLAN.fingerprint


def test_a_warning_is_for_people_and_not_part_of_the_fingerprint() -> None:
    assert replace(PLAN, call=Call(PLAN.call.summary, "forced")).fingerprint == PLAN.fingerprint


def _plan_on(topology: Topology) -> Plan:
    return replace(PLAN, members=topology.members)


@given(
    order=st.permutations([0, 1, 2]),
    health=st.lists(st.sampled_from([True, False, None]), min_size=3, max_size=3),
    lags=st.lists(st.none() | st.timedeltas(timedelta(0), timedelta(days=1)), min_size=3, max_size=3),
)
def test_neither_order_nor_health_nor_lag_changes_a_fingerprint(
    order: list[int], health: list[bool | None], lags: list[timedelta | None]
) -> None:
    nodes = reading(A).nodes
    changed = tuple(replace(nodes[i], healthy=health[i], lag=lags[i]) for i in order)
    assert _plan_on(replace(reading(A), nodes=changed)).fingerprint == _plan_on(reading(A)).fingerprint


@given(st.text(), st.text(), st.text(), st.text())
def test_no_two_plans_share_a_fingerprint_by_moving_text_between_fields(
    database: str, shard: str, other_database: str, other_shard: str
) -> None:
    one = replace(PLAN, database=database, shard=shard)
    two = replace(PLAN, database=other_database, shard=other_shard)
    same = (database, shard) == (other_database, other_shard)
    assert (one.fingerprint == two.fingerprint) is same


def test_no_shard_and_an_empty_shard_are_different_plans() -> None:
    assert replace(PLAN, shard="").fingerprint != PLAN.fingerprint


@pytest.mark.parametrize("text", ["n-b", "N-B", "db-b", "DB-B", "10.0.0.98"])
def test_a_node_answers_to_its_id_name_and_address(text: str) -> None:
    assert node(B).answers_to(text)
    assert not node(C).answers_to(text)


def test_a_node_without_a_name_does_not_answer_to_nothing() -> None:
    assert not replace(node(B), name="", address="").answers_to("")


@pytest.mark.parametrize(
    ("primaries", "expected"), [((), None), ((A,), A), ((A, B), None), ((A, B, C), None)]
)
def test_the_primary_is_the_only_node_that_says_so(
    primaries: tuple[NodeId, ...], expected: NodeId | None
) -> None:
    primary = reading(*primaries).primary
    assert (primary.id if primary else None) == expected


def test_a_member_is_found_by_its_id() -> None:
    assert reading(A).node("n-b") == node(B)
    assert reading(A).node("n-x") is None
    assert reading(A).node(None) is None


def test_a_target_is_written_with_its_shard_where_it_has_one() -> None:
    assert str(Target("orders")) == "orders"
    assert str(Target("events", "shard-1")) == "events/shard-1"
    assert replace(PLAN, shard="shard-1").target == Target("orders", "shard-1")
    assert operation().target == Target("orders")


def test_a_reason_keeps_what_to_fill_in_as_text() -> None:
    reason = Reason.of("code", count=3, nobody=None)
    assert reason.also(count="4", more="x").params == (("count", "3"), ("more", "x"), ("nobody", ""))
    assert (reason["count"], reason["nobody"]) == ("3", "")
    with pytest.raises(KeyError):
        reason["missing"]


@given(
    st.lists(st.builds(Reason, st.text(), st.lists(st.tuples(st.text(), st.text())).map(tuple))).map(tuple)
)
def test_sentences_within_a_sentence_are_found_again(reasons: tuple[Reason, ...]) -> None:
    assert unnested(nested(reasons)) == reasons


@pytest.mark.parametrize(
    "text",
    ["", "-", "3", "null", "{}", '"ab"', "[1]", '[["a"]]', '[["a", 3]]', '[["a", [["b", 3]]]]', "[" * 9999],
)
def test_any_other_text_holds_no_sentences(text: str) -> None:
    assert unnested(text) == ()


def test_what_an_error_says_is_always_a_sentence_in_a_sentence() -> None:
    """So that a message that looks like one of ours is only a value."""
    meant = Refused("no such cluster", meaning=("cloud-not-found", {"name": "cl-1"}))
    assert unnested(in_words(meant)) == (Reason.of("cloud-not-found", name="cl-1"),)
    theirs = nested([Reason.of("resumed-now")])
    assert unnested(in_words(Refused(theirs))) == (Reason.of("cloud-said", said=theirs),)


def test_an_error_said_as_another_kind_says_the_same() -> None:
    first = Refused("no", code="1400", request_id="r-1", meaning=("cloud-not-found", {"name": "cl-1"}))
    again = first.as_(NotSent)
    assert type(again) is NotSent
    assert vars(again) == vars(first)


def test_events_are_named_in_the_audit_trail_as_they_read() -> None:
    names = {event_name(event) for row in TRANSITIONS.values() for event in row}
    assert {
        "planned",
        "approved",
        "submission_started",
        "submission_not_accepted",
        "roles_confirmed",
    } <= names


def test_an_unknown_outcome_says_whether_the_answer_was_lost_and_keeps_the_code() -> None:
    assert not OutcomeUnknown("busy or timed out", code="5100").lost
    lost = OutcomeUnknown("no answer came", lost=True, request_id="r-3")
    assert (lost.lost, lost.code, lost.request_id) == (True, "", "r-3")


def test_every_error_is_one_of_ours_and_says_what_it_knows() -> None:
    refused = Refused("no", code="1400", request_id="r-1")
    throttled = Throttled("busy", retry_after=timedelta(seconds=3), code="5300", request_id="r-2")
    illegal = IllegalTransition("planning", "approved")
    assert (str(refused), refused.message, refused.code, refused.request_id) == ("no", "no", "1400", "r-1")
    assert (throttled.retry_after, throttled.code, throttled.request_id) == (
        timedelta(seconds=3),
        "5300",
        "r-2",
    )
    assert NotSent("no route").code == ""
    assert Locked("SW-1").holder == "SW-1"
    assert Chosen("SW-1").made == "SW-1"
    assert (Unheard().why, Unheard("No space left on device").why) == ("", "No space left on device")
    assert str(illegal) == "approved is not possible while planning"
    assert str(IllegalTransition("planning", "approved", "why")) == f"{illegal}: why"
    problems = ConfigError(["a", "b"])
    assert (problems.problems, str(problems)) == (("a", "b"), "a\nb")
    assert all(isinstance(each, SwitchoverError) for each in (refused, throttled, illegal, problems))


def test_the_buttons_of_a_card_are_called_as_slack_sends_them() -> None:
    assert {action.value for action in Action} == {
        "approve",
        "reject",
        "cancel",
        "check_again",
        "acknowledge",
        "switch_back",
        "replan",
        "review",
    }


def test_commands_and_answers_are_values_that_can_be_kept_and_compared() -> None:
    commands: set[Command] = {ShowStatus(), ShowStatus(None), ShowHelp()}
    answers: set[Answer] = {Tell(Reason.of("x")), Tell(Reason.of("x"), None), ShowDatabases(())}
    assert (len(commands), len(answers)) == (2, 2)
    assert DatabaseLine("orders", "", "n-a").problem is None


@pytest.mark.parametrize(
    ("shard", "name", "called"),
    [
        (None, "", "events"),
        (None, "shard_1", "events"),
        ("9f3c", "", "events/9f3c"),
        ("9f3c", "shard_1", "events/shard_1"),
    ],
)
def test_a_shard_is_called_by_its_name(shard: str | None, name: str, called: str) -> None:
    named = replace(reading(), shard=shard, shard_name=name)
    assert label("events", shard, named) == called
    assert replace(operation(), database="events", shard=shard, topology=named).label == called
    assert ShowPlan("events", shard, Outcome.CLEAN, None, (), None, named).label == called
    assert label("events", shard, None) == str(Target("events", shard))


def test_an_operation_took_as_long_as_its_submission_or_else_its_request() -> None:
    """Known only once it is over."""
    sent = operation(*ACCEPTED)
    assert sent.took is None
    assert replace(sent, ended_at=at(63)).took == timedelta(seconds=60)
    assert replace(operation(), ended_at=at(63)).took == timedelta(seconds=63)


def test_an_operation_knows_whether_its_reading_is_from_before_the_request() -> None:
    """By the reading that was checked, not by the clock, which may be set back."""
    assert not operation().read_before_start
    waiting = operation(planned())
    assert (waiting.checked_at, waiting.read_before_start) == (at(1), False)
    sent = operation(*ACCEPTED)
    assert (sent.checked_at, sent.read_before_start) == (at(0), True)
    moved = decide(sent, e.JobReported(at(5), DONE)).after
    early = reading(B, at=at(-60))
    assert moved.read_before_start
    done = decide(moved, e.RolesConfirmed(at(6), (early, early))).after
    assert (done.checked_at, done.read_before_start) == (at(0), False)


def test_a_recheck_that_could_not_read_leaves_the_checks_as_they_were() -> None:
    waiting = operation(*UNSENT)
    assert decide(waiting, e.RecheckRefused(at(3), WHY)).after.checked_at == at(1)
    assert decide(waiting, e.RecheckRefused(at(3), WHY, reading(A))).after.checked_at == at(0)


def test_what_is_read_after_a_request_that_was_not_accepted_is_of_no_time_before() -> None:
    """A recheck that could not read leaves what was read before it; so does what people do then."""
    tried = operation(*SENT, e.SubmissionNotAccepted(at(4), WHY, at(5)))
    assert (tried.checked_before_start, tried.read_before_start) == (True, True)
    unread = decide(tried, e.RecheckRefused(at(6), WHY)).after
    assert (unread.checked_before_start, unread.read_before_start) == (True, True)
    refused = decide(tried, e.RecheckRefused(at(6), WHY, reading(A, at=at(6)))).after
    assert (refused.checked_before_start, refused.read_before_start) == (False, False)
    reviewed = decide(replace(refused, emergency=True), e.Reviewed(at(7), ANN)).after
    assert (reviewed.checked_before_start, reviewed.read_before_start) == (False, False)


def test_an_operation_knows_ever_after_that_it_needed_attention() -> None:
    late = operation(*ACCEPTED, e.DeadlinePassed(at(900), WHY))
    assert late.needed_attention
    settled = decide(late, e.RolesConfirmed(at(9000), (reading(B), reading(B)))).after
    assert (settled.status, settled.needed_attention) == (Status.SUCCEEDED, True)
    assert not operation(*ACCEPTED).needed_attention
