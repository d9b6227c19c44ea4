"""Who counts as a member, how long that is believed, and that doubt is a no."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from bot.errors import DirectoryUnavailable
from handlers.circuit import Circuit
from handlers.directory import TTL, SingleFlight, SlackDirectory
from handlers.slack_client import SlackClient
from tests.handlers.ledger import HandClock
from tests.handlers.workspace import TEAM, Workspace


class Office:
    """A workspace, a clock and a directory that asks it."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.slack = Workspace(self.clock)

    async def open(self) -> None:
        await self.slack.open()
        self.client = SlackClient(
            token="xoxb-test",
            api_url=f"{self.slack.url}/api/",
            clock=self.clock,
            observe=lambda *_: None,
            time_limit=1.0,
        )
        self.directory = SlackDirectory(self.client, clock=self.clock)

    async def close(self) -> None:
        await self.client.close()
        await self.slack.close()

    async def is_member(self, user: str = "U1", team: str | None = TEAM) -> bool:
        return (await self.directory.person(user, team)).member


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    office = Office()
    await office.open()
    yield office
    await office.close()


async def test_a_full_member_is_a_member(office: Office) -> None:
    office.slack.users["U1"] |= {"tz": "Asia/Shanghai", "locale": "zh-CN", "profile": {"display_name": "Ann"}}
    person = await office.directory.person("U1", TEAM)
    assert (person.id, person.name, person.member) == ("U1", "Ann", True)
    assert (person.timezone, person.locale) == ("Asia/Shanghai", "zh-CN")
    assert office.slack.asked("users.info")[0]["include_locale"] in ("true", "1", "True")


async def test_a_language_is_remembered_and_asks_nobody(office: Office) -> None:
    """It decides nothing, so the last word of Slack does, also when more must be asked anew."""
    assert office.directory.known_locale("U1") == ""
    office.slack.users["U1"]["locale"] = "zh-CN"
    await office.directory.person("U1", TEAM)
    office.directory.forget_person("U1")
    asked = len(office.slack.asked("users.info"))
    assert office.directory.known_locale("U1") == "zh-CN"
    assert len(office.slack.asked("users.info")) == asked
    office.slack.users["U1"]["locale"] = "en-GB"
    await office.directory.person("U1", TEAM)
    assert office.directory.known_locale("U1") == "en-GB"


@pytest.mark.parametrize(
    "changes",
    [
        {"deleted": True},
        {"is_bot": True},
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_stranger": True},
        {"team_id": "T9"},
        {"team_id": None},
        {"team_id": [TEAM]},
        {"team_id": "E1", "enterprise_user": {"teams": f"{TEAM}9"}},
        {"team_id": "E1", "enterprise_user": {"teams": 5}},
        {"id": "U2"},
    ],
)
async def test_everybody_else_is_not(office: Office, changes: dict[str, Any]) -> None:
    office.slack.users["U1"] |= changes
    assert not await office.is_member()


@pytest.mark.parametrize("team", ["T9", ""])
async def test_the_delivery_must_name_our_team_as_well(office: Office, team: str) -> None:
    assert not await office.is_member(team=team)


async def test_where_there_is_no_delivery_the_workspace_alone_is_asked(office: Office) -> None:
    assert await office.is_member(team=None)


async def test_just_before_a_submission_nothing_remembered_will_do(office: Office) -> None:
    assert (await office.directory.person("U1", TEAM)).member
    office.slack.users["U1"]["deleted"] = True
    assert (await office.directory.person("U1", TEAM)).member
    assert not (await office.directory.person("U1", TEAM, since=office.clock.now())).member


async def test_just_before_a_submission_groups_are_read_again(office: Office) -> None:
    office.slack.groups["S1"] = ["U1"]
    assert await office.directory.members("S1") == {"U1"}
    office.slack.groups["S1"] = []
    assert await office.directory.members("S1") == {"U1"}
    assert await office.directory.members("S1", since=office.clock.now()) == set()


async def test_what_was_asked_since_serves_all_who_ask(office: Office) -> None:
    due = office.clock.now()
    for _ in range(12):
        office.clock.advance(2)
        assert (await office.directory.person("U1", TEAM, since=due)).member
        assert await office.directory.members("S1", since=due) == {"U1"}
    assert await office.is_member()
    assert (len(office.slack.asked("users.info")), len(office.slack.asked("usergroups.users.list"))) == (1, 1)


async def test_what_was_asked_since_is_believed_no_longer_than_anything(office: Office) -> None:
    due = office.clock.now()
    office.clock.advance(1)
    assert await office.directory.members("S1", since=due) == {"U1"}
    office.slack.groups["S1"] = []
    office.clock.advance(TTL)
    assert await office.directory.members("S1", since=due) == set()


