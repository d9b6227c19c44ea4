"""The HTTP that all providers share."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import BudgetSpent, Misconfigured, NotSent, OutcomeUnknown, Throttled, Unavailable
from providers.http import (
    INTERNET,
    READ_LIMIT,
    Account,
    Answer,
    Budget,
    Internet,
    Priority,
    Request,
    submit_once,
)
from tests.providers.clocks import START, TestClock
from tests.providers.conformance import NEVER_CONNECTED, unreachable
from tests.providers.wires import HEAD_END, Cutting, listening, reset

PATIENCE = timedelta(seconds=5)


def answer(head: str = "200 OK", body: bytes = b"{}", *more: str) -> bytes:
    lines = [f"HTTP/1.1 {head}", f"Content-Length: {len(body)}", *more]
    return "\r\n".join(lines).encode() + HEAD_END + body


class Desk:
    """An account against a server that gives the same answer to everybody, or each in turn."""

    def __init__(self, *answers: bytes) -> None:
        self.clock = TestClock()
        self.observed: list[tuple[str, str, float]] = []
        self.heads: list[bytes] = []
        self.connections = 0
        self._answers = list(answers)
        self.url = ""
        self.budget = Budget(1000, timedelta(hours=1), self.clock)
        self.account = Account(
            clock=self.clock,
            call_timeout=PATIENCE,
            observer=lambda *call: self.observed.append(call),
            budget=self.budget,
            jitter=lambda: 0.5,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Desk]:
        async with listening(self._connection) as port:
            self.url = f"http://127.0.0.1:{port}/x?a=%3A"
            yield self
            await self.account.close()

    async def read(self, judge: Callable[[Answer], int] | None = None) -> int:
        return await self.account.read(
            "Look", lambda: Request("GET", self.url), judge or _status, deadline=self.account.deadline()
        )

    async def submit(self) -> int:
        return await self.account.submit(
            "Do", Request("GET", self.url), _status, send_by=self.clock.monotonic() + 5
        )

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            self.heads.append(await reader.readuntil(HEAD_END))
            said = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            if not said:
                reset(writer)
                return
            writer.write(said)
            await writer.drain()


def _status(seen: Answer) -> int:
    if seen.status == 503:
        raise Unavailable("later")
    if seen.status == 429:
        raise Throttled("slower", retry_after=seen.retry_after(START))
    return seen.status


# Reads


async def test_reads_are_retried_with_growing_pauses() -> None:
    async with Desk(*[answer("503 No")] * 3, answer()).open() as desk:
        assert await desk.read() == 200
        assert desk.clock.slept == [0.25, 0.5, 1.0]
        assert [outcome for _, outcome, _ in desk.observed] == ["unavailable"] * 3 + ["ok"]


async def test_reads_survive_broken_connections() -> None:
    async with Desk(b"", b"", b"", answer()).open() as desk:
        assert await desk.read() == 200


async def test_retries_end_with_the_time_budget() -> None:
    async with Desk(answer("503 No")).open() as desk:
        with pytest.raises(Unavailable):
            await desk.read()
        assert desk.clock.monotonic() < 5
        assert len(desk.heads) > 2


async def test_retry_after_is_honoured_when_it_fits() -> None:
    async with Desk(answer("429 No", b"", "Retry-After: 3"), answer()).open() as desk:
        assert await desk.read() == 200
        assert desk.clock.slept == [3.0]


async def test_reads_share_connections_and_submissions_do_not() -> None:
    async with Desk(answer()).open() as desk:
        for _ in range(3):
            await desk.read()
        assert desk.connections == 1
        for _ in range(2):
            await desk.submit()
        assert desk.connections == 3


@pytest.mark.parametrize(
    "odd",
    [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", b"HTTP/1.1 two OK\r\n\r\n"],
)
async def test_what_is_no_http_is_unavailable(odd: bytes) -> None:
    async with listening(Cutting(odd, hard=False).connection) as port:
        desk = Desk()
        desk.url = f"http://127.0.0.1:{port}/"
        with pytest.raises(Unavailable):
            await desk.read()
        await desk.account.close()


async def test_an_endless_answer_is_cut() -> None:
    async with Desk(answer("200 OK", b" " * (READ_LIMIT + 1))).open() as desk:
        desk.account = Account(
            clock=desk.clock,
            call_timeout=timedelta(seconds=0.2),
            observer=lambda *_: None,
            budget=desk.budget,
            jitter=lambda: 0.5,
        )
        with pytest.raises(Unavailable):
            await desk.read()
        await desk.account.close()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "nothing"])
async def test_an_unusable_address_is_a_misconfiguration(url: str) -> None:
    desk = Desk()
    desk.url = url
    with pytest.raises(Misconfigured):
        await desk.read()
    await desk.account.close()


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with Desk(answer()).open() as desk:
        assert await desk.read() == 200
        assert await desk.submit() == 200


async def test_redirects_are_not_followed() -> None:
    async with Desk(answer("302 Found", b"", "Location: /elsewhere")).open() as desk:
        assert await desk.read() == 302
        assert await desk.submit() == 302
        assert len(desk.heads) == 2


async def test_an_untrusted_certificate_is_a_misconfiguration() -> None:
    class Distrust(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("TLS") from ssl.SSLCertVerificationError("self-signed")

    class Distrusted(Internet):
        def reads(self) -> httpx.AsyncBaseTransport:
            return Distrust()

    desk = Desk()
    desk.url = "https://127.0.0.1/"
    desk.account = Account(
        clock=desk.clock,
        call_timeout=PATIENCE,
        observer=lambda *_: None,
        budget=desk.budget,
        wire=Distrusted(),
    )
    with pytest.raises(Misconfigured) as caught:
        await desk.read()
    assert caught.value.message == "can't connect to 127.0.0.1:443 (its certificate is not trusted)"


@pytest.mark.parametrize("how", NEVER_CONNECTED)
async def test_why_there_is_no_connection_is_said_in_words(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = {
        "refused": ("refused", "connection refused"),
        "name not found": ("no-name", "name not found"),
        "TLS fails": ("tls", "TLS failed"),
        "connect times out": ("timeout", "timed out"),
    }
    code, said = words[how]
    monkeypatch.setattr("providers.http.CONNECT_TIMEOUT", timedelta(seconds=0.1))

    async def speaks_no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 no TLS here\r\n")
        await reader.read()

    async with listening(speaks_no_tls) as port:
        with ExitStack() as stack:
            endpoint, _ = unreachable(how, port, stack, monkeypatch)
            where = endpoint.partition("://")[2] + (":80" if how == "name not found" else "")
            desk = Desk()
            desk.url = f"{endpoint}/x?signature=abc"
            with pytest.raises(Unavailable) as read:
                await desk.read()
            with pytest.raises(NotSent) as submitted:
                await desk.submit()
            for error in (read.value, submitted.value):
                assert error.message == f"can't connect to {where} ({said})"
                assert error.meaning == ("cloud-no-connection", {"address": where, "why": code})
            assert len(desk.clock.slept) > 2
            await desk.account.close()


async def test_an_answer_that_is_lost_is_no_missing_connection() -> None:
    async with Desk(b"").open() as desk:
        with pytest.raises(Unavailable) as caught:
            await desk.read()
        assert "did not answer" in caught.value.message


async def test_a_closed_account_connects_no_more() -> None:
    async with Desk(answer()).open() as desk:
        await desk.account.close()
        with pytest.raises(Unavailable, match="closed"):
            await desk.read()
        assert desk.connections == 0


async def test_whoever_reads_when_the_account_is_closed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also who waits for one of its connections: nobody has cancelled them."""
    asked, end = asyncio.Event(), asyncio.Event()

    async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(HEAD_END)
        asked.set()
        await end.wait()

    monkeypatch.setattr("providers.http.CONNECTIONS", 1)
    async with listening(hangs) as port:
        desk = Desk()
        desk.url = f"http://127.0.0.1:{port}/x"
        reads = [asyncio.create_task(desk.read()) for _ in range(3)]
        cancelled = asyncio.create_task(desk.read())
        await asked.wait()
        cancelled.cancel()
        await desk.account.close()
        ends = await asyncio.gather(*reads, cancelled, return_exceptions=True)
        end.set()
    assert [str(each) for each in ends[:3]] == ["the account is closed"] * 3
    assert isinstance(ends[3], asyncio.CancelledError)


