"""What the buttons of a card do, and ``cancel ID``: each click is judged by what is true when it is worked on."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from bot.core import events as e
from bot.core.answers import Answer, Tell
from bot.core.commands import Act, Action, Origin, RequestSwitchover
from bot.core.holds import EVERY_KIND
from bot.core.machine import Limits, decide, next_due
from bot.core.model import CandidateRule, Reason, Topology
from bot.core.operation import REPLANNED, Operation, Status, reason_to_switch_back
from bot.core.policy import (
    Policy,
    Standing,
    may_approve,
    may_cancel,
    may_reject,
    may_request,
    may_review,
)
from bot.core.schedule import Start
from bot.errors import DirectoryUnavailable, IllegalTransition, ProviderError, Stale
from bot.ports import NO_HOLD, Clock, Directory, InboxItem, Reply, Store
from bot.service.catalogue import CatalogueHolder
from bot.service.hindrances import hindrance
from bot.service.looking import Looks
from bot.service.naming import called
from bot.service.past import unknown_operation
from bot.service.people import standing
from bot.service.planning import provider_said
from bot.service.requests import Requests

OVERTAKEN = 4
"""How often a click that another one overtook is looked at again at once."""
SEEN_WITHIN = 3.0
"""Seconds that "check again" waits for what can be seen: the answer does not hang with a cloud, nor with Slack."""
GO_ON = frozenset({Action.APPROVE, Action.SWITCH_BACK, Action.REPLAN})
"""What leads to a submission, and so needs a database that is configured."""
NOT_LOOKED_AT = frozenset({Status.AWAITING_APPROVAL, Status.SCHEDULED, Status.STARTING})
"""What waits for people, for its start, or for the answer to its request, which comes by itself: while that is
under way a look could only call it in doubt."""

log = structlog.get_logger()


class Clicks:
    """Judges clicks.

    Args:
        store: Where operations live.
        directory: Who people are.
        catalogue: The configuration in force.
        clock: The time.
        requests: Takes what a click asks for anew.
    """

    def __init__(
        self,
        *,
        store: Store,
        directory: Directory,
        catalogue: CatalogueHolder,
        clock: Clock,
        requests: Requests,
    ) -> None:
        self._store = store
        self._directory = directory
        self._catalogue = catalogue
        self._clock = clock
        self._requests = requests
        self._looks = Looks(store=store, clock=clock)

    async def act(self, item: InboxItem, act: Act, limits: Limits) -> Answer | None:
        """Does what the click asks, and with it finishes the item; or the answer why not.

        Raises:
            Stale: It was overtaken again and again, or the item is finished already.
        """
        for _ in range(OVERTAKEN):
            op = await self._store.load(act.operation)
            if op is None:
                return Tell(await unknown_operation(self._store, act.operation))
            current = self._catalogue.current
            policy = current.policy_for(op.database)
            denied = await self._denied(op, act.action, item.origin, policy)
            if self._catalogue.current is not current:
                continue  # a new configuration came while Slack was asked: what counts now is what it says
            if denied is not None:
                return Tell(denied)
            if act.action is Action.SWITCH_BACK:
                return await self._switch_back(item, op, limits)
            if act.action is Action.REPLAN:
                return await self._replan(item, op, limits)
            try:
                return await self._apply(item, op, act, policy, limits)
            except Stale:
                continue  # two clicks, or a click and a halt, in the same moment: look again at what is true now
        raise Stale

    async def _denied(self, op: Operation, action: Action, origin: Origin, policy: Policy) -> Reason | None:
        if action is Action.CHECK_AGAIN:
            return None  # whoever sees the card: it decides nothing; what is found is told to members only
        who = await standing(self._directory, _asked_about(action, policy), origin.user, origin.team)
        denied = _denied(op, action, policy, who)
        if denied is not None or action not in GO_ON:
            return denied
        database = self._catalogue.current.databases.get(op.database)
        if database is None:
            return Reason.of("database-removed", name=op.database)
        if action is not Action.APPROVE:
            return None  # a request is judged where all of them are
        now = self._clock.now()
        return await hindrance(self._store, database, op.target, now, start_at=op.start_at)

    async def _apply(
        self, item: InboxItem, op: Operation, act: Act, policy: Policy, limits: Limits
    ) -> Answer | None:
        action = act.action
        if action is Action.CHECK_AGAIN:
            return await self._check_again(op, item.origin)
        now = self._clock.now()
        try:
            decision = decide(op, _event(action, now, item.origin, policy))
        except IllegalTransition:
            return Tell(_too_late(op, action))
        await self._store.commit(
            [decision],
            due_at=next_due(decision.after, now, limits, looked=False),
            item_id=item.id,
            replies=[Reply(item.origin, _withdrawn(op))] if act.typed else (),
            unless_held=EVERY_KIND if action is Action.APPROVE else NO_HOLD,
        )
        log.info(e.event_name(decision.event), operation=op.id, status=decision.after.status)
        return None

    async def _check_again(self, op: Operation, origin: Origin) -> Answer:
        if not op.open:
            return Tell(_too_late(op, Action.CHECK_AGAIN))
        if op.status in NOT_LOOKED_AT:
            return Tell(Reason.of("nothing-to-check-yet", id=op.id, status=op.status))
        await self._looks.make_due(op)
        try:
            async with asyncio.timeout(SEEN_WITHIN):
                seen = await self._seen(op, origin)
        except (TimeoutError, DirectoryUnavailable):
            seen = None
        return seen or Tell(Reason.of("checking-again", id=op.id))

    async def _seen(self, op: Operation, origin: Origin) -> Tell | None:
        """What is read at once: a card on which nothing is new would not show that anybody looked.

        None for who is not a member: what a cloud says, and where it says no, is no business of theirs.
        """
        who = await standing(self._directory, (), origin.user, origin.team)
        database = self._catalogue.current.tracked(op.database)
        if database is None or not who.member:
            return None
        found = await self._looks.reading(op, database)
        if isinstance(found, ProviderError):
            return Tell(Reason.of("unreadable", name=op.database), provider_said(found))
        return None if found is None else Tell(_looked(op, found))

    async def _replan(self, item: InboxItem, op: Operation, limits: Limits) -> Answer | None:
        """The same request anew, with the start that it had. One that has passed is never made "at once"."""
        if op.start_at is not None and op.start_at <= self._clock.now():
            passed = Reason.of(
                "replan-start-passed",
                id=op.id,
                when=op.start_at.isoformat(),
                zone=op.zone,
                database=op.database,
                node=op.asked,
                shard=op.shard,
                reason=op.reason,
            )
            return Tell(passed)
        start = None if op.start_at is None else Start(at=op.start_at)
        again = RequestSwitchover(op.database, op.asked, op.shard, op.reason, start=start)
        return await self._requests.take(item, again, limits, follows=op)

    async def _switch_back(self, item: InboxItem, op: Operation, limits: Limits) -> Answer | None:
        """A new request towards the old primary, as long as the roles are those that this operation left."""
        database = self._catalogue.current.tracked(op.database)
        if database is None or op.plan is None or op.plan.primary is None:
            return Tell(Reason.of("switch-back-unknown", id=op.id))
        try:
            reading = await database.provider.observe(op.target)
        except ProviderError as error:
            return Tell(Reason.of("unreadable", name=op.database), provider_said(error))
        present = None if reading.primary is None else reading.primary.id
        if present is None or present != op.primary_now:
            # Somebody has moved it since. What a person wants then is no longer the way back from here, and a
            # cloud that chooses by itself would be asked to leave a primary that nobody named.
            before, now = called(op.primary_now, reading), called(present, reading)
            return Tell(Reason.of("switch-back-moved", id=op.id, before=before, now=now))
        chosen = database.provider.capabilities.candidate is CandidateRule.CHOSEN_BY_CLOUD
        named = op.plan.candidate is not None and not chosen
        node = op.plan.primary if named else None
        back = RequestSwitchover(op.database, node, op.shard, reason_to_switch_back(op.id))
        old = called(op.plan.primary, reading)
        told = None if named else Tell(Reason.of("switch-back-not-promised", id=op.id, node=old))
        return await self._requests.take(item, back, limits, follows=op, back_of=op.id, besides=told)


def _looked(op: Operation, reading: Topology) -> Reason:
    primary = reading.primary
    return Reason.of(
        "looked-again",
        when=reading.read_at.isoformat(),
        now=primary and (primary.name or primary.id),
        moved="yes" if primary and primary.id != op.primary_now else "",
        job=op.job_id,
    )


def _asked_about(action: Action, policy: Policy) -> tuple[str, ...]:
    """The list that decides whether somebody may."""
    match action:
        case Action.SWITCH_BACK | Action.REPLAN:
            return policy.requesters
        case Action.REVIEW:
            return (*policy.approvers, *policy.break_glass)
        case _:
            return policy.approvers


def _denied(op: Operation, action: Action, policy: Policy, who: Standing) -> Reason | None:
    """Why this person may not do this; the state is looked at first, so that a late click is told so."""
    if not who.member:
        return Reason.of("deny-not-a-member")
    match action:
        case Action.APPROVE:
            if op.status is not Status.AWAITING_APPROVAL:
                return _too_late(op, action)
            return may_approve(policy, who, requested_by=op.requested_by, approved_by=op.approved_by)
        case Action.CANCEL:
            return may_cancel(policy, who, requested_by=op.requested_by)
        case Action.REVIEW:
            return _no_review(op) or may_review(policy, who, requested_by=op.requested_by)
        case Action.SWITCH_BACK | Action.REPLAN:
            return _nothing_to_repeat(op, action) or may_request(policy, who)
        case _:
            return may_reject(policy, who)


def _nothing_to_repeat(op: Operation, action: Action) -> Reason | None:
    if action is Action.SWITCH_BACK:
        done = op.status is Status.SUCCEEDED
        return None if done else Reason.of("nothing-to-switch-back", id=op.id, status=op.status)
    ended = op.status in REPLANNED
    return None if ended else Reason.of("nothing-to-replan", id=op.id, status=op.status)


def _no_review(op: Operation) -> Reason | None:
    """Why there is nothing to review; None if a review is owed."""
    if op.review_owed:
        return None
    if op.reviewed_by is not None:
        return Reason.of("already-reviewed", id=op.id, by=op.reviewed_by)
    return Reason.of("review-too-early" if op.emergency and op.open else "nothing-to-review", id=op.id)


def _event(action: Action, now: datetime, origin: Origin, policy: Policy) -> e.Event:
    match action:
        case Action.APPROVE:
            return e.Approved(now, origin.user, policy.approvals, policy.self_approval, origin.team)
        case Action.REJECT:
            return e.Rejected(now, origin.user, origin.team)
        case Action.ACKNOWLEDGE:
            return e.Acknowledged(now, origin.user, origin.team)
        case Action.REVIEW:
            return e.Reviewed(now, origin.user, origin.team)
        case _:
            return e.Cancelled(now, origin.user, team=origin.team)


def _withdrawn(op: Operation) -> Tell:
    return Tell(Reason.of("cancelled-now", id=op.id, database=op.label))


def _too_late(op: Operation, action: Action) -> Reason:
    if action is Action.APPROVE and op.status is Status.PLANNING:
        return Reason.of("not-ready-for-approval", id=op.id)
    if action is Action.APPROVE and op.status is Status.AWAITING_APPROVAL:
        return Reason.of("approval-expired", id=op.id)
    if not op.open:
        return Reason.of("already-decided", id=op.id, status=op.status)
    return Reason.of("too-late", id=op.id, status=op.status)
