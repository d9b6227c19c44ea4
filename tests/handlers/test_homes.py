"""Home tabs: shown at once, kept fresh, quiet towards Slack and the clouds; on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.core.commands import Act, Action, Freeze, Halt, RequestSwitchover, ShowHome, Unfreeze
from bot.core.model import UserId
from bot.errors import Unavailable
from bot.sandbox.slack import Fault, Workspace, serve_workspace
from bot.service.home import Lobby
from handlers.circuit import Circuit
from handlers.directory import SlackDirectory
from handlers.homes import KEPT_FRESH, LEASE, LOOK_AGAIN, PAUSE, HomeKeeper
from handlers.links import Links
from handlers.pace import Pace
from handlers.slack_client import SlackClient
from handlers.wording import Wording
from tests.core.examples import ANN, ASKER, BOB, EVE, JOB, B, reading
from tests.service.world import GUEST, POLICY, World, stricter

PUBLISH = "views.publish"


class Tabs:
    """A bot and a Slack in which people open their Home tabs."""

    def __init__(self) -> None:
        self.world = World()
        self.clock = self.world.clock
        self.slack = Workspace(self.clock.now, team_id="T-HOME")
        for user in (ASKER, ANN, BOB, EVE):
            self.slack.add_user(user.lower(), id=user)
        self.slack.add_user("guest", id=GUEST, is_restricted=True)
        self.slack.add_group("dba", [ASKER, ANN, BOB], id="S-DBA")

    def connect(self, api_url: str) -> None:
        self.client = SlackClient(
            token=self.slack.token,
            api_url=api_url,
            clock=self.clock,
            observe=lambda *_: None,
            time_limit=3.0,
        )
        self.restart()

    def restart(self) -> None:
        """A new process on the same store."""
        world, directory = self.world, SlackDirectory(self.client, clock=self.clock)
        self.lobby = Lobby(
            store=world.store,
            homes=world.store,
            directory=directory,
            catalogue=world.catalogue,
            clock=self.clock,
        )
        self.keeper = HomeKeeper(
            store=world.store,
            lobby=self.lobby,
            client=self.client,
            directory=directory,
            links=Links(world.store, directory),
            pace=Pace(self.clock),
            circuit=Circuit(self.client, self.clock, lambda: 0.5),
            wording=Wording("en"),
            clock=self.clock,
        )

    async def open(self, user: UserId = ANN, *, blank: bool = False) -> None:
        await self.world.ask(ShowHome(blank=blank), user)

    async def keep(self, seconds: float = 0) -> None:
        """Time passes, and what is due is done, the clouds' part as well."""
        await self.clock.sleep(seconds)
        names = await self.keeper.sweep()
        if names and await self.lobby.read(names):
            await self.clock.sleep(5)
            await self.keeper.sweep()

    async def settled(self, user: UserId = ANN) -> None:
        """The tab is open, the clouds were read, and all of it is shown."""
        await self.open(user)
        await self.keep()
        await self.keep(5)

    def published(self) -> int:
        return len(self.slack.calls_of(PUBLISH))

    def says(self, user: UserId = ANN) -> str:
        return str(self.slack.homes[user].payload)


@pytest.fixture
async def tabs() -> AsyncIterator[Tabs]:
    made = Tabs()
    async with serve_workspace(made.slack) as api_url:
        made.connect(api_url)
        yield made
        await made.client.close()


async def test_what_is_stored_is_shown_before_any_cloud_is_asked(tabs: Tabs) -> None:
    await tabs.open()
    names = await tabs.keeper.sweep()
    assert "orders: being read; its primary shows here, usually within a minute" in tabs.says()
    assert (tabs.world.cloud.readings, sorted(names)) == (0, ["orders"])
    assert tabs.world.homes_opened == 1
    assert await tabs.lobby.read(names)
    await tabs.keep(5)
    assert "✔ orders: primary" in tabs.says()
    assert tabs.published() == 2


async def test_clouds_are_read_once_for_all_readers(tabs: Tabs) -> None:
    for user in (ANN, BOB, EVE):
        await tabs.open(user)
        await tabs.keep(7)
    assert tabs.world.cloud.readings == 1
    await tabs.open(EVE)
    await tabs.keep(120)
    assert tabs.world.cloud.readings == 2


async def test_a_database_that_a_reload_adds_is_read_for_tabs_that_are_only_kept_fresh(tabs: Tabs) -> None:
    """They say that it is being read; once it was, nobody asks for it again."""
    await tabs.settled()
    tabs.world.configure(orders=POLICY, sessions=POLICY)
    await tabs.keep(LOOK_AGAIN.total_seconds())
    assert "✔ sessions: primary" in tabs.says()
    assert tabs.world.cloud.readings == 2
    await tabs.keep(LOOK_AGAIN.total_seconds())
    assert tabs.world.cloud.readings == 2