async def test_what_a_read_is_answered_is_not_carried_to_the_next() -> None:
    async with Desk(answer("200 OK", b"", "Set-Cookie: a=1")).open() as desk:
        assert [await desk.read(), await desk.read()] == [200, 200]
        assert not any(b"cookie" in head.lower() for head in desk.heads)


# Submissions


async def test_a_submission_is_not_repeated_whatever_comes_back() -> None:
    for said in (answer("503 No"), answer("429 No"), b""):
        async with Desk(said).open() as desk:
            with pytest.raises((Unavailable, Throttled, OutcomeUnknown)):
                await desk.submit()
            assert len(desk.heads) == 1
            assert len(desk.observed) == 1
            assert desk.clock.slept == []


async def test_a_submission_past_its_time_does_not_even_connect() -> None:
    clock = TestClock()
    async with Desk(answer()).open() as desk:
        with pytest.raises(NotSent):
            await submit_once(Request("GET", desk.url), send_by=-0.1, clock=clock, timeout=PATIENCE)
        assert desk.heads == []


async def test_a_submission_tries_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    async def refuses(*args: object, **_: object) -> None:
        tried.append(args)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", refuses)
    with pytest.raises(NotSent):
        await submit_once(
            Request("GET", "http://127.0.0.1:9/"), send_by=9, clock=TestClock(), timeout=PATIENCE
        )
    assert len(tried) == 1


