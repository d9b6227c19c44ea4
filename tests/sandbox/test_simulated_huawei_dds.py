"""The simulated Huawei Cloud is as strict as the real one, and as capricious as it is told to be."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest

from bot.sandbox.faults import Fault
from bot.sandbox.huawei_dds import (
    CREATE_TOKEN,
    EXAMPLE_ACCESS_KEY,
    EXAMPLE_PROJECT,
    EXAMPLE_SECRET_KEY,
    EXAMPLE_USER,
    LIST_INSTANCES,
    LIST_TASKS,
    PROMOTE,
    SHOW_JOB,
    SUBMISSIONS,
    SWITCHOVER,
    SimInstance,
    SimJob,
    SimulatedHuaweiDds,
)
from bot.sandbox.switchovers import Ending, Timings
from tests.providers.clocks import START, TestClock

REPLICA_SET = "9136fd2a9fcd405ea4674276ce36dae8in02"
CLUSTER = "e73893ef73754465a8bd2e0857bbf13ein02"
SINGLE = "0a1b2c3d4e5f60718293a4b5c6d7e8f9in02"
NOWHERE = "00000000000000000000000000000000"
HOST = "dds.ap-southeast-1.myhuaweicloud.com"


class Caller:
    """Signs and asks, with whatever is changed on the way."""

    def __init__(self, timings: Timings | None = None, **cloud: Any) -> None:
        self.clock = TestClock()
        self.cloud = SimulatedHuaweiDds(
            clock=self.clock.now, sleep=self.clock.sleep, timings=timings, **cloud
        )
        self.replica_set = self.cloud.add_replica_set(REPLICA_SET)
        self.base = f"/v3/{EXAMPLE_PROJECT}"

    async def send(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self.cloud)
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
            return await client.request(method, target, headers=headers, content=body)

    async def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        secret: str = EXAMPLE_SECRET_KEY,
        key: str = EXAMPLE_ACCESS_KEY,
        age: float = 0,
        names: str = "host;x-sdk-date",
        **headers: str,
    ) -> httpx.Response:
        at = (self.clock.now() - timedelta(seconds=age)).strftime("%Y%m%dT%H%M%SZ")
        sent = {"host": HOST, "x-sdk-date": at} | {k.replace("_", "-"): v for k, v in headers.items()}
        signature = _signature(secret, method, target, headers=sent, names=names, body=body)
        sent["authorization"] = f"SDK-HMAC-SHA256 Access={key}, SignedHeaders={names}, Signature={signature}"
        return await self.send(method, target, sent, body)

    async def get(self, target: str, **params: str) -> httpx.Response:
        query = "&".join(f"{key}={quote(value, safe='')}" for key, value in params.items())
        return await self.ask("GET", f"{target}?{query}" if query else target)

    async def switchover(self, instance_id: str = REPLICA_SET, body: bytes = b"") -> httpx.Response:
        return await self.ask("POST", f"{self.base}/instances/{instance_id}/switchover", body)

    async def switch_group(self, group_id: str | None, instance_id: str = CLUSTER) -> httpx.Response:
        return await self.switchover(instance_id, json.dumps({"group_id": group_id}).encode())

    async def promote(
        self, node_id: str, instance_id: str = REPLICA_SET, body: bytes = b""
    ) -> httpx.Response:
        return await self.ask("POST", f"{self.base}/instances/{instance_id}/nodes/{node_id}/primary", body)

    async def instances(self, **params: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.get(f"{self.base}/instances", **params)).json()["instances"]
        return rows

    async def roles(self, group: int = 0, instance_id: str = REPLICA_SET) -> list[str]:
        (row,) = await self.instances(id=instance_id)
        return [node["role"] for node in row["groups"][group]["nodes"]]

    async def job(self, job_id: str) -> httpx.Response:
        return await self.get(f"{self.base}/jobs", id=job_id)

    async def tasks(self, **params: str) -> httpx.Response:
        now = self.clock.now()
        span = {"start_time": _stamp(now - timedelta(days=1)), "end_time": _stamp(now + timedelta(days=1))}
        return await self.get(f"/v3.1/{EXAMPLE_PROJECT}/jobs", **(span | params))

    async def token(self, body: Any = None, query: str = "?nocatalog=true") -> httpx.Response:
        content = json.dumps(auth() if body is None else body).encode()
        return await self.send("POST", f"/v3/auth/tokens{query}", {}, content)

    async def with_token(self, token: str, project: str = EXAMPLE_PROJECT) -> httpx.Response:
        return await self.send("GET", f"/v3/{project}/instances", {"x-auth-token": token})


def _signature(
    secret: str, method: str, target: str, *, headers: Mapping[str, str], names: str, body: bytes
) -> str:
    path, _, query = target.partition("?")
    path = quote(unquote(path), safe="/~")
    lines = [method, f"{path}/", "&".join(sorted(query.split("&")))]
    lines += [f"{name.lower()}:{headers.get(name.lower(), '')}" for name in names.split(";")]
    text = "\n".join([*lines, "", names, hashlib.sha256(body).hexdigest()])
    hashed = hashlib.sha256(text.encode()).hexdigest()
    signed = f"SDK-HMAC-SHA256\n{headers['x-sdk-date']}\n{hashed}"
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S+0000")


def auth(*, scope: Any = None, methods: Any = None, **user: str) -> dict[str, Any]:
    """The body that asks for a token."""
    named = {"name": EXAMPLE_USER.username, "password": EXAMPLE_USER.password, "domain": EXAMPLE_USER.domain}
    named |= user
    asked = {**named, "domain": {"name": named["domain"]}}
    identity = {"methods": methods or ["password"], "password": {"user": asked}}
    return {"auth": {"identity": identity, "scope": scope or {"project": {"id": EXAMPLE_PROJECT}}}}


def said(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, whose body has one of the documented shapes."""
    payload = response.json()
    code = payload["error_code"]
    if code.startswith("APIGW."):
        assert set(payload) == {"error_code", "error_msg", "request_id"}
        assert payload["request_id"] == response.headers["x-request-id"]
    else:
        assert set(payload) == {"error_code", "error_msg"}
    return response.status_code, code


