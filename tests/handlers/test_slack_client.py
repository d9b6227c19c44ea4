"""What became of a call, told apart by what may be done next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from handlers.slack_client import Done, NotSent, Outcome, RateLimited, Rejected, SlackClient, Unknown
from tests.handlers.ledger import HandClock
from tests.handlers.workspace import Workspace

POST = {"channel": "C1", "text": "hello"}


@pytest.fixture
async def slack() -> AsyncIterator[Workspace]:
    slack = Workspace(HandClock())
    await slack.open()
    yield slack
    await slack.close()


@pytest.fixture
def seen() -> list[tuple[str, str]]:
    return []


@pytest.fixture
async def client(slack: Workspace, seen: list[tuple[str, str]]) -> AsyncIterator[SlackClient]:
    client = SlackClient(
        token="xoxb-test",
        api_url=f"{slack.url}/api/",
        clock=slack.clock,
        observe=lambda method, outcome, _: seen.append((method, outcome)),
        time_limit=1.0,
    )
    yield client
    await client.close()


@pytest.mark.parametrize(
    ("kind", "value", "outcome", "label"),
    [
        ("ratelimited", "7", RateLimited(7.0), "ratelimited"),
        ("ratelimited", "soon", RateLimited(30.0), "ratelimited"),
        ("error", "channel_not_found", Rejected("channel_not_found"), "channel_not_found"),
        ("error", "internal_error", Unknown("internal_error"), "unknown"),
        ("status", "503", Unknown("status 503"), "unknown"),
        ("no json", "429", RateLimited(9.0), "ratelimited"),
        ("no json", "503", Unknown("status 503"), "unknown"),
        ("drop", "", Unknown("connection_lost"), "unknown"),
    ],
)
async def test_an_outcome_says_what_may_be_done_next(
    slack: Workspace,
    client: SlackClient,
    seen: list[tuple[str, str]],
    *,
    kind: str,
    value: str,
    outcome: Outcome,
    label: str,
) -> None:
    slack.fail("chat.postMessage", kind, value)
    assert await client.call("chat.postMessage", **POST) == outcome
    assert seen == [("chat.postMessage", label)]


async def test_an_unreadable_answer_may_have_been_done(slack: Workspace, client: SlackClient) -> None:
    slack.fail("chat.postMessage", "text", "hello", after=True)
    assert isinstance(await client.call("chat.postMessage", **POST), Unknown)


async def test_a_dropped_post_is_not_sent_again_by_itself(slack: Workspace, client: SlackClient) -> None:
    slack.fail("chat.postMessage", "drop", after=True)
    assert isinstance(await client.call("chat.postMessage", **POST), Unknown)
    assert len(slack.asked("chat.postMessage")) == 1


async def test_where_nobody_listens_nothing_was_sent(slack: Workspace, client: SlackClient) -> None:
    await slack.close()
    assert isinstance(await client.call("chat.postMessage", **POST), NotSent)
    await slack.open()


async def test_what_is_none_is_left_out(slack: Workspace, client: SlackClient) -> None:
    outcome = await client.call("chat.postMessage", **POST, thread_ts=None)
    assert isinstance(outcome, Done)
    assert slack.asked("chat.postMessage") == [POST]


async def test_a_proxy_in_the_environment_is_not_taken(
    slack: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    client = SlackClient(
        token="xoxb-test", api_url=f"{slack.url}/api/", clock=slack.clock, observe=lambda *_: None
    )
    assert isinstance(await client.call("chat.postMessage", **POST), Done)
    await client.close()


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("https://hooks.slack.com/commands/1/2", True),
        ("https://hooks.slack.com:443/actions/1", True),
        ("http://hooks.slack.com/commands/1/2", False),
        ("https://hooks.slack.com.evil.example/x", False),
        ("https://hooks.slack.com@evil.example/x", False),
        ("https://evil.example\\@hooks.slack.com/x", False),
        ("https://hooks.slack.com:99999/x", False),
        ("https://[/x", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
async def test_only_slacks_own_addresses_are_answered(client: SlackClient, url: str, *, ours: bool) -> None:
    assert client.is_slack(url) is ours


async def test_the_origin_of_the_api_is_slack_too(slack: Workspace, client: SlackClient) -> None:
    assert await client.respond(f"{slack.url}/hooks/a", {"text": "hi"}) == Done()
    assert await client.respond("https://evil.example/hooks/a", {"text": "hi"}) == Rejected(
        "foreign_response_url"
    )
    assert slack.hooks["a"] == [{"text": "hi"}]


@pytest.mark.parametrize(
    ("kind", "value", "outcome"),
    [
        ("ratelimited", "3", RateLimited(3.0)),
        ("status", "500", Unknown("status 500")),
        ("status", "404", Rejected("status_404")),
        ("error", "expired_url", Rejected("expired_url")),
        ("drop", "", Unknown("connection_lost")),
    ],
)
async def test_a_hook_says_what_became_of_it(
    slack: Workspace, client: SlackClient, kind: str, value: str, outcome: Outcome
) -> None:
    slack.fail("response_url", kind, value)
    assert await client.respond(f"{slack.url}/hooks/a", {"text": "hi"}) == outcome


async def test_before_retry_after_a_method_is_not_called_again_by_anybody(
    slack: Workspace, client: SlackClient
) -> None:
    slack.fail("users.info", "ratelimited", "30")
    assert await client.call("users.info", user="U1") == RateLimited(30.0)
    slack.clock.advance(29)
    assert await client.call("users.info", user="U1") == RateLimited(1.0)
    assert isinstance(await client.call("auth.test"), Done), "others are"
    slack.clock.advance(1)
    assert isinstance(await client.call("users.info", user="U1"), Done)
    assert len(slack.asked("users.info")) == 2


@pytest.mark.parametrize(("said", "kept"), [("9" * 400, 3600.0), ("0", 1.0), ("86400", 3600.0)])
async def test_a_retry_after_that_makes_no_sense_is_bounded(
    slack: Workspace, client: SlackClient, said: str, kept: float
) -> None:
    slack.fail("chat.postMessage", "ratelimited", said)
    assert await client.call("chat.postMessage", **POST) == RateLimited(kept)


async def test_of_two_answers_that_say_wait_the_longer_one_counts(
    slack: Workspace, client: SlackClient
) -> None:
    begun, arrived, first_is_answered = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def in_turn(_: str) -> None:
        if len(slack.calls) == 1:
            begun.set()
            await arrived.wait()
        else:
            arrived.set()
            await first_is_answered.wait()

    slack.gate = in_turn
    slack.fail("users.info", "ratelimited", "30")
    slack.fail("users.info", "ratelimited", "5")
    first = asyncio.create_task(client.call("users.info", user="U1"))
    await begun.wait()
    second = asyncio.create_task(client.call("users.info", user="U2"))
    assert await first == RateLimited(30.0)
    first_is_answered.set()
    assert await second == RateLimited(5.0)
    slack.clock.advance(10)
    assert await client.call("users.info", user="U1") == RateLimited(20.0)
    assert len(slack.calls) == 2
