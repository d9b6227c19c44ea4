"""A small world around Desk and Duties: people, a cloud that does as it is told, a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

from bot.core.answers import Answer, Tell
from bot.core.commands import Act, Action, Command, Origin, RequestSwitchover
from bot.core.events import Place, event_name
from bot.core.holds import HoldEvent, HoldKind
from bot.core.machine import Decision, Limits, Say
from bot.core.model import (
    Call,
    Capabilities,
    Evidence,
    Job,
    JobId,
    JobState,
    NodeId,
    OperationId,
    Plan,
    Target,
    Topology,
    UserId,
)
from bot.core.operation import Operation, Status
from bot.core.policy import Policy
from bot.errors import DirectoryUnavailable, Unreadable
from bot.ports import (
    NO_HOLD,
    Directory,
    Inbound,
    InboxItem,
    Intent,
    MessageKind,
    Person,
    Reply,
    SayHeld,
    TellHold,
    tell_nobody,
)
from bot.service.catalogue import Catalogue, CatalogueHolder, Database
from bot.service.desk import Desk
from bot.service.duties import Duties
from tests.core.examples import ANN, ASKER, BOB, CLOUD, EVE, START, A, evidence, reading
from tests.storage.memory import MemoryStore

GUEST = UserId("U-GUEST")
ID = OperationId("SW-000001")
POLICY = Policy("production", approvers=("S-DBA",), approvals=2)


class ManualClock:
    """Time that only passes when it is told to."""

    def __init__(self) -> None:
        self.passed = timedelta(0)

    def now(self) -> datetime:
        return START + self.passed

    def monotonic(self) -> float:
        return 1000 + self.passed.total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.passed += timedelta(seconds=seconds)


class People:
    """A directory. ``meanwhile`` runs once, while the person named in it is being looked up.

    ``zones``: where people are, if it is not UTC.
    """

    def __init__(self) -> None:
        self.persons = {ASKER: True, ANN: True, BOB: True, EVE: True, GUEST: False}
        self.groups = {"S-DBA": {ASKER, ANN, BOB}}
        self.available = True
        self.asked_afresh: list[str] = []
        self.meanwhile: dict[str, Callable[[], Awaitable[None]]] = {}
        self.zones: dict[str, str] = {}

    async def person(self, user_id: str, team_id: str | None, *, since: datetime | None = None) -> Person:
        if not self.available:
            raise DirectoryUnavailable("no answer")
        if since is not None:
            self.asked_afresh.append(user_id)
        meanwhile = self.meanwhile.pop(user_id, None)
        if meanwhile is not None:
            await meanwhile()
        member = self.persons.get(UserId(user_id), False) and team_id in (None, "T-HOME")
        return Person(user_id, user_id, member, self.zones.get(user_id, "UTC"))

    async def members(self, group_id: str, *, since: datetime | None = None) -> frozenset[str]:
        if since is not None:
            self.asked_afresh.append(group_id)
        return frozenset(self.groups.get(group_id, ()))


@dataclass
class ScriptedCloud:
    """A provider that answers as it was told.

    Attributes:
        topology: What a reading shows, or the error it raises; several are used up until one is left.
        answers: What each submission gets, in order: a job id, None, or an error. Nothing left: a defect.
        meanwhile: Runs inside the next submission, before its answer.
        verb: What its call is described as.
        while_reading: Runs inside the next reading of the topology.
        while_polling: Runs inside every reading of the job list.
        while_looking: Runs inside the next look for a lost submission, after the list was made that it shows.
        polled: Told when a job list was read.
        known: The jobs it knows.
        trace: What the job list shows to somebody who looks for a lost submission, or the error.
        submissions: Every request made, with what it was allowed.
        polls: The ids of every job list read.
        readings: How often the topology was read.
        urgent: Of each of these readings, whether it might use what is kept of the budget.
        shards: What a survey shows of a database that has shards.
        not_ours: Which jobs the last look for a lost submission was told to be of others.
    """

    capabilities: Capabilities = CLOUD
    topology: list[Topology | Exception] = field(default_factory=lambda: [reading(A)])
    answers: list[JobId | Exception | None] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] | None = None
    verb: str = "switch"
    while_reading: Callable[[], Awaitable[None]] | None = None
    while_polling: Callable[[], Awaitable[None]] | None = None
    while_looking: Callable[[], Awaitable[None]] | None = None
    polled: Callable[[], object] = bool
    known: dict[JobId, Job] = field(default_factory=dict)
    trace: Evidence | Exception = field(default_factory=evidence)
    jobs_error: Exception | None = None
    submissions: list[tuple[Plan, Intent]] = field(default_factory=list)
    polls: list[tuple[JobId, ...]] = field(default_factory=list)
    readings: int = 0
    urgent: list[bool] = field(default_factory=list)
    shards: Sequence[Topology] = ()
    not_ours: frozenset[JobId] = frozenset()

    def shows(self, *topologies: Topology | Exception) -> None:
        """What readings show from now on."""
        self.topology = list(topologies)

    async def observe(self, target: Target, *, urgent: bool = False) -> Topology:
        self.readings += 1
        self.urgent.append(urgent)
        meanwhile, self.while_reading = self.while_reading, None
        if meanwhile is not None:
            await meanwhile()
        seen = self.topology.pop(0) if len(self.topology) > 1 else self.topology[0]
        if isinstance(seen, Exception):
            raise seen
        return seen

    async def survey(self, database: str, *, urgent: bool = False) -> Sequence[Topology]:
        return self.shards or (await self.observe(Target(database), urgent=urgent),)

    def describe(self, target: Target, candidate: NodeId | None) -> Call:
        return Call(f"{self.verb} {target} to {candidate}")

    async def submit(self, plan: Plan, intent: Intent) -> JobId | None:
        self.submissions.append((plan, intent))
        if self.meanwhile is not None:
            await self.meanwhile()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def jobs(self, ids: Sequence[JobId]) -> Mapping[JobId, Job]:
        self.polls.append(tuple(ids))
        if self.while_polling is not None:
            await self.while_polling()
        self.polled()
        if self.jobs_error is not None:
            raise self.jobs_error
        return {each: self.known[each] for each in ids if each in self.known}

    async def find_submission(
        self, plan: Plan, since: datetime, *, others: Collection[JobId] = ()
    ) -> Evidence:
        self.not_ours, trace = frozenset(others), self.trace
        meanwhile, self.while_looking = self.while_looking, None
        if meanwhile is not None:
            await meanwhile()
        if isinstance(trace, Exception):
            raise trace
        return trace

    async def close(self) -> None:
        return

    def finishes(self, job_id: JobId, state: JobState = JobState.DONE) -> None:
        """The job's state from now on."""
        self.known[job_id] = Job(job_id, state, state.value)


