"""Who may request, approve, reject, cancel and acknowledge; how many must approve. Facts in, reasons out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from bot.core.model import Reason, UserId

ANYONE = "*"


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one database, as configured at this moment.

    ``approvers``, ``requesters`` and ``break_glass`` hold user ids, user-group ids, or ``*`` for any full
    member; nobody is in an empty ``break_glass``. With ``of_any`` it is no configured one: it stands for every
    database at once, and names whoever may on any of them.
    """

    name: str
    approvers: tuple[str, ...]
    approvals: int = 1
    requesters: tuple[str, ...] = (ANYONE,)
    self_approval: bool = False
    approval_ttl: timedelta = timedelta(minutes=30)
    max_lag: timedelta | None = None
    allow_unknown_primary: bool = False
    cooldown: timedelta = timedelta(0)
    break_glass: tuple[str, ...] = ()
    of_any: bool = False


def is_group(entry: str) -> bool:
    """Whether an entry of a policy's list is a user group: Slack's ids of those start with an S."""
    return entry.startswith("S")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known about a person at the moment they act.

    Attributes:
        user: Their id.
        member: A full, active, human member of the workspace the bot is installed in.
        groups: Those of the groups asked about that they are in.
    """

    user: UserId
    member: bool
    groups: frozenset[str] = frozenset()


def _listed(entries: Iterable[str], who: Standing) -> bool:
    return any(entry in (ANYONE, who.user) or entry in who.groups for entry in entries)


def _is_approver(policy: Policy, who: Standing) -> bool:
    return who.member and _listed(policy.approvers, who)


def _no_approver(policy: Policy, *, but: str = "") -> Reason:
    """What somebody is told who is none, and whom they can ask: nobody who could not do it either."""
    approvers = ",".join(entry for entry in policy.approvers if entry != but)
    if policy.of_any:
        return Reason.of("deny-no-approver-at-all", approvers=approvers)
    return Reason.of("deny-not-an-approver", policy=policy.name, approvers=approvers)


def may_request(policy: Policy, who: Standing) -> Reason | None:
    """Why this person may not request a switchover; None if they may."""
    if not who.member:
        return Reason.of("deny-not-a-member")
    if not _listed(policy.requesters, who):
        if policy.of_any:
            return Reason.of("deny-no-requester-at-all")
        return Reason.of("deny-not-a-requester", policy=policy.name, requesters=",".join(policy.requesters))
    return None


def may_break_glass(policy: Policy, who: Standing) -> Reason | None:
    """Why this person may not run an emergency, without approvals; None if they may."""
    if not who.member:
        return Reason.of("deny-not-a-member")
    if not _listed(policy.break_glass, who):
        return Reason.of("deny-not-break-glass", policy=policy.name, people=",".join(policy.break_glass))
    return None


def may_review(policy: Policy, who: Standing, *, requested_by: str) -> Reason | None:
    """Why this person may not review an emergency; None if they may.

    They must be somebody else, and one whom the policy trusts with this database.
    """
    if not who.member:
        return Reason.of("deny-not-a-member")
    if who.user == requested_by:
        return Reason.of("deny-own-emergency")
    if not _listed((*policy.approvers, *policy.break_glass), who):
        if policy.of_any:
            return _no_approver(policy, but=requested_by)
        listed = dict.fromkeys((*policy.approvers, *policy.break_glass))
        people = ",".join(entry for entry in listed if entry != requested_by)
        return Reason.of("deny-no-reviewer", policy=policy.name, people=people)
    return None


def may_approve(
    policy: Policy, who: Standing, *, requested_by: str, approved_by: Iterable[str]
) -> Reason | None:
    """Why this person's approval does not count; None if it does."""
    if not who.member:
        return Reason.of("deny-not-a-member")
    if who.user == requested_by and not policy.self_approval:
        return Reason.of("deny-own-request")
    if not _listed(policy.approvers, who):
        return _no_approver(policy, but="" if policy.self_approval else requested_by)
    if who.user in approved_by:
        return Reason.of("deny-approved-already")
    return None


def may_reject(policy: Policy, who: Standing) -> Reason | None:
    """Why this person may not reject, acknowledge, freeze or unfreeze; None if they may: any approver."""
    if not who.member:
        return Reason.of("deny-not-a-member")
    return None if _is_approver(policy, who) else _no_approver(policy)


def may_cancel(policy: Policy, who: Standing, *, requested_by: str) -> Reason | None:
    """Why this person may not withdraw the request; None if they may: the requester or an approver."""
    if not who.member:
        return Reason.of("deny-not-a-member")
    if who.user == requested_by or _is_approver(policy, who):
        return None
    return Reason.of("deny-not-requester-nor-approver")


def valid_approvals(
    policy: Policy, approvers: Iterable[Standing], *, requested_by: str
) -> tuple[UserId, ...]:
    """Those of the given approvals that still count under the policy in force now."""
    counted: list[UserId] = []
    for who in approvers:
        if may_approve(policy, who, requested_by=requested_by, approved_by=counted) is None:
            counted.append(who.user)
    return tuple(counted)
