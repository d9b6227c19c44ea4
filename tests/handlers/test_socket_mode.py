"""Connections in Socket Mode, kept up through all that Slack does to them; in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp
import pytest

from bot.app import _honest
from bot.ports import Answered, Body, Dispatch
from bot.sandbox.slack import Fault, Workspace
from bot.sandbox.slack.sockets import End, Sockets, Unheard
from bot.sandbox.slack.web_api import WebApi
from handlers.envelopes import Envelopes
from handlers.slack_client import SlackClient
from handlers.socket_mode import CONNECTIONS, LINGER, SocketMode
from tests.handlers.watching import Watching
from tests.simulation.asgi import SlackSession
from tests.simulation.loop import MachineClock, Time
from tests.simulation.plugs import Plugs

URL = "http://slack.example"
OK: Answered = (200, "", {})
DAY = 24 * 3600.0


async def done(_body: Body, _headers: dict[str, str]) -> Answered:
    return OK


class World:
    """Slack, and the bot's way to it; ``dispatch`` may be another one."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.slack = Workspace(time.true, rate_limited=False)
        self.sockets: Sockets = self.slack.sockets
        self.sockets.url = "ws://slack.example/link/"
        self.dispatch: Dispatch = done
        self.watch = Watching()
        self.mode: SocketMode | None = None

    async def _dispatch(self, body: Body, headers: dict[str, str]) -> Answered:
        return await self.dispatch(body, headers)

    @property
    def opened(self) -> int:
        """How often the bot has asked for a connection."""
        return sum(call.method == "apps.connections.open" for call in self.slack.calls)

    @property
    def deaf(self) -> float:
        assert self.mode is not None
        return self.mode.deaf()

    @asynccontextmanager
    async def connecting(
        self,
        *,
        token: str | None = None,
        connections: int = CONNECTIONS,
        at_once: int = 64,
        waiting: int = 64,
    ) -> AsyncIterator[SocketMode]:
        """The bot connects; at the end it is stopped, and has to come to an end."""

        async def nowhere(*_: str) -> None: ...

        session = cast(aiohttp.ClientSession, SlackSession(WebApi(self.slack), nowhere, nowhere))
        clock = MachineClock(self.time)
        client = SlackClient(
            token=self.slack.app_token if token is None else token,
            api_url=f"{URL}/api/",
            clock=clock,
            observe=lambda *_: None,
            session=lambda **_: session,
        )
        envelopes = Envelopes(
            dispatch=self._dispatch,
            clock=clock,
            observe=self.watch.seconds.append,
            count=self.watch.socket_envelope,
            at_once=at_once,
            waiting=waiting,
        )
        self.mode = SocketMode(
            client=client,
            dialer=Plugs(self.sockets),
            envelopes=envelopes,
            parse=_honest,
            clock=clock,
            random=lambda: 0.5,
            watch=self.watch,
            connections=connections,
        )
        running = asyncio.create_task(self.mode.run())
        try:
            yield self.mode
            self.mode.stop()
            async with asyncio.timeout(10):
                await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert self.sockets.open == []
        assert self.sockets.problems == []

    async def event(self, number: int = 1) -> dict[str, Any] | None:
        async with asyncio.timeout(3):
            return await self.sockets.deliver(
                "events_api", {"type": "event_callback", "event_id": f"Ev{number}"}
            )