class LeakyStore(MemoryStore):
    """A store that tests look into, and that things may happen beside.

    Attributes:
        after_load: Runs once, between what the next ``load`` saw and its caller.
        before_open: Runs once, when the next operation has been decided on and is not opened.
        before_commit: Runs once, when the next commit has been decided and not begun.
        after_commit: Runs once, between the next commit and its caller.
        before_postpone: Runs once, when something is about to be made due at another time.
        before_hold, after_hold: As of a commit, of the next thing that is set or lifted by hand.
        past_unreadable: A newer version has written what the past of a database would be read from.
    """

    def __init__(self) -> None:
        super().__init__(audit_channel="C-AUDIT")
        self.after_load: Callable[[], Awaitable[None]] | None = None
        self.before_open: Callable[[], Awaitable[None]] | None = None
        self.before_commit: Callable[[], Awaitable[None]] | None = None
        self.after_commit: Callable[[], Awaitable[None]] | None = None
        self.before_postpone: Callable[[], Awaitable[None]] | None = None
        self.before_hold: Callable[[], Awaitable[None]] | None = None
        self.after_hold: Callable[[], Awaitable[None]] | None = None
        self.past_unreadable = False

    async def operations(
        self, *, open_only: bool, database: str | None = None, limit: int = 100
    ) -> Sequence[Operation]:
        if self.past_unreadable and database is not None and not open_only:
            raise Unreadable("written by a newer version")
        return await super().operations(open_only=open_only, database=database, limit=limit)

    async def load(self, operation_id: str) -> Operation | None:
        found = await super().load(operation_id)
        meanwhile, self.after_load = self.after_load, None
        if meanwhile is not None:
            await meanwhile()
        return found

    async def open(
        self, decision: Decision, *, due_at: datetime, item_id: int | None, replies: Sequence[Reply] = ()
    ) -> None:
        meanwhile, self.before_open = self.before_open, None
        if meanwhile is not None:
            await meanwhile()
        await super().open(decision, due_at=due_at, item_id=item_id, replies=replies)

    async def commit(
        self,
        decisions: Sequence[Decision],
        *,
        due_at: datetime | None,
        item_id: int | None = None,
        replies: Sequence[Reply] = (),
        unless_held: frozenset[HoldKind] = NO_HOLD,
        say_held: SayHeld | None = None,
    ) -> None:
        meanwhile, self.before_commit = self.before_commit, None
        if meanwhile is not None:
            await meanwhile()
        await super().commit(
            decisions,
            due_at=due_at,
            item_id=item_id,
            replies=replies,
            unless_held=unless_held,
            say_held=say_held,
        )
        meanwhile, self.after_commit = self.after_commit, None
        if meanwhile is not None:
            await meanwhile()

    async def postpone(
        self, due: Mapping[OperationId, tuple[int, datetime]], *, until: datetime | None
    ) -> None:
        meanwhile, self.before_postpone = self.before_postpone, None
        if meanwhile is not None:
            await meanwhile()
        await super().postpone(due, until=until)

    async def record_hold(
        self, event: HoldEvent, *, item_id: int | None, tell: TellHold = tell_nobody
    ) -> None:
        meanwhile, self.before_hold = self.before_hold, None
        if meanwhile is not None:
            await meanwhile()
        await super().record_hold(event, item_id=item_id, tell=tell)
        meanwhile, self.after_hold = self.after_hold, None
        if meanwhile is not None:
            await meanwhile()

    @property
    def trail(self) -> list[HoldEvent]:
        """What was set and lifted by hand, in order."""
        return self.disk.hold_events

    @property
    def notices(self) -> list[Say]:
        """What the audit channel is owed that is of no operation."""
        rows = self.disk.messages.values()
        return [row.say for row in rows if row.say is not None and row.operation_id is None]

    @property
    def answers(self) -> list[Reply]:
        """What single people were told, in order."""
        rows = self.disk.messages.values()
        return [Reply(row.to, row.answer) for row in rows if row.to is not None and row.answer is not None]

    def said(self, operation: str) -> list[Say]:
        """What the thread was told."""
        rows = self.disk.messages.values()
        return [
            row.say
            for row in rows
            if row.operation_id == operation and row.kind is MessageKind.REPLY and row.say
        ]

    def unfinished(self) -> list[int]:
        """The deliveries that are still to be worked on."""
        return [row.id for row in self.disk.inbox.values() if row.done_at is None]

    def due_at(self, operation: str) -> datetime | None:
        """When an operation is looked at next."""
        return self.disk.operations[operation].due_at