PLAIN = "content-type;host;x-project-id;x-sdk-date"
OTHER_PROJECT = "619d3e78f61b4be68bc5aa0b59edcf7b"
SHARD = "c92d1218bc6b4131bdbeebbff6a2b7fbgr02"
RS = f"/v3/{EXAMPLE_PROJECT}/instances/{REPLICA_SET}/switchover"
CL = f"/v3/{OTHER_PROJECT}/instances/{CLUSTER}/switchover"
QUERY = "limit=100&name=%2Afoo&offset=0&tags=key1%3Dvalue1%2Ckey%202%3Dval~ue"
JOBS = f"/v3/{EXAMPLE_PROJECT}/jobs?id=3711e2ad-5787-49bc-a47f-3f0b066af9f5"
VECTORS = {
    "V1": ("POST", RS, b"", PLAIN, "24c23b8d4a3a9b8a11e51b173224d9ac4ecf61c2d54a881685908fbf0b2d5baf"),
    "V2": ("POST", RS, b"{}", PLAIN, "57b199e8b720115527c83b934e8f8efb4cfbf0c4841c7e1f9a318b574040844e"),
    "V3": (
        "POST",
        CL,
        b'{"group_id": "%b"}' % SHARD.encode(),
        PLAIN,
        "04ba287e90663dfbad21f3fa6c2174bce2c5c8892981d73d953670cdfdb6fa21",
    ),
    "V4": (
        "POST",
        CL,
        b'{"group_id":"%b"}' % SHARD.encode(),
        PLAIN,
        "4001603f0c731046d522ca4745d951d8cbc241ec8e5a18d621cc3ad152bba6bf",
    ),
    "V5": (
        "POST",
        RS,
        b"",
        "host;x-sdk-date",
        "82bbeef1fb639d60af84e84320e801c944ad9691a6130bbfef1b9cae47931932",
    ),
    "V6": (
        "POST",
        RS,
        b"",
        "content-type;host;x-project-id;x-sdk-date;x-security-token",
        "266eeda9839def18f651a7f49f6dd8454670f8ea63ce8e89126a89135740035e",
    ),
    "V7": ("GET", JOBS, b"", PLAIN, "a72beeef16ee139ed81e872d68236047588abf54a1b4802ff37f331b54e23f98"),
    "V8": (
        "GET",
        f"/v3/{EXAMPLE_PROJECT}/instances?{QUERY}",
        b"",
        PLAIN,
        "d154668017b4b72fe45052160cc7d25d4bc8a6ca00c74c09016680ac4db786ce",
    ),
}


@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("right", [True, False])
async def test_published_signatures_are_accepted_and_none_beside_them(vector: str, right: bool) -> None:
    method, target, body, names, signature = VECTORS[vector]
    project, token = target.split("/")[2], "EXAMPLETOKEN==" if vector == "V6" else ""
    caller = Caller(project_id=project, security_token=token)
    caller.clock.jump(datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC) - START)
    caller.cloud.add_cluster(CLUSTER).groups[1].id = SHARD
    caller.cloud.start_job(CLUSTER, SHARD).id = "3711e2ad-5787-49bc-a47f-3f0b066af9f5"
    caller.clock.advance(10)
    signature = signature if right else f"{signature[:-1]}0"
    headers = {"content-type": "application/json", "x-project-id": project, "x-sdk-date": "20250102T030405Z"}
    headers |= {"x-security-token": token} if token else {}
    parts = f"Access={EXAMPLE_ACCESS_KEY}, SignedHeaders={names}, Signature={signature}"
    headers["authorization"] = f"SDK-HMAC-SHA256 {parts}"
    response = await caller.send(method, target, headers, body)
    if right:
        assert response.status_code == (202 if method == "POST" else 200)
    else:
        assert said(response) == (401, "APIGW.0301")


