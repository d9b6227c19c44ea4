"""Huawei Cloud's own Python SDK judges our signatures, the bytes we send and the simulated cloud.

Two things of the SDK are replaced: its clock, and the part of its user agent that tells machines apart.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from huaweicloudsdkdds import v3
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.core.model import Call, JobId, NodeId, Plan, Role
from bot.ports import Intent
from bot.sandbox.faults import Fault
from bot.sandbox.huawei_dds import (
    EXAMPLE_ACCESS_KEY,
    EXAMPLE_PROJECT,
    EXAMPLE_SECRET_KEY,
    LIST_INSTANCES,
    LIST_TASKS,
    SWITCHOVER,
    SimInstance,
    SimulatedHuaweiDds,
)
from bot.sandbox.server import serve
from bot.sandbox.switchovers import Ending
from providers.http import INTERNET, Wire
from providers.huawei_dds import HuaweiAccount, HuaweiDatabase, signer
from providers.huawei_dds.provider import HuaweiDdsType
from tests.oracles.odd import BEYOND, RESERVED, Odd
from tests.oracles.wire import RealTimePlus, answer_of, answering, answering_at
from tests.providers.clocks import START, TestClock

REPLICA_SET, CLUSTER = "9136fd2a9fcd405ea4674276ce36dae8in02", "e73893ef73754465a8bd2e0857bbf13ein02"
CLUSTERS_PROJECT, SHARD = "619d3e78f61b4be68bc5aa0b59edcf7b", "c92d1218bc6b4131bdbeebbff6a2b7fbgr02"
NODE = "52a4c096cb1f455d8d866956a959519eno02"
SINGLE = "0b1e5e4a6a5d4b6f9d2c3e4f5a6b7c8din02"
HOSTS = (
    "127.0.0.1",
    "127.0.0.1:8443",
    "dds.ap-southeast-1.myhuaweicloud.com",
    "dds.example:1",
    "[::1]:65535",
)
CALLS_EACH = 1100  # of each method
STAMP = "X-Sdk-Date"


@pytest.fixture(autouse=True)
def sdk_clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """What the SDK takes for the present time: the last entry, or the real time where there is none."""
    times: list[datetime] = []

    class Clock(datetime):
        @classmethod
        def utcnow(cls) -> Self:
            at = times[-1] if times else datetime.now(UTC)
            return cls.fromisoformat(at.replace(tzinfo=None).isoformat())

    monkeypatch.setattr("huaweicloudsdkcore.signer.signer.datetime", Clock)
    return times


@contextmanager
def sdk_at(
    url: str,
    *,
    key: str = EXAMPLE_ACCESS_KEY,
    secret: str = EXAMPLE_SECRET_KEY,
    project: str = EXAMPLE_PROJECT,
    token: str | None = None,
) -> Iterator[Any]:
    """The SDK's client; its connections and threads end with the block. It repeats nothing."""
    credentials = BasicCredentials(key, secret, project)
    if token is not None:
        credentials.with_security_token(token)
    config = HttpConfig(user_agent="oracle", retry_times=0, timeout=(5, 10))
    builder = v3.DdsClient.new_builder().with_http_config(config).with_credentials(credentials)
    client = builder.with_endpoint(url).build()
    try:
        yield client
    finally:
        client.close()
        client.get_http_client().executor.shutdown()


def switchover(instance: str, body: Any = None) -> Any:
    return v3.SwitchoverReplicaSetRequest(instance_id=instance, body=body)


def of_group(group: str | None) -> Any:
    return v3.SwitchoverReplicaSetRequestBody(group_id=group)


def is_promotion(asked: Any) -> bool:
    return isinstance(asked, v3.SwitchInstancePrimaryRequest)


def promotion(instance: str, node: str) -> Any:
    return v3.SwitchInstancePrimaryRequest(instance_id=instance, node_id=node)


# Signatures

BODIES = ("", "{}", '{"group_id": "c92d1218bc6b4131bdbeebbff6a2b7fbgr02"}', '{"group_id":"c92d"}')
PARTS = ("path", "names", "values", "headers", "body")