async def test_what_was_asked_before_the_clock_was_set_back_does_not_count_as_asked_since(
    office: Office,
) -> None:
    assert await office.directory.members("S1") == {"U1"}
    office.slack.groups["S1"] = []
    office.clock.set_back(10)
    due = office.clock.now()
    office.clock.advance(1)
    assert await office.directory.members("S1", since=due) == set()


async def test_slackbot_and_strangers_to_slack_are_not_members(office: Office) -> None:
    office.slack.users["USLACKBOT"] = {"id": "USLACKBOT", "team_id": TEAM}
    assert not await office.is_member("USLACKBOT")
    assert not await office.is_member("U404")


async def test_on_grid_a_user_of_this_workspace_is_a_member(office: Office) -> None:
    office.slack.users["U1"] |= {"team_id": "E1", "enterprise_user": {"id": "U1", "teams": [TEAM]}}
    assert await office.is_member()
    office.slack.users["U2"] = {"id": "U2", "team_id": "E1", "enterprise_user": {"teams": ["T9"]}}
    assert not await office.is_member("U2")


async def test_what_is_known_is_believed_for_half_a_minute(office: Office) -> None:
    assert await office.is_member()
    office.slack.users["U1"]["deleted"] = True
    office.clock.advance(29)
    assert await office.is_member()
    office.clock.advance(1)
    assert not await office.is_member()


async def test_nothing_old_is_believed_while_slack_is_down(office: Office) -> None:
    assert await office.is_member()
    assert await office.directory.members("S1") == {"U1"}
    office.clock.advance(30)
    office.slack.fail("users.info", "status", "503")
    office.slack.fail("usergroups.users.list", "status", "503")
    with pytest.raises(DirectoryUnavailable):
        await office.is_member()
    with pytest.raises(DirectoryUnavailable):
        await office.directory.members("S1")
    assert await office.is_member(), "and when it is back it is asked again"


@pytest.mark.parametrize(
    ("kind", "value"),
    [("drop", ""), ("ratelimited", "9"), ("error", "missing_scope"), ("text", "hello"), ("status", "500")],
)
@pytest.mark.parametrize("method", ["auth.test", "users.info"])
async def test_what_cannot_be_found_out_is_an_error(
    office: Office, method: str, kind: str, value: str
) -> None:
    # A dropped GET is sent again once by the HTTP library.
    office.slack.fail(method, kind, value, times=2 if kind == "drop" else 1)
    with pytest.raises(DirectoryUnavailable):
        await office.is_member()


async def test_a_group_that_does_not_exist_is_empty(office: Office) -> None:
    assert await office.directory.members("S404") == frozenset()


async def test_an_event_makes_it_ask_again(office: Office) -> None:
    assert await office.is_member()
    assert await office.directory.members("S1") == {"U1"}
    office.slack.users["U1"]["deleted"] = True
    office.slack.groups["S1"] = []
    office.directory.forget_person("U1")
    office.directory.forget_group("S1")
    assert not await office.is_member()
    assert await office.directory.members("S1") == frozenset()


async def test_many_who_ask_at_once_cost_one_call(office: Office) -> None:
    answers = await asyncio.gather(*(office.is_member() for _ in range(20)))
    assert answers == [True] * 20
    assert len(office.slack.asked("users.info")) == 1
    assert len(office.slack.asked("auth.test")) == 1


async def test_an_answer_from_before_an_event_is_not_kept(office: Office) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def gate(method: str) -> None:
        if method == "users.info":
            asked.set()
            await go.wait()

    office.slack.gate = gate
    early = asyncio.create_task(office.is_member())
    await asked.wait()
    office.directory.forget_person("U1")
    go.set()
    assert await early
    office.slack.gate = None
    office.slack.users["U1"]["deleted"] = True
    assert not await office.is_member()


async def on_its_way(office: Office) -> tuple[asyncio.Task[frozenset[str]], asyncio.Event]:
    """A question for a group that waits for Slack's answer, and what lets that come; later ones don't wait."""
    asked, go = asyncio.Event(), asyncio.Event()

    async def gate(_: str) -> None:
        office.slack.gate = None
        asked.set()
        await go.wait()

    await office.directory.identity()
    office.slack.gate = gate
    question = asyncio.create_task(office.directory.members("S1"))
    await asked.wait()
    return question, go


async def test_a_question_on_its_way_that_was_begun_since_serves_all_who_ask(office: Office) -> None:
    due = office.clock.now()
    office.clock.advance(1)
    question, go = await on_its_way(office)
    office.clock.advance(1)
    others = [asyncio.create_task(office.directory.members("S1", since=due)) for _ in range(12)]
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(question, *others) == [{"U1"}] * 13
    assert len(office.slack.asked("usergroups.users.list")) == 1