def why(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said, one for each time, to be the reason that Slack can't be heard."""
    return [record.__dict__["why"] for record in caplog.records if record.message == "socket_problem"]


def played(story: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Plays a test in virtual time."""

    def play() -> None:
        time = Time()
        time.run(story(World(time)))

    play.__doc__ = story.__doc__
    return play


@played
async def test_it_connects_twice_and_acknowledges_what_comes_through_either(world: World) -> None:
    async with world.connecting():
        await world.sockets.connected(2)
        for number in range(4):
            assert await world.event(number) is None
        assert [socket.received for socket in world.sockets.open] == [2, 2]
    assert world.watch.outcomes == {"acknowledged": 4}
    assert world.watch.counts[-1] == 0
    assert len(world.watch.seconds) == 4


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("", None),
        ('{"options": []}', {"options": []}),
        ("in words", {"text": "in words"}),
        (
            '{"response_action": "errors", "errors": {"database": "?"}}',
            {"response_action": "errors", "errors": {"database": "?"}},
        ),
    ],
)
def test_the_acknowledgement_carries_the_answer(answer: str, said: object) -> None:
    async def story(world: World) -> None:
        async def answers(_body: Body, _headers: dict[str, str]) -> Answered:
            return 200, answer, {}

        world.dispatch = answers
        async with world.connecting():
            await world.sockets.connected()
            heard = await world.sockets.deliver("interactive", {"type": "view_submission"}, answerable=True)
            assert heard == said
            assert await world.sockets.deliver("interactive", {"type": "block_actions"}) is None

    played(story)()


@pytest.mark.parametrize(
    ("status", "takes", "outcome"),
    [(503, 0.0, "refused"), (400, 0.0, "refused"), (404, 0.0, "refused"), (200, 3.1, "late")],
)
def test_what_was_not_done_or_not_in_time_is_not_acknowledged(
    status: int, takes: float, outcome: str
) -> None:
    async def story(world: World) -> None:
        async def fails(_body: Body, _headers: dict[str, str]) -> Answered:
            await asyncio.sleep(takes)
            return status, "", {}

        world.dispatch = fails
        async with world.connecting():
            await world.sockets.connected()
            with pytest.raises(TimeoutError):
                await world.event()
            await asyncio.sleep(1)
            world.dispatch = done
            await world.event()
        assert world.watch.outcomes == {outcome: 1, "acknowledged": 1}

    played(story)()


def test_a_defect_costs_one_envelope_and_no_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: World) -> None:
        async def breaks(_body: Body, _headers: dict[str, str]) -> Answered:
            raise LookupError("a defect")

        world.dispatch = breaks
        async with world.connecting():
            await world.sockets.connected(2)
            with pytest.raises(TimeoutError):
                await world.event()
            world.dispatch = done
            await world.event()
            assert world.sockets.made == 2
        assert world.watch.outcomes == {"broken": 1, "acknowledged": 1}

    played(story)()
    assert "envelope_broke" in caplog.text


@played
async def test_messages_that_make_no_sense_change_nothing(world: World) -> None:
    async with world.connecting(connections=1):
        await world.sockets.connected()
        (socket,) = world.sockets.open
        for text in (
            "{",
            "[]",
            '"x"',
            '{"envelope_id": 3, "payload": {}}',
            '{"envelope_id": "x"}',
            "\\u0000",
        ):
            socket._outgoing.put_nowait(text)
        socket.say({"type": "of another time", "envelope_id": "y", "payload": "none"})
        assert await world.event() is None
        assert world.sockets.made == 1


@pytest.mark.parametrize("reason", ["refresh_requested", "warning", "of another time"])
def test_a_connection_is_replaced_before_it_is_taken_away(reason: str) -> None:
    async def story(world: World) -> None:
        go = asyncio.Event()

        async def held(_body: Body, _headers: dict[str, str]) -> Answered:
            await go.wait()
            return OK

        async with world.connecting(connections=1):
            await world.sockets.connected()
            await asyncio.sleep(DAY / 4)
            (old,) = world.sockets.open
            world.dispatch = held
            under_way = asyncio.create_task(world.event(1))
            await asyncio.sleep(0)
            world.sockets.refresh(old, reason=reason)
            await world.sockets.connected(2)
            assert world.time.elapsed < DAY / 4 + 0.1, "at once"
            go.set()
            await under_way
            new = world.sockets.open[-1]
            for number in range(2, 6):
                await world.event(number)
            assert (old.received, new.received) == (1, 4)
            new.chosen, old.chosen = False, True
            await world.event(6)  # whatever still comes through the old one is answered
            await asyncio.sleep(LINGER)
            assert world.sockets.open == [new]
        known = reason if reason != "of another time" else "other"
        assert world.watch.reasons == {known: 1}
        assert min(world.watch.counts[2:-1]) == 1, "there was always one"

    played(story)()


@played
async def test_an_old_connection_that_slack_forgets_to_close_is_let_go(world: World) -> None:
    async with world.connecting(connections=1):
        await world.sockets.connected()
        (old,) = world.sockets.open
        await asyncio.sleep(60)
        world.sockets.refresh(old, after=DAY)
        await asyncio.sleep(LINGER + 1)
        assert old not in world.sockets.open
        assert len(world.sockets.open) == 1


@played
async def test_both_at_once_are_replaced_and_nothing_is_lost(world: World) -> None:
    async with world.connecting():
        await world.sockets.connected(2)
        await asyncio.sleep(DAY / 4)
        for round_ in range(20):
            for socket in list(world.sockets.open):
                world.sockets.refresh(socket)
            for number in range(10):
                await world.event(100 * round_ + number)
                await asyncio.sleep(3)
        assert world.sockets.made == 2 + 2 * 20
    assert world.watch.outcomes == {"acknowledged": 200}


@played
async def test_a_connection_that_breaks_after_a_while_is_made_again_at_once(world: World) -> None:
    async with world.connecting():
        await world.sockets.connected(2)
        await asyncio.sleep(60)
        first, second = world.sockets.open
        world.sockets.drop(first)
        await world.event()  # the other one is there
        assert second.received == 1
        await asyncio.sleep(0.1)
        assert len(world.sockets.open) == 2
        world.sockets.open[0].end(End.CLOSED)
        await asyncio.sleep(0.1)
        assert len(world.sockets.open) == 2
    assert world.watch.reasons == {"connection_lost": 1, "closed": 1}


@played
async def test_connections_that_break_at_once_are_made_ever_more_seldom(world: World) -> None:
    connect = world.sockets.connect

    def breaking(ticket: str) -> Any:
        socket = connect(ticket)
        assert socket is not None
        asyncio.get_running_loop().call_later(0.01, world.sockets.drop, socket)
        return socket

    world.sockets.connect = breaking  # type: ignore[method-assign]  # Slack's side, not ours
    async with world.connecting():
        await asyncio.sleep(300)
        assert 30 < world.opened < 80, "twice five minutes at 11 seconds"
        before = world.opened
        world.sockets.connect = connect  # type: ignore[method-assign]
        await asyncio.sleep(300)
        assert world.opened <= before + 2
        await world.event()


@played
async def test_what_was_read_but_can_not_be_acknowledged_comes_again(world: World) -> None:
    go = asyncio.Event()

    async def held(_body: Body, _headers: dict[str, str]) -> Answered:
        await go.wait()
        return OK

    world.dispatch = held
    async with world.connecting(connections=1):
        await world.sockets.connected()
        under_way = asyncio.create_task(world.event())
        await asyncio.sleep(0)
        world.sockets.drop(world.sockets.open[0])
        with pytest.raises(Unheard):
            await under_way
        go.set()
        await world.sockets.connected()
        await world.event()
    assert world.watch.outcomes == {"unheard": 1, "acknowledged": 1}


@pytest.mark.parametrize("reason", ["link_disabled", "too_many_websockets"])
def test_slack_that_wants_no_connection_is_asked_once_a_minute(
    reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(world: World) -> None:
        async with world.connecting():
            await world.sockets.connected(2)
            await asyncio.sleep(60)
            before = world.opened
            if reason == "link_disabled":
                world.sockets.disable()
            else:
                world.sockets.most = 0
                for socket in list(world.sockets.open):
                    world.sockets._dismiss(socket, reason)
            await asyncio.sleep(1)
            assert world.sockets.open == []
            await asyncio.sleep(600)
            assert world.opened - before == 20
            assert world.deaf == pytest.approx(601, abs=1)
            world.sockets.enabled, world.sockets.most = True, 10
            await asyncio.sleep(61)
            await world.event()
            assert world.deaf == 0

    played(story)()
    said = why(caplog)
    assert 10 <= len(said) <= 12, "when it begins, and once a minute"
    assert all("Socket Mode is switched off" in one or "as many connections" in one for one in said)


def test_retry_after_is_honoured(caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: World) -> None:
        world.slack.faults.once("apps.connections.open", Fault.rate_limited(40), Fault.rate_limited(40))
        async with world.connecting(connections=1):
            await asyncio.sleep(39)
            assert world.opened == 1
            await asyncio.sleep(42)
            assert world.opened == 3
            await world.event()

    played(story)()
    assert "asks to wait" in why(caplog)[0]


@played
async def test_slacks_own_limit_of_one_a_minute_costs_no_connection_too_many(world: World) -> None:
    world.slack.limits.enabled = True
    async with world.connecting():
        await world.sockets.connected(1)
        await world.event()
        await asyncio.sleep(125)
        assert len(world.sockets.open) == 2
        for socket in list(world.sockets.open):
            world.sockets.refresh(socket)
        for number in range(60):
            await world.event(number)
            await asyncio.sleep(3)
        assert len(world.sockets.open) == 2
    assert world.watch.outcomes == {"acknowledged": 61}


@pytest.mark.parametrize(
    ("token", "error"),
    [("xapp-another", "invalid_auth"), ("xoxb-sandbox-token", "not_allowed_token_type"), ("", "not_authed")],
)
def test_a_token_that_slack_does_not_take_is_said_and_asked_about_once_a_minute(
    token: str, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(world: World) -> None:
        async with world.connecting(token=token, connections=1):
            await asyncio.sleep(599)
            assert world.opened == 10

    played(story)()
    said = why(caplog)
    assert len(said) == 10
    assert f"slack.app_token: tried apps.connections.open at {URL}/api/: Slack said {error}" in said[0]


def test_slack_may_be_away_at_the_start_and_come_back(caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: World) -> None:
        world.slack.faults.start_outage()
        async with world.connecting():
            await asyncio.sleep(60)
            assert world.opened < 20
            assert world.deaf == pytest.approx(60)
            world.slack.faults.clear()
            await asyncio.sleep(16)
            assert len(world.sockets.open) == 2
            await world.event()
            assert world.deaf == 0

    played(story)()
    assert "Slack failed (status 503)" in why(caplog)[0]


def test_who_says_no_hello_is_not_talked_to(caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: World) -> None:
        connect = world.sockets.connect

        def silent(ticket: str) -> Any:
            socket = connect(ticket)
            assert socket is not None
            socket._outgoing = asyncio.Queue()
            return socket

        world.sockets.connect = silent  # type: ignore[method-assign]  # Slack's side, not ours
        async with world.connecting(connections=1):
            await asyncio.sleep(5.1)
            assert world.sockets.open == []
            world.sockets.connect = connect  # type: ignore[method-assign]
            await asyncio.sleep(5)
            await world.event()

    played(story)()
    assert "did not say hello" in why(caplog)[0]


@pytest.mark.parametrize("after", [0.0, 5.0, 20.0])
def test_connections_that_never_last_are_no_connection(
    after: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Something on the way cuts each of them, when hello has been said or a little later."""

    async def story(world: World) -> None:
        async with world.connecting():
            await world.sockets.connected(2)
            await asyncio.sleep(60)
            assert world.deaf == 0
            connect = world.sockets.connect

            def cut(ticket: str) -> Any:
                socket = connect(ticket)
                assert socket is not None
                asyncio.get_running_loop().call_later(after, socket.end, End.CLOSED)
                return socket

            world.sockets.connect = cut  # type: ignore[method-assign]  # Slack's side, not ours
            for socket in list(world.sockets.open):
                socket.end(End.CLOSED)
            await asyncio.sleep(600)
            assert world.deaf == pytest.approx(600, abs=1)
            world.sockets.connect = connect  # type: ignore[method-assign]
            await asyncio.sleep(100)
            assert world.deaf == 0

    played(story)()
    said = why(caplog)
    assert 9 <= len(said) <= 11, "from the third in a row on, and once a minute"
    assert set(said) == {"slack.mode: tried a WebSocket to Slack: Slack closed it: wait: it is made again"}


@played
async def test_what_brought_an_envelope_was_heard_however_short_it_was(world: World) -> None:
    async with world.connecting(connections=1):
        await world.sockets.connected()
        await asyncio.sleep(10)
        assert world.deaf == pytest.approx(10)
        await world.event()
        assert world.deaf == 0
        world.slack.faults.start_outage()
        world.sockets.drop(world.sockets.open[0])
        await asyncio.sleep(5)
        assert world.deaf == pytest.approx(5)


def test_two_that_end_early_are_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: World) -> None:
        async with world.connecting(connections=1):
            for _ in range(2):
                await world.sockets.connected()
                world.sockets.drop(world.sockets.open[0])
                await asyncio.sleep(0)
            await asyncio.sleep(300)

    played(story)()
    assert why(caplog) == []


@played
async def test_no_more_are_answered_at_a_time_than_there_is_room_for(world: World) -> None:
    most = now = 0

    async def slow(_body: Body, _headers: dict[str, str]) -> Answered:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.1)
        now -= 1
        return OK

    world.dispatch = slow
    async with world.connecting(at_once=3):
        await world.sockets.connected(2)
        await asyncio.gather(*(world.event(number) for number in range(30)))
    assert most == 3
    assert world.watch.outcomes == {"acknowledged": 30}


