"""What a stored operation owes, done: plan, recheck, submit once, settle doubt, poll, verify, look again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot.core import events as e
from bot.core.holds import HoldKind, kinds_binding
from bot.core.machine import (
    UNREADABLE_FOR,
    Decision,
    Duty,
    Limits,
    Say,
    as_approved,
    decide,
    judge_doubt,
    judge_roles,
    next_due,
    owed,
    unchanged,
    verified_too_long,
)
from bot.core.model import Evidence, Job, JobId, JobState, Plan, Reason, Topology, UserId, in_words
from bot.core.operation import Operation, Status
from bot.core.policy import Policy, may_break_glass, valid_approvals
from bot.core.preflight import Outcome
from bot.errors import (
    BudgetSpent,
    DirectoryUnavailable,
    Held,
    IllegalTransition,
    Locked,
    Misconfigured,
    NotSent,
    OutcomeUnknown,
    ProviderError,
    Refused,
    Stale,
    StoreUnavailable,
    Throttled,
    Unreadable,
)
from bot.ports import NO_HOLD, Clock, Directory, Intent, Provider, Store
from bot.service.catalogue import CatalogueHolder, Database
from bot.service.hindrances import cooling, hindrance
from bot.service.holding import say_held
from bot.service.past import past_switchovers
from bot.service.patience import Patience
from bot.service.people import standing
from bot.service.planning import (
    calls_awaited,
    make_plan,
    outcome_unknown,
    provider_said,
    provider_silent,
    reference,
    refusal,
    what_moved,
)

SEND_WITHIN = 5.0
"""Seconds from the decision to submit to the first byte; a process frozen for longer sends nothing."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 5.0
"""Seconds between tries to record what became of a request, doubled with each."""

KEEP_OUTCOME = 300.0
"""Seconds for which that is tried."""

TELL_LATE = 5
"""How often a late answer is offered to an operation that others are changing at the same time."""

JOBS_KNOWN = 50
"""Of how many requests of a database, the newest, the jobs are told from those of a lost one."""

log = structlog.get_logger()


