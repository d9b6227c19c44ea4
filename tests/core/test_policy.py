"""Who may do what, at the moment of acting."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model import Reason, UserId
from bot.core.policy import (
    Policy,
    Standing,
    is_group,
    may_approve,
    may_break_glass,
    may_cancel,
    may_reject,
    may_request,
    may_review,
    valid_approvals,
)
from tests.core.examples import ANN, ASKER, BOB, EVE, POLICY

DBA = frozenset({"S-DBA"})
IN_GROUP, OUTSIDE = Standing(ANN, member=True, groups=DBA), Standing(ANN, member=True)
GUEST = Standing(ANN, member=False, groups=DBA)
NOT_A_MEMBER, NOT_AN_APPROVER = "deny-not-a-member", "deny-not-an-approver"
NAMED, ANYBODY = replace(POLICY, approvers=(ANN,)), replace(POLICY, approvers=("*",))


def code(reason: Reason | None) -> str | None:
    return None if reason is None else reason.code


@pytest.mark.parametrize(
    ("policy", "who", "expected"),
    [
        (POLICY, IN_GROUP, None),
        (POLICY, OUTSIDE, NOT_AN_APPROVER),
        (POLICY, GUEST, NOT_A_MEMBER),
        (NAMED, OUTSIDE, None),
        (NAMED, Standing(BOB, member=True), NOT_AN_APPROVER),
        (NAMED, GUEST, NOT_A_MEMBER),
        (ANYBODY, OUTSIDE, None),
        (ANYBODY, GUEST, NOT_A_MEMBER),
        (replace(POLICY, approvers=()), IN_GROUP, NOT_AN_APPROVER),
    ],
)
def test_an_approver_is_a_full_member_listed_by_id_group_or_star(
    policy: Policy, who: Standing, expected: str | None
) -> None:
    assert code(may_approve(policy, who, requested_by=ASKER, approved_by=())) == expected
    assert code(may_reject(policy, who)) == expected


def test_nobody_approves_twice() -> None:
    assert code(may_approve(POLICY, IN_GROUP, requested_by=ASKER, approved_by=[BOB])) is None
    twice = may_approve(POLICY, IN_GROUP, requested_by=ASKER, approved_by=[BOB, ANN])
    assert code(twice) == "deny-approved-already"


def test_the_requester_approves_only_where_the_policy_says_so() -> None:
    own = may_approve(POLICY, IN_GROUP, requested_by=ANN, approved_by=())
    assert code(own) == "deny-own-request"
    allowing = replace(POLICY, self_approval=True)
    assert may_approve(allowing, IN_GROUP, requested_by=ANN, approved_by=()) is None
    assert code(may_approve(allowing, OUTSIDE, requested_by=ANN, approved_by=())) == NOT_AN_APPROVER


@pytest.mark.parametrize(
    ("requesters", "who", "expected"),
    [
        (("*",), OUTSIDE, None),
        (("*",), GUEST, NOT_A_MEMBER),
        ((ANN,), OUTSIDE, None),
        (("S-DBA",), IN_GROUP, None),
        (("S-DBA",), OUTSIDE, "deny-not-a-requester"),
        ((BOB,), IN_GROUP, "deny-not-a-requester"),
    ],
)
def test_a_requester_is_a_full_member_whom_the_policy_lists(
    requesters: tuple[str, ...], who: Standing, expected: str | None
) -> None:
    assert code(may_request(replace(POLICY, requesters=requesters), who)) == expected


@pytest.mark.parametrize(
    ("who", "requester", "expected"),
    [
        (IN_GROUP, ASKER, None),
        (OUTSIDE, ANN, None),
        (OUTSIDE, ASKER, "deny-not-requester-nor-approver"),
        (GUEST, ANN, "deny-not-a-member"),
        (GUEST, ASKER, "deny-not-a-member"),
    ],
)
def test_a_request_is_withdrawn_by_its_requester_or_an_approver(
    who: Standing, requester: UserId, expected: str | None
) -> None:
    assert code(may_cancel(POLICY, who, requested_by=requester)) == expected


def test_an_approval_of_somebody_who_left_the_group_no_longer_counts() -> None:
    left = Standing(BOB, member=True)
    assert valid_approvals(POLICY, [IN_GROUP, left], requested_by=ASKER) == (ANN,)
    stayed = Standing(BOB, member=True, groups=DBA)
    assert valid_approvals(POLICY, [IN_GROUP, stayed], requested_by=ASKER) == (ANN, BOB)
    assert valid_approvals(POLICY, [GUEST, stayed], requested_by=ASKER) == (BOB,)


PEOPLE = st.builds(
    Standing,
    user=st.sampled_from([ASKER, ANN, BOB, EVE]),
    member=st.booleans(),
    groups=st.sampled_from([frozenset[str](), DBA]),
)


@given(people=st.lists(PEOPLE, max_size=8), self_approval=st.booleans())
def test_what_counts_is_different_members_who_are_listed_and_not_the_requester(
    people: list[Standing], *, self_approval: bool
) -> None:
    policy = replace(POLICY, self_approval=self_approval)
    counted = valid_approvals(policy, people, requested_by=ASKER)
    expected = {who.user for who in people if who.member and who.groups}
    assert len(set(counted)) == len(counted)
    assert set(counted) == (expected if self_approval else expected - {ASKER})


def test_only_ids_of_user_groups_are_groups() -> None:
    assert [entry for entry in ("S-DBA", "U-ANN", "*", "W-BOB") if is_group(entry)] == ["S-DBA"]


@pytest.mark.parametrize(
    ("break_glass", "who", "expected"),
    [
        ((), IN_GROUP, "deny-not-break-glass"),
        ((ANN,), OUTSIDE, None),
        (("S-DBA",), IN_GROUP, None),
        (("S-DBA",), OUTSIDE, "deny-not-break-glass"),
        (("*",), OUTSIDE, None),
        ((ANN,), GUEST, NOT_A_MEMBER),
    ],
)
def test_the_glass_is_broken_only_by_those_whom_the_policy_names_for_it(
    break_glass: tuple[str, ...], who: Standing, expected: str | None
) -> None:
    assert code(may_break_glass(replace(POLICY, break_glass=break_glass), who)) == expected


@pytest.mark.parametrize(
    ("who", "requester", "expected"),
    [
        (IN_GROUP, ASKER, None),
        (IN_GROUP, ANN, "deny-own-emergency"),
        (OUTSIDE, ASKER, "deny-no-reviewer"),
        (Standing(EVE, member=True), ASKER, None),
        (GUEST, ASKER, NOT_A_MEMBER),
    ],
)
def test_an_emergency_is_reviewed_by_somebody_else_whom_the_policy_names(
    who: Standing, requester: UserId, expected: str | None
) -> None:
    policy = replace(POLICY, break_glass=(EVE,))
    assert code(may_review(policy, who, requested_by=requester)) == expected


def test_who_is_denied_is_told_whom_to_ask() -> None:
    """Everybody who may, as the policy names them."""
    policy = replace(POLICY, approvers=("S-DBA", BOB), requesters=("S-DBA",))
    approval = may_approve(policy, OUTSIDE, requested_by=ASKER, approved_by=())
    assert approval == Reason.of(NOT_AN_APPROVER, policy=policy.name, approvers=f"S-DBA,{BOB}")
    assert may_request(policy, OUTSIDE) == Reason.of(
        "deny-not-a-requester", policy=policy.name, requesters="S-DBA"
    )
    policy = replace(policy, break_glass=(BOB, "S-GLASS"))
    glass = Reason.of("deny-not-break-glass", policy=policy.name, people=f"{BOB},S-GLASS")
    assert may_break_glass(policy, OUTSIDE) == glass
    reviewers = Reason.of("deny-no-reviewer", policy=policy.name, people=f"S-DBA,{BOB},S-GLASS")
    assert may_review(policy, OUTSIDE, requested_by=ASKER) == reviewers


def test_nobody_is_sent_to_the_one_person_who_may_not_either() -> None:
    policy = replace(POLICY, approvers=(EVE, BOB), break_glass=(EVE, "S-GLASS"))
    review = may_review(policy, OUTSIDE, requested_by=EVE)
    assert review == Reason.of("deny-no-reviewer", policy=policy.name, people=f"{BOB},S-GLASS")
    every = may_review(replace(policy, of_any=True), OUTSIDE, requested_by=EVE)
    assert every == Reason.of("deny-no-approver-at-all", approvers=BOB)
    for self_approval, asked in ((False, BOB), (True, f"{EVE},{BOB}")):
        rule = replace(policy, self_approval=self_approval)
        denied = may_approve(rule, OUTSIDE, requested_by=EVE, approved_by=())
        assert denied == Reason.of(NOT_AN_APPROVER, policy=policy.name, approvers=asked)


def test_who_is_denied_what_concerns_every_database_is_not_told_of_a_policy_that_nobody_configured() -> None:
    policy = replace(POLICY, name="all", requesters=(BOB,), of_any=True)
    reject, halt = may_reject(policy, OUTSIDE), may_request(policy, OUTSIDE)
    review = may_review(policy, OUTSIDE, requested_by=ASKER)
    assert [reject, review] == [Reason.of("deny-no-approver-at-all", approvers="S-DBA")] * 2
    assert may_approve(policy, OUTSIDE, requested_by=ASKER, approved_by=()) == reject
    assert halt == Reason.of("deny-no-requester-at-all")