@dataclass
class Drawing:
    """Draws random calls, each part of them from a seed of its own."""

    seed: int
    odd: dict[str, Odd] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.odd = {part: Odd(self.seed * 100 + number) for number, part in enumerate(PARTS)}

    def segments(self) -> list[str]:
        """A slash belongs between them: see DIFFERENCES."""
        odd = self.odd["path"]
        return [odd.text(least=1).replace("/", "|") for _ in range(1 + odd.below(5))]

    def params(self) -> dict[str, str]:
        made = {
            self.odd["names"].text(): self.odd["values"].text() for _ in range(self.odd["names"].below(6))
        }
        self.kinds["empty value"] += "" in made.values()
        return made

    def headers(self, host: str) -> dict[str, str]:
        odd = self.odd["headers"]
        made = {"Content-Type": "application/json", "Host": host, "X-Project-Id": odd.text()}
        if odd.below(2):
            made["X-Security-Token"] = odd.text()
        self.kinds[f"{len(made)} headers"] += 1
        self.kinds["untrimmed"] += any(value != value.strip() for value in made.values())
        return {**made, STAMP: signer.stamp(odd.time())}

    def body(self) -> str:
        odd = self.odd["body"]
        made = (*BODIES, odd.text(), json.dumps({odd.text(): odd.text()}, ensure_ascii=False))
        drawn = made[odd.below(len(made))]
        self.kinds["body" if drawn else "no body"] += 1
        return drawn

    def host(self) -> str:
        drawn = HOSTS[self.odd["headers"].below(len(HOSTS))]
        self.kinds[drawn] += 1
        return drawn


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_we_sign_as_the_sdk_does(method: str) -> None:
    drawing = Drawing(len(method))
    for _ in range(CALLS_EACH):
        host, segments, params, body = drawing.host(), drawing.segments(), drawing.params(), drawing.body()
        headers = drawing.headers(host)
        access, secret = drawing.odd["body"].text(least=1), drawing.odd["names"].text(least=1)

        path, query = signer.encoded_path(*segments), signer.encoded_query(params)
        signed = {name.lower(): value for name, value in headers.items()}
        canonical = signer.canonical_request(method, path, query, signed, body.encode())
        ours = signer.authorization(canonical, signed, access_key=access, secret_key=secret)

        request = SdkRequest(method, "https", host, path, None, [*params.items()], {**headers}, body)
        its = Signer(BasicCredentials(access, secret))
        assert canonical == its._process_canonical_request(_as_bytes(request), sorted(signed))
        request.header_params = {**headers}  # what it has just done to them
        its.sign(request)
        assert ours == request.header_params["Authorization"]
        assert request.uri == (f"{path}?{query}" if query else path)
    for part, odd in drawing.odd.items():
        assert set(RESERVED + BEYOND) <= set(odd.seen), part
    kinds = {"empty value", "4 headers", "3 headers", "untrimmed", "body", "no body", *HOSTS}
    assert all(drawing.kinds[kind] for kind in kinds)


def _as_bytes(request: Any) -> Any:
    request.body = request.body.encode()
    return request


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(
    st.dictionaries(TEXT, TEXT, max_size=10), st.lists(TEXT.filter(lambda text: "/" not in text), min_size=1)
)
@settings(max_examples=150, deadline=None)
def test_we_encode_as_the_sdk_does(params: dict[str, str], segments: list[str]) -> None:
    path = signer.encoded_path(*segments)
    request = SdkRequest(
        "GET", "https", "dds.example", path, None, [*params.items()], {STAMP: "20250102T030405Z"}
    )
    assert signer.encoded_query(params) == Signer.process_canonical_query_string(request)
    canonical = signer.canonical_request("GET", path, "", {}, b"")
    assert canonical.split("\n")[1] == Signer(BasicCredentials("key", "secret"))._process_canonical_uri(
        request
    )


# What our provider sends


@dataclass
class ByUnixSocket:
    """A wire to a server on this machine whatever the address: the host's name is signed, and no port differs."""

    path: Path

    def reads(self) -> httpx.AsyncBaseTransport:
        return INTERNET.reads()

    def submission(self) -> httpx.AsyncBaseTransport:
        return httpx.AsyncHTTPTransport(uds=str(self.path), trust_env=False)


async def submitted(
    endpoint: str,
    instance: str,
    *,
    project: str = EXAMPLE_PROJECT,
    group: str | None = None,
    node: str | None = None,
    wire: Wire = INTERNET,
) -> JobId | None:
    """A submission by our provider, whose time is START."""
    clock = TestClock()
    account = HuaweiAccount(
        endpoint=endpoint,
        project_id=project,
        access_key=SecretStr(EXAMPLE_ACCESS_KEY),
        secret_key=SecretStr(EXAMPLE_SECRET_KEY),
    )
    provider = HuaweiDdsType(wire).build(
        account,
        {"sessions": HuaweiDatabase(instance=instance)},
        clock=clock,
        call_timeout=timedelta(seconds=10),
        observer=lambda *_: None,
    )
    candidate = None if node is None else NodeId(node)
    members = () if candidate is None else ((candidate, Role.REPLICA),)
    plan = Plan("sessions", group, candidate, NodeId("another"), members, Call("as asked"))
    try:
        return await provider.submit(plan, Intent(clock.now(), clock.monotonic() + 5))
    finally:
        await provider.close()