BAD_SIGNATURES: dict[str, dict[str, Any]] = {
    "wrong secret": {"secret": "wrong"},
    "unknown key": {"key": "AKEXAMPLE0000000002"},
    "host not signed": {"names": "x-sdk-date"},
    "date not signed": {"names": "host"},
    "not sorted": {"names": "x-sdk-date;host"},
    "not lower case": {"names": "Host;x-sdk-date"},
    "a signed header that was not sent": {"names": "host;x-project-id;x-sdk-date"},
    "a security token to a permanent key": {"x_security_token": "EXAMPLETOKEN=="},
    "no date": {"x_sdk_date": ""},
    "a date of another form": {"x_sdk_date": "2026-03-01T12:00:00Z"},
}


@pytest.mark.parametrize("changed", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES)
async def test_a_bad_signature_is_refused(changed: dict[str, Any]) -> None:
    caller = Caller()
    response = await caller.ask("GET", f"{caller.base}/instances", **changed)
    assert said(response) == (401, "APIGW.0301")


@pytest.mark.parametrize("age", [900, -900, 901, -901])
async def test_signatures_are_good_for_a_quarter_of_an_hour_either_way(age: float) -> None:
    caller = Caller()
    response = await caller.ask("GET", f"{caller.base}/instances", age=age)
    if abs(age) <= 900:
        assert response.status_code == 200
        return
    assert said(response) == (401, "APIGW.0301")
    signed = (START - timedelta(seconds=age)).strftime("%Y%m%dT%H%M%SZ")
    message = f"signature expired, signature time:{signed},server time:20260301T120000Z"
    assert message in response.json()["error_msg"]


async def test_who_asks_must_be_said() -> None:
    caller = Caller()
    path = f"{caller.base}/instances"
    assert said(await caller.send("GET", path)) == (401, "APIGW.0301")
    assert said(await caller.send("GET", path, {"authorization": "Basic x"})) == (401, "APIGW.0301")
    for target in (f"{caller.base}/jobs?id=x", f"/v3.1/{EXAMPLE_PROJECT}/jobs"):
        assert said(await caller.send("GET", target)) == (401, "APIGW.0301")
    assert said(await caller.send("POST", RS)) == (401, "APIGW.0301")


async def test_guessing_locks_the_key_for_five_minutes() -> None:
    caller = Caller()
    path = f"{caller.base}/instances"
    for tries in (5, 6):
        for _ in range(tries):
            assert said(await caller.ask("GET", path, secret="wrong")) == (401, "APIGW.0301")
        if tries == 5:
            assert (await caller.ask("GET", path)).status_code == 200
    caller.clock.advance(299)
    locked = await caller.ask("GET", path)
    assert said(locked) == (401, "APIGW.0301")
    assert "AK access failed to reach the limit,forbidden" in locked.json()["error_msg"]
    caller.clock.advance(1)
    assert (await caller.ask("GET", path)).status_code == 200


async def test_a_temporary_key_comes_with_its_signed_token() -> None:
    caller, names = Caller(security_token="EXAMPLETOKEN=="), "host;x-sdk-date;x-security-token"
    path = f"{caller.base}/instances"
    good = await caller.ask("GET", path, names=names, x_security_token="EXAMPLETOKEN==")
    assert good.status_code == 200
    bad = [
        await caller.ask("GET", path),
        await caller.ask("GET", path, x_security_token="EXAMPLETOKEN=="),
        await caller.ask("GET", path, names=names, x_security_token="OTHER"),
    ]
    assert {said(response) for response in bad} == {(401, "APIGW.0301")}


async def test_other_projects_are_refused() -> None:
    caller = Caller()
    assert said(await caller.get(f"/v3/{OTHER_PROJECT}/instances")) == (403, "DBS.200604")
    path = f"{caller.base}/instances"
    assert said(await caller.ask("GET", path, x_project_id=OTHER_PROJECT)) == (403, "DBS.200604")
    token = (await caller.token()).headers["x-subject-token"]
    assert said(await caller.with_token(token, OTHER_PROJECT)) == (403, "DBS.200604")


@pytest.mark.parametrize("scope", [{"id": EXAMPLE_PROJECT}, {"name": "ap-southeast-1"}])
async def test_a_token_opens_its_project_for_a_day(scope: dict[str, str]) -> None:
    caller = Caller()
    response = await caller.token(auth(scope={"project": scope}))
    assert response.status_code == 201
    row = response.json()["token"]
    assert row["expires_at"] == "2026-03-02T12:00:00.000000Z"
    assert row["project"]["id"] == EXAMPLE_PROJECT
    assert "catalog" not in row
    token = response.headers["x-subject-token"]
    assert token not in response.text
    assert (await caller.with_token(token)).status_code == 200
    caller.clock.advance(24 * 3600 - 1)
    assert (await caller.with_token(token)).status_code == 200
    caller.clock.advance(1)
    assert said(await caller.with_token(token)) == (401, "APIGW.0307")


async def test_tokens_live_beside_each_other_until_all_are_revoked() -> None:
    caller = Caller()
    caller.cloud.token_life = timedelta(minutes=10)
    first = (await caller.token(query="")).headers["x-subject-token"]
    caller.clock.advance(300)
    second = (await caller.token()).headers["x-subject-token"]
    assert caller.cloud.tokens_issued == 2
    caller.clock.advance(300)
    assert said(await caller.with_token(first)) == (401, "APIGW.0307")
    assert (await caller.with_token(second)).status_code == 200
    caller.cloud.revoke_tokens()
    assert said(await caller.with_token(second)) == (401, "APIGW.0301")
    assert said(await caller.with_token("unknown")) == (401, "APIGW.0301")


