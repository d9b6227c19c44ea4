"""The page's server: who is let in, what is streamed, what an action may say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from bot.sandbox.page.changes import Patch, patched
from bot.sandbox.page.guard import HEADER, LARGEST
from tests.sandbox.page.conftest import OURS, Shown

Event = tuple[str, int, dict[str, Any]]


async def events(http: httpx.AsyncClient, who: str, **headers: str) -> AsyncGenerator[Event]:
    async with http.stream("GET", "/api/events", params={"as": who}, headers=headers) as response:
        said: dict[str, str] = {}
        async for line in response.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                said[name] = value
            elif said:
                yield said["event"], int(said["id"]), json.loads(said["data"])
                said = {}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:4747", "localhost:4747", "[::1]:4747"])
async def test_it_answers_to_this_machines_names(shown: Shown, host: str) -> None:
    assert (await shown.http.get("/", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["attacker.example", "127.0.0.1.attacker.example:4747", "localhost.attacker.example", ""]
)
async def test_a_name_that_was_pointed_here_is_not_answered(shown: Shown, host: str) -> None:
    for path in ("/", "/api/snapshot?as=U0RITA", "/api/events?as=U0RITA"):
        assert (await shown.http.get(path, headers={"host": host})).status_code == 403
    posted = await shown.http.post("/api/do/say", json={}, headers={**OURS, "host": host})
    assert posted.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="without our header"),
        pytest.param({HEADER: "1", "origin": "https://attacker.example"}, id="from another site"),
        pytest.param({HEADER: "1", "origin": "http://127.0.0.1:1"}, id="from another port"),
        pytest.param({HEADER: "1", "origin": "null"}, id="from nowhere"),
        pytest.param({HEADER: "1", "content-type": "text/plain"}, id="as a form would send it"),
    ],
)
async def test_what_no_page_of_ours_sends_does_nothing(shown: Shown, headers: dict[str, str]) -> None:
    body = json.dumps({"as": "U0RITA", "channel": "C0ORDERS", "text": "hello"})
    sent = {"content-type": "application/json", **headers}
    assert (await shown.http.post("/api/do/say", content=body, headers=sent)).status_code == 403
    assert shown.demo.workspace.messages() == []
    ours = {"content-type": "application/json", HEADER: "1", "origin": str(shown.http.base_url).rstrip("/")}
    assert (await shown.http.post("/api/do/say", content=body, headers=ours)).status_code == 200
    assert [message.text for message in shown.demo.workspace.messages()] == ["hello"]


async def test_every_answer_forbids_what_the_page_does_not_need(shown: Shown) -> None:
    for path in ("/", "/js/main.js", "/api/snapshot?as=U0RITA", "/nowhere"):
        headers = (await shown.http.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"{", "not JSON"), (b"[]", "not an object"), (b"{}", "nobody"), (b" " * (LARGEST + 1), "too long")],
)
async def test_what_is_no_action_is_refused(shown: Shown, content: bytes, why: str) -> None:
    sent = {**OURS, "content-type": "application/json"}
    answer = await shown.http.post("/api/do/say", content=content, headers=sent)
    assert answer.status_code == 400
    assert why in answer.json()["message"]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("nothing", {}),
        ("say", {}),
        ("say", {"channel": "C0ORDERS", "text": ["x"]}),
        ("say", {"channel": "C0ORDERS", "text": "x" * 5000}),
        ("say", {"channel": "C-nowhere", "text": "x"}),
        ("locale", {"locale": "xx"}),
        ("fault", {"cloud": "nowhere", "name": "hang", "on": True}),
        ("fault", {"cloud": "qingcloud", "name": "nothing", "on": True}),
        ("fault", {"cloud": "qingcloud", "name": "hang", "on": "yes"}),
        ("failover", {"cloud": "qingcloud", "resource": "nothing", "node": "cln-ouhutv702"}),
        ("failover", {"cloud": "qingcloud", "resource": "cl-ouhutv70", "node": "nothing"}),
        (
            "failover",
            {"cloud": "huawei", "resource": "9136fd2a9fcd405ea4674276ce36dae8in02", "node": "nothing"},
        ),
        ("health", {"cloud": "qingcloud", "resource": "cl-ouhutv70", "node": "nothing", "healthy": False}),
        (
            "health",
            {
                "cloud": "huawei",
                "resource": "9136fd2a9fcd405ea4674276ce36dae8in02",
                "node": "nothing",
                "healthy": False,
            },
        ),
        ("health", {"cloud": "qingcloud", "resource": "cl-ouhutv70", "node": "cln-ouhutv702"}),
        ("bot", {"do": "dance"}),
        ("submit", {"view": "V", "values": []}),
    ],
)
async def test_an_action_that_lacks_something_is_refused(
    shown: Shown, name: str, body: dict[str, Any]
) -> None:
    answer = await shown.act(name, **body)
    assert answer.status_code in {400, 409}
    assert answer.json()["message"]


@pytest.mark.parametrize("who", ["", "U0SWITCHBOT", "U0DAN", "rita"])
async def test_one_can_only_be_somebody_of_the_cast(shown: Shown, who: str) -> None:
    assert (await shown.act("say", who, channel="C0ORDERS", text="x")).status_code == 400
    assert (await shown.http.get("/api/snapshot", params={"as": who})).status_code == 400
    assert [name async for name, _, _ in events(shown.http, who)] == ["gone"]


async def test_a_stream_begins_with_everything_and_goes_on_with_what_changes(shown: Shown) -> None:
    async with asyncio.timeout(30), aclosing(events(shown.http, "U0RITA")) as stream:
        name, number, snapshot = await anext(stream)
        assert (name, number, snapshot["messages"]) == ("snapshot", 1, {})
        await shown.act("say", channel="C0ORDERS", text="orders is *slow*")
        name, number, patch = await anext(stream)
        assert (name, number) == ("patch", 2)
        assert set(patch) == {"messages"}
        (message,) = patch["messages"].values()
        assert message["tokens"][1] == {"kind": "bold", "of": [{"kind": "text", "text": "slow"}]}


async def test_whoever_comes_back_is_told_everything_again(shown: Shown) -> None:
    async with asyncio.timeout(30):
        followed: Patch = {}
        async with aclosing(events(shown.http, "U0RITA")) as stream:
            async for name, _, changes in stream:
                followed = patched({} if name == "snapshot" else followed, changes)
                if followed["messages"]:
                    break
                await shown.act("say", channel="C0ORDERS", text="one")
        await shown.act("say", channel="C0ORDERS", text="two, while nobody listens")
        async with aclosing(events(shown.http, "U0RITA", **{"Last-Event-ID": "2"})) as stream:
            name, _, again = await anext(stream)
        assert name == "snapshot"
        assert len(again["messages"]) == 2
        assert again["messages"].items() >= followed["messages"].items()


async def test_two_tabs_are_two_people(shown: Shown) -> None:
    async with (
        asyncio.timeout(30),
        aclosing(events(shown.http, "U0RITA")) as rita,
        aclosing(events(shown.http, "U0OLGA")) as olga,
    ):
        assert (await anext(rita))[2]["me"]["id"] == "U0RITA"
        assert (await anext(olga))[2]["me"]["id"] == "U0OLGA"
        await shown.act("say", channel="C0ORDERS", text="not for partners")
        await shown.act("say", channel="C0SHARED", text="for partners")
        _, _, patch = await anext(olga)
        assert [message["tokens"][0]["text"] for message in patch["messages"].values()] == ["for partners"]


async def test_what_slack_does_not_let_people_do_is_said(shown: Shown) -> None:
    root = shown.demo.workspace.post("orders-oncall", "carl", "slow!")
    said = await shown.act("say", channel="C0ORDERS", text="/switchover list", thread=f"C0ORDERS/{root.ts}")
    assert (said.status_code, "threads" in said.json()["message"]) == (409, True)
    for who, channel, text in (
        ("U0OLGA", "C0SHARED", "/switchover list"),
        ("U0OLGA", "C0ORDERS", "hello"),
        ("U0RITA", "C0RANDOM", "@switchover list"),
        ("U0RITA", "C0ORDERS", "/deploy"),
    ):
        assert (await shown.act("say", who, channel=channel, text=text)).status_code == 409
    assert len(shown.demo.workspace.messages()) == 1


async def test_while_the_world_is_being_built_nothing_can_be_done(shown: Shown) -> None:
    async with asyncio.timeout(30), aclosing(events(shown.http, "U0RITA")) as stream:
        await anext(stream)
        shown.sandbox.end()
        assert (await shown.http.get("/api/snapshot", params={"as": "U0RITA"})).status_code == 503
        assert (await shown.act("say", channel="C0ORDERS", text="x")).status_code == 503
        assert (await anext(stream))[0] == "building"


async def test_the_commands_are_those_of_the_help_in_every_language(shown: Shown) -> None:
    found = (await shown.http.get("/api/commands")).json()
    assert set(found) == {"en", "zh-CN"}
    assert "/switchover status [DATABASE|ID]" in [form["usage"] for form in found["zh-CN"]]