@dataclass(frozen=True)
class Sent:
    """A request as it arrived."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def parsed(cls, arrived: bytes) -> Sent:
        head, _, body = arrived.partition(b"\r\n\r\n")
        line, *rest = head.decode().split("\r\n")
        pairs = [text.split(": ", 1) for text in rest]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs)
        return cls(line, headers, body)

    @property
    def signed(self) -> dict[str, str]:
        """The headers that are signed."""
        names = re.search("SignedHeaders=([^,]+),", self.headers["authorization"])
        assert names is not None
        return {name: self.headers[name] for name in names[1].split(";")}

    @property
    def canonical(self) -> str:
        """What was signed, as we write it."""
        method, target, _ = self.line.split(" ")
        path, _, query = target.partition("?")
        return signer.canonical_request(method, path, query, self.signed, self.body)

    @property
    def authorization(self) -> str:
        """What we would say to it."""
        return signer.authorization(
            self.canonical, self.signed, access_key=EXAMPLE_ACCESS_KEY, secret_key=EXAMPLE_SECRET_KEY
        )

    @property
    def by_the_sdk(self) -> str:
        """What the SDK's signer says to it."""
        method, target, _ = self.line.split(" ")
        request = SdkRequest(method, "http", "", target, None, [], self.signed, self.body)
        credentials = BasicCredentials(EXAMPLE_ACCESS_KEY, EXAMPLE_SECRET_KEY)
        return str(Signer(credentials).sign(request).header_params["Authorization"])


# Where the SDK, the documentation and we are not of one mind


@dataclass(frozen=True)
class Difference:
    """One thing that is sent or signed differently.

    Attributes:
        asked: What the SDK is given to send.
        sdk: What is found in what it sends and signs.
        ours: What is found in what we send and sign in its place.
        absent: What is in neither, or not in ours.
        we_follow: Whom.
        why: And for what reason.
        endpoint: Where both are told to send it.
    """

    asked: Any
    sdk: str
    ours: str
    absent: str
    we_follow: str
    why: str
    endpoint: str = "http://dds.example"


SHARD_ASKED = switchover(REPLICA_SET, of_group(SHARD))
DIFFERENCES = {
    "user-agent": Difference(
        asked=SHARD_ASKED,
        sdk="\ncontent-type;host;user-agent;x-project-id;x-sdk-date\n",
        ours="\ncontent-type;host;x-project-id;x-sdk-date\n",
        absent="user-agent;",
        we_follow="documentation",
        why="The guide asks for host and x-sdk-date. The SDK signs every header that it has; a proxy that "
        "writes a user agent of its own would make the signature wrong.",
    ),
    "a replica set's body": Difference(
        asked=switchover(REPLICA_SET, v3.SwitchoverReplicaSetRequestBody()),
        sdk="/switchover\n{}",
        ours="/switchover\n",
        absent="{}",
        we_follow="documentation",
        why="The page's example for a replica set has no body. The SDK sends none either unless it is given an "
        "empty one, which the cloud takes as well.",
    ),
    "the body of a shard": Difference(
        asked=SHARD_ASKED,
        sdk='{"group_id": "c92d1218bc6b4131bdbeebbff6a2b7fbgr02"}',
        ours='{"group_id": "c92d1218bc6b4131bdbeebbff6a2b7fbgr02"}',
        absent='" : "',
        we_follow="SDK",
        why="The page's example is spread over lines; it is the same JSON.",
    ),
    "X-Auth-Token": Difference(
        asked=SHARD_ASKED,
        sdk="\nx-sdk-date:20260301T120000Z\n",
        ours="\nx-sdk-date:20260301T120000Z\n",
        absent="x-auth-token",
        we_follow="SDK",
        why="The page calls it mandatory. A signed request needs none; we send one for IAM users, who don't sign.",
    ),
    "a slash in an id": Difference(
        asked=promotion(REPLICA_SET, "a/b"),
        sdk="/nodes/a/b/primary/\n",
        ours="/nodes/a%2Fb/primary/\n",
        absent="/nodes/a/b/",
        we_follow="documentation",
        why="The guide encodes what is between slashes. Both send %2F; the SDK decodes the whole path before "
        "it splits it, and so signs another one than it sends. No id has a slash.",
    ),
    "the scheme's own port": Difference(
        asked=SHARD_ASKED,
        sdk="\nhost:dds.example:80\n",
        ours="\nhost:dds.example\n",
        absent=":80",
        we_follow="documentation",
        why="RFC 9110 lets a client leave it out, and HTTP clients do. The SDK signs and sends what it was given.",
        endpoint="http://dds.example:80",
    ),
    "a host in capitals": Difference(
        asked=SHARD_ASKED,
        sdk="\nhost:DDS.Example\n",
        ours="\nhost:dds.example\n",
        absent="DDS",
        we_follow="documentation",
        why="Names of hosts are compared without regard to case, and what is on the way may lower them.",
        endpoint="http://DDS.Example",
    ),
    "a path in the endpoint": Difference(
        asked=SHARD_ASKED,
        sdk="POST\n/v3/0549b4a43100d4f32f51c01c2fe4acdb/",
        ours="POST\n/dds/v3/0549b4a43100d4f32f51c01c2fe4acdb/",
        absent="",
        we_follow="neither",
        why="The SDK drops it without a word. A gateway of one's own in front of the cloud may need it.",
        endpoint="http://dds.example/dds",
    ),
    "the version in the endpoint": Difference(
        asked=SHARD_ASKED,
        sdk="POST\n/v3/0549b4a43100d4f32f51c01c2fe4acdb/",
        ours="POST\n/v3/0549b4a43100d4f32f51c01c2fe4acdb/",
        absent="/v3/v3",
        we_follow="SDK",
        why="Terraform's users write it at the end of the endpoint; it is there once.",
        endpoint="http://dds.example/v3/",
    ),
}


