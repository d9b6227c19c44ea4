"""Huawei Cloud DDS behind the provider port: replica sets, and the shard and config groups of clusters."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from bot.core.model import (
    Call,
    CandidateRule,
    Capabilities,
    Evidence,
    Job,
    JobId,
    NodeId,
    Plan,
    Reason,
    Target,
    Topology,
)
from bot.errors import Misconfigured, Refused, Throttled, Unavailable
from bot.ports import CallObserver, Clock, Intent, Provider
from providers.attention import Followed, together
from providers.http import INTERNET, Account, Budget, Priority, Wire
from providers.huawei_dds import jobs, topology
from providers.huawei_dds.answers import UNREADABLE, NotLetThrough, NotPublished
from providers.huawei_dds.api import Api
from providers.huawei_dds.credentials import SKEW_ALLOWED, credentials_of
from providers.huawei_dds.jobs import SWITCH_PRIMARY, JobPage, JobRow, SingleJob, Sought
from providers.huawei_dds.settings import HuaweiAccount, HuaweiDatabase
from providers.huawei_dds.signer import encoded
from providers.huawei_dds.topology import InstancePage, InstanceRow

SWITCHOVER, PROMOTE = "SwitchoverReplicaSet", "SwitchInstancePrimary"
LIST_INSTANCES, LIST_JOBS, ONE_JOB = "ListInstances", "ListTasks", "ShowJobDetail"

K = TypeVar("K")
V = TypeVar("V")

PAGE = 100  # the API's own cap
PAGES = 10  # how far a list is followed
LIST_SPAN = timedelta(days=30)  # the widest window that the job list takes
AHEAD = timedelta(minutes=1)  # how far into the future the window reaches: the clocks are two
FORGOTTEN = timedelta(hours=24)  # how far back a job is looked for whose beginning is not known
VISIBLE_AFTER = timedelta(seconds=10)  # "several seconds" until a job id can be queried
REMEMBERED = 1024
CLOCK_MARGIN = timedelta(seconds=30)  # how far the provider's clock may be behind ours without our knowing
FORCED = "forced_promotion"

CAPABILITIES = Capabilities(
    candidate=CandidateRule.OPTIONAL,
    reports_lag=False,
    shards=True,
    jobs_per_call=PAGE,
    submission_valid_for=None,
)


@dataclass(frozen=True, slots=True)
class _Started:
    """What is remembered of a job, as a hint: when it began, and of which intent where that is known."""

    at: datetime
    intent: tuple[Target, datetime] | None = None


class HuaweiDds:
    """One account. Remembers, as hints only, when jobs began, whose they are, and that there is no job list."""

    def __init__(
        self, api: Api, databases: Mapping[str, HuaweiDatabase], *, t_systems: bool, clock: Clock
    ) -> None:
        self._api = api
        self._databases = databases
        self._t_systems = t_systems
        self._clock = clock
        self._followed = Followed(clock)
        self._started: dict[JobId, _Started] = {}
        self._sent: dict[tuple[Target, datetime], datetime] = {}
        self._signed: dict[tuple[Target, datetime], datetime] = {}
        self._polled: dict[JobId, float] = {}
        self._no_list = t_systems

    @property
    def budget(self) -> Budget:
        """The calls that this account may make."""
        return self._api.budget

    @property
    def capabilities(self) -> Capabilities:
        """A candidate may be named and shards are switched one by one; T-Systems' edition has neither."""
        life = self._api.valid_for
        own = replace(CAPABILITIES, submission_valid_for=None if life is None else life + CLOCK_MARGIN)
        if not self._t_systems:
            return own
        return replace(own, candidate=CandidateRule.CHOSEN_BY_CLOUD, shards=False, jobs_per_call=1)

    async def observe(self, target: Target, *, urgent: bool = False) -> Topology:
        """Reads the instance; of a cluster, the shard that is meant."""
        instance = await self._instance(self._database(target.database), urgent=urgent)
        reading = topology.the_one(instance, target.shard, self._clock.now())
        return replace(reading, cloud_at=self._api.time.told)

    async def survey(self, database: str, *, urgent: bool = False) -> Sequence[Topology]:
        """Reads the instance: a replica set, or every shard of a cluster."""
        instance = await self._instance(self._database(database), urgent=urgent)
        readings = topology.readings(instance, self._clock.now())
        return [replace(reading, cloud_at=self._api.time.told) for reading in readings]

    def describe(self, target: Target, candidate: NodeId | None) -> Call:
        """The call of ``submit`` in words."""
        instance = self._database(target.database).instance
        group = f", group {target.shard}" if target.shard else ""
        if candidate is None:
            return Call(f"POST switchover of instance {instance}{group}; DDS chooses the new primary")
        return Call(f"POST nodes/{candidate}/primary of instance {instance}{group}", FORCED)

    async def submit(self, plan: Plan, intent: Intent) -> JobId | None:
        """Sends the switchover, or the promotion of the named node, at most once."""
        instance = self._database(plan.database).instance
        if plan.candidate is not None and plan.candidate not in dict(plan.members):
            raise Refused(
                f"node {plan.candidate} is not a member of what was approved",
                meaning=("cloud-not-a-member", {"node": plan.candidate}),
            )
        self._followed.follow(instance)
        mine = (plan.target, intent.at)
        _keep(self._sent, mine, self._api.time.theirs)
        _keep(self._signed, mine, intent.at + self._api.time.skew)
        if plan.candidate is not None:
            path = f"instances/{encoded(instance)}/nodes/{encoded(plan.candidate)}/primary"
            job = await self._api.submit(PROMOTE, path, b"", intent, gives_job=False)
        else:
            body = b"" if plan.shard is None else json.dumps({"group_id": plan.shard}).encode()
            path = f"instances/{encoded(instance)}/switchover"
            job = await self._api.submit(SWITCHOVER, path, body, intent, gives_job=True)
        if job is not None:
            _keep(self._started, job, _Started(self._api.time.theirs, mine))
        return job

    async def jobs(self, ids: Sequence[JobId]) -> Mapping[JobId, Job]:
        """Reads the jobs: from the list, a hundred per request; one by one only those that it does not show."""
        deadline, wanted = self._api.deadline(), list(dict.fromkeys(ids))
        found: dict[JobId, Job] = {}
        missing = wanted
        if len(wanted) > 1 and not self._no_list:
            found = await self._from_list(wanted, deadline)
            missing = [job_id for job_id in wanted if job_id not in found and self._visible(job_id)]
        return found | await self._one_by_one(missing, deadline, needed=not found)

    async def find_submission(
        self, plan: Plan, since: datetime, *, others: Collection[JobId] = ()
    ) -> Evidence:
        """Looks through the switchovers of the account for one on this instance that began after ``since``."""
        try:
            instance = self._database(plan.database).instance
        except Refused as exc:  # nothing is refused by looking; without its instance nothing can be found
            raise exc.as_(Misconfigured) from exc
        self._followed.follow(instance)
        sought, deadline = self._sought(plan, instance, since, others), self._api.deadline()
        rows, whole = await self._list(sought.doubtful_since, deadline, Priority.URGENT, frozenset())
        told = self._sought(plan, instance, since, others)
        if (
            told.since != sought.since
        ):  # the answer was the first to tell the time, and so from when on to look
            sought = told
            rows, whole = await self._list(sought.doubtful_since, deadline, Priority.URGENT, frozenset())
        if rows is None:
            return Evidence(None, searched=False, summary=Reason.of("looked-no-list"))
        found = jobs.evidence(rows, sought, whole=whole, still_valid=self._still_valid(plan, since))
        if found.job is not None:
            _keep(self._started, found.job.id, _Started(sought.since, (plan.target, since)))
        return found

    def _sought(self, plan: Plan, instance: str, since: datetime, others: Collection[JobId]) -> Sought:
        time, mine = self._api.time, (plan.target, since)
        sent = self._sent.get(mine)
        began = (sent or since + (time.theirs - self._clock.now())).replace(microsecond=0)
        early = jobs.EARLY if sent or time.known else jobs.UNCOMPARED
        life = self._api.valid_for
        return Sought(
            instance=instance,
            since=began - early,
            # Sent by an earlier life: the clocks may have been set since then.
            doubtful_since=began - (early if sent else SKEW_ALLOWED),
            until=(began + life if life else time.theirs.replace(microsecond=0)) + AHEAD,
            foreign=frozenset(others).union(
                job for job, known in self._started.items() if known.intent not in (None, mine)
            ),
            adoptable=plan.candidate is None and plan.shard is None,
            listed=plan.candidate is None,
        )

    def _still_valid(self, plan: Plan, since: datetime) -> bool:
        """By the provider's clock, where ours would say that the signature is dead."""
        life = self._api.valid_for
        if life is None or self._clock.now() <= since + life + CLOCK_MARGIN:
            return False
        signed_at = self._signed.get((plan.target, since), since + self._api.time.skew)
        return self._api.time.theirs <= signed_at + life

    async def close(self) -> None:
        """Closes connections."""
        await self._api.close()

    def _database(self, name: str) -> HuaweiDatabase:
        database = self._databases.get(name)
        if database is None:
            raise Refused(
                f"database {name} is not configured on this account",
                meaning=("cloud-not-configured", {"name": name}),
            )
        return database

    async def _instance(self, database: HuaweiDatabase, *, urgent: bool) -> InstanceRow:
        wanted, deadline = database.instance, self._api.deadline()
        broken = False
        for page in range(PAGES):
            params = {"id": wanted, "limit": str(PAGE), "offset": str(page * PAGE)}
            listed = await self._api.read(
                LIST_INSTANCES,
                "v3",
                "instances",
                params,
                InstancePage,
                deadline=deadline,
                priority=self._followed.priority(wanted, urgent=urgent),
            )
            for raw in listed.instances:
                try:
                    row = msgspec.json.decode(raw, type=InstanceRow)
                except UNREADABLE:
                    broken = True
                    continue
                if row.id == wanted:
                    return self._switchable(row)
            if len(listed.instances) < PAGE:
                break
        if broken:
            raise Unavailable(
                f"what was said of instance {wanted} could not be read",
                meaning=("cloud-garbled", {"name": wanted}),
            )
        raise Refused(
            f"instance {wanted} was not found in this project",
            meaning=("cloud-not-found", {"name": wanted}),
        )

    def _switchable(self, row: InstanceRow) -> InstanceRow:
        if self._t_systems and topology.is_sharded(row):
            raise Refused(
                "T-Systems' edition of DDS switches replica sets only, not the shards of a cluster",
                meaning=("cloud-replica-sets-only", {}),
            )
        return row

    # --- jobs ---

    def _visible(self, job_id: JobId) -> bool:
        """Whether the list should have shown it by now."""
        started = self._started.get(job_id)
        return started is None or self._api.time.theirs >= started.at + VISIBLE_AFTER

    async def _from_list(self, wanted: Sequence[JobId], deadline: float) -> dict[JobId, Job]:
        now = self._api.time.theirs
        unknown = _Started(now - FORGOTTEN)
        began = min(self._started.get(job_id, unknown).at for job_id in wanted) - jobs.UNCOMPARED
        try:
            rows, _ = await self._list(began, deadline, Priority.TRACKING, frozenset(wanted))
        except NotLetThrough:
            raise
        except Misconfigured:
            rows = None  # a permission of its own, which polling can do without
        return self._taken(rows or [], wanted)

    async def _list(
        self, began: datetime, deadline: float, priority: Priority, wanted: frozenset[JobId]
    ) -> tuple[list[JobRow] | None, bool]:
        """Switchovers since then, and whether these are all (or all ``wanted``); None: there is no list."""
        if self._no_list:
            return None, False
        now, rows, understood = self._api.time.theirs, list[JobRow](), True
        window = {
            "start_time": jobs.stamp(max(began, now - LIST_SPAN + 2 * AHEAD)),
            "end_time": jobs.stamp(now + AHEAD),
            "name": SWITCH_PRIMARY,
            "limit": str(PAGE),
        }
        for page in range(PAGES):
            params = {**window, "offset": str(page * PAGE)}
            try:
                listed = await self._api.read(
                    LIST_JOBS, "v3.1", "jobs", params, JobPage, deadline=deadline, priority=priority
                )
            except NotPublished:
                self._no_list = True
                return None, False
            more, all_of_them = listed.rows()
            rows += more
            understood = understood and all_of_them
            if len(listed.jobs) < PAGE or (wanted and wanted <= {row.id for row in rows}):
                return rows, understood
        return rows, False

    async def _one_by_one(self, ids: Sequence[JobId], deadline: float, *, needed: bool) -> dict[JobId, Job]:
        """Each by its id; where some can't be read now, what the others say still counts."""
        # The budget may not do for all of them: those go first that had to wait longest.
        waited = sorted(ids, key=lambda job_id: self._polled.get(job_id, float("-inf")))
        async with together() as group:
            reads = [group.create_task(self._one(job_id, deadline)) for job_id in waited]
        answers = [read.result() for read in reads]
        rows = [answer for answer in answers if isinstance(answer, JobRow)]
        failures = [answer for answer in answers if isinstance(answer, Unavailable | Throttled)]
        if failures and needed and not rows:
            raise failures[0]
        return self._taken(rows, ids)

    async def _one(self, job_id: JobId, deadline: float) -> JobRow | Unavailable | Throttled | None:
        try:
            answer = await self._api.read(
                ONE_JOB,
                "v3",
                "jobs",
                {"id": job_id},
                SingleJob,
                deadline=deadline,
                priority=Priority.TRACKING,
            )
        except Refused:
            return None  # not visible yet, or no longer
        except (Unavailable, Throttled) as exc:
            return exc
        _keep(self._polled, job_id, self._clock.monotonic())
        return answer.job

    def _taken(self, rows: Sequence[JobRow], wanted: Sequence[JobId]) -> dict[JobId, Job]:
        """The wanted jobs among the rows; when they began and where is remembered."""
        found = {}
        for row in rows:
            job = jobs.as_job(row)
            if job is None or job.id not in wanted:
                continue
            found[job.id] = job
            if row.on:
                self._followed.follow(row.on)
            if (at := jobs.created(row)) is not None and job.id not in self._started:
                _keep(self._started, job.id, _Started(at))
        return found


