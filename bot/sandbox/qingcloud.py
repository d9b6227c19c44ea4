"""A simulated QingCloud: one zone, its MySQL Plus clusters and their jobs, as an ASGI app.

It checks what the real API checks and answers in its shapes: HTTP 200, and a ``ret_code`` for what is wrong.
Nothing happens by itself: the state is a function of the injected clock and of the calls.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bot.sandbox.faults import ANY, ANY_SUBMISSION, Answer, Fault, Faults, Sleep, in_json, outcome
from bot.sandbox.switchovers import Ending, Outcome, Timings, wall_clock

STAMP = "%Y-%m-%dT%H:%M:%SZ"
STAMPED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
SUBMIT = "RunClusterCustomService"
SUCCESSFUL = "successful"  # the last status of a job that says it went well
HASHES = {"HmacSHA256": hashlib.sha256, "HmacSHA1": hashlib.sha1}
EXAMPLE_KEY, EXAMPLE_SECRET = "QYACCESSKEYIDEXAMPLE", "SECRETACCESSKEY"  # they open nothing
DEFAULT_PAGE, LARGEST_PAGE = 20, 100


@dataclass(frozen=True, slots=True)
class Tab:
    """The display tab that shows roles: its key, its columns and its words."""

    key: str = "node_details"
    labels: tuple[str, ...] = ("node_id", "ip", "role")
    primary: str = "Master"
    replica: str = "Slave"


@dataclass(slots=True)
class SimNode:
    """A node; ``role`` is the AppCenter role."""

    id: str
    ip: str
    name: str = ""
    role: str = "maininstance"
    status: str = "active"
    health: str = "healthy"
    unhealthy_until: datetime | None = None


@dataclass(slots=True)
class SimCluster:
    """A cluster; ``primaries`` are the nodes that say they are primary, one when all is well.

    ``stale_tabs`` answers of the tab still come from a node that has not heard of the last change.
    """

    id: str
    nodes: list[SimNode]
    primaries: list[str]
    name: str = ""
    status: str = "active"
    transition: str = ""
    tab: Tab = field(default_factory=Tab)
    other_tabs: tuple[str, ...] = ()
    primaries_before: list[str] = field(default_factory=list)
    stale_tabs: int = 0

    def node(self, node_id: str) -> SimNode | None:
        """The node with this id."""
        return next((node for node in self.nodes if node.id == node_id), None)


@dataclass(slots=True)
class SimJob:
    """A job; its status follows from the clock."""

    id: str
    cluster: SimCluster
    node: str
    created: datetime
    directive: dict[str, Any]
    outcome: Outcome
    action: str = SUBMIT
    moved: bool = False
    over: bool = False


@dataclass(slots=True)
class SeenCall:
    """One call as it arrived, without key and signature; and how it ended, "" until that is known."""

    action: str
    params: Mapping[str, str]
    at: datetime
    outcome: str = ""


class No(Exception):
    """A call that is answered with a ``ret_code``."""

    def __init__(self, ret_code: int, message: str) -> None:
        super().__init__(message)
        self.payload = {"ret_code": ret_code, "message": message}


class SimulatedQingCloud:
    """The cloud, an ASGI app.

    Args:
        clock: Its own clock, aware.
        zone: The only zone it has.
        path: Where the API lives.
        access_key_id: The only key it knows.
        secret_access_key: That key's secret.
        timings: How long switchovers take.
        sleep: How slow answers wait.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = wall_clock,
        zone: str = "sh1a",
        path: str = "/iaas/",
        access_key_id: str = EXAMPLE_KEY,
        secret_access_key: str = EXAMPLE_SECRET,
        timings: Timings | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.clock = clock
        self.zone = zone
        self.path = path
        self.access_key_id = access_key_id
        self.secret_access_key = secret_access_key
        self.timings = timings or Timings()
        self.clusters: dict[str, SimCluster] = {}
        self.jobs: list[SimJob] = []
        self.calls: list[SeenCall] = []
        self.faults = Faults()
        self.job_list_lag = timedelta(0)
        self.newest_first = True
        self._outcomes: list[Outcome] = []
        self._sleep = sleep
        self._numbers = itertools.count(1)
        self._starlette = Starlette(routes=[Route("/{path:path}", self._endpoint, methods=["GET", "POST"])])
        self._actions: Mapping[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {
            "DescribeClusters": self._describe_clusters,
            "DescribeClusterNodes": self._describe_nodes,
            "DescribeClusterDisplayTabs": self._describe_tabs,
            "DescribeJobs": self._describe_jobs,
            SUBMIT: self._run_custom_service,
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
        return sum(call.action == SUBMIT for call in self.calls)

    @property
    def submissions_accepted(self) -> int:
        """How many of them started a job."""
        return sum(job.action == SUBMIT for job in self.jobs)

    def add_cluster(self, cluster_id: str, nodes: int = 3, *, tab: Tab | None = None) -> SimCluster:
        """A healthy cluster with nodes ``cln-<suffix>1`` and so on, the first of them primary."""
        suffix, net = cluster_id.removeprefix("cl-"), len(self.clusters) + 1
        made = [
            SimNode(f"cln-{suffix}{n}", f"192.168.{net}.{n + 1}", f"node {n}") for n in range(1, nodes + 1)
        ]
        cluster = SimCluster(cluster_id, made, [made[0].id], cluster_id, tab=tab or Tab())
        self.clusters[cluster_id] = cluster
        return cluster

    def next_outcome(
        self, ending: Ending = Ending.MOVED, *, word: str = SUCCESSFUL, winner: str | None = None
    ) -> None:
        """What becomes of the next accepted switchover; without this it succeeds."""
        self._outcomes.append(Outcome(word, ending, winner))

    def failover(self, cluster_id: str, node_id: str) -> None:
        """The cluster moves its primary on its own.

        Raises:
            LookupError: There is no such cluster, or no such node in it.
        """
        cluster = self.clusters[cluster_id]
        if cluster.node(node_id) is None:
            raise LookupError(node_id)
        self._set_primaries(cluster, [node_id], self.clock())

    def set_health(self, cluster_id: str, node_id: str, *, healthy: bool) -> None:
        """A node falls ill, or recovers; its role stays what it is.

        Raises:
            LookupError: There is no such cluster, or no such node in it.
        """
        node = self.clusters[cluster_id].node(node_id)
        if node is None:
            raise LookupError(node_id)
        node.health = "healthy" if healthy else "unhealthy"

    def start_job(self, params: Mapping[str, str]) -> SimJob:
        """A job as if somebody had asked for it with these parameters."""
        cluster = self.clusters[params["cluster"]]
        directive = {**params, "sender": {"user_id": "usr-simulated", "channel": "api"}}
        outcome = self._outcomes.pop(0) if self._outcomes else Outcome(SUCCESSFUL)
        node = str(json.loads(params["service_params"])["node_id"])
        job = SimJob(f"j-{next(self._numbers):08x}", cluster, node, self.clock(), directive, outcome)
        self.jobs.append(job)
        cluster.transition = "updating"
        return job

    async def _endpoint(self, request: Request) -> Response:
        if request.scope["path"] != self.path:
            return Response("not found", 404)
        # Decoded once; a second decoding is the sender's mistake. The SDK posts its parameters as a form.
        sent = (request.scope["query_string"], await request.body())
        params = dict(
            pair
            for text in sent
            if text
            for pair in parse_qsl(text.decode("latin-1"), keep_blank_values=True)
        )
        action = params.get("action", "")
        hidden = {"signature", "access_key_id"}
        shown = {key: value for key, value in params.items() if key not in hidden}
        call = SeenCall(action, shown, self.clock())
        self.calls.append(call)
        fault = self.faults.take(action, *([ANY_SUBMISSION] if action == SUBMIT else []), ANY)
        answer = None
        if fault is None or fault.accepted:
            answer = self._answer(request.method, action, params)
        call.outcome = outcome(answer, fault)
        response = await self._respond(answer or Answer({}), fault)
        response.headers["date"] = format_datetime(self.clock().astimezone(UTC), usegmt=True)
        return response

    async def _respond(self, answer: Answer, fault: Fault | None) -> Response:
        if fault is None:
            return in_json(answer)
        if fault.delay:
            await self._sleep(fault.delay)
        return fault.render(answer)

    def _answer(self, method: str, action: str, params: Mapping[str, str]) -> Answer:
        self.advance()
        try:
            self._authenticate(method, params)
            return Answer({"action": f"{action}Response", "ret_code": 0, **self._perform(action, params)})
        except No as no:
            return Answer(no.payload)

    def _perform(self, action: str, params: Mapping[str, str]) -> dict[str, Any]:
        perform = self._actions.get(action)
        if perform is None:
            raise No(1101, f"InvalidAction, action [{action}] is unknown")
        if params.get("zone") != self.zone:
            raise No(2100, f"ResourceNotFound, zone [{params.get('zone')}] is unknown")
        return perform(params)

    def _authenticate(self, method: str, params: Mapping[str, str]) -> None:
        if params.get("access_key_id") != self.access_key_id:
            raise No(1200, "AuthFailure, access_key_id is unknown")
        if params.get("version", "1") != "1" or params.get("signature_version") != "1":
            raise No(1100, "InvalidParameter, unsupported version")
        signed = {key: value for key, value in params.items() if key != "signature"}
        if not hmac.compare_digest(self._signature(method, signed), params.get("signature", "")):
            raise No(1200, "AuthFailure, signature does not match")
        now = self.clock()
        stamped = _time(params.get("time_stamp", ""))
        if stamped is None or now - stamped > timedelta(seconds=60):
            raise No(1300, "RequestHasExpired, time_stamp is more than 60 seconds old")
        expires = params.get("expires")
        if expires is not None and ((until := _time(expires)) is None or now > until):
            raise No(1300, "RequestHasExpired, expires has passed")

    def _signature(self, method: str, params: Mapping[str, str]) -> str:
        # Written anew and not taken from the client, so that each checks the other.
        digest = HASHES.get(params.get("signature_method", ""))
        if digest is None:
            raise No(1100, "InvalidParameter, unsupported signature_method")
        pairs = "&".join(_encoded(k) + "=" + _encoded(v) for k, v in sorted(params.items()))
        text = f"{method}\n{self.path}\n{pairs}".encode()
        return base64.b64encode(hmac.digest(self.secret_access_key.encode(), text, digest)).decode()

    def advance(self) -> None:
        """Brings the state up to the clock."""
        now = self.clock()
        for job in self.jobs:
            age = (now - job.created).total_seconds()
            if not job.moved and age >= self.timings.roles:
                job.moved = True
                moved_at = job.created + timedelta(seconds=self.timings.roles)
                self._set_primaries(job.cluster, _primaries_after(job), moved_at)
            if not job.over and age >= self.timings.done:
                job.over = True
                job.cluster.transition = ""

    def _set_primaries(self, cluster: SimCluster, primaries: list[str], at: datetime) -> None:
        if primaries == cluster.primaries:
            return
        cluster.primaries_before, cluster.primaries = cluster.primaries, primaries
        until = at + timedelta(seconds=self.timings.health_lag)
        for node in cluster.nodes:
            if node.id in {*primaries, *cluster.primaries_before}:
                node.unhealthy_until = until

    def _cluster(self, params: Mapping[str, str]) -> SimCluster:
        cluster = self.clusters.get(_required(params, "cluster"))
        if cluster is None:
            raise No(2100, f"ResourceNotFound, cluster [{params['cluster']}] is not found")
        return cluster

    def _describe_clusters(self, params: Mapping[str, str]) -> dict[str, Any]:
        wanted = _numbered(params, "clusters")
        found = [c for c in self.clusters.values() if not wanted or c.id in wanted]
        return _page(params, "cluster_set", [_cluster_row(cluster) for cluster in found])

    def _describe_nodes(self, params: Mapping[str, str]) -> dict[str, Any]:
        cluster, role = self._cluster(params), params.get("role")
        now = self.clock()
        rows = [_node_row(cluster, node, now) for node in cluster.nodes if role in (None, node.role)]
        return _page(params, "node_set", rows)

    def _describe_tabs(self, params: Mapping[str, str]) -> dict[str, Any]:
        cluster, key = self._cluster(params), _required(params, "display_tabs")
        if key in cluster.other_tabs:
            return {"display_tabs": {"labels": ["metric", "value"], "data": [["qps", "17"]]}}
        if key != cluster.tab.key:
            raise No(1100, f"InvalidParameter, display_tabs [{key}] is unknown")
        stale = cluster.stale_tabs > 0
        cluster.stale_tabs -= stale
        says_primary = cluster.primaries_before if stale else cluster.primaries
        words = {True: cluster.tab.primary, False: cluster.tab.replica}
        main = [node for node in cluster.nodes if node.role == "maininstance"]
        data = [[node.id, node.ip, words[node.id in says_primary]] for node in main]
        return {"display_tabs": {"labels": list(cluster.tab.labels), "data": data}}

    def _describe_jobs(self, params: Mapping[str, str]) -> dict[str, Any]:
        wanted, action = _numbered(params, "jobs"), params.get("job_action")
        unknown = set(wanted) - {job.id for job in self.jobs}
        if unknown:
            raise No(2100, f"ResourceNotFound, resource {sorted(unknown)} not found")
        seen = [job for job in self.jobs if self.clock() - job.created >= self.job_list_lag]
        found = [j for j in seen if (not wanted or j.id in wanted) and action in (None, j.action)]
        rows = [self._job_row(job) for job in sorted(found, key=lambda job: job.created)]
        return _page(params, "job_set", rows[::-1] if self.newest_first else rows)

    def _job_row(self, job: SimJob) -> dict[str, Any]:
        working = self.clock() - job.created >= timedelta(seconds=self.timings.working)
        return {
            "job_id": job.id,
            "job_action": job.action,
            "status": job.outcome.word if job.over else "working" if working else "pending",
            "create_time": job.created.astimezone(UTC).strftime(STAMP),
            "status_time": self.clock().astimezone(UTC).strftime(STAMP),
            "resource_ids": " ".join([job.cluster.id, *(node.id for node in job.cluster.nodes)]),
            "owner": "usr-simulated",
            "error_codes": "5000" if job.over and job.outcome.word != SUCCESSFUL else "",
            "directive": json.dumps(job.directive),
        }

    def _run_custom_service(self, params: Mapping[str, str]) -> dict[str, Any]:
        cluster, role = self._cluster(params), _required(params, "role")
        if (service := _required(params, "service")) != "assignmaster" or role != "maininstance":
            raise No(1100, f"InvalidParameter, service [{service}] of role [{role}] is unknown")
        node = cluster.node(_node_asked_for(params))
        if node is None or node.role != role:
            raise No(2100, "ResourceNotFound, the node is not in this cluster with this role")
        if cluster.status != "active" or cluster.transition:
            raise No(
                1400, f"PermissionDenied, cluster [{cluster.id}] is {cluster.transition or cluster.status}"
            )
        job = self.start_job(params)
        named = {"service": service, "role": role, "cluster_id": cluster.id}
        return {"job_id": job.id, **named}


def _primaries_after(job: SimJob) -> list[str]:
    before = job.cluster.primaries
    others = [n.id for n in job.cluster.nodes if n.id != job.node and n.id not in before]
    return job.outcome.primaries(before, job.node, others)


def _node_asked_for(params: Mapping[str, str]) -> str:
    try:
        asked = json.loads(_required(params, "service_params"))
    except ValueError:
        raise No(1100, "InvalidParameter, service_params is not JSON") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("node_id"), str):
        raise No(1100, "InvalidParameter, service_params.node_id is missing")
    return str(asked["node_id"])


def _required(params: Mapping[str, str], name: str) -> str:
    if not params.get(name):
        raise No(1100, f"MissingParameter, parameter [{name}] is required")
    return params[name]


@lru_cache(maxsize=512)
def _encoded(text: str) -> str:
    return quote(text, safe="")


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if STAMPED.fullmatch(text) else None
    except ValueError:
        return None


def _numbered(params: Mapping[str, str], name: str) -> list[str]:
    return [value for key, value in params.items() if key.startswith(f"{name}.")]


def _page(params: Mapping[str, str], key: str, rows: Sequence[Any]) -> dict[str, Any]:
    limit = min(int(params.get("limit", DEFAULT_PAGE)), LARGEST_PAGE)
    offset = int(params.get("offset", 0))
    return {key: list(rows[offset : offset + limit]), "total_count": len(rows)}


def _cluster_row(cluster: SimCluster) -> dict[str, Any]:
    keys = [cluster.tab.key, *cluster.other_tabs] if cluster.tab.key else [*cluster.other_tabs]
    return {
        "cluster_id": cluster.id,
        "name": cluster.name,
        "status": cluster.status,
        "transition_status": cluster.transition,
        "app_id": "app-00r26u27",
        "app_info": {"app_name": "MySQL Plus"},
        "node_count": len(cluster.nodes),
        "roles": sorted({node.role for node in cluster.nodes}),
        "display_tabs": {key: {} for key in sorted(keys)},
        "endpoints": {"reserved_ips": {"write_vip": {"value": "192.168.0.250"}}},
        "links": None,
        "tags": [],
    }


def _node_row(cluster: SimCluster, node: SimNode, now: datetime) -> dict[str, Any]:
    recovering = node.unhealthy_until is not None and now < node.unhealthy_until
    return {
        "node_id": node.id,
        "cluster_id": cluster.id,
        "role": node.role,
        "private_ip": node.ip,
        "name": node.name,
        "status": node.status,
        "transition_status": "",
        "health_status": "unhealthy" if recovering else node.health,
        "display_tabs": None,
        "custom_service": None,
    }