def sdk_makes(asked: Any, endpoint: str) -> str:
    """What the SDK signs of a call, and what it would send: the path, the query and the body."""
    with sdk_at(endpoint) as sdk:
        of_call = "switch_instance_primary" if is_promotion(asked) else "switchover_replica_set"
        info = getattr(sdk, f"_{of_call}_http_info")(asked)
        info["request_body"] = info.pop("body")
        del info["request_type"], info["response_headers"]
        made = sdk.build_future_request(**info, progress_callback=None).result()
        headers = {name: value for name, value in made.header_params.items() if name != "Authorization"}
        made.header_params = {**headers}
        its = Signer(sdk.get_credentials())
        canonical = its._process_canonical_request(made, its._process_signed_headers(made))
    return f"{canonical}\n{made.uri}\n{(made.body or b'').decode()}"


@pytest.mark.parametrize("difference", DIFFERENCES.values(), ids=DIFFERENCES)
async def test_we_differ_from_the_sdk_only_where_we_mean_to(
    difference: Difference, sdk_clock: list[datetime], tmp_path: Path
) -> None:
    sdk_clock.append(START)
    asked = difference.asked
    theirs = sdk_makes(asked, difference.endpoint)
    node, body = getattr(asked, "node_id", None), getattr(asked, "body", None)
    group = None if body is None else body.group_id
    async with answering_at(tmp_path / "dds", ACCEPTED) as arrived:
        wire = ByUnixSocket(tmp_path / "dds")
        await submitted(difference.endpoint, asked.instance_id, group=group, node=node, wire=wire)
    sent = Sent.parsed(arrived[0])
    assert sent.headers["authorization"] == sent.authorization
    ours = f"{sent.canonical}\n{sent.line.split(' ')[1]}\n{sent.body.decode()}"
    assert difference.sdk in theirs
    assert difference.ours in ours
    assert not difference.absent or difference.absent not in ours
    assert difference.we_follow in {"documentation", "SDK", "neither"}
    assert difference.why


# The page's examples

PAGE_URI = "POST /v3/{project_id}/instances/{instance_id}/switchover"
PAGE_REPLICA_SET = "https://{endpoint}/v3/0549b4a43100d4f32f51c01c2fe4acdb/instances/9136fd2a9fcd405ea4674276ce36dae8in02/switchover"
PAGE_SHARD = """\
    https://{endpoint}/v3/619d3e78f61b4be68bc5aa0b59edcf7b/instances/e73893ef73754465a8bd2e0857bbf13ein02/switchover
       
    {
        "group_id" : "c92d1218bc6b4131bdbeebbff6a2b7fbgr02"  
    }
"""  # noqa: W291, W293 - as the page has it
PAGE_ANSWER = b"""\
{
    "job_id": "3711e2ad-5787-49bc-a47f-3f0b066af9f5"
}
"""
ACCEPTED = answer_of(PAGE_ANSWER)
HOST = "dds.ap-southeast-1.myhuaweicloud.com"


@dataclass(frozen=True)
class Example:
    """A request of the page, or one like it.

    Attributes:
        page: The page's text; "" where it has none.
        project: The project it is for.
        asked: How the SDK is asked for it.
        sent: What we send, to the byte.
        job: The job that the answer speaks of.
    """

    page: str
    project: str
    asked: Any
    sent: bytes
    job: str | None

    @property
    def answer(self) -> bytes:
        """The page's; a promotion is answered without a word."""
        return ACCEPTED if self.job else answer_of(b"")

    async def by_us(self, endpoint: str, wire: Wire) -> JobId | None:
        body, node = getattr(self.asked, "body", None), getattr(self.asked, "node_id", None)
        group = None if body is None else body.group_id
        return await submitted(
            endpoint, self.asked.instance_id, project=self.project, group=group, node=node, wire=wire
        )

    async def by_the_sdk(self, endpoint: str) -> Any:
        with sdk_at(endpoint, project=self.project) as sdk:
            call = sdk.switch_instance_primary if is_promotion(self.asked) else sdk.switchover_replica_set
            return await asyncio.to_thread(call, self.asked)