async def test_roles_that_can_not_be_read_are_those_of_the_last_time_with_their_age(tabs: Tabs) -> None:
    await tabs.settled()
    tabs.world.cloud.shows(Unavailable("no answer"))
    await tabs.open()
    await tabs.keep(130)
    assert "⚠ orders: primary" in tabs.says()
    assert "no answer · as read <!date^" in tabs.says()


async def test_the_same_content_is_not_published_again(tabs: Tabs) -> None:
    await tabs.settled()
    before = tabs.published()
    for _ in range(3):
        await tabs.open()
        await tabs.keep(20)
    assert tabs.published() == before


async def test_a_tab_of_which_slack_shows_nothing_is_published_whatever_was_shown(tabs: Tabs) -> None:
    await tabs.settled()
    before = tabs.published()
    await tabs.open(blank=True)
    await tabs.keep(20)
    assert tabs.published() == before + 1


async def test_open_tabs_follow_an_operation_and_closed_ones_do_not(tabs: Tabs) -> None:
    await tabs.settled()
    await tabs.world.planned()
    await tabs.keep(6)
    assert "waiting for approval" in tabs.says()
    await tabs.clock.sleep(1801)
    before = tabs.published()
    await tabs.world.ask(Act(Action.REJECT, "SW-000001"), ANN)
    await tabs.keep(6)
    assert tabs.published() == before


async def test_a_burst_of_changes_is_one_publication(tabs: Tabs) -> None:
    await tabs.settled()
    before = tabs.published()
    await tabs.world.planned()
    await tabs.keep(6)
    for reason in ("a", "b", "c"):
        await tabs.world.ask(Freeze("orders", reason), ANN)
        await tabs.keep(1)
    assert tabs.published() == before + 1
    await tabs.keep(3)
    assert tabs.published() == before + 2
    assert "Frozen (orders) by" in tabs.says()


async def test_what_awaits_approval_is_shown_to_who_may_and_not_to_the_requester(tabs: Tabs) -> None:
    await tabs.world.planned()
    for user in (ANN, ASKER, EVE):
        await tabs.open(user)
    await tabs.keep()
    nothing = "Nothing waits for your approval."
    assert [nothing in tabs.says(user) for user in (ANN, ASKER, EVE)] == [False, True, True]
    await tabs.world.ask(Act(Action.APPROVE, "SW-000001"), ANN)
    await tabs.keep(6)
    assert nothing in tabs.says(ANN)


async def test_what_awaits_a_review_is_shown_to_who_may_give_it_and_not_to_who_broke_the_glass(
    tabs: Tabs,
) -> None:
    world = tabs.world
    world.configure(orders=stricter(break_glass=(EVE, "S-SRE")))
    world.cloud.answers = [JOB]
    await world.ask(RequestSwitchover("orders", "n-b", reason="dying", emergency=True), EVE)
    await world.tick()
    await world.tick()
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    tabs.slack.add_group("sre", [BOB], id="S-SRE")
    for user in (ASKER, BOB):
        tabs.slack.groups["S-DBA"].members.remove(user)
    for user in (ANN, BOB, EVE, ASKER):
        await tabs.open(user)
    await tabs.keep()
    asked = "Waiting for your review"
    assert [asked in tabs.says(user) for user in (ANN, BOB, EVE, ASKER)] == [True, True, False, False]
    await world.ask(Act(Action.REVIEW, "SW-000001"), ANN)
    await tabs.keep(6)
    assert asked not in tabs.says(BOB)


async def test_who_leaves_the_group_is_asked_no_more(tabs: Tabs) -> None:
    await tabs.world.planned()
    await tabs.settled()
    tabs.slack.groups["S-DBA"].members.remove(ANN)
    await tabs.keep(300)
    assert "Nothing waits for your approval." in tabs.says()


async def test_guests_are_told_a_sentence_and_no_cloud_is_read_for_them(tabs: Tabs) -> None:
    await tabs.world.planned()
    readings = tabs.world.cloud.readings
    await tabs.open(GUEST)
    await tabs.keep()
    assert "Only full, active members" in tabs.says(GUEST)
    assert "orders" not in tabs.says(GUEST)
    assert tabs.world.cloud.readings == readings


async def test_who_can_not_be_known_now_is_shown_nothing_and_later_everything(tabs: Tabs) -> None:
    tabs.slack.faults.once("users.info", Fault.slack_error("internal_error"))
    await tabs.open()
    await tabs.keep()
    assert ANN not in tabs.slack.homes
    await tabs.keep(15)
    assert "orders" in tabs.says()


async def test_a_new_process_keeps_them_fresh(tabs: Tabs) -> None:
    await tabs.settled()
    tabs.restart()
    before = tabs.published()
    await tabs.keep(10)
    assert tabs.published() == before, "nothing has changed"
    await tabs.world.ask(Halt("fire"), ANN)
    await tabs.keep(10)
    assert "Halted by" in tabs.says()


async def test_a_hold_that_ends_by_itself_goes_away_by_itself(tabs: Tabs) -> None:
    await tabs.settled()
    await tabs.world.ask(Freeze("orders", "why", timedelta(seconds=60)), ANN)
    await tabs.keep(6)
    assert "Frozen (orders)" in tabs.says()
    await tabs.keep(60)
    assert "Frozen (orders)" not in tabs.says()


