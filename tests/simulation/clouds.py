"""The simulated clouds under observation: who submitted what for whom, and who was primary when."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import httpx
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.core.model import Target
from bot.sandbox.clouds import CLUSTER, REPLICA_SET, SHARDED
from bot.sandbox.faults import Answer
from bot.sandbox.huawei_dds import SimGroup, SimInstance, SimulatedHuaweiDds
from bot.sandbox.huawei_dds.asked import Asked
from bot.sandbox.huawei_dds.model import CREATE_TOKEN, SWITCHED
from bot.sandbox.huawei_dds.model import SimJob as DdsJob
from bot.sandbox.qingcloud import SimJob as QingJob
from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.switchovers import Ending, Timings
from bot.sandbox.wire import AsgiTransport
from tests.simulation.asgi import Adrift

QINGCLOUD, HUAWEI, IAM = "qingcloud.example", "dds.example", "iam.example"
VAGUE_CODES = (b"5000", b"5100", b"DBS.200998", b"DBS.280005", b"DBS.201509")
SERVER_ERROR = 500
ORDERS = Target("orders")

Job = QingJob | DdsJob


@dataclass
class Submission:
    """A request for a switchover that reached a cloud.

    Attributes:
        target: What it would switch.
        operation: Whose it is; "" where nobody's was committed.
        at: When, in seconds of the history.
        job: What the cloud began; None: nothing.
        clear: A whole answer left the cloud that says without doubt what became of the request.
        received: That answer reached a living process.
    """

    target: Target
    operation: str
    at: float
    job: Job | None = None
    clear: bool = False
    received: bool = False

    @property
    def surely_not_accepted(self) -> bool:
        """Whether the bot could know that nothing had begun."""
        return self.job is None and self.clear and self.received

    @property
    def left_a_trace(self) -> bool:
        """Whether anybody could find out that it began something.

        The promotion of a chosen node is in no list of jobs; one that changed no role is as none.
        """
        job = self.job
        silent = isinstance(job, DdsJob) and not job.id and job.over
        return job is not None and not (silent and job.outcome.ending is Ending.UNCHANGED)


ARRIVED: ContextVar[Submission | None] = ContextVar("arrived", default=None)
SENT: ContextVar[list[Submission] | None] = ContextVar("sent", default=None)
LATE: ContextVar[bool] = ContextVar("late", default=False)
FLIGHTS = (0.0, 0.5, 2.0, 5.0, 9.0)
"""Seconds for which a submission is on its way whose sender has died: the bot itself would wait for ten."""


class WatchedQingCloud(SimulatedQingCloud):
    """Tells which request began a job; answers at once, without a framework around it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._endpoint(Request(scope, receive))
        await response(scope, receive, send)

    def start_job(self, params: Mapping[str, str]) -> QingJob:
        job = super().start_job(params)
        if (submission := ARRIVED.get()) is not None:
            submission.job = job
        return job


class WatchedHuaweiDds(SimulatedHuaweiDds):
    """Tells which request began a switchover; answers at once, without a framework around it.

    Attributes:
        let_in: It has answered somebody well since its tokens were revoked.
        revoked: How often they were.
    """

    let_in = False
    revoked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._endpoint(Request(scope, receive))
        await response(scope, receive, send)

    def _perform(self, asked: Asked) -> Answer:
        answer = super()._perform(asked)
        self.let_in = self.let_in or asked.operation != CREATE_TOKEN
        return answer

    def revoke_tokens(self) -> None:
        """As a change of the password does; not again before a new token has been of use."""
        if self.let_in:
            self.revoked += 1
            super().revoke_tokens()
        self.let_in = False

    def _start(
        self, instance: SimInstance, group: SimGroup, node_id: str, *, console: bool = False
    ) -> DdsJob:
        job = super()._start(instance, group, node_id, console=console)
        if (submission := ARRIVED.get()) is not None:
            submission.job = job
        return job


@dataclass
class Roles:
    """Who said that they were primary, and since when."""

    changes: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)

    def between(self, start: float, end: float) -> set[tuple[str, ...]]:
        """Everything that was true at some instant of a time."""
        seen = set[tuple[str, ...]]()
        for index, (at, primaries) in enumerate(self.changes):
            until = self.changes[index + 1][0] if index + 1 < len(self.changes) else end
            if at <= end and until >= start:
                seen.add(primaries)
        return seen

    @property
    def now(self) -> tuple[str, ...]:
        return self.changes[-1][1]