JOB = "3711e2ad-5787-49bc-a47f-3f0b066af9f5"
EXAMPLES = {
    "replica set": Example(
        PAGE_REPLICA_SET,
        EXAMPLE_PROJECT,
        switchover(REPLICA_SET),
        b"POST /v3/0549b4a43100d4f32f51c01c2fe4acdb/instances/9136fd2a9fcd405ea4674276ce36dae8in02/switchover"
        b" HTTP/1.1\r\n"
        b"host: dds.ap-southeast-1.myhuaweicloud.com\r\n"
        b"Content-Length: 0\r\n"
        b"user-agent: switchover\r\n"
        b"accept-encoding: identity\r\n"
        b"content-type: application/json\r\n"
        b"x-project-id: 0549b4a43100d4f32f51c01c2fe4acdb\r\n"
        b"x-sdk-date: 20260301T120000Z\r\n"
        b"authorization: SDK-HMAC-SHA256 Access=AKEXAMPLE0000000001, "
        b"SignedHeaders=content-type;host;x-project-id;x-sdk-date, "
        b"Signature=af8203e4cfb4f7768f909603179bd5860e948e61c7da9309a77f8d31c937fcdc\r\n"
        b"\r\n",
        JOB,
    ),
    "shard": Example(
        PAGE_SHARD,
        CLUSTERS_PROJECT,
        switchover(CLUSTER, of_group(SHARD)),
        b"POST /v3/619d3e78f61b4be68bc5aa0b59edcf7b/instances/e73893ef73754465a8bd2e0857bbf13ein02/switchover"
        b" HTTP/1.1\r\n"
        b"host: dds.ap-southeast-1.myhuaweicloud.com\r\n"
        b"user-agent: switchover\r\n"
        b"accept-encoding: identity\r\n"
        b"content-type: application/json\r\n"
        b"x-project-id: 619d3e78f61b4be68bc5aa0b59edcf7b\r\n"
        b"x-sdk-date: 20260301T120000Z\r\n"
        b"authorization: SDK-HMAC-SHA256 Access=AKEXAMPLE0000000001, "
        b"SignedHeaders=content-type;host;x-project-id;x-sdk-date, "
        b"Signature=548d9f838d253bf8509ae3080eb505482e6774c81a2543b667880227c99f4c7a\r\n"
        b"Content-Length: 52\r\n"
        b"\r\n"
        b'{"group_id": "c92d1218bc6b4131bdbeebbff6a2b7fbgr02"}',
        JOB,
    ),
    "promotion": Example(
        "",
        EXAMPLE_PROJECT,
        promotion(REPLICA_SET, NODE),
        b"POST /v3/0549b4a43100d4f32f51c01c2fe4acdb/instances/9136fd2a9fcd405ea4674276ce36dae8in02"
        b"/nodes/52a4c096cb1f455d8d866956a959519eno02/primary HTTP/1.1\r\n"
        b"host: dds.ap-southeast-1.myhuaweicloud.com\r\n"
        b"Content-Length: 0\r\n"
        b"user-agent: switchover\r\n"
        b"accept-encoding: identity\r\n"
        b"content-type: application/json\r\n"
        b"x-project-id: 0549b4a43100d4f32f51c01c2fe4acdb\r\n"
        b"x-sdk-date: 20260301T120000Z\r\n"
        b"authorization: SDK-HMAC-SHA256 Access=AKEXAMPLE0000000001, "
        b"SignedHeaders=content-type;host;x-project-id;x-sdk-date, "
        b"Signature=a479d12fcc19b22b720f7a519d76ef9e9ca49d422f07346fd196f311c56abbd6\r\n"
        b"\r\n",
        None,
    ),
}
each_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


@each_example
async def test_the_examples_are_sent_like_this_to_the_byte(example: Example, tmp_path: Path) -> None:
    async with answering_at(tmp_path / "dds", example.answer) as arrived:
        assert await example.by_us(f"http://{HOST}", ByUnixSocket(tmp_path / "dds")) == example.job
    assert arrived == [example.sent]


@pytest.mark.parametrize("name", ["replica set", "shard"])
def test_what_is_sent_is_what_the_page_shows(name: str) -> None:
    example = EXAMPLES[name]
    url, *body = example.page.split(maxsplit=1)
    sent = Sent.parsed(example.sent)
    path = url.removeprefix("https://{endpoint}")
    shape = (
        re.escape(PAGE_URI)
        .replace(r"\{project_id\}", "[0-9a-f]{32}")
        .replace(r"\{instance_id\}", "[0-9a-f]{32}in02")
    )
    assert sent.line == f"POST {path} HTTP/1.1"
    assert re.fullmatch(shape, f"POST {path}")
    assert [json.loads(text) for text in body] == ([json.loads(sent.body)] if sent.body else [])


@each_example
def test_the_sdk_signs_the_examples_to_the_same_bytes(example: Example) -> None:
    sent = Sent.parsed(example.sent)
    assert sent.headers["authorization"] == sent.by_the_sdk


@each_example
async def test_the_sdk_sends_the_examples_with_a_signed_user_agent(
    example: Example, sdk_clock: list[datetime]
) -> None:
    sdk_clock.append(START)
    async with answering(example.answer) as (port, arrived):
        answer = await example.by_the_sdk(f"http://127.0.0.1:{port}")
        await example.by_us(f"http://127.0.0.1:{port}", INTERNET)
    assert getattr(answer, "job_id", None) == example.job
    its, ours = (Sent.parsed(each) for each in arrived)
    assert (its.line, its.body) == (ours.line, ours.body)
    assert (ours.line, ours.body) == (Sent.parsed(example.sent).line, Sent.parsed(example.sent).body)
    signed = its.signed
    assert signed.pop("user-agent").startswith("huaweicloud-usdk-python/")
    assert signed == ours.signed
    assert its.headers["content-length"] == ours.headers["content-length"]
    # Each of the two signers agrees with what the other has sent, the SDK's user agent included.
    assert its.headers["authorization"] == its.authorization
    assert ours.headers["authorization"] == ours.by_the_sdk


