"""What every provider must do, as one suite that each provider's test file subclasses.

A provider brings a harness (its simulated cloud behind a counting front) and data: how each row of the table
of submission outcomes is provoked there, and which readings must not name a primary. Differences are data;
nothing here is ever left out.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

import pytest

from bot.core.events import (
    DoubtRemained,
    Event,
    SubmissionAbsent,
    SubmissionStarted,
    SubmissionUncertain,
)
from bot.core.machine import Limits, decide, judge_doubt
from bot.core.model import (
    Call,
    CandidateRule,
    Evidence,
    JobId,
    JobState,
    NodeId,
    Plan,
    Reason,
    Role,
    Target,
    Topology,
)
from bot.core.operation import Operation
from bot.errors import NotSent, OutcomeUnknown, ProviderError, Refused, Throttled, Unavailable
from bot.ports import Intent, Provider, ProviderType
from bot.sandbox.faults import Fault
from tests.core import examples
from tests.providers.clocks import TestClock
from tests.providers.wires import Cutting, Front, listening

ACCEPTED = None
CUTS = pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
"""A connection is cut after every so many bytes."""
TABLE: Mapping[str, type[ProviderError] | None] = {
    "busy, or the stamp is refused": Throttled,
    "HTTP 429": Throttled,
    "documented refusal": Refused,
    "2xx with job_id": ACCEPTED,
    "2xx without job_id": OutcomeUnknown,
    "unreadable body": OutcomeUnknown,
    "timeout after the first byte left": OutcomeUnknown,
    "reset after the first byte left": OutcomeUnknown,
    "codes that decide nothing": OutcomeUnknown,
    "every 5xx": OutcomeUnknown,
    "anything not in the table": OutcomeUnknown,
}
NEVER_CONNECTED = ("refused", "name not found", "TLS fails", "connect times out")
HANG = timedelta(seconds=1)  # by then a busy machine has sent a request
PATIENCE = timedelta(seconds=5)
OUTCOMES = {"ok", "refused", "not_sent", "throttled", "unknown", "unavailable", "misconfigured"}


@dataclass(frozen=True)
class Way:
    """One way in which a row of the table comes about.

    ``arrange`` sets it up in the harness's cloud; ``accepted``: the cloud carries the request out.
    """

    name: str
    arrange: Callable[[Any], None]
    accepted: bool = False
    call_timeout: timedelta = PATIENCE


@dataclass(frozen=True)
class Reading:
    """A state of the cloud that a provider must not take for a clear one, or must."""

    name: str
    arrange: Callable[[Any], None]
    primary: bool = False


class Harness(Protocol):
    """A simulated cloud with one healthy database on it, behind a front that counts."""

    cloud: Any
    clock: TestClock
    front: Front
    target: Target
    primary: NodeId
    candidate: NodeId | None
    mark: bytes  # what only a submission's first line contains
    secrets: Sequence[str]
    accepted_answer: bytes
    refused_answer: bytes
    observed: list[tuple[str, str, float]]

    def provider(self, *, call_timeout: timedelta = PATIENCE, endpoint: str = "") -> Provider:
        """The provider against the front, or against another endpoint."""
        ...

    def cloud_is_ahead(self, by: timedelta) -> None:
        """From now on the cloud's clock is ahead of ours."""
        ...

    def throttle_reads(self, times: int, retry_after: str) -> None:
        """The next ``times`` reads are answered 429."""
        ...

    def hang_reads(self) -> None:
        """No read is answered any more."""
        ...

    @property
    def started(self) -> int:
        """How many submissions the cloud has carried out."""
        ...


class SimulatedCloud:
    """What the harness of every simulated cloud can do; ``reads`` are the operations that change nothing."""

    reads: ClassVar[Sequence[str]]
    cloud: Any
    clock: TestClock
    built: list[Provider]

    def cloud_is_ahead(self, by: timedelta) -> None:
        """From now on the cloud's clock is ahead of ours."""
        self.cloud.clock = lambda: self.clock.now() + by

    def throttle_reads(self, times: int, retry_after: str) -> None:
        """The next reads are answered 429."""
        for operation in self.reads:
            self.cloud.faults.set(operation, Fault.http(429, retry_after=retry_after), times=times)

    def hang_reads(self) -> None:
        """No read is answered any more."""
        for operation in self.reads:
            self.cloud.faults.set(operation, Fault.hang(accepted=False), times=None)

    @property
    def started(self) -> int:
        """How many submissions the cloud has carried out."""
        return int(self.cloud.submissions_accepted)

    async def close(self) -> None:
        """Closes every provider that was built."""
        for built in self.built:
            await built.close()


