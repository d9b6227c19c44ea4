"""QingCloud's own Python SDK judges our signatures, the bytes we send and the simulated cloud.

Two things of the SDK are replaced: its clock, and the request id it adds, because both differ at every call.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from qingcloud.conn.auth import QuerySignatureAuthHandler
from qingcloud.conn.connection import HTTPRequest
from qingcloud.iaas.connection import APIConnection

from bot.core.model import Call, JobId, NodeId, Plan
from bot.ports import Intent
from bot.sandbox.qingcloud import EXAMPLE_KEY, EXAMPLE_SECRET, SUBMIT, SimulatedQingCloud
from bot.sandbox.server import serve
from bot.sandbox.switchovers import Ending
from providers.qingcloud import QINGCLOUD, QingCloudAccount, QingCloudDatabase, answers, signer
from providers.qingcloud.api import EXPIRES, submission
from tests.oracles.odd import BEYOND, RESERVED, Odd
from tests.oracles.wire import RealTimePlus, answer_of, answering, params_of
from tests.providers.clocks import START, TestClock

PATH, ZONE = "/iaas/", "sh1a"
CLUSTER, NODE = "cl-ouhutv70", "cln-vxosovur"
CALLS_EACH = 1000  # of both methods with both hashes
COMMON = {"access_key_id", "time_stamp", "version", "signature_method", "signature_version"}

Params = Mapping[str, str | list[str]]


def _connection(key: str, secret: str, zone: str = ZONE, *, port: int = 80, sha1: bool = False) -> Any:
    made = APIConnection(key, secret, zone, host="127.0.0.1", port=port, protocol="http", retry_time=1)
    if sha1:
        made._auth_handler._hmac_256 = None  # what it falls back to where Python has no sha256
    return made


@contextmanager
def sdk_at(url: str, *, key: str = EXAMPLE_KEY, secret: str = EXAMPLE_SECRET, **made: Any) -> Iterator[Any]:
    """The SDK's connection to a server on loopback; the sockets that it keeps are closed with the block."""
    connection = _connection(key, secret, port=urlsplit(url).port or 0, **made)
    try:
        yield connection
    finally:
        for queue in connection._conn.pool.values():
            for kept, _ in queue.queue:
                kept.close()


def flat(params: Params) -> dict[str, str]:
    """Lists as we number them."""
    made: dict[str, str] = {}
    for name, value in params.items():
        made |= dict(answers.numbered(name, value)) if isinstance(value, list) else {name: value}
    return made