async def test_a_token_of_the_account_opens_no_project() -> None:
    caller = Caller()
    response = await caller.token(auth(scope={"domain": {"name": EXAMPLE_USER.domain}}), query="")
    assert {"domain", "catalog"} <= set(response.json()["token"])
    token = response.headers["x-subject-token"]
    assert said(await caller.with_token(token)) == (403, "DBS.200604")


NO_TOKEN: dict[str, tuple[Any, int]] = {
    "wrong password": (auth(password="wrong"), 401),
    "unknown user": (auth(name="somebody"), 401),
    "unknown account": (auth(domain="elsewhere"), 401),
    "unknown project": (auth(scope={"project": {"id": OTHER_PROJECT}}), 401),
    "unknown project name": (auth(scope={"project": {"name": "eu-de"}}), 401),
    "another method": (auth(methods=["totp"]), 400),
    "no scope": ({"auth": {"identity": auth()["auth"]["identity"]}}, 400),
    "a list": ([], 400),
    "nothing in it": ({}, 400),
}


@pytest.mark.parametrize(("body", "status"), NO_TOKEN.values(), ids=NO_TOKEN)
async def test_no_token_is_issued(body: Any, status: int) -> None:
    caller = Caller()
    response = await caller.token(body)
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"code", "message", "title"}
    assert (error["code"], error["title"]) == (status, {400: "Bad Request", 401: "Unauthorized"}[status])
    assert caller.cloud.tokens_issued == 0
    assert "x-subject-token" not in response.headers


@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_a_switchover_takes_its_time(body: bytes) -> None:
    caller = Caller()
    answer = await caller.switchover(body=body)
    assert answer.status_code == 202
    job_id = answer.json()["job_id"]
    seen = []
    for _ in range(5):
        job = (await caller.job(job_id)).json()["job"]
        roles = await caller.roles()
        (row,) = await caller.instances(id=REPLICA_SET)
        seen.append((job["status"], job["progress"], roles.index("Primary"), row["actions"]))
        caller.clock.advance(0.6)
    busy = ["SWITCH_PRIMARY"]
    assert seen == [
        ("Running", "0%", 0, busy),
        ("Running", "30%", 0, busy),
        ("Running", "60%", 0, busy),
        ("Running", "90%", 1, busy),
        ("Completed", "", 1, []),
    ]
    assert (caller.cloud.submissions_seen, caller.cloud.submissions_accepted) == (1, 1)


async def test_each_part_of_a_cluster_switches_on_its_own() -> None:
    caller = Caller()
    cluster = caller.cloud.add_cluster(CLUSTER)
    for number in (1, 3):
        assert (await caller.switch_group(cluster.groups[number].id)).status_code == 202
        caller.clock.advance(2)
    roles = [await caller.roles(number, CLUSTER) for number in range(4)]
    moved, kept = ["Secondary", "Primary", "Secondary"], ["Primary", "Secondary", "Secondary"]
    assert roles == [["master", "master"], moved, kept, moved]


async def test_wrong_groups_are_refused() -> None:
    caller = Caller()
    cluster = caller.cloud.add_cluster(CLUSTER)
    cluster.groups[0].id = f"{NOWHERE}gr00"
    replica = cluster.groups[1].id
    refusals = [
        said(await caller.switch_group(replica, REPLICA_SET)),
        said(await caller.switchover(CLUSTER)),
        said(await caller.switchover(CLUSTER, b"{}")),
        said(await caller.switch_group(f"{NOWHERE}gr02")),
        said(await caller.switch_group(cluster.groups[0].id)),
        said(await caller.switch_group(None)),
        said(await caller.switchover(body=b"[]")),
        said(await caller.switchover(body=b"null")),
        said(await caller.switchover(body=b"{")),
        said(await caller.switchover(body=b"[" * 60_000)),
        said(await caller.switchover(body=b'{"node_id": "x"}')),
    ]
    assert refusals == [
        (400, "DBS.200001"),
        (400, "DBS.200001"),
        (400, "DBS.200001"),
        (404, "DBS.200013"),
        (400, "DBS.280414"),
        *[(400, "DBS.200001")] * 6,
    ]
    assert caller.cloud.submissions_accepted == 0


async def test_wrong_instances_are_refused() -> None:
    caller = Caller()
    caller.cloud.add_single(SINGLE)
    node = next(iter(caller.replica_set.nodes)).id
    wrong = {
        f"{NOWHERE}in02": (404, "DBS.200002"),
        "orders": (400, "DBS.280404"),
        SINGLE: (400, "DBS.280342"),
    }
    for instance_id, refusal in wrong.items():
        assert said(await caller.switchover(instance_id)) == refusal
        assert said(await caller.promote(node, instance_id)) == refusal


