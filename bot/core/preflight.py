"""Is a switchover safe now? Each check says why not, naming node and number, and what would mend it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.core.model import CandidateRule, Capabilities, Node, NodeId, Reason, Role, Topology, nested
from bot.core.names import nearest
from bot.core.policy import Policy

OVERRIDABLE = ("cluster_ready", "primary_known", "candidate_is_replica", "candidate_healthy", "candidate_lag")
"""The checks that an emergency may go on without. Which node is meant must be known in any case."""


@dataclass(frozen=True, slots=True)
class Check:
    """One named check: what was looked at, and what was found.

    ``overridden``: it failed, and an emergency may go on without it.
    """

    name: str
    passed: bool
    detail: Reason
    overridden: bool = False


class Outcome(StrEnum):
    CLEAN = "clean"
    REFUSED = "refused"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the preflight found. ``detail`` says why, unless it is clean."""

    outcome: Outcome
    candidate: NodeId | None
    checks: tuple[Check, ...]
    detail: Reason | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who could be meant: a ``problem``, several ``choices``, or settled on ``node`` (None: the cloud chooses).

    ``near``: who was probably meant by a name that nobody has.
    """

    node: Node | None = None
    choices: tuple[Node, ...] = ()
    problem: Check | None = None
    near: Node | None = None


def candidates(
    topology: Topology, asked: str | None, *, capabilities: Capabilities, policy: Policy
) -> Candidates:
    """Who is to become primary: the node asked for, the only fitting one, several to choose from, or nobody."""
    if asked is not None:
        return _asked(topology, asked, capabilities)
    fitting = tuple(node for node in topology.nodes if _unfit(node, capabilities, policy) is None)
    if not fitting:
        return Candidates(problem=_nobody_fits(topology, capabilities, policy))
    if capabilities.candidate is not CandidateRule.REQUIRED:
        return Candidates()
    return Candidates(node=fitting[0]) if len(fitting) == 1 else Candidates(choices=fitting)


def _asked(topology: Topology, asked: str, capabilities: Capabilities) -> Candidates:
    if capabilities.candidate is CandidateRule.CHOSEN_BY_CLOUD:
        return Candidates(problem=_failed("candidate_known", "check-cloud-chooses", asked=asked))
    found = [node for node in topology.nodes if node.answers_to(asked)]
    if len(found) == 1:
        return Candidates(node=found[0])
    if found:
        known = ", ".join(_label(node) for node in topology.nodes)
        return Candidates(
            problem=_failed("candidate_known", "check-node-ambiguous", asked=asked, known=known)
        )
    near = nearest(
        asked, (text for node in topology.nodes for text in (node.address, node.id, node.name) if text)
    )
    meant = next((node for node in topology.nodes if near and node.answers_to(near)), None)
    called = "" if meant is None else _label(meant)
    # To name the primary would make it what it is.
    others = [node for node in topology.nodes if node is not topology.primary] or topology.nodes
    known = ", ".join(map(_label, others))
    problem = _failed("candidate_known", "check-node-not-found", asked=asked, known=known, nearest=called)
    return Candidates(problem=problem, near=meant)


def preflight(
    topology: Topology,
    asked: str | None,
    *,
    capabilities: Capabilities,
    policy: Policy,
    overrides: Collection[str] = (),
) -> Verdict:
    """Runs every check on one reading; those named in ``overrides`` may fail.

    Several fitting candidates where one must be named is a refusal here; a chooser comes before.
    """
    verdict = _preflight(topology, asked, capabilities, policy)
    if not overrides or verdict.outcome is not Outcome.REFUSED:
        return verdict
    checks = tuple(
        replace(check, overridden=check.name in overrides and _may_be_overridden(check, verdict.candidate))
        for check in verdict.checks
    )
    return _verdict(verdict.candidate, checks)


def could_override(verdict: Verdict) -> tuple[str, ...]:
    """Every check that an emergency would have to override to go on; none where overriding does not help."""
    failed = [check for check in verdict.checks if not check.passed]
    helps = all(_may_be_overridden(check, verdict.candidate) for check in failed)
    return tuple(check.name for check in failed) if helps else ()


def _may_be_overridden(check: Check, candidate: NodeId | None) -> bool:
    if check.passed or check.name not in OVERRIDABLE:
        return False
    if check.name == "primary_known":
        # With neither a primary known nor a candidate, no reading could ever prove the outcome.
        return candidate is not None
    # What a cluster is busy with may be somebody else's switchover, which ours would undo.
    return check.detail.code != "check-cluster-busy"


def _preflight(topology: Topology, asked: str | None, capabilities: Capabilities, policy: Policy) -> Verdict:
    cluster = (_ready(topology), _primary_known(topology, policy, named=asked is not None))
    found = candidates(topology, asked, capabilities=capabilities, policy=policy)
    if found.problem:
        return _verdict(None, (*cluster, found.problem))
    if found.choices:
        names = ", ".join(_label(node) for node in found.choices)
        return _verdict(None, (*cluster, _failed("candidate_known", "check-name-one", known=names)))
    if found.node is None:
        return _verdict(None, (*cluster, _passed("candidate_known", "check-cloud-will-choose")))
    node = found.node
    if topology.primary is not None and node.id == topology.primary.id:
        detail = Reason.of("not-needed-already-primary", node=_label(node))
        known = _passed("candidate_known", "check-node-found", node=_label(node))
        return Verdict(Outcome.NOT_NEEDED, node.id, (*cluster, known), detail)
    return _verdict(node.id, (*cluster, *_candidate_checks(node, capabilities, policy)))


def _verdict(candidate: NodeId | None, checks: tuple[Check, ...]) -> Verdict:
    failed = [check for check in checks if not (check.passed or check.overridden)]
    if not failed:
        return Verdict(Outcome.CLEAN, candidate, checks)
    return Verdict(Outcome.REFUSED, candidate, checks, failed[0].detail)


def _candidate_checks(node: Node, capabilities: Capabilities, policy: Policy) -> tuple[Check, ...]:
    return (
        _passed("candidate_known", "check-node-found", node=_label(node)),
        _is_replica(node, policy),
        _is_healthy(node),
        *_lag(node, capabilities, policy),
    )


def _unfit(node: Node, capabilities: Capabilities, policy: Policy) -> Check | None:
    checks = _candidate_checks(node, capabilities, policy)
    return next((check for check in checks if not check.passed), None)


def _nobody_fits(topology: Topology, capabilities: Capabilities, policy: Policy) -> Check:
    unfit = (_unfit(node, capabilities, policy) for node in topology.nodes)
    why = [
        Reason(problem.detail.code.replace("check-", "unfit-", 1), problem.detail.params)
        for problem in unfit
        if problem is not None
    ]
    return _failed("candidate_known", "check-nobody-fits", nodes=nested(why) if why else "-")


def _ready(topology: Topology) -> Check:
    if topology.obstacle:
        return _failed("cluster_ready", "check-cluster-obstacle", obstacle=topology.obstacle)
    if not topology.idle:
        return _failed("cluster_ready", "check-cluster-busy", state=topology.state)
    return _passed("cluster_ready", "check-cluster-ready", state=topology.state)


def _primary_known(topology: Topology, policy: Policy, *, named: bool) -> Check:
    if topology.primary is not None:
        return _passed("primary_known", "check-primary-known", node=_label(topology.primary))
    # Where the cloud chooses, "another node than before" could never be verified without a before.
    if policy.allow_unknown_primary and named:
        return _passed("primary_known", "check-primary-unknown-allowed", policy=policy.name)
    claiming = [_label(node) for node in topology.nodes if node.role is Role.PRIMARY]
    return _failed(
        "primary_known", "check-primary-unknown", count=len(claiming), claiming=", ".join(claiming)
    )


def _is_replica(node: Node, policy: Policy) -> Check:
    if node.role is Role.REPLICA:
        return _passed("candidate_is_replica", "check-is-replica", node=_label(node))
    if node.role is Role.UNKNOWN and policy.allow_unknown_primary:
        return _passed("candidate_is_replica", "check-role-unknown-allowed", node=_label(node))
    return _failed("candidate_is_replica", "check-not-a-replica", node=_label(node), role=node.role)


def _is_healthy(node: Node) -> Check:
    if node.healthy:
        return _passed("candidate_healthy", "check-healthy", node=_label(node))
    code = "check-health-unknown" if node.healthy is None else "check-unhealthy"
    return _failed("candidate_healthy", code, node=_label(node))


def _lag(node: Node, capabilities: Capabilities, policy: Policy) -> tuple[Check, ...]:
    if policy.max_lag is None:
        return ()
    limit = f"{policy.max_lag.total_seconds():g}"
    if not capabilities.reports_lag:
        return (_passed("candidate_lag", "check-lag-not-reported", limit=limit),)
    if node.lag is None:
        return (_failed("candidate_lag", "check-lag-unknown", node=_label(node), limit=limit),)
    lag = f"{node.lag.total_seconds():g}"
    if node.lag > policy.max_lag:
        return (_failed("candidate_lag", "check-lag-too-long", node=_label(node), lag=lag, limit=limit),)
    return (_passed("candidate_lag", "check-lag", node=_label(node), lag=lag, limit=limit),)


def _label(node: Node) -> str:
    return f"{node.name} ({node.id})" if node.name and node.name != node.id else node.id


def _passed(name: str, code: str, **params: object) -> Check:
    return Check(name, passed=True, detail=Reason.of(code, **params))


def _failed(name: str, code: str, **params: object) -> Check:
    return Check(name, passed=False, detail=Reason.of(code, **params))
