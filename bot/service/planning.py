"""From a reading to a plan: the same steps for the dry run, the request and the recheck."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.model import NodeId, Plan, Reason, Target, Topology, in_words, nested
from bot.core.preflight import Outcome, Verdict, could_override, preflight
from bot.errors import BudgetSpent, OutcomeUnknown, ProviderError, Throttled
from bot.service.catalogue import Database


@dataclass(frozen=True, slots=True)
class Planning:
    """One reading, what the preflight makes of it, and the plan it amounts to."""

    topology: Topology
    verdict: Verdict
    plan: Plan


async def make_plan(
    database: Database,
    target: Target,
    asked: str | None,
    overrides: tuple[str, ...] = (),
    *,
    urgent: bool = False,
) -> Planning:
    """Reads the topology and plans on it; ``overrides`` are the checks that may fail, ``urgent`` is as in the port.

    Raises:
        ProviderError: As ``Provider.observe``.
    """
    topology = await database.provider.observe(target, urgent=urgent)
    return plan_on(database, topology, asked, overrides)


def plan_on(
    database: Database, topology: Topology, asked: str | None, overrides: tuple[str, ...] = ()
) -> Planning:
    """The plan that a reading amounts to. Pure but for the provider's description of its call."""
    verdict = preflight(
        topology,
        asked,
        capabilities=database.provider.capabilities,
        policy=database.policy,
        overrides=overrides,
    )
    plan = _plan(database, topology, verdict.candidate, overrides)
    return Planning(topology, verdict, plan)


def _plan(
    database: Database, topology: Topology, candidate: NodeId | None, overrides: tuple[str, ...]
) -> Plan:
    primary, target = topology.primary, Target(database.name, topology.shard)
    return Plan(
        database=target.database,
        shard=target.shard,
        candidate=candidate,
        primary=None if primary is None else primary.id,
        members=topology.members,
        call=database.provider.describe(target, candidate),
        overrides=overrides,
    )


def refusal(verdict: Verdict, *, emergency: bool) -> Reason | None:
    """Why the preflight says no; of an emergency, with which overrides it would not, if with any."""
    if not emergency or verdict.outcome is not Outcome.REFUSED:
        return verdict.detail
    if needed := could_override(verdict):
        return Reason.of("emergency-could-override", checks=", ".join(needed))
    if verdict.detail is not None and verdict.detail.code == "check-cluster-busy":
        return Reason("emergency-cluster-busy", verdict.detail.params)
    return verdict.detail


def what_moved(approved: Plan, present: Plan) -> Reason | None:
    """What is no longer as approved, for people; None if the fingerprints agree."""
    if approved.fingerprint == present.fingerprint:
        return None
    if approved.primary != present.primary:
        return Reason.of("topology-moved-primary", before=approved.primary or "?", now=present.primary or "?")
    before, now = dict(approved.members), dict(present.members)
    gone = ", ".join(sorted(set(before) - set(now)))
    new = ", ".join(sorted(set(now) - set(before)))
    if gone or new:
        return Reason.of("topology-moved-members", gone=gone or "-", new=new or "-")
    if before != now:
        changed = [
            Reason.of("role-changed", node=node, role=before[node], new_role=now[node])
            for node in before
            if before[node] != now[node]
        ]
        return Reason.of("topology-moved-roles", changed=nested(changed))
    return Reason.of("plan-changed", before=approved.call.summary, present=present.call.summary)


def provider_said(error: ProviderError) -> Reason:
    """A provider's error as a sentence: its message, its code and request id where it gave them."""
    message, named = in_words(error), reference(error)
    if isinstance(error, Throttled):
        return Reason.of("provider-throttled", message=message, error=named)
    return Reason.of("provider-said", message=message, error=named)


def provider_silent(error: ProviderError) -> Reason:
    """The same, where it was tried again for as long as that is of use."""
    return Reason.of("provider-silent", message=in_words(error), error=reference(error))


def calls_awaited(error: BudgetSpent) -> Reason:
    """That it is the bot's own budget of calls that is used up, and that it goes on by itself."""
    return Reason.of("calls-awaited", message=in_words(error))


def outcome_unknown(error: OutcomeUnknown) -> Reason:
    """Why it is not known whether a submission was accepted: nothing came back, or nothing that decides it."""
    message, named = in_words(error), reference(error)
    if error.lost:
        return Reason.of("lost-answer", message=message, error=named)
    return Reason.of("answer-undecided", message=message, error=named)


def reference(error: ProviderError) -> str:
    """What the provider's support asks for: its code and request id, "" where it gave neither."""
    return " ".join(part for part in (error.code, error.request_id) if part)