class World:
    """A bot of Desk and Duties with one database, ``orders``, and what it needs.

    Attributes:
        directory: Who people are, as the next process will ask it: ``people``, unless told otherwise.
    """

    def __init__(self, policy: Policy = POLICY) -> None:
        self.clock = ManualClock()
        self.store = LeakyStore()
        self.people = People()
        self.directory: Directory = self.people
        self.cloud = ScriptedCloud()
        self.catalogue = CatalogueHolder(Catalogue({}))
        self.submitted: list[str] = []
        self.woken = 0
        self.homes_opened = 0
        self._ids, self._keys = count(1), count(1)
        self.configure(orders=policy)
        self.start()

    def start(self) -> None:
        """A new process on the same store."""
        self.desk = Desk(
            store=self.store,
            directory=self.directory,
            catalogue=self.catalogue,
            clock=self.clock,
            new_id=lambda: OperationId(f"SW-{next(self._ids):06}"),
            limits=Limits(),
            wake=self._wake,
            home_opened=self._home_opened,
        )
        self.duties = Duties(
            store=self.store,
            directory=self.directory,
            catalogue=self.catalogue,
            clock=self.clock,
            limits=Limits(),
            wake=self._wake,
            submitted=self.submitted.append,
        )

    def _wake(self) -> None:
        self.woken += 1

    def _home_opened(self) -> None:
        self.homes_opened += 1

    def configure(self, **policies: Policy) -> None:
        """The databases from now on, all on one account; those that are gone are retired."""
        before = {**self.catalogue.current.databases, **self.catalogue.current.retired}
        databases = {name: self.database(name, policy) for name, policy in policies.items()}
        retired = {name: each for name, each in before.items() if name not in databases}
        self.catalogue.current = Catalogue(databases, retired=retired)

    def database(self, name: str, policy: Policy, cloud: ScriptedCloud | None = None) -> Database:
        """A database on the account ``qc``, or on one of its own if it has another cloud."""
        account = "qc" if cloud is None else f"account-of-{name}"
        return Database(name, "", account, cloud or self.cloud, policy)

    # people

    async def receive(
        self, command: Command, user: UserId = ASKER, *, channel: str = "C-OPS", team: str = "T-HOME"
    ) -> InboxItem:
        """Records a delivery and claims it."""
        key, now = f"delivery-{next(self._keys)}", self.clock.now()
        origin = Origin(user, team, Place(channel))
        await self.store.receive(Inbound(key, "", origin, command, now))
        return (await self.store.claim_inbox(now, now + timedelta(seconds=15), 100))[-1]

    async def ask(
        self, command: Command, user: UserId = ASKER, *, channel: str = "C-OPS", team: str = "T-HOME"
    ) -> Answer | None:
        """Works a delivery; what the person alone was told, None for nothing."""
        before = len(self.store.answers)
        await self.desk.work(await self.receive(command, user, channel=channel, team=team))
        new = self.store.answers[before:]
        return new[-1].answer if new else None

    async def told(self, command: Command, user: UserId = ASKER, *, channel: str = "C-OPS") -> str:
        """The code of what the person alone was told."""
        answer = await self.ask(command, user, channel=channel)
        return answer.text.code if isinstance(answer, Tell) else f"{answer}"

    async def click(self, action: Action, user: UserId, operation: str = ID) -> str:
        """Clicks a button; the code of what the person alone was told."""
        return await self.told(Act(action, operation), user)

    # time

    async def tick(self, seconds: float = 0) -> None:
        """Time passes, then everything that is due is done, once."""
        await self.clock.sleep(seconds)
        now = self.clock.now()
        until = now + self.duties.limits.lease
        due = await self.store.claim_operations(now, until, 100)
        polls = [op for op in due if self.duties.pollable(op)]
        await self.duties.poll(polls, until)
        for op in due:
            if op not in polls:
                await self.duties.perform(op, until)

    async def restart(self, seconds: float = 0) -> None:
        """Killed and started again."""
        await self.clock.sleep(seconds)
        self.start()
        await self.store.release_claims(self.clock.now())
        await self.tick()

    # the usual way

    async def requested(self, database: str = "orders", node: str | None = "n-b") -> Operation:
        assert await self.ask(RequestSwitchover(database, node, reason="upgrade")) is None
        return (await self.store.operations(open_only=True, database=database))[0]

    async def planned(self, database: str = "orders") -> Operation:
        op = await self.requested(database)
        await self.tick()
        return await self.op(op.id)

    async def approved(self, database: str = "orders") -> Operation:
        """Approved by two people; the recheck is due."""
        op = await self.planned(database)
        for who in (ANN, BOB):
            assert await self.click(Action.APPROVE, who, op.id) == "None"
        return await self.op(op.id)

    async def submitted_with(self, *answers: JobId | Exception | None) -> Operation:
        """Approved and submitted with these answers in store for it."""
        self.cloud.answers = list(answers)
        await self.approved()
        await self.tick()
        return await self.op()

    # what became of it

    async def op(self, operation: str = ID) -> Operation:
        found = await self.store.load(operation)
        assert found is not None
        return found

    async def status(self, operation: str = ID) -> Status:
        return (await self.op(operation)).status

    async def why(self, operation: str = ID) -> str:
        """The code of the operation's detail."""
        detail = (await self.op(operation)).detail
        return "" if detail is None else detail.code

    async def history(self, operation: str = ID) -> list[str]:
        return [event_name(event) for event in await self.store.events(operation)]

    def thread(self, operation: str = ID) -> list[str]:
        """What the thread was told, after the plan that calls the approvers."""
        codes = [say.text.code for say in self.store.said(operation)]
        return codes[1:] if codes[:1] == ["reply-awaiting-approval"] else codes


def stricter(**changes: object) -> Policy:
    """The policy of ``orders`` with something changed."""
    return replace(POLICY, **changes)  # type: ignore[arg-type]