@played
async def test_what_had_to_wait_too_long_is_not_taken_for_fresh(world: World) -> None:
    """Three arrive together and are answered one by one: Slack has given up on the later two meanwhile."""
    began = []

    async def slow(body: Body, _headers: dict[str, str]) -> Answered:
        began.append(body["event_id"])
        await asyncio.sleep(2)
        return OK

    world.dispatch = slow
    async with world.connecting(connections=1, at_once=1):
        await world.sockets.connected()
        sent = [asyncio.create_task(world.event(number)) for number in range(3)]
        came = await asyncio.gather(*sent, return_exceptions=True)
        assert [type(one) for one in came] == [type(None), TimeoutError, TimeoutError]
        await asyncio.sleep(10)
    assert world.watch.outcomes == {"acknowledged": 1, "late": 2}
    assert began == ["Ev0", "Ev1"], "what nobody waits for holds up nobody"
    assert world.watch.seconds == pytest.approx([2, 4, 4]), "whatever became of it"


@played
async def test_of_what_waits_no_more_is_read_than_there_is_room_for(world: World) -> None:
    go = asyncio.Event()

    async def held(_body: Body, _headers: dict[str, str]) -> Answered:
        await go.wait()
        return OK

    world.dispatch = held
    async with world.connecting(connections=1, at_once=1, waiting=2):
        await world.sockets.connected()
        sent = [asyncio.create_task(world.event(number)) for number in range(10)]
        await asyncio.sleep(1)
        assert world.sockets.open[0]._outgoing.qsize() == 10 - 4, "one at work, two waiting, one in hand"
        go.set()
        await asyncio.gather(*sent)
    assert world.watch.outcomes == {"acknowledged": 10}