def _keep(known: dict[K, V], key: K, value: V) -> None:
    """Remembers, and forgets the oldest."""
    known[key] = value
    while len(known) > REMEMBERED:
        known.pop(next(iter(known)))


@dataclass(frozen=True, slots=True)
class HuaweiDdsType:
    """The registry's entry; ``wire`` is the network unless a simulation brings its own."""

    wire: Wire = INTERNET
    name: str = field(default="huawei-dds", init=False)
    account: type[HuaweiAccount] = field(default=HuaweiAccount, init=False)
    database: type[HuaweiDatabase] = field(default=HuaweiDatabase, init=False)

    def build(
        self,
        account: HuaweiAccount,
        databases: Mapping[str, HuaweiDatabase],
        *,
        clock: Clock,
        call_timeout: timedelta,
        observer: CallObserver,
        before: Provider | None = None,
    ) -> HuaweiDds:
        """A provider for one account and the databases on it; opens nothing."""
        shared = before.budget if isinstance(before, HuaweiDds) else None
        budget = Budget(account.calls_per_minute, timedelta(minutes=1), clock, shared=shared)
        http = Account(
            clock=clock, call_timeout=call_timeout, observer=observer, budget=budget, wire=self.wire
        )
        credentials = credentials_of(account, clock, call_timeout, observer, self.wire)
        api = Api(account, credentials, http, clock)
        return HuaweiDds(api, databases, t_systems=account.t_systems, clock=clock)


HUAWEI_DDS = HuaweiDdsType()