def _frozen(instance: SimInstance) -> None:
    instance.status = "frozen"


def _abnormal(instance: SimInstance) -> None:
    instance.status = "abnormal"


def _backup(instance: SimInstance) -> None:
    instance.actions.append("BACKUP")


def _nobody_could_follow(instance: SimInstance) -> None:
    for node in instance.nodes:
        node.status = "abnormal"


NOT_READY = {
    "frozen": (_frozen, "DBS.200011"),
    "abnormal": (_abnormal, "DBS.200011"),
    "busy": (_backup, "DBS.200019"),
    "no healthy secondary": (_nobody_could_follow, "DBS.200018"),
}


@pytest.mark.parametrize(("make", "code"), NOT_READY.values(), ids=NOT_READY)
async def test_what_is_not_ready_refuses(make: Any, code: str) -> None:
    caller = Caller()
    make(caller.replica_set)
    assert said(await caller.switchover()) == (403, code)
    assert said(await caller.promote(caller.replica_set.groups[0].nodes[1].id)) == (403, code)


async def test_nothing_starts_without_a_primary_or_in_an_abnormal_shard() -> None:
    caller = Caller()
    caller.replica_set.groups[0].set_primaries([])
    assert said(await caller.switchover()) == (403, "DBS.200018")
    shard = caller.cloud.add_cluster(CLUSTER).groups[1]
    shard.status = "abnormal"
    assert said(await caller.switch_group(shard.id)) == (403, "DBS.200018")


async def test_one_switchover_at_a_time() -> None:
    caller = Caller()
    await caller.switchover()
    assert said(await caller.switchover()) == (403, "DBS.200019")
    assert said(await caller.promote(caller.replica_set.groups[0].nodes[2].id)) == (403, "DBS.200019")
    caller.clock.advance(2)
    assert (await caller.switchover()).status_code == 202


async def test_hidden_nodes_are_never_chosen() -> None:
    caller = Caller()
    hidden = caller.cloud.add_replica_set(CLUSTER, 3, hidden=1)
    caller.cloud.failover(CLUSTER, hidden.groups[0].nodes[1].id)
    await caller.switchover(CLUSTER)
    caller.clock.advance(2)
    assert await caller.roles(0, CLUSTER) == ["Primary", "Secondary", "Hidden"]


async def test_a_chosen_node_is_promoted_without_a_job() -> None:
    caller = Caller()
    answer = await caller.promote(caller.replica_set.groups[0].nodes[2].id)
    assert (answer.status_code, answer.content) == (202, b"")
    assert (await caller.instances())[0]["actions"] == ["SWITCH_PRIMARY"]
    caller.clock.advance(1.8)
    assert await caller.roles() == ["Secondary", "Secondary", "Primary"]
    assert (await caller.tasks()).json() == {"jobs": [], "total_count": 0}
    caller.clock.advance(0.2)
    assert (await caller.instances())[0]["actions"] == []
    assert (caller.cloud.submissions_accepted, caller.cloud.jobs) == (1, [])


async def test_nodes_that_cannot_be_primary_are_refused() -> None:
    caller = Caller()
    other = caller.cloud.add_replica_set(SINGLE, 3, hidden=1, readonly=1)
    cluster = caller.cloud.add_cluster(CLUSTER)
    nodes = [*other.nodes]
    refusals = [said(await caller.promote(node.id, SINGLE)) for node in (nodes[0], nodes[2], nodes[3])]
    assert refusals == [(400, "DBS.200075"), (400, "DBS.200075"), (400, "DBS.280327")]
    assert said(await caller.promote(next(iter(cluster.nodes)).id, CLUSTER)) == (400, "DBS.280327")
    assert said(await caller.promote(nodes[1].id)) == (403, "DBS.216030")
    assert said(await caller.promote(f"{NOWHERE}no02")) == (404, "DBS.200013")
    assert said(await caller.promote("node-2")) == (400, "DBS.280407")
    assert said(await caller.promote(nodes[1].id, SINGLE, b'{"group_id": "x"}')) == (400, "DBS.200001")
    assert caller.cloud.submissions_accepted == 0


ENDINGS = {
    Ending.MOVED: [1],
    Ending.UNCHANGED: [0],
    Ending.OTHER: [2],
    Ending.NOBODY: [],
    Ending.TWO: [0, 1],
}


@pytest.mark.parametrize("word", ["Completed", "Failed", "Paused"])
@pytest.mark.parametrize(("ending", "primaries"), ENDINGS.items())
async def test_a_job_may_end_otherwise_than_it_says(ending: Ending, primaries: list[int], word: str) -> None:
    caller = Caller()
    caller.cloud.next_outcome(ending, word=word)
    job_id = (await caller.switchover()).json()["job_id"]
    caller.clock.advance(2)
    roles = await caller.roles()
    assert [number for number, role in enumerate(roles) if role == "Primary"] == primaries
    job = (await caller.job(job_id)).json()["job"]
    assert (job["status"], bool(job["fail_reason"])) == (word, word == "Failed")


