"""The checks before a switchover: each verdict, and the check that explains it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model import CandidateRule, Capabilities, Node, NodeId, Reason, Role, Topology, unnested
from bot.core.operation import Status
from bot.core.policy import Policy
from bot.core.preflight import OVERRIDABLE, Check, Outcome, Verdict, candidates, could_override, preflight
from tests.core.examples import CLOUD, POLICY, A, B, C, node, operation, plan, reading, with_plan

CHOSEN = replace(CLOUD, candidate=CandidateRule.CHOSEN_BY_CLOUD)
OPTIONAL = replace(CLOUD, candidate=CandidateRule.OPTIONAL)
LIMITED = replace(POLICY, max_lag=timedelta(seconds=30))
LENIENT = replace(POLICY, allow_unknown_primary=True)


def cluster(*nodes: Node) -> Topology:
    """The primary ``n-a`` and these."""
    return replace(reading(A), nodes=(node(A, Role.PRIMARY), *nodes))


def judged(
    topology: Topology,
    asked: str | None = "n-b",
    *,
    capabilities: Capabilities = CLOUD,
    policy: Policy = POLICY,
) -> Verdict:
    return preflight(topology, asked, capabilities=capabilities, policy=policy)


def failures(verdict: Verdict) -> list[tuple[str, str]]:
    return [(check.name, check.detail.code) for check in verdict.checks if not check.passed]


def named(verdict: Verdict, name: str) -> Check:
    return next(check for check in verdict.checks if check.name == name)


@pytest.mark.parametrize("asked", ["n-b", "DB-B", "10.0.0.98"])
def test_a_healthy_replica_of_an_idle_cluster_passes_every_check(asked: str) -> None:
    verdict = judged(reading(A), asked)
    assert (verdict.outcome, verdict.candidate, verdict.detail) == (Outcome.CLEAN, B, None)
    assert failures(verdict) == []
    assert [check.name for check in verdict.checks] == [
        "cluster_ready",
        "primary_known",
        "candidate_known",
        "candidate_is_replica",
        "candidate_healthy",
    ]


@pytest.mark.parametrize(
    ("topology", "expected"),
    [
        (reading(A, idle=False), ("cluster_ready", "check-cluster-busy")),
        (replace(reading(A), obstacle="suspended"), ("cluster_ready", "check-cluster-obstacle")),
        (reading(), ("primary_known", "check-primary-unknown")),
        (reading(A, C), ("primary_known", "check-primary-unknown")),
        (cluster(node(B, Role.HIDDEN)), ("candidate_is_replica", "check-not-a-replica")),
        (cluster(node(B, Role.READ_ONLY)), ("candidate_is_replica", "check-not-a-replica")),
        (cluster(node(B, Role.UNKNOWN)), ("candidate_is_replica", "check-not-a-replica")),
        (cluster(replace(node(B), healthy=False)), ("candidate_healthy", "check-unhealthy")),
        (cluster(replace(node(B), healthy=None)), ("candidate_healthy", "check-health-unknown")),
        (cluster(node(C)), ("candidate_known", "check-node-not-found")),
        (cluster(node(B), node(B)), ("candidate_known", "check-node-ambiguous")),
    ],
)
def test_one_thing_that_is_wrong_refuses_and_is_named(topology: Topology, expected: tuple[str, str]) -> None:
    verdict = judged(topology)
    assert verdict.outcome is Outcome.REFUSED
    assert failures(verdict) == [expected]
    assert verdict.detail == named(verdict, expected[0]).detail


def test_the_number_of_primaries_is_said_where_it_is_not_one() -> None:
    assert named(judged(reading()), "primary_known").detail["count"] == "0"
    assert named(judged(reading(A, C)), "primary_known").detail["count"] == "2"


@pytest.mark.parametrize("shared", ["db-b", "10.0.0.98"])
def test_a_name_or_an_address_of_two_nodes_means_neither(shared: str) -> None:
    twin = replace(node(C), name="db-b", address="10.0.0.98")
    verdict = judged(cluster(node(B), twin), shared)
    assert failures(verdict) == [("candidate_known", "check-node-ambiguous")]
    assert verdict.detail is not None
    assert verdict.detail["known"] == "db-a (n-a), db-b (n-b), db-b (n-c)"
    assert judged(cluster(node(B), twin), "n-c").candidate == C


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [("db-bb", "db-b (n-b)"), ("N_B", "db-b (n-b)"), ("10.0.0.89", "db-b (n-b)"), ("x", "")],
)
def test_a_node_that_is_not_there_is_answered_with_the_nearest(asked: str, nearest: str) -> None:
    """By name, id or address, and as it is called; nothing where none is like it."""
    detail = judged(cluster(replace(node(B), address="10.0.0.98")), asked).detail
    assert detail is not None
    assert (detail.code, detail["nearest"]) == ("check-node-not-found", nearest)


def test_of_the_nodes_to_name_the_primary_is_none() -> None:
    """Where it is all that there is, or is not known, it is named all the same."""
    for topology, known in (
        (cluster(node(B), node(C)), "db-b (n-b), db-c (n-c)"),
        (cluster(), "db-a (n-a)"),
        (reading(), "db-a (n-a), db-b (n-b), db-c (n-c)"),
    ):
        detail = named(judged(topology, "x"), "candidate_known").detail
        assert (detail.code, detail["known"]) == ("check-node-not-found", known)


def test_a_node_without_a_name_of_its_own_is_shown_by_its_id() -> None:
    verdict = judged(cluster(replace(node(B), name="n-b"), replace(node(C), name="")), "n-x")
    assert verdict.detail is not None
    assert verdict.detail["known"] == "n-b, n-c"


def test_the_present_primary_needs_no_switchover() -> None:
    verdict = judged(reading(A), "db-a")
    assert (verdict.outcome, verdict.candidate) == (Outcome.NOT_NEEDED, A)
    assert verdict.detail is not None
    assert verdict.detail["node"] == "db-a (n-a)"


def test_the_present_primary_needs_none_even_where_the_cluster_takes_none() -> None:
    assert judged(replace(reading(A), obstacle="suspended"), "n-a").outcome is Outcome.NOT_NEEDED


def test_one_of_two_primaries_is_no_present_primary() -> None:
    verdict = judged(reading(A, B))
    assert failures(verdict) == [
        ("primary_known", "check-primary-unknown"),
        ("candidate_is_replica", "check-not-a-replica"),
    ]


def test_an_unknown_primary_passes_only_where_the_policy_allows_it_and_a_node_is_named() -> None:
    unknown = replace(reading(), nodes=(node(A, Role.UNKNOWN), node(B, Role.UNKNOWN), node(C, Role.UNKNOWN)))
    allowed = judged(unknown, policy=LENIENT)
    assert allowed.outcome is Outcome.CLEAN
    assert named(allowed, "primary_known").detail.code == "check-primary-unknown-allowed"
    assert named(allowed, "candidate_is_replica").detail.code == "check-role-unknown-allowed"
    assert judged(unknown).outcome is Outcome.REFUSED
    nobody_named = judged(unknown, None, capabilities=CHOSEN, policy=LENIENT)
    assert failures(nobody_named) == [("primary_known", "check-primary-unknown")]


@pytest.mark.parametrize(
    ("lag", "expected"),
    [
        (0.0, None),
        (30.0, None),
        (30.001, "check-lag-too-long"),
        (None, "check-lag-unknown"),
    ],
)
def test_lag_is_limited_where_the_policy_says_so(lag: float | None, expected: str | None) -> None:
    verdict = judged(cluster(node(B, lag=lag)), policy=LIMITED)
    assert failures(verdict) == ([] if expected is None else [("candidate_lag", expected)])
    assert judged(cluster(node(B, lag=lag))).outcome is Outcome.CLEAN


def test_a_lag_that_the_provider_never_reports_is_noted_and_passes() -> None:
    silent = replace(CLOUD, reports_lag=False)
    verdict = judged(cluster(node(B, lag=None)), capabilities=silent, policy=LIMITED)
    assert verdict.outcome is Outcome.CLEAN
    assert named(verdict, "candidate_lag").detail.code == "check-lag-not-reported"


def test_a_refusal_for_lag_names_node_number_and_limit() -> None:
    detail = judged(cluster(node(B, lag=42.5)), policy=LIMITED).detail
    assert detail is not None
    assert (detail["node"], detail["lag"], detail["limit"]) == ("db-b (n-b)", "42.5", "30")


def test_the_only_fitting_node_is_taken_where_none_was_named() -> None:
    topology = cluster(node(B), replace(node(C), healthy=False))
    assert judged(topology, None).candidate == B


def test_several_fitting_nodes_are_choices_and_no_plan() -> None:
    found = candidates(reading(A), None, capabilities=CLOUD, policy=POLICY)
    assert ([each.id for each in found.choices], found.node, found.problem) == ([B, C], None, None)
    verdict = judged(reading(A), None)
    assert failures(verdict) == [("candidate_known", "check-name-one")]
    assert verdict.detail is not None
    assert verdict.detail["known"] == "db-b (n-b), db-c (n-c)"


@pytest.mark.parametrize("capabilities", [CLOUD, CHOSEN, OPTIONAL])
def test_where_nobody_fits_each_node_is_named_with_what_is_wrong(capabilities: Capabilities) -> None:
    topology = cluster(replace(node(B), healthy=False), node(C, Role.HIDDEN))
    verdict = judged(topology, None, capabilities=capabilities)
    assert failures(verdict) == [("candidate_known", "check-nobody-fits")]
    assert verdict.detail is not None
    assert unnested(verdict.detail["nodes"]) == (
        Reason.of("unfit-not-a-replica", node="db-a (n-a)", role="primary"),
        Reason.of("unfit-unhealthy", node="db-b (n-b)"),
        Reason.of("unfit-not-a-replica", node="db-c (n-c)", role="hidden"),
    )


def test_who_claims_to_be_primary_is_named() -> None:
    nobody = named(judged(reading(), "n-b"), "primary_known").detail
    assert (nobody["count"], nobody["claiming"]) == ("0", "")
    two = named(judged(reading(A, C), "n-b"), "primary_known").detail
    assert (two["count"], two["claiming"]) == ("2", "db-a (n-a), db-c (n-c)")


def test_a_cluster_without_nodes_fits_nobody() -> None:
    verdict = judged(replace(reading(), nodes=()), None)
    assert ("candidate_known", "check-nobody-fits") in failures(verdict)


@pytest.mark.parametrize("capabilities", [CHOSEN, OPTIONAL])
def test_the_cloud_chooses_where_it_may_and_nobody_was_named(capabilities: Capabilities) -> None:
    verdict = judged(reading(A), None, capabilities=capabilities)
    assert (verdict.outcome, verdict.candidate) == (Outcome.CLEAN, None)
    assert named(verdict, "candidate_known").detail.code == "check-cloud-will-choose"
    chosen = replace(operation(), checks=verdict.checks)
    assert chosen.cloud_chooses
    assert not operation().cloud_chooses
    # Who it is shows once that has succeeded: until then what is read may be the old one.
    assert with_plan(operation(), plan(B)).becomes_primary == B
    read = replace(with_plan(chosen, plan(None)), primary_now=B)
    assert read.becomes_primary is None
    assert replace(read, status=Status.SUCCEEDED).becomes_primary == B
    assert replace(operation(), primary_now=B, status=Status.SUCCEEDED).becomes_primary is None


def test_a_node_can_not_be_named_where_the_cloud_chooses() -> None:
    verdict = judged(reading(A), "n-b", capabilities=CHOSEN)
    assert failures(verdict) == [("candidate_known", "check-cloud-chooses")]


def test_a_node_may_be_named_where_naming_is_optional() -> None:
    assert judged(reading(A), "n-b", capabilities=OPTIONAL).candidate == B


NODES = st.lists(
    st.builds(
        Node,
        id=st.sampled_from([A, B, C, NodeId("n-d")]),
        name=st.sampled_from(["", "db"]),
        address=st.just(""),
        role=st.sampled_from(Role),
        healthy=st.sampled_from([True, False, None]),
        lag=st.none() | st.timedeltas(timedelta(0), timedelta(minutes=2)),
    ),
    max_size=4,
    unique_by=lambda each: each.id,
)


@given(
    nodes=NODES,
    idle=st.booleans(),
    obstacle=st.sampled_from(["", "suspended"]),
    asked=st.sampled_from([None, "n-a", "n-b", "db"]),
    rule=st.sampled_from(CandidateRule),
    policy=st.sampled_from([POLICY, LIMITED, LENIENT]),
)
def test_a_clean_verdict_is_about_an_idle_cluster_and_a_fit_candidate_other_than_the_primary(
    nodes: list[Node], *, idle: bool, obstacle: str, asked: str | None, rule: CandidateRule, policy: Policy
) -> None:
    topology = replace(reading(), nodes=tuple(nodes), idle=idle, obstacle=obstacle)
    verdict = judged(topology, asked, capabilities=replace(CLOUD, candidate=rule), policy=policy)
    assert (verdict.outcome is Outcome.CLEAN) is (verdict.detail is None)
    if verdict.outcome is not Outcome.CLEAN:
        return
    assert idle
    assert not obstacle
    assert all(check.passed for check in verdict.checks)
    if verdict.candidate is None:
        assert rule is not CandidateRule.REQUIRED
        assert topology.primary is not None
        return
    chosen = topology.node(verdict.candidate)
    assert chosen is not None
    assert chosen.healthy
    assert chosen.role in {Role.REPLICA, Role.UNKNOWN}
    assert policy.max_lag is None or (chosen.lag is not None and chosen.lag <= policy.max_lag)


STRICT = replace(POLICY, max_lag=timedelta(seconds=1))


def overridden(
    topology: Topology, *names: str, asked: str | None = "db-b", capabilities: Capabilities = CLOUD
) -> Verdict:
    return preflight(topology, asked, capabilities=capabilities, policy=STRICT, overrides=names)


def lagging() -> Topology:
    late = replace(node(B, lag=9), healthy=False)
    return replace(reading(A), nodes=(node(A, Role.PRIMARY), late, node(C)))


def test_an_emergency_goes_on_without_the_checks_it_overrides_and_no_others() -> None:
    one = overridden(lagging(), "candidate_lag")
    assert (one.outcome, one.detail and one.detail.code) == (Outcome.REFUSED, "check-unhealthy")
    both = overridden(lagging(), "candidate_lag", "candidate_healthy")
    assert (both.outcome, both.candidate, both.detail) == (Outcome.CLEAN, B, None)
    marked = {check.name: (check.passed, check.overridden) for check in both.checks}
    assert marked["candidate_lag"] == marked["candidate_healthy"] == (False, True)
    assert marked["cluster_ready"] == (True, False)


def test_which_node_is_meant_can_not_be_overridden() -> None:
    unknown = overridden(reading(A), "candidate_known", *OVERRIDABLE, asked="nobody")
    assert unknown.outcome is Outcome.REFUSED


def test_a_busy_cluster_can_not_be_overridden_and_an_obstacle_can() -> None:
    assert overridden(reading(A, idle=False), "cluster_ready").outcome is Outcome.REFUSED
    assert overridden(replace(reading(A), obstacle="abnormal"), "cluster_ready").outcome is Outcome.CLEAN


def test_an_unknown_primary_can_be_overridden_only_where_the_candidate_is_named() -> None:
    assert overridden(reading(), "primary_known").outcome is Outcome.CLEAN
    unnamed = overridden(reading(), "primary_known", asked=None, capabilities=CHOSEN)
    assert unnamed.outcome is Outcome.REFUSED


def test_overriding_what_passes_changes_nothing() -> None:
    assert overridden(reading(A), *OVERRIDABLE) == overridden(reading(A))
    already = overridden(reading(B), *OVERRIDABLE)
    assert already.outcome is Outcome.NOT_NEEDED


def test_what_an_emergency_would_have_to_override_is_all_that_fails_or_nothing() -> None:
    assert could_override(overridden(lagging())) == ("candidate_healthy", "candidate_lag")
    assert could_override(overridden(lagging(), "candidate_lag")) == ("candidate_healthy", "candidate_lag")
    assert could_override(overridden(replace(lagging(), idle=False))) == ()
    assert could_override(overridden(reading(A), asked="nobody")) == ()