# The simulated cloud


@dataclass
class World:
    """A simulated cloud on loopback, a few seconds of whose time can be skipped."""

    clock: RealTimePlus
    cloud: SimulatedHuaweiDds
    url: str

    async def ask(self, call: str, asked: Any, **made: Any) -> Any:
        """What the SDK's method returns; it runs in a thread, as it knows no event loop."""
        with sdk_at(self.url, **made) as sdk:
            return await asyncio.to_thread(getattr(sdk, call), asked)

    async def listed(self, **asked: Any) -> Any:
        return await self.ask("list_instances", v3.ListInstancesRequest(**asked))

    async def switch(self, instance: str, body: Any = None, **made: Any) -> Any:
        return await self.ask("switchover_replica_set", switchover(instance, body), **made)

    async def promote(self, instance: str, node: str) -> Any:
        return await self.ask("switch_instance_primary", promotion(instance, node))

    async def job(self, job_id: str) -> Any:
        return (await self.ask("show_job_detail", v3.ShowJobDetailRequest(id=job_id))).job

    async def tasks(self, **asked: Any) -> Any:
        now = self.clock.now()
        window = {
            "start_time": written(now - timedelta(days=1)),
            "end_time": written(now + timedelta(hours=1)),
        }
        return await self.ask("list_tasks", v3.ListTasksRequest(**{**window, **asked}))

    @property
    def replica_set(self) -> SimInstance:
        return self.cloud.instances[REPLICA_SET]

    @property
    def cluster(self) -> SimInstance:
        return self.cloud.instances[CLUSTER]

    def shard(self, number: int = 0) -> str:
        return [group.id for group in self.cluster.groups if group.type == "shard"][number] or ""


def written(at: datetime) -> str:
    """As the list of jobs wants its times."""
    return at.strftime("%Y-%m-%dT%H:%M:%S+0000")


@asynccontextmanager
async def simulated(**made: Any) -> AsyncIterator[World]:
    clock = RealTimePlus()
    cloud = SimulatedHuaweiDds(clock=clock.now, **made)
    cloud.add_replica_set(REPLICA_SET)
    cloud.add_cluster(CLUSTER)
    cloud.add_single(SINGLE)
    async with serve(cloud) as url:
        yield World(clock, cloud, url)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with simulated() as made:
        yield made


def roles(group: Any) -> list[str]:
    return [node.role for node in group.nodes]


async def test_the_sdk_reads_instances(world: World) -> None:
    everything = await world.listed()
    assert (everything.status_code, everything.total_count) == (200, 3)
    assert [each.mode for each in everything.instances] == ["Single", "Sharding", "ReplicaSet"]
    single, cluster, replica_set = everything.instances
    assert [(group.type, roles(group)) for group in replica_set.groups] == [
        ("replica", ["Primary", "Secondary", "Secondary"])
    ]
    assert [group.type for group in cluster.groups] == ["mongos", "shard", "shard", "config"]
    assert cluster.groups[1].id == world.shard()
    assert [(group.type, roles(group)) for group in single.groups] == [("single", ["Primary"])]


async def test_the_sdk_filters_and_turns_pages(world: World) -> None:
    async def found(**asked: Any) -> list[str]:
        return [each.id for each in (await world.listed(**asked)).instances]

    assert await found(id=REPLICA_SET) == [REPLICA_SET]
    assert await found(mode="Sharding") == [CLUSTER]
    assert await found(name="dds-3") == await found(name="*-3") == [SINGLE]
    assert await found(datastore_type="DDS-Community", limit=2) == [SINGLE, CLUSTER]
    assert await found(limit=2, offset=2) == [REPLICA_SET]
    assert await found(id="no such") == await found(tags="key=value") == await found(offset=3) == []


@pytest.mark.parametrize("body", [None, of_group(None)], ids=["no body", "an empty object"])
async def test_the_sdk_switches_a_replica_set_over_and_sees_the_job_end(world: World, body: Any) -> None:
    accepted = await world.switch(REPLICA_SET, body)
    assert accepted.status_code == 202
    seen = []
    for _ in range(3):
        seen.append(await world.job(accepted.job_id))
        world.clock.advance(1)
    assert [job.status for job in seen] == ["Running", "Running", "Completed"]
    assert [seen[0].name, seen[0].instance.id] == ["SwitchPrimary", REPLICA_SET]
    assert (await world.listed(id=REPLICA_SET)).instances[0].actions == []
    listed = await world.listed(id=REPLICA_SET)
    assert roles(listed.instances[0].groups[0]) == ["Secondary", "Primary", "Secondary"]


async def test_the_sdk_switches_a_shard_over(world: World) -> None:
    accepted = await world.switch(CLUSTER, of_group(world.shard(1)))
    assert (await world.listed(id=CLUSTER)).instances[0].actions == ["SWITCH_PRIMARY"]
    world.clock.advance(2)
    assert (await world.job(accepted.job_id)).status == "Completed"
    groups = (await world.listed(id=CLUSTER)).instances[0].groups
    assert [roles(group)[0] for group in groups[1:]] == ["Primary", "Secondary", "Primary"]