async def test_a_question_on_its_way_that_was_begun_before_serves_only_who_asked_it(office: Office) -> None:
    question, go = await on_its_way(office)
    due = office.clock.now()
    office.clock.advance(1)
    office.slack.groups["S1"] = ["U2"]
    others = (office.directory.members("S1", since=due) for _ in range(12))
    assert await asyncio.gather(*others) == [{"U2"}] * 12
    assert len(office.slack.asked("usergroups.users.list")) == 2
    office.slack.groups["S1"] = ["U1"]
    go.set()
    assert await question == {"U1"}
    assert await office.directory.members("S1") == {"U2"}, "what was asked last is kept"


async def test_the_end_of_an_older_question_ends_no_newer_one() -> None:
    clock, ends = HandClock(), list[asyncio.Event]()

    async def fetch(_: str) -> int:
        number = len(ends)
        ends.append(asyncio.Event())
        await ends[number].wait()
        return number

    async def asked(since: datetime | None = None) -> asyncio.Task[int]:
        task = asyncio.create_task(answers.get("S1", since=since))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task

    answers = SingleFlight(fetch, ttl=30, clock=clock)
    older = await asked()
    due = clock.now()
    clock.advance(1)
    newer = await asked(due)
    ends[0].set()
    assert await older == 0
    clock.advance(1)
    other = await asked(due)
    assert len(ends) == 2
    ends[1].set()
    assert (await newer, await other) == (1, 1)
    assert await answers.get("S1") == 1


async def test_who_stops_waiting_takes_nothing_from_the_others(office: Office) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def gate(method: str) -> None:
        if method == "users.info":
            asked.set()
            await go.wait()

    office.slack.gate = gate
    first = asyncio.create_task(office.is_member())
    second = asyncio.create_task(office.is_member())
    await asked.wait()
    first.cancel()
    go.set()
    assert await second
    assert len(office.slack.asked("users.info")) == 1


async def test_a_slack_that_hangs_is_not_waited_for(office: Office) -> None:
    go = asyncio.Event()

    async def gate(_: str) -> None:
        await go.wait()

    office.slack.gate = gate
    office.client.time_limit = 0.01
    with pytest.raises(DirectoryUnavailable):
        await office.is_member()
    go.set()


async def test_while_slack_answers_nobody_a_no_comes_at_once_until_it_answers_again(office: Office) -> None:
    circuit = Circuit(office.client, office.clock, lambda: 1.0)
    assert await office.is_member()
    office.clock.advance(TTL)
    office.slack.fail("users.info", "status", "500", times=3)
    for _ in range(3):
        with pytest.raises(DirectoryUnavailable):
            await office.is_member()
    asked, go = asyncio.Event(), asyncio.Event()

    async def gate(method: str) -> None:
        if method == "users.info":
            asked.set()
            await go.wait()

    office.slack.gate = gate
    office.slack.fail("users.info", "status", "500")
    trying = asyncio.create_task(office.is_member())
    await asked.wait()
    calls = len(office.slack.calls)
    for question in (office.is_member("U2"), office.directory.members("S1"), office.directory.members("S2")):
        with pytest.raises(DirectoryUnavailable, match="stopped answering"):
            await question
    assert len(office.slack.calls) == calls
    go.set()
    with pytest.raises(DirectoryUnavailable, match="500"):
        await trying
    assert await circuit.closes()  # the publisher has asked, and been answered
    assert await office.is_member()
    assert await office.directory.members("S1") == {"U1"}


async def test_when_slack_answers_again_nobody_is_turned_away(office: Office) -> None:
    """Whatever the publisher knows of it, who may be seconds away from asking."""
    circuit = Circuit(office.client, office.clock, lambda: 1.0)
    office.slack.fail("auth.test", "status", "500", times=3)
    opened = []
    for _ in range(3):
        with pytest.raises(DirectoryUnavailable):
            await office.is_member()
        opened.append(circuit.open)
    assert opened == [False, False, True]
    assert await office.is_member()
    assert not circuit.open
    assert await office.directory.members("S1") == {"U1"}


async def test_what_was_heard_just_before_slack_fell_silent_counts_as_long_as_ever(office: Office) -> None:
    assert await office.is_member()
    office.client.unanswered = 3
    assert await office.is_member()
    office.clock.advance(TTL)
    office.slack.fail("users.info", "status", "500")
    with pytest.raises(DirectoryUnavailable):
        await office.is_member()