async def test_a_promotion_may_be_won_by_another() -> None:
    caller = Caller()
    nodes = caller.replica_set.groups[0].nodes
    caller.cloud.next_outcome(Ending.OTHER, winner=nodes[2].id)
    await caller.promote(nodes[1].id)
    caller.clock.advance(2)
    assert await caller.roles() == ["Secondary", "Secondary", "Primary"]


async def test_a_job_may_never_end() -> None:
    caller = Caller()
    caller.cloud.next_outcome(word="Running")
    job_id = (await caller.switchover()).json()["job_id"]
    caller.clock.advance(600)
    job = (await caller.job(job_id)).json()["job"]
    assert (job["status"], job["progress"], job["ended"]) == ("Running", "99%", _stamp(caller.clock.now()))


async def test_failover_needs_nobody() -> None:
    caller = Caller()
    caller.cloud.failover(REPLICA_SET, caller.replica_set.groups[0].nodes[2].id)
    assert await caller.roles() == ["Secondary", "Secondary", "Primary"]
    with pytest.raises(LookupError):
        caller.cloud.failover(REPLICA_SET, "elsewhere")


async def test_the_console_starts_jobs_too() -> None:
    caller = Caller()
    job = caller.cloud.start_job(REPLICA_SET)
    assert said(await caller.switchover()) == (403, "DBS.200019")
    assert [row["id"] for row in (await caller.tasks()).json()["jobs"]] == [job.id]
    assert (caller.cloud.submissions_seen, caller.cloud.submissions_accepted) == (1, 0)
    with pytest.raises(LookupError):
        caller.cloud.start_job(REPLICA_SET, "no-such-group")


async def test_both_shapes_of_a_job() -> None:
    caller = Caller()
    job_id = (await caller.switchover()).json()["job_id"]
    caller.clock.advance(1)
    common: dict[str, Any] = {"id": job_id, "name": "SwitchPrimary", "status": "Running"}
    common |= {"progress": "50%", "fail_reason": None}
    alone = {"created": _stamp(START), "ended": _stamp(START + timedelta(seconds=1))}
    named = {"id": REPLICA_SET, "name": caller.replica_set.name}
    assert (await caller.job(job_id)).json() == {"job": {**common, **alone, "instance": named}}
    listed = {"instance_id": REPLICA_SET, "instance_name": caller.replica_set.name}
    listed |= {"created_at": _stamp(START), "ended_at": ""}
    assert (await caller.tasks()).json() == {"jobs": [{**common, **listed}], "total_count": 1}
    caller.clock.advance(1)
    over = _stamp(START + timedelta(seconds=2))
    assert (await caller.job(job_id)).json()["job"]["ended"] == over
    assert (await caller.tasks()).json()["jobs"][0]["ended_at"] == over


async def test_job_ids_are_unknown_for_a_while_and_after_a_month() -> None:
    caller = Caller()
    caller.cloud.job_visible_after = timedelta(seconds=5)
    job_id = (await caller.switchover()).json()["job_id"]
    for seconds, visible in ((0, False), (4, False), (1, True), (30 * 86400 - 5, True), (1, False)):
        caller.clock.advance(seconds)
        response = await caller.job(job_id)
        assert (response.status_code == 200) is visible
        assert visible or said(response) == (400, "DBS.280001")
        span = {"start_time": _stamp(START), "end_time": _stamp(START + timedelta(days=1))}
        assert (await caller.tasks(**span)).json()["total_count"] == visible
    assert said(await caller.get(f"{caller.base}/jobs")) == (400, "DBS.280001")


async def _three_jobs(caller: Caller) -> list[SimJob]:
    for word in ("Completed", "Failed", "Completed"):
        caller.cloud.next_outcome(word=word)
        await caller.switchover()
        caller.clock.advance(3600)
    return caller.cloud.jobs


async def test_jobs_are_listed_by_what_is_asked_for() -> None:
    caller = Caller()
    jobs = await _three_jobs(caller)

    async def numbers(**params: str) -> list[int]:
        ids = [job.id for job in jobs]
        return [ids.index(row["id"]) for row in (await caller.tasks(**params)).json()["jobs"]]

    assert await numbers() == [2, 1, 0]
    assert await numbers(status="Completed") == [2, 0]
    assert await numbers(status="Running") == []
    assert await numbers(id=jobs[1].id) == [1]
    assert await numbers(name="SwitchPrimary", limit="2") == [2, 1]
    assert await numbers(name="RestartNode") == []
    assert await numbers(offset="1", limit="1") == [1]
    second = START + timedelta(hours=1)
    assert await numbers(start_time=_stamp(second)) == [2, 1]
    assert await numbers(end_time=_stamp(second)) == [1, 0]
    assert await numbers(start_time="2026-03-01T14:00:00+0100") == [2, 1]
    caller.cloud.newest_first = False
    assert await numbers() == [0, 1, 2]