async def test_the_sdk_promotes_a_node(world: World) -> None:
    nodes = world.replica_set.groups[0].nodes
    accepted = await world.promote(REPLICA_SET, nodes[2].id)
    assert (accepted.status_code, accepted.raw_content) == (202, b"")
    world.clock.advance(2)
    groups = (await world.listed(id=REPLICA_SET)).instances[0].groups
    assert roles(groups[0]) == ["Secondary", "Secondary", "Primary"]
    assert (await world.tasks()).jobs == []


async def test_the_sdk_lists_jobs(world: World) -> None:
    world.cloud.next_outcome(Ending.UNCHANGED, word="Failed")
    failed = (await world.switch(REPLICA_SET)).job_id
    world.clock.advance(3)
    running = (await world.switch(CLUSTER, of_group(world.shard()))).job_id
    jobs = (await world.tasks()).jobs
    assert [(job.id, job.status, job.instance_id) for job in jobs] == [
        (running, "Running", CLUSTER),
        (failed, "Failed", REPLICA_SET),
    ]
    assert jobs[1].fail_reason
    assert [job.id for job in (await world.tasks(status="Failed", name="SwitchPrimary")).jobs] == [failed]
    assert [job.id for job in (await world.tasks(id=running)).jobs] == [running]
    second = await world.tasks(limit=1, offset=1)
    assert ([job.id for job in second.jobs], second.total_count) == ([failed], 2)


def unknown_to_the_sdk(said: Any, kind: str) -> Iterator[str]:
    """The fields of an answer that the SDK's model of it does not have."""
    if kind.startswith("list["):
        for each in said or ():
            yield from unknown_to_the_sdk(each, kind.removeprefix("list[").removesuffix("]"))
    elif isinstance(said, dict) and hasattr(v3, kind):
        model = getattr(v3, kind)
        kinds = {name: model.openapi_types[own] for own, name in model.attribute_map.items()}
        yield from (f"{kind}.{name}" for name in said if name not in kinds)
        for name in said.keys() & kinds.keys():
            yield from unknown_to_the_sdk(said[name], kinds[name])


async def test_the_sdk_knows_every_field_of_the_clouds_answers(world: World) -> None:
    accepted = await world.switch(REPLICA_SET)
    detail = await world.ask("show_job_detail", v3.ShowJobDetailRequest(id=accepted.job_id))
    for answer in (accepted, detail, await world.listed(), await world.tasks()):
        said = json.loads(answer.raw_content)
        assert said
        assert not [*unknown_to_the_sdk(said, type(answer).__name__)]


NO_INSTANCE = "0" * 32 + "in02"
REFUSED: Mapping[str, tuple[Any, int, str]] = {
    "no such instance": (lambda w: w.switch(NO_INSTANCE), 404, "DBS.200002"),
    "no instance's id": (lambda w: w.switch("x y"), 400, "DBS.280404"),
    "a single node": (lambda w: w.switch(SINGLE), 400, "DBS.280342"),
    "no such group": (lambda w: w.switch(CLUSTER, of_group(SHARD)), 404, "DBS.200013"),
    "a cluster without a group": (lambda w: w.switch(CLUSTER), 400, "DBS.200001"),
    "a cluster with an empty object": (lambda w: w.switch(CLUSTER, of_group(None)), 400, "DBS.200001"),
    "a replica set with a group": (lambda w: w.switch(REPLICA_SET, of_group(SHARD)), 400, "DBS.200001"),
    "a name that is not known": (lambda w: w.switch(REPLICA_SET, {"group": "1"}), 400, "DBS.200001"),
    "no such node": (lambda w: w.promote(REPLICA_SET, NODE), 404, "DBS.200013"),
    "no node's id": (lambda w: w.promote(REPLICA_SET, "../x"), 404, "APIGW.0101"),
    "another's node": (
        lambda w: w.promote(REPLICA_SET, w.cluster.groups[1].nodes[1].id), 403, "DBS.216030",
    ),
    "the primary": (lambda w: w.promote(REPLICA_SET, w.replica_set.groups[0].nodes[0].id), 400, "DBS.200075"),
    "a mongos": (lambda w: w.promote(CLUSTER, w.cluster.groups[0].nodes[0].id), 400, "DBS.280327"),
    "no such job": (lambda w: w.job("no such"), 400, "DBS.280001"),
    "too large a page": (lambda w: w.listed(limit=101), 400, "DBS.280439"),
    "a star alone": (lambda w: w.listed(name="*"), 400, "DBS.200001"),
    "a month and a day": (
        lambda w: w.tasks(start_time=written(w.clock.now() - timedelta(days=31))), 400, "DBS.200001",
    ),
    "a time with a Z": (lambda w: w.tasks(start_time="2026-01-01T00:00:00Z"), 400, "DBS.200001"),
    "another project": (lambda w: w.switch(REPLICA_SET, project=CLUSTERS_PROJECT), 403, "DBS.200604"),
    "a wrong secret": (lambda w: w.switch(REPLICA_SET, secret="another"), 401, "APIGW.0301"),
    "an unknown key": (lambda w: w.switch(REPLICA_SET, key="ANOTHER"), 401, "APIGW.0301"),
    "a token of no use": (lambda w: w.switch(REPLICA_SET, token="TOKEN"), 401, "APIGW.0301"),
}  # fmt: skip