class Clouds:
    """Both clouds, their networks, and what is known of them from outside.

    Attributes:
        asked: What the bot has tried to ask for, and when.

    Args:
        clock: The true time.
        elapsed: The same in seconds of the history.
        dice: Decides how long answers take.
        timings: How long switchovers take.
        say: Notes what happens.
        submitted: Told of every submission before the cloud sees it; says whose it is.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        elapsed: Callable[[], float],
        dice: Random,
        timings: Timings,
        say: Callable[[str, str], None],
        submitted: Callable[[Submission], None],
    ) -> None:
        self._elapsed = elapsed
        self._dice = dice
        self._say = say
        self._submitted = submitted
        self.qingcloud = WatchedQingCloud(clock=clock, timings=timings)
        self.huawei = WatchedHuaweiDds(clock=clock, timings=timings)
        self.orders = self.qingcloud.add_cluster(CLUSTER)
        self.sessions = self.huawei.add_replica_set(REPLICA_SET)
        self.events = self.huawei.add_cluster(SHARDED)
        self._groups = {Target("sessions"): self.sessions.groups[0]}
        self._groups |= {
            Target("events", group.id): group for group in self.events.groups if group.type in SWITCHED
        }
        self.unreachable: set[str] = set()
        self.asked: list[tuple[float, str]] = []
        self.roles: dict[Target, Roles] = defaultdict(Roles)
        self.hosts: Mapping[str, ASGIApp] = {
            QINGCLOUD: self._front(self.qingcloud, self._qingcloud_target),
            HUAWEI: self._front(self.huawei, self._huawei_target),
            IAM: self._front(self.huawei, self._huawei_target),
        }
        self.look()

    # --- what is true ---

    def groups(self) -> Mapping[Target, SimGroup]:
        """The groups of nodes that DDS switches."""
        return self._groups

    def look(self) -> None:
        """Notes who is primary now."""
        self.qingcloud.advance()
        self.huawei.advance()
        self._note(ORDERS, tuple(self.orders.primaries))
        for target, group in self.groups().items():
            self._note(target, tuple(group.primaries))

    def _note(self, target: Target, primaries: tuple[str, ...]) -> None:
        changes = self.roles[target].changes
        if not changes or changes[-1][1] != primaries:
            changes.append((self._elapsed(), primaries))
            if len(changes) > 1:
                self._say("cloud", f"{target}: primary is now {', '.join(primaries) or 'nobody'}")

    def note_asked(self, url: str) -> None:
        """Notes that the bot has tried to ask for something."""
        self.asked.append((self._elapsed(), url))

    def asked_about(self, job: str, since: float) -> bool:
        """Whether it has tried to ask for a job since a second."""
        return any(at >= since and job in url for at, url in reversed(self.asked))

    @property
    def logins(self) -> int:
        """How often IAM was asked for a token."""
        return sum(call.operation == CREATE_TOKEN for call in self.huawei.calls)

    # --- the network, and what arrives ---

    def _front(self, app: ASGIApp, target_of: Callable[[Scope, bytes], Target | None]) -> ASGIApp:
        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(self._dice.choice((0.01, 0.03, 0.08)))
            body = (await receive())["body"]
            target = target_of(scope, body)
            if target is None:
                await app(scope, _replaying(body, receive), send)
                self.look()
                return
            await self._submit(app, target, scope, _replaying(body, receive), send)

        return front

    async def _submit(self, app: ASGIApp, target: Target, scope: Scope, receive: Receive, send: Send) -> None:
        submission = Submission(target, "", self._elapsed())
        self.look()
        self._submitted(submission)
        if LATE.get():  # what is checked of it, is of the moment at which it left
            await asyncio.sleep(self._dice.choice(FLIGHTS))
            self.look()
        if (sent := SENT.get()) is not None:
            sent.append(submission)
        said: list[Message] = []

        async def listening(message: Message) -> None:
            said.append(message)
            await send(message)

        token = ARRIVED.set(submission)
        try:
            await app(scope, receive, listening)
        finally:
            ARRIVED.reset(token)
            became = "began a switchover" if submission.job else "began nothing"
            self._say("cloud", f"{target}: the submission of {submission.operation} {became}")
            self.look()
        body = b"".join(message.get("body", b"") for message in said[1:])
        submission.clear = said[0]["status"] < SERVER_ERROR and not any(code in body for code in VAGUE_CODES)

    def _qingcloud_target(self, scope: Scope, _body: bytes) -> Target | None:
        submits = b"action=RunClusterCustomService" in scope["query_string"].split(b"&")
        return ORDERS if submits else None

    def _huawei_target(self, scope: Scope, body: bytes) -> Target | None:
        path = scope["path"]
        if path.endswith("/switchover"):
            if self.sessions.id in path:
                return Target("sessions")
            return Target("events", json.loads(body)["group_id"])
        if path.endswith("/primary"):
            node = path.split("/")[-2]
            return next(t for t, group in self.groups().items() if node in {n.id for n in group.nodes})
        return None


def _replaying(body: bytes, receive: Receive) -> Receive:
    asked: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return asked.pop() if asked else await receive()

    return again


class CloudWire:
    """``providers.http.Wire`` of one life.

    Args:
        clouds: Where it leads.
        boundary: Awaited before a request leaves and when its answer is there.
        adrift: Told of a submission that has left, and how to let it arrive; awaited for ever where its sender dies.
    """

    def __init__(self, clouds: Clouds, boundary: Callable[[str], Awaitable[None]], adrift: Adrift) -> None:
        self._clouds = clouds
        self._boundary = boundary
        self._adrift = adrift

    def reads(self) -> httpx.AsyncBaseTransport:
        return _Transport(self._clouds, self._boundary, "read")

    def submission(self) -> httpx.AsyncBaseTransport:
        return _Submitting(self._clouds, self._boundary, self._adrift)


class _Transport(AsgiTransport):
    def __init__(self, clouds: Clouds, boundary: Callable[[str], Awaitable[None]], kind: str) -> None:
        super().__init__(clouds.hosts)
        self._clouds = clouds
        self._boundary = boundary
        self._kind = kind

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._boundary(f"before a {self._kind} leaves")
        self._clouds.note_asked(str(request.url))
        if request.url.host in self._clouds.unreachable:
            return await AsgiTransport({}).handle_async_request(request)
        await self._leaves(request)
        sent: list[Submission] = []
        token = SENT.set(sent)
        try:
            response = await super().handle_async_request(request)
        finally:
            SENT.reset(token)
        await self._boundary(f"after a {self._kind} was answered")
        for submission in sent:
            submission.received = True
        return response

    async def _leaves(self, request: httpx.Request) -> None:
        """It is on its way."""


class _Submitting(_Transport):
    def __init__(self, clouds: Clouds, boundary: Callable[[str], Awaitable[None]], adrift: Adrift) -> None:
        super().__init__(clouds, boundary, "submission")
        self._adrift = adrift

    async def _leaves(self, request: httpx.Request) -> None:
        async def arrives() -> None:
            LATE.set(True)
            await AsgiTransport(self._clouds.hosts).handle_async_request(request)

        await self._adrift("amid a submission", arrives)


def _not_alone(nodes: Iterable[Any], primaries: Collection[str]) -> list[str]:
    """Whom a cloud may make the primary: who is none, or anybody where all of them are."""
    ids = [node.id for node in nodes]
    return [each for each in ids if each not in primaries] or ids


def promote_anybody(dice: Random, clouds: Clouds, where: Target | None = None) -> tuple[Target, str]:
    """A failover that a cloud makes by itself, anywhere or at one place: where, and to whom."""
    target = where or dice.choice([ORDERS, *clouds.groups()])
    if target == ORDERS:
        node = dice.choice(_not_alone(clouds.orders.nodes, clouds.orders.primaries))
        clouds.qingcloud.failover(clouds.orders.id, node)
    else:
        group = clouds.groups()[target]
        node = dice.choice(_not_alone(group.nodes, group.primaries))
        clouds.huawei.failover(REPLICA_SET if target.database == "sessions" else SHARDED, node)
    clouds.look()
    return target, node


def from_the_console(dice: Random, clouds: Clouds) -> str:
    """Somebody switches at the cloud's own console; says where, "" where it can't be done now."""
    choice: dict[str, Any]
    if dice.random() < 0.5:
        if clouds.orders.transition:
            return ""
        node = dice.choice(_not_alone(clouds.orders.nodes, clouds.orders.primaries))
        choice = {
            "cluster": clouds.orders.id,
            "role": "maininstance",
            "service": "assignmaster",
            "service_params": json.dumps({"node_id": node}),
        }
        clouds.qingcloud.start_job(choice)
        return "orders"
    if clouds.sessions.in_progress or not clouds.sessions.groups[0].electable:
        return ""
    clouds.huawei.start_job(clouds.sessions.id)
    return "sessions"
