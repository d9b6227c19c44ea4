"""Many starts at one time: who may still approve is asked once for all of them, and never believed from before."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.commands import Act, Action, RequestSwitchover
from bot.core.model import JobId
from bot.core.operation import Operation, Status
from bot.core.schedule import Start
from bot.errors import NotSent
from bot.sandbox.slack import Fault, Workspace
from bot.sandbox.slack.web_api import WebApi
from handlers.directory import SlackDirectory
from handlers.slack_client import SlackClient
from tests.core.examples import ANN, ASKER, BOB, JOB
from tests.service.world import POLICY, World
from tests.simulation.asgi import SlackSession

STARTS = 12
GROUPS = ("S-SRE", "S-OPS", "S-DBA")
POLICY_OF_ALL = replace(POLICY, approvers=GROUPS, approval_ttl=timedelta(hours=3))
DATABASES = tuple(f"orders{number}" for number in range(STARTS))
PEOPLE, MEMBERS = "users.info", "usergroups.users.list"


class Window(World):
    """A bot with twelve databases whose approvers are in the last of three groups of a Slack with its limits."""

    def __init__(self) -> None:
        super().__init__()
        self.slack = Workspace(self.clock.now, team_id="T-HOME")
        for user in (ASKER, ANN, BOB):
            self.slack.add_user(user.lower(), id=user)
        for group in GROUPS:
            self.slack.add_group(group.lower(), [ANN, BOB] if group == "S-DBA" else [], id=group)
        client = SlackClient(
            token=self.slack.token,
            api_url="http://slack.example/api/",
            clock=self.clock,
            observe=lambda *_: None,
            session=lambda **_: SlackSession(WebApi(self.slack), _at_once, _at_once),  # type: ignore[arg-type]
        )
        self.directory = SlackDirectory(client, clock=self.clock)
        self.configure(**dict.fromkeys(DATABASES, POLICY_OF_ALL))
        self.start()
        self.cloud.answers = [JobId(f"{JOB}-{number}") for number in range(STARTS)]
        self.begin = self.clock.now() + timedelta(hours=1)

    async def approved_all(self) -> None:
        """All are approved, and their start is a second away; of the calls so far none counts."""
        for database in DATABASES:
            asked = RequestSwitchover(database, "n-b", reason="window", start=Start(at=self.begin))
            assert await self.ask(asked) is None
            await self.tick()
            op = (await self.store.operations(open_only=True, database=database))[0]
            for who in (ANN, BOB):
                assert await self.ask(Act(Action.APPROVE, op.id), who) is None
                await self.clock.sleep(20)
        await self.tick((self.begin - self.clock.now()).total_seconds() - 1)
        assert await self.statuses() == {Status.SCHEDULED: STARTS}
        self.slack.calls.clear()

    async def together(self, seconds: float = 0) -> None:
        """Time passes, then everything that is due is done at once, as the bot does it."""
        await self.clock.sleep(seconds)
        now = self.clock.now()
        until = now + self.duties.limits.lease
        due = await self.store.claim_operations(now, until, 100)
        await asyncio.gather(*(self.duties.perform(op, until) for op in due if not self.duties.pollable(op)))

    async def in_turn(self, seconds: float = 0) -> None:
        """Time passes, then each is brought as far as it gets before the next, as by replicas side by side."""
        await self.clock.sleep(seconds)
        for op in await self.store.operations(open_only=True):
            fresh: Operation | None = op
            while fresh is not None and fresh.status in {Status.SCHEDULED, Status.RECHECKING}:
                await self.clock.sleep(0.02)
                await self.duties.perform(fresh, self.clock.now() + self.duties.limits.lease)
                before, fresh = fresh, await self.store.load(op.id)
                if fresh == before:
                    break

    async def statuses(self) -> Counter[Status]:
        ops = await self.store.operations(open_only=False)
        return Counter(op.status for op in ops)

    def asked(self) -> tuple[int, int]:
        """How often Slack was asked for people, and for the members of groups."""
        return len(self.slack.calls_of(PEOPLE)), len(self.slack.calls_of(MEMBERS))


Doing = Callable[[Window, float], Awaitable[None]]


async def _at_once(_what: str = "") -> None:
    """Nothing delays a call."""


@pytest.fixture
async def window() -> Window:
    window = Window()
    await window.approved_all()
    return window


ways = pytest.mark.parametrize("do", [Window.tick, Window.together], ids=["one by one", "at once"])


@ways
async def test_the_starts_of_one_window_ask_for_each_person_and_group_once(window: Window, do: Doing) -> None:
    await do(window, 1)
    await do(window, 0.5)
    assert await window.statuses() == {Status.RUNNING: STARTS}
    assert len(window.cloud.submissions) == STARTS
    assert window.asked() == (2, len(GROUPS))


async def test_starts_that_are_noticed_one_after_the_other_are_due_together(window: Window) -> None:
    await window.in_turn(1.5)
    assert await window.statuses() == {Status.RUNNING: STARTS}
    assert window.asked() == (2, len(GROUPS))


@ways
async def test_who_leaves_the_group_just_before_the_starts_counts_for_none_of_them(
    window: Window, do: Doing
) -> None:
    assert await window.directory.members("S-DBA") == {ANN, BOB}
    await window.clock.sleep(0.5)
    window.slack.groups["S-DBA"].members.remove(BOB)
    await do(window, 0.5)
    await do(window, 0.5)
    assert await window.statuses() == {Status.REFUSED: STARTS}
    assert window.cloud.submissions == []


async def test_what_was_found_out_before_slack_asked_to_wait_is_not_asked_again(window: Window) -> None:
    window.slack.faults.once(MEMBERS, Fault.rate_limited(20))
    await window.together(1)
    await window.together(0.5)
    assert await window.statuses() == {Status.RECHECKING: STARTS}
    assert window.asked() == (1, 1)
    for _ in range(20):
        await window.together(2)
    assert await window.statuses() == {Status.RUNNING: STARTS}
    assert window.asked() == (2, 1 + len(GROUPS))


async def test_a_second_try_asks_anew(window: Window) -> None:
    """Who has left the group before it was due does not count, however soon it follows."""
    window.cloud.answers = [NotSent("busy")] * STARTS
    await window.together(1)
    await window.together(0.5)
    assert await window.statuses() == {Status.RECHECKING: STARTS}
    entered = window.clock.now()
    await window.clock.sleep(0.5)
    assert await window.directory.members("S-DBA", since=entered) == {ANN, BOB}, "asked before it is due"
    window.slack.groups["S-DBA"].members.remove(BOB)
    for _ in range(3):
        await window.together(2)
    assert await window.statuses() == {Status.REFUSED: STARTS}
    assert window.asked() == (4, 2 * len(GROUPS) + 1)