@pytest.fixture
def sdk_clock(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the SDK takes for the present time: the last entry, as it writes it."""
    times = [""]
    monkeypatch.setattr("qingcloud.conn.auth.get_ts", lambda: times[-1])
    return times


# Signatures


@dataclass(frozen=True)
class Drawn:
    """A random call of a random account."""

    key: str
    secret: str
    zone: str
    action: str
    at: datetime
    own: Params

    @classmethod
    def by(cls, odd: Odd) -> Drawn:
        own: dict[str, str | list[str]] = {"req_id": odd.text(), "service_params": odd.text(most=60)}
        for number in range(odd.below(8)):
            name = f"{odd.text()}{number}"  # the number keeps it from being one of the common parameters
            own[name] = odd.texts(most=5) if odd.below(3) == 0 else odd.text()
        words = [odd.text(least=1) for _ in range(4)]
        return cls(words[0], words[1], words[2], words[3], odd.time(), own)

    def ours(self, algorithm: str) -> dict[str, str]:
        common = signer.common_params(self.action, zone=self.zone, access_key_id=self.key, at=self.at)
        return {**flat(self.own), **common, "signature_method": algorithm}

    def sdks(self, method: str, *, sha1: bool) -> Any:
        connection = _connection(self.key, self.secret, self.zone, sha1=sha1)
        body = {**self.own, "action": self.action, "zone": self.zone}
        request = connection.build_http_request(method, PATH, body)
        request.authorize(connection)
        return request


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("algorithm", ["HmacSHA256", "HmacSHA1"])
def test_we_sign_as_the_sdk_does(method: str, algorithm: str, sdk_clock: list[str]) -> None:
    odd = Odd(len(method) * 1000 + len(algorithm))
    for _ in range(CALLS_EACH):
        drawn = Drawn.by(odd)
        sdk_clock.append(signer.stamp(drawn.at))
        request = drawn.sdks(method, sha1=algorithm == "HmacSHA1")
        ours = drawn.ours(algorithm)
        query = signer.signed_query(ours, path=PATH, secret=drawn.secret, method=method)
        if method == "GET":
            assert f"{PATH}?{query}" == request.path
        else:
            # It posts the parameters as a form, in its own order; the signature in it is over the sorted query.
            posted = dict(parse_qsl(request.body, keep_blank_values=True, strict_parsing=True))
            assert posted == dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))
    assert set(RESERVED + BEYOND) <= set(odd.seen)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.dictionaries(TEXT.filter(bool), TEXT, max_size=10), TEXT.filter(bool))
@settings(max_examples=150, deadline=None)
def test_we_write_what_is_signed_as_the_sdk_does(params: dict[str, str], secret: str) -> None:
    signed = {**params, "signature_method": "HmacSHA256"}
    query, signature = QuerySignatureAuthHandler("", "key", secret)._calc_signature({**params}, "GET", PATH)
    assert signer.canonical_query(signed) == query
    text = signer.string_to_sign("GET", PATH, query)
    assert signer.signature(secret, text) == signature.decode()


# Where the SDK, the documentation and we are not of one mind


@dataclass(frozen=True)
class Difference:
    """One thing that is sent differently.

    Attributes:
        asked: What the SDK is given to send.
        sdk: What it makes of that, as found in the query; "" where it sends nothing of the kind.
        ours: What we send in its place.
        absent: What is in the query of neither, or not in ours.
        we_follow: Whom.
        why: And for what reason.
    """

    asked: Mapping[str, Any]
    sdk: str
    ours: str
    absent: str
    we_follow: str
    why: str


ASSIGN = {"cluster": CLUSTER, "role": "maininstance", "service": "assignmaster"}
DIFFERENCES = {
    "an object as a value": Difference(
        asked={**ASSIGN, "service_params": {"node_id": NODE}},
        sdk="service_params=%7B%27node_id%27%3A%20%27cln-vxosovur%27%7D&",
        ours="service_params=%7B%22node_id%22%3A%22cln-vxosovur%22%7D&",
        absent="%27",
        we_follow="documentation",
        why="The page asks for URL-encoded JSON; the SDK prints the dict, which is no JSON. Its callers have to "
        "pass JSON text, and then it sends what we send.",
    ),
    "JSON text encoded beforehand": Difference(
        asked={**ASSIGN, "service_params": "%7B%22node_id%22%3A%22cln-vxosovur%22%7D"},
        sdk="service_params=%257B%2522node_id%2522",
        ours="service_params=%7B%22node_id%22",
        absent="%25",
        we_follow="documentation",
        why="'URL-encoded JSON' is what stands in the page's example URL, which is encoded once. Who takes it "
        "for an instruction to encode before signing sends it encoded twice: the SDK encodes every value.",
    ),
    "req_id": Difference(
        asked=ASSIGN,
        sdk="&req_id=",
        ours="",
        absent="req_id",
        we_follow="documentation",
        why="It is not among the documented parameters, and random: with it a submission could not be known "
        "again by a signature that is computed anew.",
    ),
    "expires": Difference(
        asked=ASSIGN,
        sdk="",
        ours="&expires=2026-03-01T12%3A00%3A30Z&",
        absent="",
        we_follow="documentation",
        why="Documented as optional, and left out by the SDK. We say until when a submission may be accepted.",
    ),
    "zone in capitals": Difference(
        asked={**ASSIGN, "zone": "SH1A"},
        sdk="&zone=SH1A",
        ours="&zone=sh1a",
        absent="SH1A",
        we_follow="documentation",
        why="All documented zone ids are lower case. The SDK lowers it only in connect_to_zone.",
    ),
    "an ampersand before the first parameter": Difference(
        asked=ASSIGN,
        sdk="/iaas/?access_key_id=",
        ours="/iaas/?access_key_id=",
        absent="?&",
        we_follow="SDK",
        why="The page's example URL begins with one; it would stand for an empty parameter, which nobody signs.",
    ),
    "order": Difference(
        asked=ASSIGN,
        sdk="/iaas/?access_key_id=",
        ours="/iaas/?access_key_id=",
        absent="/iaas/?action=",
        we_follow="SDK",
        why="The page's example has action first and zone last; the SDK sends the very string it has signed, "
        "which is sorted, so that nothing depends on how the server sorts it again.",
    ),
}


def account(port: int = 80, *, zone: str = "SH1A") -> QingCloudAccount:
    return QingCloudAccount(
        endpoint=f"http://127.0.0.1:{port}{PATH}",
        zone=zone,
        access_key_id=SecretStr(EXAMPLE_KEY),
        secret_access_key=SecretStr(EXAMPLE_SECRET),
    )


async def submitted(port: int) -> JobId | None:
    """The vendor page's example, sent by our provider to a server on loopback."""
    clock = TestClock()
    databases = {"orders": QingCloudDatabase(cluster=CLUSTER)}
    provider = QINGCLOUD.build(
        account(port), databases, clock=clock, call_timeout=timedelta(seconds=10), observer=lambda *_: None
    )
    plan = Plan("orders", None, NodeId(NODE), NodeId("cln-other"), (), Call("as asked"))
    try:
        return await provider.submit(plan, Intent(clock.now(), clock.monotonic() + 5))
    finally:
        await provider.close()


@pytest.mark.parametrize("difference", DIFFERENCES.values(), ids=DIFFERENCES)
async def test_we_differ_from_the_sdk_only_where_we_mean_to(
    difference: Difference, sdk_clock: list[str]
) -> None:
    sdk_clock.append(signer.stamp(START))
    connection = _connection(EXAMPLE_KEY, EXAMPLE_SECRET)
    body = {"zone": ZONE, "action": SUBMIT, **difference.asked}
    request = connection.build_http_request("GET", PATH, body)
    request.authorize(connection)
    async with answering(ACCEPTED) as (port, arrived):
        await submitted(port)
    ours = arrived[0].split(b" ")[1].decode()
    assert difference.sdk in request.path
    assert difference.ours in ours
    assert not difference.absent or difference.absent not in ours
    assert difference.we_follow in {"documentation", "SDK"}
    assert difference.why


# The page's example

PAGE_REQUEST = """\
https://api.qingcloud.com/iaas/?&action=RunClusterCustomService
&cluster=cl-ouhutv70
&role=maininstance
&service=assignmaster
&service_params=%7B%22node_id%22%3A%22cln-vxosovur%22%7D
&zone=sh1a
&<COMMON_PARAMS>"""
PAGE_ANSWER = b"""\
"{u'job_id': u'j-ewfq9j2fivi',
 u'service': u'assignmaster', 
 u'ret_code': 0,
 u'role': u'maininstance',
 u'action': u'RunClusterCustomServiceResponse',
 u'cluster_id': u'cl-ouhutv70'}"
"""  # noqa: W291 - as the page has it
ACCEPTED = answer_of(b'{"ret_code":0,"job_id":"j-ewfq9j2fivi","cluster_id":"cl-ouhutv70"}')
SENT = (
    b"GET /iaas/?access_key_id=QYACCESSKEYIDEXAMPLE&action=RunClusterCustomService&cluster=cl-ouhutv70"
    b"&expires=2026-03-01T12%3A00%3A30Z&role=maininstance&service=assignmaster"
    b"&service_params=%7B%22node_id%22%3A%22cln-vxosovur%22%7D&signature_method=HmacSHA256"
    b"&signature_version=1&time_stamp=2026-03-01T12%3A00%3A00Z&version=1&zone=sh1a"
    b"&signature=zYXt%2Fn5YQOdCnVQS1NHm5vuvXlOEDanklAOm2Tqn324%3D HTTP/1.1\r\n"
    b"Host: 127.0.0.1:PORT\r\n"
    b"user-agent: switchover\r\n"
    b"accept-encoding: identity\r\n"
    b"\r\n"
)


def page_params() -> dict[str, str]:
    """What the page's example asks for, without what stands for the common parameters."""
    query = "".join(PAGE_REQUEST.split()).partition("?")[2].strip("&").removesuffix("&<COMMON_PARAMS>")
    return dict(parse_qsl(query, strict_parsing=True))


async def test_the_pages_example_is_sent_like_this_to_the_byte() -> None:
    async with answering(answer_of(PAGE_ANSWER)) as (port, arrived):
        assert await submitted(port) == "j-ewfq9j2fivi"
    assert arrived == [SENT.replace(b"PORT", b"%d" % port)]


def test_what_is_sent_holds_the_pages_parameters_as_the_page_encodes_them() -> None:
    sent = params_of(SENT)
    added = {name: sent.pop(name) for name in {*COMMON, "expires", "signature"}}
    assert sent == page_params()
    assert all(added.values())
    for pair in "".join(PAGE_REQUEST.split()).partition("?")[2].split("&")[1:-1]:
        assert pair.encode() in SENT


def test_the_sdk_signs_the_same_parameters_to_the_same_bytes(sdk_clock: list[str]) -> None:
    sdk_clock.append(signer.stamp(START))
    connection = _connection(EXAMPLE_KEY, EXAMPLE_SECRET)
    params: dict[str, Any] = {**page_params(), "expires": signer.stamp(START + EXPIRES)}
    request = HTTPRequest("GET", "http", {}, "127.0.0.1", 80, PATH, params)
    request.authorize(connection)
    assert SENT.startswith(f"GET {request.path} HTTP/1.1\r\n".encode())


async def test_the_sdk_sends_the_same_call_with_a_request_id_more(sdk_clock: list[str]) -> None:
    sdk_clock.append(signer.stamp(START))
    database = QingCloudDatabase(cluster=CLUSTER)
    async with answering(ACCEPTED) as (port, arrived):
        with sdk_at(f"http://127.0.0.1:{port}") as sdk:
            sdk.expires = signer.stamp(START + EXPIRES)
            answer = await asyncio.to_thread(sdk.send_request, SUBMIT, submission(database, NodeId(NODE)))
    assert answer["job_id"] == "j-ewfq9j2fivi"
    theirs, ours = params_of(arrived[0]), params_of(SENT)
    signature = theirs.pop("signature")
    text = signer.string_to_sign("GET", PATH, signer.canonical_query(theirs))
    assert signer.signature(EXAMPLE_SECRET, text) == signature
    assert len(theirs.pop("req_id")) == 32
    del ours["signature"]
    assert theirs == ours


# The simulated cloud


@dataclass
class World:
    """A simulated cloud on loopback, a few seconds of whose time can be skipped."""

    clock: RealTimePlus
    cloud: SimulatedQingCloud
    url: str

    async def ask(self, call: str, *given: Any, **made: Any) -> Any:
        """What the SDK's method returns; it runs in a thread, as it knows no event loop."""
        with sdk_at(self.url, **made) as sdk:
            method = next(getattr(each, call) for each in (sdk, *sdk.actions) if hasattr(each, call))
            return await asyncio.to_thread(method, *given)

    async def send(self, action: str, *, verb: str = "GET", expires: str = "", **body: Any) -> Any:
        with sdk_at(self.url) as sdk:
            sdk.expires = expires
            return await asyncio.to_thread(sdk.send_request, action, body, PATH, verb)

    async def assign(self, node: str, **changed: Any) -> Any:
        asked = {**ASSIGN, "service_params": json.dumps({"node_id": node}), **changed}
        return await self.send(SUBMIT, **asked)


@asynccontextmanager
async def simulated() -> AsyncIterator[World]:
    clock = RealTimePlus()
    cloud = SimulatedQingCloud(clock=clock.now)
    cloud.add_cluster(CLUSTER)
    async with serve(cloud) as url:
        yield World(clock, cloud, url)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with simulated() as made:
        yield made


def roles(answer: Any) -> list[str]:
    return [row[2] for row in answer["display_tabs"]["data"]]


async def test_the_sdk_reads_clusters_nodes_and_tabs(world: World) -> None:
    clusters = await world.ask("describe_clusters", [CLUSTER])
    assert [each["cluster_id"] for each in clusters["cluster_set"]] == [CLUSTER]
    assert clusters["action"] == "DescribeClustersResponse"
    tab = next(iter(clusters["cluster_set"][0]["display_tabs"]))
    nodes = await world.send("DescribeClusterNodes", cluster=CLUSTER, role="maininstance", limit=2)
    assert [len(nodes["node_set"]), nodes["total_count"]] == [2, 3]
    tabs = await world.send("DescribeClusterDisplayTabs", cluster=CLUSTER, display_tabs=tab)
    assert roles(tabs) == ["Master", "Slave", "Slave"]
    assert (await world.ask("describe_clusters", ["cl-none"]))["cluster_set"] == []


@pytest.mark.parametrize("verb", ["GET", "POST"])
async def test_the_sdk_switches_over_and_sees_the_job_end(world: World, verb: str) -> None:
    node = world.cloud.clusters[CLUSTER].nodes[1].id
    accepted = await world.assign(node, verb=verb)
    assert (accepted["ret_code"], accepted["action"]) == (0, "RunClusterCustomServiceResponse")
    job = accepted["job_id"]
    seen = []
    for _ in range(3):
        answer = await world.ask("describe_jobs", [job])
        seen.append(answer["job_set"][0]["status"])
        world.clock.advance(1)
    assert (seen[0], seen[-1]) == ("pending", "successful")
    tabs = await world.send("DescribeClusterDisplayTabs", cluster=CLUSTER, display_tabs="node_details")
    assert roles(tabs) == ["Slave", "Master", "Slave"]
    listed = await world.ask("describe_jobs", None, None, SUBMIT)
    assert [each["job_id"] for each in listed["job_set"]] == [job]


async def test_the_sdk_sees_a_job_fail(world: World) -> None:
    world.cloud.next_outcome(Ending.UNCHANGED, word="failed")
    job = (await world.assign(world.cloud.clusters[CLUSTER].nodes[2].id))["job_id"]
    world.clock.advance(3)
    assert (await world.ask("describe_jobs", [job]))["job_set"][0]["status"] == "failed"


REFUSED = {
    "no such node": ({}, "cln-none", 2100),
    "no such cluster": ({"cluster": "cl-none"}, "", 2100),
    "another role": ({"role": "readinstance"}, "", 1100),
    "another service": ({"service": "promote"}, "", 1100),
    "no role": ({"role": ""}, "", 1100),
    "another zone": ({"zone": "pek3a"}, "", 2100),
    "a dict where JSON text belongs": ({"service_params": {"node_id": NODE}}, "", 1100),
    "JSON text encoded twice": ({"service_params": "%7B%22node_id%22%3A%22cln-ouhutv702%22%7D"}, "", 1100),
    "expired": ({"expires": "2026-01-01T00:00:00Z"}, "", 1300),
}


@pytest.mark.parametrize(("changed", "node", "code"), REFUSED.values(), ids=REFUSED)
async def test_the_sdk_is_refused(world: World, changed: dict[str, Any], node: str, code: int) -> None:
    answer = await world.assign(node or world.cloud.clusters[CLUSTER].nodes[1].id, **changed)
    assert answer["ret_code"] == code
    assert answer["message"]
    assert world.cloud.submissions_accepted == 0


async def test_the_sdk_is_refused_while_a_switchover_runs(world: World) -> None:
    nodes = world.cloud.clusters[CLUSTER].nodes
    assert (await world.assign(nodes[1].id))["ret_code"] == 0
    assert (await world.assign(nodes[2].id))["ret_code"] == 1400
    assert world.cloud.submissions_accepted == 1


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ({"secret": "another"}, 1200),
        ({"key": "ANOTHER"}, 1200),
        ({"sha1": True}, 0),
    ],
    ids=["wrong secret", "unknown key", "HmacSHA1"],
)
async def test_the_sdk_is_let_in_by_key_and_signature(world: World, made: dict[str, Any], code: int) -> None:
    assert (await world.ask("describe_clusters", [CLUSTER], **made))["ret_code"] == code


async def test_the_sdk_is_refused_when_its_clock_is_behind(world: World, sdk_clock: list[str]) -> None:
    for behind, code in ((55, 0), (62, 1300)):
        sdk_clock.append(signer.stamp(datetime.now(UTC) - timedelta(seconds=behind)))
        assert (await world.ask("describe_clusters"))["ret_code"] == code


async def test_whatever_the_sdk_encodes_the_cloud_decodes(world: World) -> None:
    odd = Odd(7)
    with sdk_at(world.url) as sdk:
        for number in range(100):
            values = {f"v{each}": odd.text() for each in range(8)}
            verb = ("GET", "POST")[number % 2]
            ask = {**values, "clusters": [CLUSTER, odd.text()]}
            answer = await asyncio.to_thread(sdk.send_request, "DescribeClusters", ask, PATH, verb)
            assert answer["ret_code"] == 0
            params = world.cloud.calls[-1].params
            assert {name: params[name] for name in values} == values
            assert params["clusters.2"] == ask["clusters"][1]
