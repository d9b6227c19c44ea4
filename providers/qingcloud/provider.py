"""QingCloud MySQL Plus behind the provider port: ``RunClusterCustomService`` / ``assignmaster``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

from bot.core.model import (
    Call,
    CandidateRule,
    Capabilities,
    Evidence,
    Job,
    JobId,
    NodeId,
    Plan,
    Target,
    Topology,
)
from bot.errors import Misconfigured, ProviderError, Refused, Throttled, Unavailable
from bot.ports import CallObserver, Clock, Intent, Provider
from providers.attention import Followed, together
from providers.http import INTERNET, Account, Budget, Priority, Wire
from providers.qingcloud import answers, topology
from providers.qingcloud.answers import Payload
from providers.qingcloud.api import CUSTOM_SERVICE, SERVICE, STAMP_LIFE, VALID_FOR, Api
from providers.qingcloud.jobs import EARLY, SKEW_ALLOWED, Sought, as_job, clusters, created, evidence
from providers.qingcloud.settings import QingCloudAccount, QingCloudDatabase

PAGE = 100  # the API's own cap, for lists and for jobs.n alike
PAGES = 10  # how far a list is followed
TABS = 5  # a cluster has no more
REMEMBERED = 256

Unread = Unavailable | Throttled  # a tab that may answer later

CAPABILITIES = Capabilities(
    candidate=CandidateRule.REQUIRED,
    reports_lag=False,
    shards=False,
    jobs_per_call=PAGE,
    submission_valid_for=VALID_FOR,
)


class QingCloud:
    """One account. Remembers, as hints only, which tab names roles and what it has signed."""

    def __init__(
        self, api: Api, databases: Mapping[str, QingCloudDatabase], *, zone: str, clock: Clock
    ) -> None:
        self._api = api
        self._databases = databases
        self._zone = zone
        self._clock = clock
        self._tabs: dict[str, str] = {}
        self._followed = Followed(clock)
        self._sent: dict[tuple[str, datetime], tuple[datetime, datetime]] = {}

    @property
    def budget(self) -> Budget:
        """The calls that this account may make."""
        return self._api.budget

    @property
    def capabilities(self) -> Capabilities:
        """A candidate must be named, lag is not reported, there are no shards."""
        return CAPABILITIES

    async def observe(self, target: Target, *, urgent: bool = False) -> Topology:
        """Reads cluster, nodes and display tab.

        Roles are unknown where the tabs answered without naming them, were refused, or don't exist. A tab that
        can't be read now tells nothing either way: without another that names roles, that is what is raised.
        """
        database, deadline = self._database(target), self._api.deadline()
        priority = self._followed.priority(database.cluster, urgent=urgent)
        # The tab takes an agent's round trip of up to 10 s: with its name known it starts at once.
        known = database.display_tab or self._tabs.get(database.cluster, "")
        self._api.expect("DescribeClusters", 2 + (1 if known else TABS), priority)
        async with together() as group:
            cluster_read = group.create_task(self._cluster(database, deadline, priority))
            nodes_read = group.create_task(self._nodes(database, deadline, priority))
            tab_read = group.create_task(self._tab(database, known, deadline, priority))
        cluster, nodes = cluster_read.result(), nodes_read.result()
        members = topology.members(nodes, database.role)
        if not members:
            raise Refused(
                f"cluster {database.cluster} has no nodes of the role {database.role}",
                meaning=("cloud-no-nodes-of-role", {"name": database.cluster, "kind": database.role}),
            )
        cells, failure = tab_read.result()
        told = topology.told(cells, nodes, database.role)
        if not told.spoke and not database.display_tab:
            if failure is None:
                self._tabs.pop(database.cluster, None)  # it no longer names roles
            others = [name for name in topology.tab_names(cluster) if name != known]
            told, missed = await self._discover(database, others, nodes, deadline, priority)
            failure = failure or missed
        if failure is not None and not told.spoke:
            raise failure
        reading = topology.topology(cluster, members, told.roles, self._clock.now())
        return replace(reading, cloud_at=self._api.time.told)

    async def survey(self, database: str, *, urgent: bool = False) -> Sequence[Topology]:
        """One reading, there being no shards."""
        return (await self.observe(Target(database), urgent=urgent),)

    def describe(self, target: Target, candidate: NodeId | None) -> Call:
        """The call of ``submit`` in words."""
        database = self._database(target)
        whom = f"node_id {candidate}" if candidate else "no node chosen yet"
        return Call(
            f"{CUSTOM_SERVICE} {SERVICE} on {database.cluster} "
            f"(role {database.role}, zone {self._zone}) with {whom}"
        )

    async def submit(self, plan: Plan, intent: Intent) -> JobId | None:
        """Sends assignmaster at most once."""
        database = self._database(plan.target)
        if plan.candidate is None:
            raise Refused(
                "QingCloud must be told which node becomes the primary",
                meaning=("cloud-candidate-needed", {}),
            )
        self._followed.follow(database.cluster)
        time = self._api.time
        self._sent[plan.database, intent.at] = (intent.at + time.skew, time.in_theirs(intent.at))
        while len(self._sent) > REMEMBERED:
            self._sent.pop(next(iter(self._sent)))
        return await self._api.assign_master(database, plan.candidate, intent)

    async def jobs(self, ids: Sequence[JobId]) -> Mapping[JobId, Job]:
        """Reads the jobs, a hundred per request."""
        deadline, wanted = self._api.deadline(), list(dict.fromkeys(ids))
        chunks = [wanted[at : at + PAGE] for at in range(0, len(wanted), PAGE)]
        async with together() as group:
            reads = [group.create_task(self._jobs(chunk, deadline)) for chunk in chunks]
        return {job_id: job for read in reads for job_id, job in read.result().items()}

    async def find_submission(
        self, plan: Plan, since: datetime, *, others: Collection[JobId] = ()
    ) -> Evidence:
        """Looks through the account's recent custom-service jobs for the one that was signed at ``since``."""
        try:
            database = self._database(plan.target)
        except Refused as exc:  # nothing is refused by looking; without its cluster nothing can be found
            raise exc.as_(Misconfigured) from exc
        self._followed.follow(database.cluster)
        sent, time = self._sent.get((plan.database, since)), self._api.time
        rows, whole = await self._recent_jobs(sent[1] if sent else min(since, time.in_theirs(since)))
        signed_at, sent_at = sent or (since + time.skew, time.in_theirs(since))
        signed_at, sent_at = signed_at.replace(microsecond=0), sent_at.replace(microsecond=0)
        sought = self._sought(
            database,
            plan.candidate or NodeId(""),
            signed_at,
            sent_at,
            exact=sent is not None,
            others=frozenset(others),
        )
        # Ours may be ahead: it is the provider's clock that decides when a signature dies.
        late = self._clock.now() > since + VALID_FOR
        still_valid = late and time.theirs <= signed_at + STAMP_LIFE
        return evidence(rows, sought, whole=whole, still_valid=still_valid)

    async def close(self) -> None:
        """Closes connections."""
        await self._api.close()

    def _database(self, target: Target) -> QingCloudDatabase:
        if target.shard is not None:
            raise Refused("a QingCloud MySQL Plus cluster has no shards", meaning=("cloud-no-shards", {}))
        database = self._databases.get(target.database)
        if database is None:
            raise Refused(
                f"database {target.database} is not configured on this account",
                meaning=("cloud-not-configured", {"name": target.database}),
            )
        return database

    async def _cluster(self, database: QingCloudDatabase, deadline: float, priority: Priority) -> Payload:
        params = {"clusters.1": database.cluster, "verbose": "1"}
        answer = await self._api.read("DescribeClusters", params, deadline=deadline, priority=priority)
        for row in answers.rows(answer, "cluster_set"):
            if answers.text(row, "cluster_id") == database.cluster:
                return row
        raise Refused(
            f"cluster {database.cluster} was not found in zone {self._zone}",
            meaning=("cloud-not-found", {"name": database.cluster}),
        )

    async def _nodes(self, database: QingCloudDatabase, deadline: float, priority: Priority) -> list[Payload]:
        rows, whole = await self._list(
            "DescribeClusterNodes",
            {"cluster": database.cluster},
            "node_set",
            "node_id",
            deadline=deadline,
            priority=priority,
        )
        if not whole:
            raise Unavailable(
                f"the nodes of cluster {database.cluster} could not all be read",
                meaning=("cloud-nodes-in-part", {"name": database.cluster}),
            )
        return list({answers.text(row, "node_id"): row for row in rows}.values())

    async def _list(
        self,
        action: str,
        params: Mapping[str, str],
        key: str,
        names: str,
        *,
        deadline: float,
        priority: Priority,
        proves: bool = False,
        enough: Callable[[Sequence[Payload]], bool] = lambda _: False,
    ) -> tuple[list[Payload], bool]:
        """The rows of a list, and whether they are all of them, or ``enough``.

        What is made, goes or moves while the pages are read shifts the others: one may be there twice and, for
        that, another not at all; or there were more of them before. Where it ``proves`` that something is not
        there, it has to be understood to the last row.
        """
        rows, most, understood = list[Payload](), 0, True
        for _ in range(PAGES):
            page_params = {**params, "limit": str(PAGE), "offset": str(len(rows))}
            answer = await self._api.read(action, page_params, deadline=deadline, priority=priority)
            page, total = answers.rows(answer, key), answers.total(answer)
            rows += page
            most, understood = max(most, total or 0), understood and answers.understood(answer, key)
            different = len({answers.text(row, names) for row in rows})
            whole = len(page) < PAGE and different == len(rows) if total is None else different >= most
            if whole or (enough(rows) and (total is None or total == most)):
                return rows, understood or not proves
            if not page:
                break
        return rows, False

    async def _tab(
        self, database: QingCloudDatabase, tab: str, deadline: float, priority: Priority
    ) -> tuple[list[list[str]], Unread | None]:
        """The cells of a tab, and why they could not be read now."""
        if not tab:
            return [], None
        params = {"cluster": database.cluster, "display_tabs": tab}
        try:
            answer = await self._api.read(
                "DescribeClusterDisplayTabs", params, deadline=deadline, priority=priority
            )
        except (Unavailable, Throttled) as exc:
            return [], exc
        except ProviderError:
            return [], None  # there is no such tab for us: the roles are unknown, the rest is still true
        return topology.table(answer, tab), None

    async def _discover(
        self,
        database: QingCloudDatabase,
        names: Sequence[str],
        nodes: Sequence[Payload],
        deadline: float,
        priority: Priority,
    ) -> tuple[topology.Told, Unread | None]:
        # All at once, each being an agent's round trip; the first by name wins, so that it is always the same.
        failure: Unread | None = None
        async with together() as group:
            reads = [group.create_task(self._tab(database, name, deadline, priority)) for name in names]
            for name, read in zip(names, reads, strict=True):
                cells, missed = await read
                failure = failure or missed
                told = topology.told(cells, nodes, database.role)
                if told.spoke:
                    self._tabs[database.cluster] = name
                    for other in reads:
                        other.cancel()
                    return told, None
        return topology.Told({}, spoke=False), failure

    async def _jobs(self, ids: Sequence[JobId], deadline: float) -> dict[JobId, Job]:
        params = {**dict(answers.numbered("jobs", list(ids))), "limit": str(PAGE)}
        try:
            answer = await self._api.read(
                "DescribeJobs", params, deadline=deadline, priority=Priority.TRACKING
            )
        except Refused:
            # One id the provider no longer knows makes it refuse the whole list: halve it to find the others.
            middle = len(ids) // 2
            if not middle:
                return {}
            first = await self._jobs(ids[:middle], deadline)
            return first | await self._jobs(ids[middle:], deadline)
        rows = answers.rows(answer, "job_set")
        for cluster in {cluster for row in rows for cluster in clusters(row)}:
            self._followed.follow(cluster)
        found = (as_job(row) for row in rows)
        return {job.id: job for job in found if job is not None and job.id in ids}

    async def _recent_jobs(self, since: datetime) -> tuple[list[Payload], bool]:
        def back_far_enough(rows: Sequence[Payload]) -> bool:
            # The order is undocumented: only a list seen to run from new to old may be left early.
            times = [at for row in rows if (at := created(row)) is not None]
            falling = len(times) == len(rows) and all(a >= b for a, b in pairwise(times))
            return falling and bool(times) and times[-1] < since - SKEW_ALLOWED - EARLY

        return await self._list(
            "DescribeJobs",
            {"job_action": CUSTOM_SERVICE},
            "job_set",
            "job_id",
            deadline=self._api.deadline(),
            priority=Priority.URGENT,
            proves=True,
            enough=back_far_enough,
        )

    def _sought(
        self,
        database: QingCloudDatabase,
        node: NodeId,
        signed_at: datetime,
        sent_at: datetime,
        *,
        exact: bool,
        others: frozenset[JobId],
    ) -> Sought:
        return Sought(
            cluster=database.cluster,
            action=CUSTOM_SERVICE,
            service=SERVICE,
            role=database.role,
            node=node,
            signed_at=signed_at,
            sent_at=sent_at,
            exact=exact,
            corrected=bool(self._api.time.skew),
            valid_for=VALID_FOR,
            signature=lambda at: self._api.signature_of(database, node, at),
            own_key=self._api.own_key,
            others=others,
        )


@dataclass(frozen=True, slots=True)
class QingCloudType:
    """The registry's entry; ``wire`` is the network unless a simulation brings its own."""

    wire: Wire = INTERNET
    name: str = field(default="qingcloud", init=False)
    account: type[QingCloudAccount] = field(default=QingCloudAccount, init=False)
    database: type[QingCloudDatabase] = field(default=QingCloudDatabase, init=False)

    def build(
        self,
        account: QingCloudAccount,
        databases: Mapping[str, QingCloudDatabase],
        *,
        clock: Clock,
        call_timeout: timedelta,
        observer: CallObserver,
        before: Provider | None = None,
    ) -> QingCloud:
        """A provider for one account and the databases on it; opens nothing."""
        shared = before.budget if isinstance(before, QingCloud) else None
        budget = Budget(account.calls_per_hour, timedelta(hours=1), clock, shared=shared)
        http = Account(
            clock=clock, call_timeout=call_timeout, observer=observer, budget=budget, wire=self.wire
        )
        return QingCloud(Api(account, http, clock), databases, zone=account.zone, clock=clock)


QINGCLOUD = QingCloudType()
