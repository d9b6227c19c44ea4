"""The simulated cloud: DDS and IAM as one ASGI app.

It checks what the real API checks and answers in its shapes: an HTTP status, and a code for what is wrong.
Nothing happens by itself: the state is a function of the injected clock and of the calls.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bot.sandbox.faults import ANY, ANY_SUBMISSION, Answer, Fault, Faults, Sleep, in_json, outcome
from bot.sandbox.huawei_dds import model, rows
from bot.sandbox.huawei_dds.asked import Asked, check_choice, fields_of, name_of, page_of, route, time_of
from bot.sandbox.huawei_dds.auth import (
    EXAMPLE_ACCESS_KEY,
    EXAMPLE_SECRET_KEY,
    EXAMPLE_USER,
    Gate,
    Iam,
    IamUser,
    Signatures,
)
from bot.sandbox.huawei_dds.model import (
    BAD_PARAMETER,
    CREATE_TOKEN,
    LIST_INSTANCES,
    LIST_TASKS,
    PROMOTE,
    SHOW_JOB,
    SUBMISSIONS,
    SWITCHED,
    SWITCHOVER,
    No,
    SeenCall,
    SimGroup,
    SimInstance,
    SimJob,
    SimNode,
)
from bot.sandbox.switchovers import Ending, Outcome, Timings, wall_clock

EXAMPLE_PROJECT = "0549b4a43100d4f32f51c01c2fe4acdb"
KEPT = timedelta(days=30)  # older jobs are not shown, and no span of time may be longer
MODES = ("Sharding", "ReplicaSet", "Single")
STATUSES = (rows.RUNNING, rows.COMPLETED, rows.FAILED)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class SimulatedHuaweiDds:
    """The cloud, an ASGI app.

    Attributes:
        job_visible_after: How long a new job's id is unknown to those who ask for it.
        withheld: Operations that this cloud does not publish, as some partners' clouds do not.
        token_life: How long tokens are good for, from now on.
        newest_first: The order of instances and of jobs.
        unknown_is_an_error: Asking for one unknown instance is an error, and not an empty list.
        promotions: What the promotions of chosen nodes started; ``jobs`` has only what has a job id.

    Args:
        clock: Its own clock, aware.
        project_id: The only project it has.
        project_name: That project's name.
        access_key: The only key it knows.
        secret_key: That key's secret.
        security_token: What must be sent and signed along with a temporary key; empty for a permanent one.
        user: The only user who gets tokens.
        timings: How long switchovers take.
        sleep: How slow answers wait.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = wall_clock,
        project_id: str = EXAMPLE_PROJECT,
        project_name: str = "ap-southeast-1",
        access_key: str = EXAMPLE_ACCESS_KEY,
        secret_key: str = EXAMPLE_SECRET_KEY,
        security_token: str = "",
        user: IamUser = EXAMPLE_USER,
        timings: Timings | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.clock = clock
        self.timings = timings or Timings()
        self.instances: dict[str, SimInstance] = {}
        self.jobs: list[SimJob] = []
        self.promotions: list[SimJob] = []
        self.calls: list[SeenCall] = []
        self.faults = Faults()
        self.job_visible_after = timedelta(0)
        self.withheld: set[str] = set()
        self.token_life = timedelta(hours=24)
        self.newest_first = True
        self.unknown_is_an_error = False
        self._iam = Iam(user, project_id, project_name)
        self._gate = Gate(project_id, Signatures(access_key, secret_key, security_token), self._iam)
        self._outcomes: list[Outcome] = []
        self._sleep = sleep
        self._requests = itertools.count(1)
        self._starlette = Starlette(routes=[Route("/{path:path}", self._endpoint, methods=METHODS)])
        self._operations: Mapping[str, Callable[[Asked], Answer]] = {
            LIST_INSTANCES: self._list_instances,
            SWITCHOVER: self._switchover,
            PROMOTE: self._promote,
            SHOW_JOB: self._show_job,
            LIST_TASKS: self._list_tasks,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._starlette(scope, receive, send)

    def forget_outcomes(self) -> None:
        """Takes back what ``next_outcome`` set and nothing has met yet."""
        self._outcomes.clear()

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """What becomes of the next accepted switchovers, as it was set."""
        return tuple(self._outcomes)

    @property
    def submissions_seen(self) -> int:
        """How many submissions arrived, whatever became of them."""
        return sum(call.operation in SUBMISSIONS for call in self.calls)

    @property
    def submissions_accepted(self) -> int:
        """How many of them started a switchover."""
        return len(self.promotions) + sum(not job.console for job in self.jobs)

    @property
    def tokens_issued(self) -> int:
        """How many tokens were issued."""
        return self._iam.issued

    def add_replica_set(
        self, instance_id: str, nodes: int = 3, *, hidden: int = 0, readonly: int = 0
    ) -> SimInstance:
        """A healthy replica set: the first of ``nodes`` is primary, the last ``hidden`` of them are hidden."""
        groups = model.replica_set(instance_id, nodes, hidden, readonly, self._net)
        return self._add(instance_id, "ReplicaSet", groups)

    def add_cluster(self, instance_id: str, shards: int = 2, nodes: int = 3, mongos: int = 2) -> SimInstance:
        """A healthy cluster: mongos, shards ``shard_1`` and so on, and config."""
        groups = model.cluster(instance_id, shards, nodes, mongos, self._net)
        return self._add(instance_id, "Sharding", groups)

    def add_single(self, instance_id: str) -> SimInstance:
        """A healthy instance of one node."""
        return self._add(instance_id, "Single", model.single(instance_id, self._net))

    @property
    def _net(self) -> int:
        return len(self.instances) + 1

    def _add(self, instance_id: str, mode: str, groups: list[SimGroup]) -> SimInstance:
        instance = SimInstance(instance_id, f"dds-{self._net}", mode, groups, self.clock())
        self.instances[instance_id] = instance
        return instance

    def next_outcome(
        self, ending: Ending = Ending.MOVED, *, word: str = rows.COMPLETED, winner: str | None = None
    ) -> None:
        """What becomes of the next accepted switchover; without this it succeeds."""
        self._outcomes.append(Outcome(word, ending, winner))

    def failover(self, instance_id: str, node_id: str) -> None:
        """The instance moves the primary of this node's group on its own.

        Raises:
            LookupError: There is no such node in it.
        """
        group = self.instances[instance_id].group_of(node_id)
        if group is None:
            raise LookupError(node_id)
        group.set_primaries([node_id])

    def set_health(self, instance_id: str, node_id: str, *, healthy: bool) -> None:
        """A node falls ill, or recovers; its role stays what it is. This cloud promotes only those that are well.

        Raises:
            LookupError: There is no such node in it.
        """
        node = next((node for node in self.instances[instance_id].nodes if node.id == node_id), None)
        if node is None:
            raise LookupError(node_id)
        node.status = "normal" if healthy else "abnormal"

    def start_job(self, instance_id: str, group_id: str | None = None) -> SimJob:
        """A switchover as if somebody had asked for it at the console; the cloud chooses the new primary.

        Raises:
            LookupError: There is no such group, or no node in it could become primary.
        """
        instance = self.instances[instance_id]
        group = instance.group(group_id)
        if group is None or not group.electable:
            raise LookupError(group_id)
        return self._start_job(instance, group, console=True)

    def revoke_tokens(self) -> None:
        """From now on nobody's token is good, as after a change of the password."""
        self._iam.revoke()

    def advance(self) -> None:
        """Brings the state up to the clock."""
        now = self.clock()
        for job in [*self.jobs, *self.promotions]:
            age = (now - job.created).total_seconds()
            if not job.moved and age >= self.timings.roles:
                job.moved = True
                others = [node.id for node in job.group.electable if node.id != job.node]
                job.group.set_primaries(job.outcome.primaries(job.group.primaries, job.node, others))
            if not job.over and age >= self.timings.done:
                job.over = True
                job.instance.switching -= 1

    async def _endpoint(self, request: Request) -> Response:
        asked = self._asked(request, await request.body())
        body = asked.json if asked.operation in self._operations else None
        path = unquote(asked.path)
        call = SeenCall(asked.operation, path, asked.params, body, asked.at)
        self.calls.append(call)
        kinds = [ANY_SUBMISSION] if asked.operation in SUBMISSIONS else []
        fault = self.faults.take(asked.operation, *kinds, ANY)
        answer = self._answer(asked) if fault is None or fault.accepted else None
        call.outcome = outcome(answer, fault)
        response = await self._respond(answer or Answer({}), fault)
        response.headers["x-request-id"] = asked.id
        response.headers["date"] = format_datetime(self.clock().astimezone(UTC), usegmt=True)
        return response

    def _asked(self, request: Request, body: bytes) -> Asked:
        path = request.scope["raw_path"].decode("latin-1")
        query = request.scope["query_string"].decode("latin-1")
        operation, names = route(request.method, unquote(path))
        return Asked(
            id=f"{next(self._requests):032x}",
            operation=operation,
            method=request.method,
            path=path,
            names=names,
            query=tuple(parse_qsl(query, keep_blank_values=True)),
            headers=request.headers,
            body=body,
            at=self.clock(),
        )

    async def _respond(self, answer: Answer, fault: Fault | None) -> Response:
        if fault is None:
            return in_json(answer)
        if fault.delay:
            await self._sleep(fault.delay)
        return fault.render(answer)

    def _answer(self, asked: Asked) -> Answer:
        self.advance()
        try:
            return self._perform(asked)
        except No as no:
            return no.answer

    def _perform(self, asked: Asked) -> Answer:
        if not asked.operation or asked.operation in self.withheld:
            message = "The API does not exist or has not been published in the environment"
            raise No.by_gateway(404, "APIGW.0101", message, asked.id)
        if asked.operation == CREATE_TOKEN:
            return self._iam.issue(asked, self.token_life)
        self._gate.admit(asked)
        return self._operations[asked.operation](asked)

    def _switchover(self, asked: Asked) -> Answer:
        instance = self._instance(asked)
        group = _group_asked_for(instance, fields_of(asked, "group_id"))
        _check_ready(instance)
        if group.status not in (None, "normal") or not group.primaries or not group.electable:
            raise No.by_service(403, "DBS.200018", "The status of the nodes does not allow a switchover.")
        return Answer({"job_id": self._start_job(instance, group).id}, 202)

    def _promote(self, asked: Asked) -> Answer:
        instance = self._instance(asked)
        fields_of(asked)
        group, node = self._node_asked_for(instance, asked.names["node"])
        _check_ready(instance)
        if node.status != "normal":
            raise No.by_service(403, "DBS.200018", f"The node is {node.status}.")
        self.promotions.append(self._start(instance, group, node.id))
        return Answer(None, 202)

    def _instance(self, asked: Asked) -> SimInstance:
        instance_id = asked.names["instance"]
        instance = self.instances.get(instance_id)
        if instance is None:
            if not re.fullmatch(r"[0-9a-f]{32}in02", instance_id):
                raise No.by_service(400, "DBS.280404", "The instance ID format is invalid.")
            raise No.by_service(404, "DBS.200002", "The instance does not exist.")
        if instance.mode == "Single":
            raise No.by_service(400, "DBS.280342", "The instance mode does not support this operation.")
        return instance

    def _node_asked_for(self, instance: SimInstance, node_id: str) -> tuple[SimGroup, SimNode]:
        group = instance.group_of(node_id)
        if group is None:
            raise self._no_such_node(node_id)
        if group.type not in SWITCHED:
            raise No.by_service(400, "DBS.280327", f"The node is of type {group.type}.")
        node = next(node for node in group.nodes if node.id == node_id)
        if node.role != "Secondary":
            raise No.by_service(400, "DBS.200075", f"The role of the node is {node.role}.")
        return group, node

    def _no_such_node(self, node_id: str) -> No:
        if any(instance.group_of(node_id) for instance in self.instances.values()):
            return No.by_service(403, "DBS.216030", "The node is not in this instance.")
        if not re.fullmatch(r"[0-9a-f]{32}no02", node_id):
            return No.by_service(400, "DBS.280407", "The node ID format is invalid.")
        return No.by_service(404, "DBS.200013", "The node does not exist.")

    def _start_job(self, instance: SimInstance, group: SimGroup, *, console: bool = False) -> SimJob:
        job = self._start(instance, group, group.electable[0].id, console=console)
        job.id = model.job_id(instance.id, len(self.jobs) + 1)
        self.jobs.append(job)
        return job

    def _start(
        self, instance: SimInstance, group: SimGroup, node_id: str, *, console: bool = False
    ) -> SimJob:
        outcome = self._outcomes.pop(0) if self._outcomes else Outcome(rows.COMPLETED)
        instance.switching += 1
        return SimJob("", instance, group, node_id, self.clock(), outcome, console)

    def _list_instances(self, asked: Asked) -> Answer:
        params = asked.params
        offset, limit = page_of(params)
        check_choice(params, "mode", MODES)
        check_choice(params, "datastore_type", (rows.DATASTORE,))
        wanted, name = params.get("id"), name_of(params)
        if wanted is not None and wanted not in self.instances and self.unknown_is_an_error:
            raise No.by_service(400, "DBS.280110", "The instance does not exist.")
        same = {key: params[key] for key in ("id", "mode", "vpc_id", "subnet_id") if key in params}
        found = [rows.instance_row(i) for i in self.instances.values() if name.fullmatch(i.name)]
        # No instance here has tags, so that none has those asked for.
        shown = [row for row in found if same.items() <= _strings(row).items() and not params.get("tags")]
        return Answer(rows.page("instances", self._ordered(shown), offset, limit))

    def _show_job(self, asked: Asked) -> Answer:
        job = next((job for job in self._visible_jobs() if job.id == asked.params.get("id")), None)
        if job is None:
            raise No.by_service(400, "DBS.280001", "The job does not exist.")
        return Answer({"job": rows.job_row(job, asked.at, self.timings.done)})

    def _list_tasks(self, asked: Asked) -> Answer:
        params = asked.params
        start, end = time_of(params, "start_time"), time_of(params, "end_time")
        if not timedelta(0) < end - start <= KEPT:
            raise No.by_service(400, BAD_PARAMETER, "The end must be 30 days or less after the start.")
        offset, limit = page_of(params)
        check_choice(params, "status", STATUSES)
        jobs = [job for job in self._visible_jobs() if start <= job.created.replace(microsecond=0) <= end]
        found = [rows.task_row(job, asked.at, self.timings.done) for job in jobs]
        same = {key: params[key] for key in ("id", "name", "status") if key in params}
        shown = [row for row in found if same.items() <= _strings(row).items()]
        return Answer(rows.page("jobs", self._ordered(shown), offset, limit))

    def _visible_jobs(self) -> list[SimJob]:
        now = self.clock()
        return [job for job in self.jobs if self.job_visible_after <= now - job.created <= KEPT]

    def _ordered(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return found[::-1] if self.newest_first else found


def _group_asked_for(instance: SimInstance, fields: Mapping[str, Any]) -> SimGroup:
    group_id = fields.get("group_id")
    if (group_id is None) != (instance.mode == "ReplicaSet"):
        raise No.by_service(400, BAD_PARAMETER, "Parameter error: group_id is for clusters, which need it.")
    group = instance.group(group_id)
    if group is None:
        raise No.by_service(404, "DBS.200013", "The group does not exist.")
    if group.type not in SWITCHED:
        raise No.by_service(400, "DBS.280414", f"The group is of type {group.type}.")
    return group


def _check_ready(instance: SimInstance) -> None:
    if instance.status != "normal":
        raise No.by_service(403, "DBS.200011", f"Status {instance.status} forbids SWITCH_PRIMARY.")
    if instance.in_progress:
        raise No.by_service(403, "DBS.200019", "Another operation is in progress or the instance is faulty.")


def _strings(row: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in row.items() if isinstance(value, str)}