def intent(clock: TestClock) -> Intent:
    return Intent(clock.now(), clock.monotonic() + 5)


async def plan_for(harness: Harness, provider: Provider) -> Plan:
    topology = await provider.observe(harness.target)
    call = provider.describe(harness.target, harness.candidate)
    assert topology.primary is not None
    return Plan(
        harness.target.database,
        harness.target.shard,
        harness.candidate,
        topology.primary.id,
        topology.members,
        call,
    )


async def outcome(provider: Provider, plan: Plan, harness: Harness) -> type[ProviderError] | None:
    try:
        job = await provider.submit(plan, intent(harness.clock))
    except ProviderError as exc:
        _says_no_secret(exc, harness)
        return type(exc)
    assert job is None or isinstance(job, str)
    return ACCEPTED


def _says_no_secret(exc: BaseException, harness: Harness) -> None:
    for secret in harness.secrets:
        assert secret not in f"{exc!r} {exc} {vars(exc)!r}"


def begun(plan: Plan, reading: Topology, when: datetime) -> Operation:
    """An operation whose one request may have left then."""
    planned = replace(examples.operation(*examples.UNSENT), plan=plan)
    start = SubmissionStarted(when, plan, reading, planned.approved_by, len(planned.approvals))
    started = decide(planned, start).after
    return decide(started, SubmissionUncertain(when, Reason.of("restarted-while-starting"))).after


async def judged(op: Operation, provider: Provider, harness: Harness) -> Event | None:
    """What the provider's present answers make of such an operation."""
    assert op.plan is not None
    reading = await provider.observe(harness.target)
    evidence = await provider.find_submission(op.plan, op.submissions[-1])
    valid_for = provider.capabilities.submission_valid_for
    now = harness.clock.now()
    return judge_doubt(op, evidence, reading, now=now, limits=Limits(), valid_for=valid_for)


def roles_of(topology: Topology) -> list[Role]:
    return [node.role for node in topology.nodes]