SPANS: dict[str, tuple[dict[str, str], str]] = {
    "no start": ({"start_time": ""}, "DBS.200001"),
    "no end": ({"end_time": ""}, "DBS.200001"),
    "Z": ({"start_time": "2026-03-01T00:00:00Z"}, "DBS.200001"),
    "a colon": ({"start_time": "2026-03-01T00:00:00+00:00"}, "DBS.200001"),
    "no such day": ({"start_time": "2026-02-30T00:00:00+0000"}, "DBS.200001"),
    "backwards": ({"start_time": "2026-03-03T00:00:00+0000"}, "DBS.200001"),
    "too long": ({"start_time": "2026-01-31T11:59:59+0000"}, "DBS.200001"),
    "no such status": ({"status": "Done"}, "DBS.200001"),
    "limit": ({"limit": "0"}, "DBS.280439"),
    "offset": ({"offset": "-1"}, "DBS.280440"),
}


@pytest.mark.parametrize(("params", "code"), SPANS.values(), ids=SPANS)
async def test_wrong_lists_of_jobs_are_refused(params: dict[str, str], code: str) -> None:
    assert said(await Caller().tasks(**params)) == (400, code)


async def test_a_plus_that_is_not_encoded_is_a_space() -> None:
    caller = Caller()
    span = "start_time=2026-03-01T00:00:00+0000&end_time=2026-03-02T00%3A00%3A00%2B0000"
    target = f"/v3.1/{EXAMPLE_PROJECT}/jobs?{span}"
    token = (await caller.token()).headers["x-subject-token"]
    assert said(await caller.send("GET", target, {"x-auth-token": token})) == (400, "DBS.200001")
    encoded = target.replace("00+0000", "00%2B0000")
    assert (await caller.send("GET", encoded, {"x-auth-token": token})).status_code == 200


async def test_instances_are_shown_as_documented() -> None:
    caller = Caller()
    caller.cloud.add_cluster(CLUSTER)
    caller.replica_set.actions.append("BACKUP")
    cluster, replica_set = await caller.instances()
    assert (replica_set["mode"], replica_set["status"]) == ("ReplicaSet", "normal")
    assert (replica_set["port"], replica_set["ssl"], replica_set["pay_mode"]) == ("8635", 1, "0")
    assert (replica_set["created"], replica_set["actions"]) == ("2026-03-01T12:00:00", ["BACKUP"])
    (replica,) = replica_set["groups"]
    assert set(replica) == {"type", "volume", "nodes"}
    assert replica["nodes"][0]["private_ip"] == "10.0.1.1"
    mongos, *shards, config = cluster["groups"]
    assert set(mongos) == {"type", "nodes"}
    assert [node["role"] for node in mongos["nodes"]] == ["master", "master"]
    assert [group["name"] for group in (*shards, config)] == ["shard_1", "shard_2", "config"]
    assert [group["type"] for group in (*shards, config)] == ["shard", "shard", "config"]
    for group in (*shards, config):
        assert (len(group["id"]), group["id"][32:], group["status"]) == (36, "gr02", "normal")
        assert all(not {"private_ip", "public_ip"} & set(node) for node in group["nodes"])
    ids = [node["id"] for row in (cluster, replica_set) for g in row["groups"] for node in g["nodes"]]
    assert len(set(ids)) == len(ids)
    assert {(len(node_id), node_id[32:]) for node_id in ids} == {(36, "no02")}


async def test_ids_are_the_same_in_every_run() -> None:
    first, second = Caller(), Caller()
    assert await first.instances() == await second.instances()
    assert (await first.switchover()).json() == (await second.switchover()).json()


async def test_instances_are_found_by_what_is_asked_for() -> None:
    caller = Caller()
    caller.cloud.add_cluster(CLUSTER)
    caller.cloud.add_single(SINGLE)
    caller.replica_set.name = "orders"

    async def found(**params: str) -> list[str]:
        return [row["id"] for row in await caller.instances(**params)]

    assert await found() == [SINGLE, CLUSTER, REPLICA_SET]
    assert await found(id=CLUSTER) == [CLUSTER]
    assert await found(id=CLUSTER.upper()) == []
    assert await found(name="orders") == [REPLICA_SET]
    assert await found(name="rder") == []
    assert await found(name="*rder") == [REPLICA_SET]
    assert await found(mode="Single") == [SINGLE]
    assert await found(datastore_type="DDS-Community", limit="2") == [SINGLE, CLUSTER]
    assert await found(offset="2") == [REPLICA_SET]
    assert await found(tags="team=db") == []
    assert await found(vpc_id="elsewhere") == []
    caller.cloud.newest_first = False
    assert await found() == [REPLICA_SET, CLUSTER, SINGLE]


async def test_pages_of_instances_have_a_hundred_rows_at_most() -> None:
    caller = Caller()
    for number in range(100):
        caller.cloud.add_single(f"{number:032x}in02")
    payload = (await caller.get(f"{caller.base}/instances")).json()
    assert (len(payload["instances"]), payload["total_count"]) == (100, 101)
    assert len(await caller.instances(offset="100")) == 1


WRONG_LISTS = {
    "limit 0": ({"limit": "0"}, "DBS.280439"),
    "limit 101": ({"limit": "101"}, "DBS.280439"),
    "offset": ({"offset": "x"}, "DBS.280440"),
    "mode": ({"mode": "replica"}, "DBS.200001"),
    "datastore": ({"datastore_type": "mongodb"}, "DBS.200001"),
    "a star alone": ({"name": "*"}, "DBS.200001"),
}