async def test_a_request_that_cannot_be_prepared_is_not_sent() -> None:
    class Bare(Internet):
        def submission(self) -> httpx.AsyncBaseTransport:
            raise FileNotFoundError("no CA bundle")

    request = Request("GET", "https://127.0.0.1/")
    with pytest.raises(NotSent):
        await submit_once(request, send_by=9, clock=TestClock(), timeout=PATIENCE, wire=Bare())
    odd = Request("GET", "http://\x00/")
    with pytest.raises(NotSent):
        await submit_once(odd, send_by=9, clock=TestClock(), timeout=PATIENCE)


async def test_a_transport_that_says_nothing_proves_nothing() -> None:
    class Silent(Internet):
        def submission(self) -> httpx.AsyncBaseTransport:
            async def lose(_: httpx.Request) -> httpx.Response:
                raise httpx.ConnectError("so it says")

            return httpx.MockTransport(lose)

    with pytest.raises(OutcomeUnknown) as caught:
        await submit_once(
            Request("GET", "http://x/"), send_by=9, clock=TestClock(), timeout=PATIENCE, wire=Silent()
        )
    assert caught.value.lost


async def test_a_whole_answer_counts_even_if_closing_fails() -> None:
    class Sticky(httpx.AsyncHTTPTransport):
        async def aclose(self) -> None:
            await super().aclose()
            raise RuntimeError("closing failed")

    class Stuck(Internet):
        def submission(self) -> httpx.AsyncBaseTransport:
            return Sticky()

    async with Desk(answer()).open() as desk:
        request = Request("GET", desk.url)
        seen = await submit_once(request, send_by=9, clock=TestClock(), timeout=PATIENCE, wire=Stuck())
        assert seen.body == b"{}"


def test_submissions_travel_on_stock_httpx_and_reads_do_not() -> None:
    assert type(INTERNET.submission()) is httpx.AsyncHTTPTransport
    assert type(INTERNET.reads()) is not httpx.AsyncHTTPTransport


def test_nothing_shows_addresses_or_bodies() -> None:
    request = Request("GET", "http://x/?signature=abc", {"authorization": "abc"}, b"abc")
    seen = Answer(200, httpx.Headers({"x": "abc"}), b"abc")
    assert "abc" not in f"{request!r}{seen!r}"


# Headers


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0),
        ("7", 7),
        ("-7", 0),
        ("soon", 0),
        ("99999999999999", 86_400),
        ("Sun, 01 Mar 2026 12:00:09 GMT", 9),
        ("Sun, 01 Mar 2020 12:00:00 GMT", 0),
        ("Sun, 01 Mar 2099 12:00:00 GMT", 86_400),
    ],
)
def test_retry_after_is_bounded_and_never_negative(value: str, seconds: int) -> None:
    seen = Answer(429, httpx.Headers({"retry-after": value}), b"")
    assert seen.retry_after(START) == timedelta(seconds=seconds)


def test_a_date_is_believed_only_alone() -> None:
    one = ("date", "Sun, 01 Mar 2026 12:00:00 GMT")
    assert Answer(200, httpx.Headers([one]), b"").date == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert Answer(200, httpx.Headers([one, one]), b"").date is None
    assert Answer(200, httpx.Headers({"date": "today"}), b"").date is None


# The budget