class ProviderSuite:
    """Subclass as ``Test…``; give it ``provider_type``, ``ways``, ``readings`` and a ``harness`` fixture.

    ``gives_job``: whether the harness's submission answers with a job id, or documents none.
    ``finds_job``: whether the provider can tell the job of a lost submission from others.
    ``leaves_job``: whether a submission surely leaves a job, so that a list without one says that none arrived.
    """

    gives_job: ClassVar[bool] = True
    finds_job: ClassVar[bool] = True
    leaves_job: ClassVar[bool] = True
    provider_type: ClassVar[ProviderType]
    ways: ClassVar[Mapping[str, Sequence[Way]]]
    readings: ClassVar[Sequence[Reading]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        cls = metafunc.cls
        assert cls is not None
        if "row" in metafunc.fixturenames:
            cases = [(row, way) for row, ways in cls.ways.items() for way in ways]
            if "in_doubt" in metafunc.function.__name__:
                cases = [(row, way) for row, way in cases if TABLE[row] is OutcomeUnknown]
            metafunc.parametrize(("row", "way"), cases, ids=[f"{row}: {way.name}" for row, way in cases])
        if "reading" in metafunc.fixturenames:
            metafunc.parametrize("reading", cls.readings, ids=[reading.name for reading in cls.readings])

    def test_every_row_of_the_table_is_provoked(self) -> None:
        assert set(self.ways) == set(TABLE)
        assert all(self.ways.values())

    async def test_submission(self, harness: Harness, row: str, way: Way) -> None:
        plan = await plan_for(harness, harness.provider())
        way.arrange(harness)
        provider = harness.provider(call_timeout=way.call_timeout)
        assert await outcome(provider, plan, harness) is TABLE[row]
        assert harness.front.requests_with(harness.mark) == 1
        assert harness.started == way.accepted
        await provider.close()

    async def test_in_doubt_is_looked_up_and_never_repeated(
        self, harness: Harness, row: str, way: Way
    ) -> None:
        plan = await plan_for(harness, harness.provider())
        way.arrange(harness)
        since = harness.clock.now()
        assert await outcome(harness.provider(call_timeout=way.call_timeout), plan, harness) is OutcomeUnknown
        harness.clock.advance(1)
        restarted = harness.provider()
        evidence: Evidence = await restarted.find_submission(plan, since)
        assert evidence.searched == (self.leaves_job and (self.finds_job or not way.accepted))
        assert (evidence.job is not None) == (way.accepted and self.finds_job)
        assert harness.front.requests_with(harness.mark) == 1
        harness.clock.advance(30)
        topology = await restarted.observe(harness.target)
        assert topology.primary is not None
        assert (topology.primary.id != harness.primary) == way.accepted

    @pytest.mark.parametrize("set_forward", [timedelta(0), timedelta(minutes=18)])
    async def test_absence_waits_for_the_clouds_own_clock(
        self, harness: Harness, set_forward: timedelta
    ) -> None:
        """Ours was behind, which the cloud had told; it is set right, and the process another one."""
        harness.cloud_is_ahead(set_forward)
        provider = harness.provider()
        plan, asked = await plan_for(harness, provider), intent(harness.clock)
        op = begun(plan, await provider.observe(harness.target), asked.at)
        # Nobody saw it arrive: it may be on its way, or be listed only later.
        harness.clock.jump(set_forward)
        harness.cloud_is_ahead(timedelta(0))
        restarted = harness.provider()
        for seconds in (1, 60):
            harness.clock.advance(seconds)
            assert await judged(op, restarted, harness) is None
        harness.clock.advance(3600)
        absent = self.leaves_job and restarted.capabilities.submission_valid_for is not None
        expected = SubmissionAbsent if absent else DoubtRemained
        assert isinstance(await judged(op, restarted, harness), expected)

    @pytest.mark.parametrize("how", NEVER_CONNECTED)
    async def test_never_connected_is_not_sent(
        self, harness: Harness, how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plan = await plan_for(harness, harness.provider())
        with ExitStack() as stack:
            endpoint, wait = unreachable(how, harness.front.port, stack, monkeypatch)
            provider = harness.provider(endpoint=endpoint, call_timeout=wait)
            with pytest.raises(NotSent) as caught:
                await provider.submit(plan, intent(harness.clock))
            _says_no_secret(caught.value, harness)
        assert harness.started == 0

    async def test_a_healthy_database_has_one_primary(self, harness: Harness) -> None:
        topology = await harness.provider().observe(harness.target)
        assert topology.primary is not None
        assert topology.primary.id == harness.primary
        assert roles_of(topology).count(Role.PRIMARY) == 1
        assert Role.UNKNOWN not in roles_of(topology)
        assert topology.idle
        assert topology.obstacle == ""
        assert topology.read_at.utcoffset() == timedelta(0)

    async def test_one_primary_or_none_is_ever_named(self, harness: Harness, reading: Reading) -> None:
        reading.arrange(harness)
        topology = await harness.provider().observe(harness.target)
        assert (topology.primary is not None) == reading.primary
        assert topology.nodes

    async def test_the_candidate_is_honoured(self, harness: Harness) -> None:
        provider = harness.provider()
        plan = await plan_for(harness, provider)
        job = await provider.submit(plan, intent(harness.clock))
        assert (job is not None) == self.gives_job
        assert (await provider.observe(harness.target)).idle is False
        harness.clock.advance(30)
        topology = await provider.observe(harness.target)
        assert topology.primary is not None
        assert topology.primary.id == (plan.candidate or topology.primary.id)
        assert topology.primary.id != harness.primary
        if job is not None:
            assert (await provider.jobs([job]))[job].state is JobState.DONE

    async def test_a_candidate_is_never_ignored(self, harness: Harness) -> None:
        provider = harness.provider()
        rule = provider.capabilities.candidate
        odd = None if rule is CandidateRule.REQUIRED else NodeId("no-such-node")
        plan = await plan_for(harness, provider)
        wrong = Plan(plan.database, plan.shard, odd, plan.primary, plan.members, Call("odd"))
        with pytest.raises(Refused):
            await provider.submit(wrong, intent(harness.clock))
        assert harness.started == 0

    async def test_unknown_targets_are_refused(self, harness: Harness) -> None:
        provider = harness.provider()
        targets = [Target("no-such-database", harness.target.shard)]
        targets.append(Target(harness.target.database, "no-such-shard"))
        for target in targets:
            with pytest.raises(Refused):
                await provider.observe(target)

    async def test_a_survey_shows_what_observing_each_of_its_readings_shows(self, harness: Harness) -> None:
        provider = harness.provider()
        surveyed = await provider.survey(harness.target.database)
        assert surveyed
        assert harness.target.shard in {reading.shard for reading in surveyed}
        for reading in surveyed:
            target = Target(harness.target.database, reading.shard)
            observed = await provider.observe(target)
            assert reading.cloud_at is not None
            assert replace(observed, read_at=reading.read_at, cloud_at=reading.cloud_at) == reading
            assert reading.read_at.utcoffset() == timedelta(0)

    async def test_each_shard_of_a_survey_has_an_id_of_its_own(self, harness: Harness) -> None:
        provider = harness.provider()
        shards = [reading.shard for reading in await provider.survey(harness.target.database)]
        assert len(shards) == len(set(shards))
        assert "" not in shards
        assert shards == [None] or (provider.capabilities.shards and None not in shards)

    async def test_an_unknown_database_is_not_surveyed(self, harness: Harness) -> None:
        with pytest.raises(Refused):
            await harness.provider().survey("no-such-database")

    async def test_a_survey_that_is_not_answered_ends_in_time(self, harness: Harness) -> None:
        harness.hang_reads()
        loop = asyncio.get_running_loop()
        start = loop.time()
        with pytest.raises(Unavailable):
            await harness.provider(call_timeout=HANG).survey(harness.target.database)
        assert loop.time() - start < PATIENCE.total_seconds()

    async def test_the_call_in_words_is_stable(self, harness: Harness) -> None:
        provider = harness.provider()
        call = provider.describe(harness.target, harness.candidate)
        assert call == harness.provider().describe(harness.target, harness.candidate)
        assert (harness.candidate or "") in call.summary
        assert harness.front.heads == []

    async def test_nothing_is_sent_after_send_by(self, harness: Harness) -> None:
        provider = harness.provider()
        plan, committed = await plan_for(harness, provider), intent(harness.clock)
        harness.clock.advance(5.1)
        with pytest.raises(NotSent):
            await provider.submit(plan, committed)
        assert harness.front.requests_with(harness.mark) == 0

    async def test_send_by_is_checked_immediately_before_the_write(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        provider, loop = harness.provider(), asyncio.get_running_loop()
        plan, connect = await plan_for(harness, provider), loop.create_connection
        connections = harness.front.connections

        async def and_stops_for_a_minute(*args: Any, **kwargs: Any) -> Any:
            made = await connect(*args, **kwargs)
            harness.clock.advance(60)
            return made

        monkeypatch.setattr(loop, "create_connection", and_stops_for_a_minute)
        with pytest.raises(NotSent):
            await provider.submit(plan, intent(harness.clock))
        await harness.front.until(lambda: harness.front.connections == connections + 1)
        assert harness.front.requests_with(harness.mark) == 0

    async def test_each_submission_has_a_connection_of_its_own(self, harness: Harness) -> None:
        provider = harness.provider()
        plan = await plan_for(harness, provider)
        before = harness.front.connections
        await outcome(provider, plan, harness)
        harness.clock.advance(30)
        await outcome(provider, plan, harness)  # whatever the cloud makes of it
        assert harness.front.connections == before + 2

    async def test_a_cancelled_submission_is_cancelled_and_sent_once(self, harness: Harness) -> None:
        plan = await plan_for(harness, harness.provider())
        hanging = next(iter(self.ways["timeout after the first byte left"]))
        hanging.arrange(harness)
        task = asyncio.create_task(harness.provider().submit(plan, intent(harness.clock)))
        await harness.front.until(lambda: harness.front.requests_with(harness.mark) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert harness.front.requests_with(harness.mark) == 1

    async def test_reads_end_in_time(self, harness: Harness) -> None:
        harness.hang_reads()
        loop = asyncio.get_running_loop()
        start = loop.time()
        with pytest.raises(Unavailable):
            await harness.provider(call_timeout=HANG).observe(harness.target)
        assert loop.time() - start < PATIENCE.total_seconds()

    async def test_throttled_reads_are_waited_out(self, harness: Harness) -> None:
        harness.throttle_reads(2, "1")
        topology = await harness.provider(call_timeout=timedelta(seconds=30)).observe(harness.target)
        assert topology.primary is not None
        assert any(slept >= 1 for slept in harness.clock.slept)

    async def test_a_long_throttle_is_handed_on(self, harness: Harness) -> None:
        harness.throttle_reads(50, "120")
        with pytest.raises(Throttled) as caught:
            await harness.provider().observe(harness.target)
        assert caught.value.retry_after == timedelta(seconds=120)

    async def test_jobs_are_read_together_and_unknown_ones_left_out(self, harness: Harness) -> None:
        provider = harness.provider()
        plan = await plan_for(harness, provider)
        job = await provider.submit(plan, intent(harness.clock))
        if job is None:
            assert await provider.jobs([JobId("no-such-job")]) == {}
            return
        found = await provider.jobs([job, JobId("no-such-job")])
        assert set(found) == {job}
        assert found[job].state is JobState.RUNNING
        assert await provider.jobs([]) == {}

    async def test_secrets_are_never_shown(self, harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        provider = harness.provider()
        plan = await plan_for(harness, provider)
        await provider.submit(plan, intent(harness.clock))
        shown = f"{provider!r} {provider} {vars(provider)!r} {caplog.text}"
        for secret in (*harness.secrets, "signature="):
            assert secret not in shown

    async def test_every_call_is_observed(self, harness: Harness) -> None:
        provider = harness.provider()
        plan = await plan_for(harness, provider)
        await provider.submit(plan, intent(harness.clock))
        assert len(harness.observed) == len(harness.front.heads)
        assert {outcome for _, outcome, _ in harness.observed} == {"ok"}
        self.ways["documented refusal"][0].arrange(harness)
        harness.clock.advance(30)
        await outcome(provider, plan, harness)
        assert harness.observed[-1][1] == "refused"
        assert {outcome for _, outcome, _ in harness.observed} <= OUTCOMES

    @CUTS
    async def test_a_connection_cut_in_the_request_is_unknown(self, harness: Harness, step: int) -> None:
        plan = await plan_for(harness, harness.provider())
        whole = await _arrived(harness, plan, Cutting(harness.accepted_answer))
        cuts = [Cutting(b"", read=read) for read in _places(whole, step)]
        await _sweep(harness, plan, cuts, {})

    @CUTS
    @pytest.mark.parametrize("hard", [True, False], ids=["reset", "closed"])
    @pytest.mark.parametrize("says", [ACCEPTED, Refused], ids=["accepted", "refused"])
    async def test_a_connection_cut_in_the_answer_is_unknown(
        self, harness: Harness, says: type[ProviderError] | None, hard: bool, step: int
    ) -> None:
        plan = await plan_for(harness, harness.provider())
        answer = harness.accepted_answer if says is ACCEPTED else harness.refused_answer
        cuts = [Cutting(answer, sent=sent, hard=hard) for sent in _places(answer, step)]
        await _sweep(harness, plan, cuts, {len(answer): says})


def _places(message: bytes, step: int) -> list[int]:
    """After how many bytes to cut it: every so many, and where it begins, where its body does, and where it ends."""
    body = message.index(b"\r\n\r\n") + 4
    return sorted({*range(0, len(message), step), body - 1, body, len(message) - 1, len(message)})


async def _sweep(
    harness: Harness,
    plan: Plan,
    cuts: Sequence[Cutting],
    whole: Mapping[int | None, type[ProviderError] | None],
) -> None:
    """Submits once against each cut: unknown, unless the whole answer was there to be read."""
    for at in range(0, len(cuts), 16):
        chunk = cuts[at : at + 16]
        results = await asyncio.gather(*(_against(harness, plan, cut) for cut in chunk))
        for cut, result in zip(chunk, results, strict=True):
            assert len(cut.arrived) <= 1
            allowed: set[type[ProviderError] | None] = {OutcomeUnknown}
            if not any(cut.arrived):
                # A reset may come before the client knows that it is connected, or a busy machine connect too late.
                allowed.add(NotSent)
            if cut.sent in whole:
                # A reset may also destroy what had arrived and was not yet read.
                allowed = {whole[cut.sent]} | (allowed if cut.hard else set())
            assert result in allowed, f"cut after {cut.read} read, {cut.sent} sent"


async def _against(harness: Harness, plan: Plan, cut: Cutting) -> type[ProviderError] | None:
    async with listening(cut.connection) as port:
        # Patient, so that a machine that is slow to connect is not taken for one that never did.
        provider = harness.provider(endpoint=f"http://127.0.0.1:{port}", call_timeout=timedelta(seconds=60))
        return await outcome(provider, plan, harness)


async def _arrived(harness: Harness, plan: Plan, cut: Cutting) -> bytes:
    assert await _against(harness, plan, cut) in (ACCEPTED, OutcomeUnknown)
    return cut.arrived[0]


def unreachable(
    how: str, port: int, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, timedelta]:
    if how == "refused":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{free.getsockname()[1]}", PATIENCE
    if how == "name not found":

        async def fails(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fails)
        return "http://cloud.invalid", PATIENCE
    if how == "TLS fails":
        return f"https://127.0.0.1:{port}", timedelta(seconds=1)
    return f"http://127.0.0.1:{stack.enter_context(_full_backlog())}", HANG


@contextmanager
def _full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full, so that connecting takes for ever."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])