@pytest.mark.parametrize(("params", "code"), WRONG_LISTS.values(), ids=WRONG_LISTS)
async def test_wrong_lists_of_instances_are_refused(params: dict[str, str], code: str) -> None:
    caller = Caller()
    assert said(await caller.get(f"{caller.base}/instances", **params)) == (400, code)


async def test_an_unknown_instance_is_nothing_or_an_error() -> None:
    caller = Caller()
    assert await caller.instances(id=SINGLE) == []
    caller.cloud.unknown_is_an_error = True
    assert said(await caller.get(f"{caller.base}/instances", id=SINGLE)) == (400, "DBS.280110")
    assert len(await caller.instances(id=REPLICA_SET)) == 1


async def test_what_is_not_published_is_not_found() -> None:
    caller = Caller()
    caller.cloud.withheld = {LIST_TASKS, PROMOTE}
    assert said(await caller.tasks()) == (404, "APIGW.0101")
    assert said(await caller.promote(caller.replica_set.groups[0].nodes[1].id)) == (404, "APIGW.0101")
    assert (await caller.switchover()).status_code == 202
    for method, path in (("GET", "/"), ("DELETE", f"{caller.base}/instances"), ("POST", f"{RS}/")):
        assert said(await caller.send(method, path)) == (404, "APIGW.0101")


async def test_every_answer_has_an_id_and_the_date() -> None:
    caller = Caller()
    answers = [await caller.switchover(), await caller.token(), await caller.send("GET", "/")]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3
    assert {answer.headers["date"] for answer in answers} == {"Sun, 01 Mar 2026 12:00:00 GMT"}


async def test_calls_are_recorded_without_secrets() -> None:
    caller = Caller()
    cluster = caller.cloud.add_cluster(CLUSTER)
    token = (await caller.token()).headers["x-subject-token"]
    await caller.with_token(token)
    await caller.switch_group(cluster.groups[1].id)
    await caller.job("x")
    assert said(await caller.token(query="/")) == (404, "APIGW.0101")
    assert [call.operation for call in caller.cloud.calls] == [
        CREATE_TOKEN,
        LIST_INSTANCES,
        SWITCHOVER,
        SHOW_JOB,
        "",
    ]
    last, third = caller.cloud.calls[3], caller.cloud.calls[2]
    assert (last.path, last.params, last.body) == (f"{caller.base}/jobs", {"id": "x"}, None)
    assert third.body == {"group_id": cluster.groups[1].id}
    shown = repr(caller.cloud.calls)
    for secret in (token, EXAMPLE_SECRET_KEY, EXAMPLE_ACCESS_KEY, EXAMPLE_USER.password, "Signature"):
        assert secret not in shown


async def test_faults_come_once_or_stay() -> None:
    caller = Caller()
    faults = caller.cloud.faults
    faults.set(LIST_INSTANCES, Fault.error(429, "APIGW.0308", retry_after="7"))
    faults.set(LIST_INSTANCES, Fault.slow(3))
    throttled = await caller.get(f"{caller.base}/instances")
    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "7")
    assert throttled.json() == {"error_code": "APIGW.0308", "error_msg": "simulated"}
    assert (await caller.get(f"{caller.base}/instances")).status_code == 200
    assert caller.clock.slept == [3]
    faults.set(LIST_INSTANCES, Fault.slow(3))
    late = await caller.get(f"{caller.base}/instances")
    assert late.headers["date"] == "Sun, 01 Mar 2026 12:00:06 GMT"
    faults.set(SHOW_JOB, Fault.error(500, "DBS.280005"), times=None)
    assert [(await caller.job("x")).status_code for _ in range(2)] == [500, 500]


async def test_answers_suffer_but_keep_their_status() -> None:
    caller = Caller()
    faults = caller.cloud.faults
    faults.set(SWITCHOVER, Fault.without("job_id"))
    faults.set(PROMOTE, Fault.without("job_id"))
    answer = await caller.switchover()
    assert (answer.status_code, answer.json()) == (202, {})
    caller.clock.advance(2)
    promoted = await caller.promote(caller.replica_set.groups[0].nodes[2].id)
    assert (promoted.status_code, promoted.content) == (202, b"")
    faults.set(CREATE_TOKEN, Fault.without("token"))
    answer = await caller.token()
    assert (answer.status_code, answer.json(), "x-subject-token" in answer.headers) == (201, {}, True)


@pytest.mark.parametrize("operation", SUBMISSIONS)
async def test_a_lost_answer_was_carried_out_or_not(operation: str) -> None:
    caller = Caller()
    node = caller.replica_set.groups[0].nodes[1].id
    for accepted in (False, True):
        caller.cloud.faults.set(operation, Fault.drop(accepted=accepted))
        with pytest.raises(ConnectionResetError):
            await (caller.switchover() if operation == SWITCHOVER else caller.promote(node))
        assert caller.cloud.submissions_accepted == accepted
    assert caller.cloud.submissions_seen == 2