class Duties:
    """Does what ``owed`` says, one look at a time; safe to repeat, and to be killed anywhere.

    Args:
        store: Where operations live.
        directory: Who people are.
        catalogue: The configuration in force.
        clock: The time.
        limits: The configured times.
        wake: Told after every change, so that cards and further duties don't wait for a tick.
        submitted: Told the account of every request that may have left, for metrics.

    Attributes:
        draining: The process is about to end: what is under way is finished, and no submission is begun.
    """

    def __init__(
        self,
        *,
        store: Store,
        directory: Directory,
        catalogue: CatalogueHolder,
        clock: Clock,
        limits: Limits,
        wake: Callable[[], None],
        submitted: Callable[[str], None],
    ) -> None:
        self._store = store
        self._directory = directory
        self._catalogue = catalogue
        self._clock = clock
        self.limits = limits
        self._wake = wake
        self._submitted = submitted
        self.draining = False
        self._patience = Patience()
        self._looks: Mapping[Duty, Callable[[Operation], Awaitable[e.Event | None]]] = {
            Duty.PLAN: self._plan,
            Duty.RECHECK: self._recheck,
            Duty.SETTLE: self._settle,
            Duty.POLL: self._roles_instead_of_job,
            Duty.VERIFY: self._verify,
            Duty.LOOK: self._look,
        }

    async def perform(self, op: Operation, until: datetime) -> None:
        """Does what one operation owes now, claimed until then.

        Raises:
            StoreUnavailable: Nothing was recorded; the claim runs out and it is due again.
        """
        try:
            event = await self._next_event(op)
        except BudgetSpent as spent:
            await self._await_calls(op, spent, until)
            return
        if event is None:
            await self._later(op, until)
        elif isinstance(event, e.SubmissionStarted):
            if self.draining:
                # Cut short in mid-call it would be in doubt; the next process rechecks and sends it.
                await self._store.postpone({op.id: (op.version, self._clock.now())}, until=until)
                return
            await self._start(op, event, until)
        else:
            await self._record(op, event)

    async def poll(self, ops: Sequence[Operation], until: datetime) -> None:
        """Polls the jobs of many running operations, claimed until then, in as few requests as their accounts allow.

        Raises:
            StoreUnavailable: Nothing was recorded; the claims run out and they are due again.
        """
        # By its provider, too: what was taken out of the configuration is still asked with the credentials of then.
        by_account: dict[tuple[str, int], list[Operation]] = defaultdict(list)
        for op in ops:
            database = self._catalogue.current.tracked(op.database)
            by_account[(database.account, id(database.provider)) if database else ("", 0)].append(op)
        # Each account on its own: one that hangs or breaks holds up no other.
        polls = (self._poll_account(account, members, until) for (account, _), members in by_account.items())
        for result in await asyncio.gather(*polls, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    def pollable(self, op: Operation) -> bool:
        """Whether this operation's duty is a job poll that can share a request with others."""
        return owed(op, self._clock.now()) is Duty.POLL and op.job_id is not None

    # --- recording ---

    async def _record(
        self,
        op: Operation,
        event: e.Event,
        *,
        unless_held: frozenset[HoldKind] = NO_HOLD,
        not_before: datetime | None = None,
    ) -> Operation | None:
        """Commits one event; None if somebody else was first, or it is no longer possible.

        Args:
            op: Whose.
            event: What.
            unless_held: By holds of these kinds.
            not_before: When it is looked at again at the earliest.

        Raises:
            Held: A hold of the kinds given came first.
        """
        now, after = self._clock.now(), op
        try:
            decision = decide(op, event)
            after = decision.after
            due = not_before or self._due(decision, now)
            held = say_held(op.status, decision)
            await self._store.commit([decision], due_at=due, unless_held=unless_held, say_held=held)
        except Held:
            raise
        except (Stale, IllegalTransition) as error:
            log.info("decision_overtaken", operation=op.id, reason=str(error))
            return None
        except Locked as error:
            locked = Reason.of("locked", database=after.label, holder=error.holder)
            return await self._record(op, e.PlanningFailed(now, locked))
        log.info(e.event_name(event), operation=op.id, status=after.status)
        self._wake()
        return after

    def _due(self, decision: Decision, now: datetime) -> datetime | None:
        return next_due(decision.after, now, self.limits, looked=False)

    async def _later(self, op: Operation, until: datetime, *, not_before: datetime | None = None) -> None:
        due = next_due(op, self._clock.now(), self.limits, looked=True)
        if due is not None:
            await self._store.postpone({op.id: (op.version, max(due, not_before or due))}, until=until)

    async def _await_calls(self, op: Operation, spent: BudgetSpent, until: datetime) -> None:
        """Waits for the bot's own budget, for all to see: the cloud is well, and nothing is refused for that."""
        # Looked at now and then all the same: approvals run out meanwhile, and starts are missed.
        not_before = self._clock.now() + min(spent.retry_after, self.limits.look_interval)
        said = calls_awaited(spent)
        log.warning("calls_awaited", operation=op.id, seconds=spent.retry_after.total_seconds())
        if op.detail != said:
            await self._record(op, e.CallsAwaited(self._clock.now(), said), not_before=not_before)
        else:
            await self._later(op, until, not_before=not_before)

    # --- what is owed ---

    async def _next_event(self, op: Operation) -> e.Event | None:
        now = self._clock.now()
        match duty := owed(op, now):
            case Duty.EXPIRE:
                return e.Expired(now)
            case Duty.REMIND:
                return e.StartNear(now)
            case Duty.START:
                return e.StartReached(now)
            case Duty.DOUBT:
                return self._uncertain(op.database, op.submissions[-1], Reason.of("restarted-while-starting"))
            case _:
                look = self._looks.get(duty)
                return None if look is None else await look(op)

    async def _plan(self, op: Operation) -> e.Event | None:
        database = self._catalogue.current.databases.get(op.database)
        if database is None:
            return e.PlanningFailed(self._clock.now(), Reason.of("database-removed", name=op.database))
        try:
            planning = await make_plan(database, op.target, op.asked, op.overrides, urgent=op.emergency)
        except ProviderError as error:
            return self._unreadable(op, error, e.PlanningFailed)
        self._patience.regained(op)
        now, policy = self._clock.now(), database.policy
        outcome, detail = planning.verdict.outcome, refusal(planning.verdict, emergency=op.emergency)
        if outcome is Outcome.CLEAN and not op.emergency:
            hindered = await cooling(self._store, database, planning.plan.target, op.start_at or now)
            outcome, detail = (outcome, detail) if hindered is None else (Outcome.REFUSED, hindered)
        past = await past_switchovers(self._store, planning.plan.target)
        return e.Planned(
            at=now,
            plan=planning.plan,
            topology=planning.topology,
            checks=planning.verdict.checks,
            outcome=outcome,
            detail=detail,
            needed=_needed(op, policy),
            approvers=policy.approvers,
            expires_at=op.requested_at + policy.approval_ttl,
            last=past.last,
            usual=past.usual,
        )

    def _unreadable(
        self,
        op: Operation,
        error: ProviderError | DirectoryUnavailable,
        refusal: Callable[[datetime, Reason], e.Event],
    ) -> e.Event | None:
        """A definite answer refuses at once; what may pass is tried again until it has lasted too long.

        Raises:
            BudgetSpent: Nobody was asked, which is no answer. After a try the minute for trying again is over first.
        """
        if isinstance(error, BudgetSpent) and not op.submissions:
            raise error
        now = self._clock.now()
        lost = self._patience.is_lost(op, now, gap=UNREADABLE_FOR + self.limits.max_poll_interval)
        if isinstance(error, Refused | Misconfigured):
            return refusal(now, provider_said(error))
        if lost:
            if isinstance(error, DirectoryUnavailable):
                return refusal(now, _people_unknown(op))
            return refusal(now, provider_silent(error))
        log.warning("unreadable", operation=op.id, reason=str(error))
        return None

    async def _recheck(self, op: Operation) -> e.Event | None:
        database = self._catalogue.current.databases.get(op.database)
        if database is None:
            return e.RecheckRefused(self._clock.now(), Reason.of("database-removed", name=op.database))
        try:
            denied = await self._no_glass(op, database.policy)
            quorum = await self._live_quorum(op, database)
            asked = op.plan.candidate if op.plan else op.asked
            planning = await make_plan(database, op.target, asked, op.overrides, urgent=True)
        except (ProviderError, DirectoryUnavailable) as error:
            return self._unreadable(op, error, e.RecheckRefused)
        self._patience.regained(op)
        now = self._clock.now()
        problem = await hindrance(self._store, database, op.target, now, emergency=op.emergency)
        if self._catalogue.current.databases.get(op.database) is not database:
            return None  # a new configuration came while others were asked: by that it is looked at anew
        problem = problem or denied or self._no_longer(op, database, quorum, planning.plan)
        checks = planning.verdict.checks
        if problem is None and planning.verdict.outcome is not Outcome.CLEAN:
            said = refusal(planning.verdict, emergency=op.emergency)
            problem = said or Reason.of("plan-changed", before="-", present="-")
        if problem is not None:
            return e.RecheckRefused(now, problem, planning.topology, checks)
        needed = _needed(op, database.policy)
        return e.SubmissionStarted(now, planning.plan, planning.topology, quorum, needed, checks)

    async def _no_glass(self, op: Operation, policy: Policy) -> Reason | None:
        """Why whoever asked for an emergency may no longer; None if they may, or it is none."""
        if not op.emergency:
            return None
        who = await standing(self._directory, policy.break_glass, op.requested_by, "", since=_due_since(op))
        return may_break_glass(policy, who)

    async def _live_quorum(self, op: Operation, database: Database) -> tuple[UserId, ...]:
        since, entries = _due_since(op), database.policy.approvers
        people = [
            await standing(self._directory, entries, approval.by, "", since=since)
            for approval in op.approvals
        ]
        return valid_approvals(database.policy, people, requested_by=op.requested_by)

    def _no_longer(
        self, op: Operation, database: Database, quorum: tuple[UserId, ...], present: Plan
    ) -> Reason | None:
        needed = _needed(op, database.policy)
        if len(quorum) < needed:
            return Reason.of("no-quorum", valid=len(quorum), needed=needed)
        return None if op.plan is None else what_moved(op.plan, present)

    # --- the one request ---

    async def _start(self, op: Operation, event: e.SubmissionStarted, until: datetime) -> None:
        send_by = self._clock.monotonic() + SEND_WITHIN
        database = self._catalogue.current.databases.get(op.database)
        kinds = kinds_binding(emergency=op.emergency)
        try:
            started = None if database is None else await self._record(op, event, unless_held=kinds)
        except Held:
            await self.perform(op, until)  # the claim is still ours, and the next look says why not
            return
        if started is None or database is None:
            return
        if self.draining:
            # Told to stop while it was committed: what has not begun to leave must not, and that is certain.
            now = self._clock.now()
            outcome: e.Event = e.SubmissionNotAccepted(now, Reason.of("not-sent-stopping"), now)
        else:
            # From here on it takes no longer than a call may, and for that draining waits.
            outcome = await self._submit(database, event, Intent(event.at, send_by))
        await self._conclude(started, outcome)

    async def _conclude(self, op: Operation, outcome: e.Event) -> None:
        """Records what became of the request. Nobody else has heard it, so a database that is away is waited for.

        Raises:
            StoreUnavailable: It was away for too long; the request is in doubt then, and looked for.
        """
        began, wait, job = self._clock.monotonic(), FIRST_WAIT, getattr(outcome, "job_id", None)
        while True:
            try:
                if await self._record(op, _as_late(outcome, self._clock.now())) is None:
                    await self._told_late(op, outcome)
            except StoreUnavailable as error:
                if wait == FIRST_WAIT:
                    told = e.event_name(outcome)
                    log.warning("outcome_waits", operation=op.id, outcome=told, job=job, reason=str(error))
                if self._clock.monotonic() - began >= KEEP_OUTCOME:
                    raise
            else:
                return
            await self._clock.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def _submit(self, database: Database, event: e.SubmissionStarted, intent: Intent) -> e.Event:
        """Sends it once and says what became of it; whatever is not surely known is uncertain."""
        soon = self.limits.poll_interval
        try:
            job_id = await database.provider.submit(event.plan, intent)
        except NotSent as error:
            now = self._clock.now()
            said = Reason.of("not-sent", message=in_words(error), error=reference(error))
            return e.SubmissionNotAccepted(now, said, now + soon)
        except Throttled as error:
            self._submitted(database.account)
            now = self._clock.now()
            return e.SubmissionNotAccepted(now, provider_said(error), now + max(soon, error.retry_after))
        except (Refused, Misconfigured) as error:
            self._submitted(database.account)
            return e.SubmissionRefused(self._clock.now(), provider_said(error))
        except OutcomeUnknown as error:
            self._submitted(database.account)
            log.warning(
                "outcome_unknown",
                account=database.account,
                reason=str(error),
                code=error.code,
                request_id=error.request_id,
            )
            return self._uncertain(database.name, intent.at, outcome_unknown(error))
        except Exception as error:
            log.exception("submission_broke", account=database.account)
            self._submitted(database.account)
            broke = Reason.of("submission-broke", error=type(error).__name__)
            return self._uncertain(database.name, intent.at, broke)
        self._submitted(database.account)
        return e.SubmissionAccepted(self._clock.now(), job_id)

    def _uncertain(self, database: str, sent: datetime, why: Reason) -> e.SubmissionUncertain:
        """The outcome is not known; and until about when it is looked for, before people are asked."""
        tracked = self._catalogue.current.tracked(database)
        valid_for = tracked.provider.capabilities.submission_valid_for if tracked else None
        until = sent + max(self.limits.settle_time, valid_for or timedelta(0))
        params = (*why.params, ("until", until.isoformat()))
        return e.SubmissionUncertain(self._clock.now(), Reason(why.code, params))

    async def _told_late(self, op: Operation, outcome: e.Event) -> None:
        """The answer came after another worker had called the operation in doubt: a job id is proof.

        Where that is over, nothing changes any more, but whoever reads the audit channel hears of it.
        """
        if not isinstance(outcome, e.SubmissionAccepted) or outcome.job_id is None:
            return
        job, now = Job(outcome.job_id, JobState.RUNNING, ""), self._clock.now()
        found: Mapping[Status, e.Event] = {
            Status.IN_DOUBT: e.SubmissionFound(now, job, None, Reason.of("answer-came-late")),
            Status.NEEDS_ATTENTION: e.JobReported(now, job),
        }
        for _ in range(TELL_LATE):
            fresh = await self._store.load(op.id)
            if fresh is None or fresh.job_id is not None:
                return
            if fresh.status in {Status.FAILED, Status.CLOSED}:
                await self._too_late(fresh, job.id)
                return
            event = found.get(fresh.status)
            if event is None or await self._record(fresh, event) is not None:
                return

    async def _too_late(self, op: Operation, job: JobId) -> None:
        log.error("accepted_after_all", operation=op.id, status=op.status, job=job)
        said = Reason.of("notice-accepted-after-all", operation=op.id, database=op.label, job=job)
        await self._store.owe_notice(f"accepted-after-all-{op.id}", Say(said), self._clock.now())
        self._wake()

    # --- in doubt, running, verifying, needing attention: reads only ---

    async def _settle(self, op: Operation) -> e.Event | None:
        database = self._catalogue.current.tracked(op.database)
        # The job list comes last, and the time is that before it: a list that was read while the request might
        # still arrive says nothing of one that has arrived since, however long the roles took.
        reading = await self._reading(op, database)
        now = self._clock.now()
        evidence = await self._evidence(op, database)
        valid_for = database.provider.capabilities.submission_valid_for if database else None
        return judge_doubt(op, evidence, reading, now=now, limits=self.limits, valid_for=valid_for)

    async def _evidence(self, op: Operation, database: Database | None) -> Evidence:
        if database is None or op.plan is None:
            gone = Reason.of("looked-not-configured", name=op.database)
            return Evidence(None, searched=False, summary=gone)
        try:
            others = await self._jobs_of_others(op)
            evidence = await database.provider.find_submission(
                op.plan, op.submissions[-1], others=others or ()
            )
            if others is None and evidence.job is not None:
                foreign = Reason.of("looked-past-unreadable", job=evidence.job.id)
                evidence = Evidence(None, searched=False, summary=foreign)
        except ProviderError as error:
            unread = Reason.of("looked-unreadable", message=in_words(error), error=reference(error))
            evidence = Evidence(None, searched=False, summary=unread)
        return evidence

    async def _jobs_of_others(self, op: Operation) -> frozenset[JobId] | None:
        """The jobs of this database that belong to other operations: one job is of one request.

        None where what is stored can't be read: a job that is found then may be another's. That none is found
        says as much as ever.
        """
        try:
            known = await self._store.operations(open_only=False, database=op.database, limit=JOBS_KNOWN)
        except Unreadable:
            return None
        return frozenset(each.job_id for each in known if each.job_id is not None and each.id != op.id)

    async def _reading(self, op: Operation, database: Database | None) -> Topology | None:
        if database is None:
            return None
        try:
            # Not the slow look at what waits for a person: in hours it would use up what is kept for the others.
            urgent = op.status is not Status.NEEDS_ATTENTION
            return await database.provider.observe(op.target, urgent=urgent)
        except ProviderError as error:
            log.warning("unreadable", operation=op.id, reason=str(error))
            return None

    async def _two_readings(self, op: Operation) -> tuple[Topology, Topology] | None:
        """Two readings in a row; the second only where something is decided by them."""
        database = self._catalogue.current.tracked(op.database)
        first = await self._reading(op, database)
        if first is None or op.plan is None:
            return None
        hopeful = as_approved(op.plan, first) or unchanged(op.plan, first)
        if not hopeful and not verified_too_long(op, self._clock.now(), self.limits):
            return first, first
        second = await self._reading(op, database)
        return None if second is None else (first, second)

    async def _verify(self, op: Operation) -> e.Event | None:
        readings = await self._two_readings(op)
        return judge_roles(op, readings, now=self._clock.now(), limits=self.limits)

    async def _roles_instead_of_job(self, op: Operation) -> e.Event | None:
        """A running operation without a job id: only the roles can tell."""
        reading = await self._reading(op, self._catalogue.current.tracked(op.database))
        if op.plan is not None and reading is not None and as_approved(op.plan, reading):
            return e.RolesMoved(self._clock.now(), reading)
        return self._overdue(op)

    def _overdue(self, op: Operation) -> e.Event | None:
        now = self._clock.now()
        if now - op.since < self.limits.deadline:
            return None
        minutes = f"{self.limits.deadline / timedelta(minutes=1):g}"
        word = op.job.word if op.job else "-"
        return e.DeadlinePassed(now, Reason.of("deadline-passed", minutes=minutes, word=word))

    async def _look(self, op: Operation) -> e.Event | None:
        """The slow look at what needs attention: a later reading may settle it."""
        database = self._catalogue.current.tracked(op.database)
        if database is None:
            return None
        if op.job_id is not None:
            jobs = await self._jobs(database.provider, [op.job_id])
            job = jobs.get(op.job_id)
            if job is not None and job != op.job:
                return e.JobReported(self._clock.now(), job)
        else:
            found = await self._settle(op)
            if found is not None:
                return found
        return await self._verify(op)

    # --- polling ---

    async def _poll_account(self, account: str, ops: Sequence[Operation], until: datetime) -> None:
        database = self._catalogue.current.tracked(ops[0].database)
        ids = [op.job_id for op in ops if op.job_id is not None]
        jobs = await self._jobs(database.provider, ids) if database else {}
        now = self._clock.now()
        unchanged_ops = {}
        for op in ops:
            event = self._job_event(op, jobs)
            if event is not None:
                await self._record(op, event)
            elif (due := next_due(op, now, self.limits, looked=True)) is not None:
                unchanged_ops[op.id] = (op.version, due)
        if unchanged_ops:
            await self._store.postpone(unchanged_ops, until=until)
        log.debug("jobs_polled", account=account, jobs=len(ids), unchanged=len(unchanged_ops))

    async def _jobs(self, provider: Provider, ids: Sequence[JobId]) -> dict[JobId, Job]:
        try:
            return dict(await provider.jobs(ids))
        except ProviderError as error:
            log.warning("jobs_unreadable", reason=str(error), jobs=len(ids))
            return {}

    def _job_event(self, op: Operation, jobs: dict[JobId, Job]) -> e.Event | None:
        job = None if op.job_id is None else jobs.get(op.job_id)
        if job is not None and (job != op.job or job.state is not JobState.RUNNING):
            return e.JobReported(self._clock.now(), job)
        return self._overdue(op)


def _due_since(op: Operation) -> datetime:
    """The moment at which its recheck became due: of who may, nothing that was asked before counts.

    Not that of each look, nor when its start was noticed, so that the starts of one window share what they ask, and
    a look that failed is not begun all over: Slack allows few such questions, and asked to wait the starts would be
    missed.
    """
    return op.retry_at or op.start_at or op.since


def _as_late(outcome: e.Event, now: datetime) -> e.Event:
    """An outcome that is recorded now: what was not taken is not tried again sooner, so not after its minute either."""
    if not isinstance(outcome, e.SubmissionNotAccepted):
        return outcome
    return replace(outcome, retry_at=max(outcome.retry_at, now))


def _people_unknown(op: Operation) -> Reason:
    """That Slack could not say whether those people still may on whose word this was to start."""
    return Reason.of("glass-unknown", by=op.requested_by) if op.emergency else Reason.of("approvals-unknown")


def _needed(op: Operation, policy: Policy) -> int:
    """How many must approve it now; of an emergency nobody."""
    return 0 if op.emergency else policy.approvals