def test_the_reserve_is_for_what_cannot_wait() -> None:
    clock = TestClock()
    budget = Budget(10, timedelta(hours=1), clock, reserve=4)
    for _ in range(6):
        budget.take(Priority.ORDINARY)
    with pytest.raises(Throttled):
        budget.take(Priority.ORDINARY)
    for _ in range(2):
        budget.take(Priority.TRACKING)
    with pytest.raises(Throttled):
        budget.take(Priority.TRACKING)
    budget.take(Priority.URGENT)
    with pytest.raises(Throttled):
        budget.take(Priority.URGENT)
    budget.take(Priority.SUBMISSION)
    with pytest.raises(Throttled) as caught:
        budget.take(Priority.SUBMISSION)
    assert caught.value.retry_after == timedelta(hours=1)


def test_calls_that_are_expected_are_not_counted_and_never_more_than_there_are() -> None:
    clock = TestClock()
    budget = Budget(10, timedelta(hours=1), clock, reserve=4)
    for _ in range(4):
        budget.take(Priority.ORDINARY)
        clock.advance(60)
    budget.expect(2, Priority.ORDINARY)
    with pytest.raises(BudgetSpent) as caught:
        budget.expect(4, Priority.ORDINARY)
    assert caught.value.retry_after == timedelta(minutes=57)
    clock.advance(57 * 60)
    budget.expect(4, Priority.ORDINARY)
    clock.advance(3600)
    budget.expect(50, Priority.ORDINARY)
    budget.take(Priority.ORDINARY)
    with pytest.raises(BudgetSpent):
        budget.expect(50, Priority.ORDINARY)


async def test_calls_that_are_not_left_are_observed_when_they_are_expected() -> None:
    async with Desk(answer()).open() as desk:
        for _ in range(799):
            desk.budget.take(Priority.SUBMISSION)
        with pytest.raises(BudgetSpent):
            desk.account.expect("Look", 2, Priority.ORDINARY)
        assert (desk.heads, desk.observed) == ([], [("Look", "throttled", 0.0)])


def test_what_shares_a_budget_has_taken_it_together() -> None:
    clock = TestClock()
    before = Budget(10, timedelta(hours=1), clock, reserve=0)
    after = Budget(5, timedelta(hours=1), clock, reserve=0, shared=before)
    for budget in (before, after, before, after, before):
        budget.take(Priority.ORDINARY)
    with pytest.raises(BudgetSpent):
        after.take(Priority.ORDINARY)
    before.take(Priority.ORDINARY)


async def test_a_refused_submission_is_not_sent_and_is_observed() -> None:
    async with Desk(answer()).open() as desk:
        for _ in range(1000):
            desk.budget.take(Priority.SUBMISSION)
        desk.clock.advance(90)
        with pytest.raises(NotSent) as caught:
            await desk.submit()
        assert desk.heads == []
        assert desk.observed == [("Do", "not_sent", 0.0)]
        said = "the account's budget of 1000 calls is used up for another 59 min"
        assert caught.value.message == said
        assert caught.value.meaning == ("cloud-budget-spent", {"count": "1000", "minutes": "59"})


async def test_a_refused_read_is_not_sent_and_is_observed() -> None:
    async with Desk(answer()).open() as desk:
        for _ in range(1000):
            desk.budget.take(Priority.SUBMISSION)
        with pytest.raises(BudgetSpent):
            await desk.read()
        assert desk.heads == []
        assert desk.observed == [("Look", "throttled", 0.0)]


async def test_a_cloud_that_fails_until_the_budget_is_spent_has_failed() -> None:
    """Else a cloud that is down would look like one that is not asked."""
    async with Desk(answer("503 No")).open() as desk:
        for _ in range(998 - 200):
            desk.budget.take(Priority.ORDINARY)
        with pytest.raises(Unavailable):
            await desk.read()
        assert [outcome for _, outcome, _ in desk.observed] == ["unavailable"] * 2 + ["throttled"]


PRIORITIES = st.sampled_from(list(Priority))


@given(st.lists(st.tuples(st.floats(0, 40), PRIORITIES), max_size=80))
def test_no_window_holds_more_than_the_budget(steps: list[tuple[float, Priority]]) -> None:
    clock = TestClock()
    budget, taken = Budget(7, timedelta(seconds=60), clock, reserve=3), list[float]()
    for pause, priority in steps:
        clock.advance(pause)
        try:
            budget.take(priority)
        except Throttled as exc:
            clock.advance(exc.retry_after.total_seconds() + 1e-6)
            budget.take(priority)  # what retry_after promised is kept
        taken.append(clock.monotonic())
    for start in taken:
        assert sum(start <= at < start + 60 for at in taken) <= 7