async def test_after_retry_after_nobody_is_published_before_its_time(tabs: Tabs) -> None:
    tabs.slack.faults.once(PUBLISH, Fault.rate_limited(40))
    await tabs.open(ANN)
    await tabs.open(BOB)
    await tabs.keep()
    for _ in range(3):
        await tabs.keep(10)
    assert tabs.published() == 1
    assert len(tabs.slack.calls_of("users.info")) == 1, "nor is anybody looked up for it"
    await tabs.keep(11)
    assert {ANN, BOB} <= set(tabs.slack.homes)


async def test_who_was_put_back_waits_for_no_tab_that_is_only_kept_fresh_either(tabs: Tabs) -> None:
    await tabs.settled(BOB)
    await tabs.clock.sleep(LOOK_AGAIN.total_seconds() - 10)
    tabs.slack.faults.once(PUBLISH, Fault.rate_limited(60))
    await tabs.open(ANN)
    await tabs.keep(1)
    await tabs.clock.sleep(70)
    now = tabs.clock.now()
    (first,) = await tabs.world.store.claim_homes(
        now, now + LEASE, 1, opened_since=now - KEPT_FRESH, looked_before=now - PAUSE
    )
    assert first.user == ANN


async def test_what_may_have_been_shown_is_published_again_whatever_it_was(tabs: Tabs) -> None:
    await tabs.settled()
    await tabs.world.ask(Freeze("orders", "why"), ANN)
    tabs.slack.faults.once(PUBLISH, Fault.status_code(500, processed=True))
    await tabs.keep(6)
    assert "Frozen (orders)" in tabs.says()
    await tabs.world.ask(Unfreeze("orders"), ANN)
    await tabs.keep(20)
    assert "Frozen (orders)" not in tabs.says(), "its digest is the one before, but that is not what is shown"


async def test_while_slack_does_not_answer_nothing_is_tried(tabs: Tabs) -> None:
    await tabs.open()
    tabs.client.unanswered = 3
    await tabs.keep(20)
    assert tabs.published() == 0
    tabs.client.unanswered = 0
    await tabs.keep()
    assert "orders" in tabs.says()


async def test_what_slack_will_not_show_is_forgotten_until_it_is_opened_again(tabs: Tabs) -> None:
    tabs.slack.faults.once(PUBLISH, Fault.slack_error("not_enabled"))
    await tabs.open()
    await tabs.keep()
    await tabs.keep(60)
    assert tabs.published() == 1
    await tabs.open()
    await tabs.keep()
    assert "orders" in tabs.says()


async def test_what_only_a_keeper_can_mend_waits_and_is_not_forgotten(tabs: Tabs) -> None:
    tabs.slack.faults.once(PUBLISH, Fault.slack_error("token_revoked"))
    await tabs.open()
    await tabs.keep()
    await tabs.keep(30)
    assert tabs.published() == 1
    await tabs.keep(31)
    assert "orders" in tabs.says()


async def test_a_crowd_is_published_within_slacks_limits_and_completely(tabs: Tabs) -> None:
    crowd = [UserId(f"U0CROWD{number:03}") for number in range(60)]
    for user in crowd:
        tabs.slack.add_user(user.lower(), id=user)
        await tabs.open(user)
    begun = tabs.clock.now()
    for _ in range(60):
        await tabs.keep(2)
    assert set(crowd) <= set(tabs.slack.homes)
    assert {call.outcome for call in tabs.slack.calls} == {"ok"}
    first = [call for call in tabs.slack.calls_of(PUBLISH) if (call.at - begun).total_seconds() < 60]
    assert len(first) <= 51


async def test_after_an_end_the_database_is_read_again(tabs: Tabs) -> None:
    await tabs.settled()
    await tabs.clock.sleep(120)
    await tabs.world.submitted_with(None)
    tabs.world.cloud.shows(reading(B))
    for _ in range(9):
        await tabs.world.tick(20)
    assert not (await tabs.world.op()).open
    before = tabs.world.cloud.readings
    await tabs.keep(6)
    assert tabs.world.cloud.readings == before + 1
    await tabs.keep(6)
    assert tabs.world.cloud.readings == before + 1


async def test_roles_at_an_end_are_shown_at_once_though_a_cloud_was_just_asked(tabs: Tabs) -> None:
    await tabs.settled()
    await tabs.clock.sleep(120)
    await tabs.world.submitted_with(JOB)
    await tabs.settled()
    assert "✔ orders: primary db-a" in tabs.says()
    tabs.world.cloud.shows(reading(B, at=tabs.clock.now()))
    tabs.world.cloud.finishes(JOB)
    for _ in range(3):
        await tabs.world.tick(5)
    assert not (await tabs.world.op()).open
    before = tabs.world.cloud.readings
    await tabs.keep(6)
    assert "✔ orders: primary db-b" in tabs.says()
    assert tabs.world.cloud.readings == before