@played
async def test_told_to_stop_it_answers_what_it_has_and_takes_no_more(world: World) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    async def held(_body: Body, _headers: dict[str, str]) -> Answered:
        began.set()
        await go.wait()
        return OK

    world.dispatch = held
    async with world.connecting() as mode:
        await world.sockets.connected(2)
        under_way = asyncio.create_task(world.event(1))
        await began.wait()
        mode.stop()
        await asyncio.sleep(0)
        late = asyncio.create_task(world.event(2))
        await asyncio.sleep(1)
        go.set()
        assert await under_way is None
        with pytest.raises(Unheard):
            await late
        await asyncio.sleep(DAY)
        assert (world.opened, world.sockets.open) == (2, [])
    assert world.watch.outcomes == {"acknowledged": 1}


@pytest.mark.parametrize("seconds", [0.0, 0.5, 4.0, 59.0])
def test_told_to_stop_at_any_time_it_ends(seconds: float) -> None:
    async def story(world: World) -> None:
        world.slack.faults.once("apps.connections.open", Fault.slow(2.0), Fault.rate_limited(70))
        async with world.connecting() as mode:
            await asyncio.sleep(seconds)
            mode.stop()

    played(story)()


def test_neither_token_nor_address_is_ever_said(caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: World) -> None:
        used = world.sockets.ticket().partition("=")[2].partition("&")[0]
        async with world.connecting():
            await world.sockets.connected(2)
            for end in (world.sockets.drop, world.sockets.refresh):
                for socket in list(world.sockets.open):
                    end(socket)
                await asyncio.sleep(30)
            world.sockets._tickets.clear()
            world.sockets.ticket = lambda: f"{world.sockets.url}?ticket={used}"  # type: ignore[method-assign]
            world.sockets.drop(world.sockets.open[0])
            await asyncio.sleep(30)

    caplog.set_level(logging.DEBUG)
    played(story)()
    said = "".join(str(record.__dict__) for record in caplog.records)
    assert "status 403" in said
    for secret in ("ticket", "xapp-"):
        assert secret not in said