@pytest.mark.parametrize(("ask", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_the_sdk_is_refused(world: World, ask: Any, status: int, code: str) -> None:
    with pytest.raises(ClientRequestException) as refused:
        await ask(world)
    assert (refused.value.status_code, refused.value.error_code) == (status, code)
    assert refused.value.request_id
    assert str(refused.value)
    assert world.cloud.submissions_accepted == 0


async def refusal(asking: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientRequestException) as refused:
        await asking
    return refused.value.status_code, refused.value.error_code, str(refused.value)


async def test_the_sdk_is_refused_while_a_switchover_runs(world: World) -> None:
    await world.switch(CLUSTER, of_group(world.shard()))
    for asking in (
        world.switch(CLUSTER, of_group(world.shard(1))),
        world.promote(CLUSTER, world.cluster.groups[1].nodes[1].id),
    ):
        assert (await refusal(asking))[:2] == (403, "DBS.200019")
    assert world.cloud.submissions_accepted == 1


async def test_a_call_that_is_not_published(world: World) -> None:
    world.cloud.withheld = {LIST_TASKS, SWITCHOVER}
    assert (await refusal(world.tasks()))[:2] == (404, "APIGW.0101")
    assert (await refusal(world.switch(REPLICA_SET)))[:2] == (404, "APIGW.0101")


async def test_of_a_throttled_read_the_sdk_loses_the_code(world: World) -> None:
    for call in (LIST_INSTANCES, SWITCHOVER):
        world.cloud.faults.set(call, Fault.error(429, "APIGW.0308"))
    assert (await refusal(world.listed()))[:2] == (429, "429")
    assert (await refusal(world.switch(REPLICA_SET)))[:2] == (429, "APIGW.0308")


async def test_guessing_locks_the_key(world: World) -> None:
    for _ in range(6):
        assert "signature fail" in (await refusal(world.switch(REPLICA_SET, secret="another")))[2]
    status, code, words = await refusal(world.switch(REPLICA_SET))
    assert (status, code) == (401, "APIGW.0301")
    assert "AK access failed to reach the limit" in words
    world.clock.advance(301)
    assert (await world.listed()).total_count == 3


async def test_a_temporary_key_needs_its_token() -> None:
    async with simulated(security_token="EXAMPLETOKEN==") as world:
        with_it = await world.ask("list_instances", v3.ListInstancesRequest(), token="EXAMPLETOKEN==")
        assert with_it.total_count == 3
        for token in (None, "", "ANOTHER"):
            asking = world.ask("list_instances", v3.ListInstancesRequest(), token=token)
            assert (await refusal(asking))[:2] == (401, "APIGW.0301")


@pytest.mark.parametrize("way", [-1, 1], ids=["behind", "ahead"])
async def test_the_sdk_is_refused_when_its_clock_is_wrong(
    world: World, sdk_clock: list[datetime], way: int
) -> None:
    sdk_clock.append(datetime.now(UTC) + way * timedelta(minutes=14))
    assert (await world.listed()).total_count == 3
    sdk_clock.append(datetime.now(UTC) + way * timedelta(minutes=16))
    for asking in (world.listed(), world.switch(REPLICA_SET), world.promote(REPLICA_SET, NODE)):
        status, code, words = await refusal(asking)
        assert (status, code) == (401, "APIGW.0301")
        assert "signature expired" in words
    assert world.cloud.submissions_accepted == 0


def named(odd: Odd) -> str:
    """What may stand between slashes; no simulated API has the end of a line in its path."""
    drawn = odd.text(least=1).replace("/", "|").replace("\n", "|")
    return "|" if drawn in {".", ".."} else drawn  # the SDK's HTTP library takes those for steps in the path


async def test_whatever_the_sdk_encodes_the_cloud_decodes(world: World) -> None:
    odd, codes = Odd(7), set[str]()
    with sdk_at(world.url) as sdk:
        for _ in range(100):
            values = {name: odd.text() for name in ("id", "vpc_id", "subnet_id", "tags")}
            answer = await asyncio.to_thread(sdk.list_instances, v3.ListInstancesRequest(**values))
            assert answer.instances == []
            assert world.cloud.calls[-1].params == values
            instance, node = named(odd), named(odd)
            asking = asyncio.to_thread(sdk.switch_instance_primary, promotion(instance, node))
            codes.add((await refusal(asking))[1])
            path = f"/v3/{EXAMPLE_PROJECT}/instances/{instance}/nodes/{node}/primary"
            assert world.cloud.calls[-1].path == path
    assert codes == {"DBS.280404"}  # the signature was right; that is no id
    assert set(RESERVED + BEYOND) <= set(odd.seen)
