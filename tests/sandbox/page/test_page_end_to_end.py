"""What people do on the page goes through to the real ``serve``, and what it does is seen there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from bot.sandbox.page.app import page_app
from bot.sandbox.page.guard import HEADER
from bot.sandbox.page.sandbox import Sandbox
from bot.sandbox.server import serve
from handlers.texts import FALLBACK, SIMPLIFIED_CHINESE
from tests.sandbox.page.quick import quick_clouds
from tests.warm import start as warm

RITA, BEA = "U0RITA", "U0BEA"
CHANNEL = "C0ORDERS"
ENDS = {"succeeded", "failed", "refused", "needs_attention"}
PATIENCE = 90
# Processes are started several times over, on a machine that may have much else to do.
pytestmark = pytest.mark.timeout(240)
Snapshot = dict[str, Any]


@dataclass(frozen=True)
class Tab:
    """Somebody's tab, as the server sees it."""

    sandbox: Sandbox
    http: httpx.AsyncClient
    who: str

    async def act(self, action: str, **body: object) -> Any:
        answer = await self.http.post(
            f"/api/do/{action}", json={"as": self.who, **body}, headers={HEADER: "1"}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def seen(self) -> Snapshot:
        return dict((await self.http.get("/api/snapshot", params={"as": self.who})).json())

    async def until(self, found: Callable[[Snapshot], Any]) -> Any:
        """What ``found`` finds in what this person sees, once it finds something."""
        seen: Snapshot = {}
        try:
            async with asyncio.timeout(PATIENCE):
                while not (result := found(seen := await self.seen())):
                    await self.sandbox.changed()
        except TimeoutError as error:
            said = [
                (one["status"], one["alone"], str(one["blocks"])[-300:]) for one in seen["messages"].values()
            ]
            raise TimeoutError(f"not seen; there is {said}, {seen['bot']}, {seen['clouds']}") from error
        return result

    def other(self, who: str) -> Tab:
        return Tab(self.sandbox, self.http, who)


@asynccontextmanager
async def page(locale: str = FALLBACK) -> AsyncIterator[Tab]:
    sandbox = Sandbox(quick_clouds, starter=warm, locale=locale)
    async with sandbox.running(), serve(page_app(sandbox)) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as http:
            yield Tab(sandbox, http, RITA)
        sandbox.close()


def cards(seen: Snapshot, *statuses: str) -> list[tuple[str, Any]]:
    return [
        (key, message)
        for key, message in sorted(seen["messages"].items(), key=lambda item: item[1]["ts"])
        if message["part"] == "card" and (not statuses or message["status"] in statuses)
    ]


def alone(seen: Snapshot) -> list[str]:
    return [key for key, message in seen["messages"].items() if message["alone"]]


def told_alone(seen: Snapshot, words: str) -> bool:
    return any(words in str(seen["messages"][key]) for key in alone(seen))


def last_card(number: int, *statuses: str) -> Callable[[Snapshot], Any]:
    """The card that is the so-manieth, once it has one of these statuses."""

    def found(seen: Snapshot) -> Any:
        every = cards(seen)
        return every[number - 1] if len(every) == number and every[-1][1]["status"] in statuses else None

    return found


async def approved(rita: Tab, number: int, node: str) -> None:
    await rita.act("say", channel=CHANNEL, text=f"/switchover orders to {node}")
    key, _ = await rita.until(last_card(number, "awaiting_approval"))
    await rita.other(BEA).act("click", message=key, action_id="approve")


async def test_the_tour_from_the_request_to_a_lost_answer() -> None:
    async with page() as rita:
        bea = rita.other(BEA)
        assert (await rita.act("say", channel=CHANNEL, text="/switchover orders"))["ok"]
        (asked,) = await rita.until(alone)
        chooser = (await rita.seen())["messages"][asked]
        value = chooser["blocks"][1]["accessory"]["value"]
        await rita.act("click", message=asked, action_id="choose_node", value=value)
        await rita.until(lambda seen: "You chose mysql-2 for orders" in str(seen["messages"][asked]))
        assert "choose_node" not in str((await rita.seen())["messages"][asked])
        key, _ = await rita.until(last_card(1, "awaiting_approval"))
        await rita.act("click", message=key, action_id="approve")
        await rita.until(lambda seen: told_alone(seen, "your own request"))
        assert alone(await bea.seen()) == []
        await bea.act("click", message=key, action_id="approve")
        await rita.until(last_card(1, "succeeded"))
        seen = await rita.seen()
        orders = seen["clouds"]["qingcloud"]["targets"][0]["nodes"]
        assert [node["now"] for node in orders] == ["replica", "primary", "replica"]
        assert [node["before"] for node in orders] == ["primary", "replica", "replica"]
        assert seen["bot"]["last"]["status"] == 200

        await rita.act("fault", cloud="qingcloud", name="answer_lost", on=True)
        await approved(rita, 2, "mysql-3")
        await rita.until(last_card(2, "succeeded"))
        cloud = (await rita.seen())["clouds"]["qingcloud"]
        assert (cloud["received"], cloud["accepted"], cloud["armed"]) == (2, 2, [])
        submissions = [call for call in (await rita.seen())["calls"].values() if call["submission"]]
        assert [call["outcome"] for call in submissions] == ["ok", "ok, then lost"]


async def test_in_a_chinese_sandbox_channels_are_told_in_chinese() -> None:
    async with page(SIMPLIFIED_CHINESE) as rita:
        await rita.act("say", channel=CHANNEL, text="/switchover orders to mysql-2")
        _, card = await rita.until(last_card(1, "awaiting_approval"))
        assert "等待批准" in str(card["blocks"])


async def test_a_bot_that_dies_right_after_it_has_sent_goes_on_after_its_restart() -> None:
    async with page() as rita:
        first = (await rita.seen())["bot"]["pid"]
        await rita.act("bot", do="arm")
        assert (await rita.seen())["bot"]["armed"]
        await approved(rita, 1, "mysql-2")
        await rita.until(lambda seen: seen["bot"]["phase"] == "dead")
        said = await rita.act("say", channel=CHANNEL, text="/switchover list")
        assert said == {"ok": False, "why": "unreachable"}
        failed = [
            message for message in (await rita.seen())["messages"].values() if message["user"] == "USLACKBOT"
        ]
        assert "dispatch_failed" in failed[0]["tokens"][0]["text"]
        await rita.act("bot", do="restart")
        await rita.until(last_card(1, "succeeded"))
        seen = await rita.seen()
        assert (seen["clouds"]["qingcloud"]["received"], seen["clouds"]["qingcloud"]["accepted"]) == (1, 1)
        assert (seen["bot"]["life"], seen["bot"]["phase"], seen["bot"]["armed"]) == (3, "running", False)
        assert seen["bot"]["pid"] != first


async def test_a_mention_of_a_dead_bot_is_delivered_again_until_it_lives() -> None:
    async with page() as rita:
        await rita.act("bot", do="kill")
        await rita.act("say", channel=CHANNEL, text="@switchover list")
        await rita.until(lambda seen: seen["slack"]["retrying"] == [2])
        await rita.act("bot", do="restart")
        await rita.until(alone)
        assert (await rita.seen())["bot"]["last"]["attempts"] > 1


async def test_the_form_the_home_tab_and_another_language() -> None:
    async with page() as rita:
        await rita.act("home")
        home = await rita.until(lambda seen: seen["home"])
        assert "New switchover" in str(home)
        await rita.act("locale", locale="zh-CN")
        await rita.until(lambda seen: "申请切换" in str(seen["home"]))
        await rita.act("shortcut", callback_id="switchover_new")
        view = await rita.until(lambda seen: seen["modal"].get("view"))
        found = await rita.act("options", view=view["id"], action_id="database", typed="or")
        assert [option["value"] for option in found["options"]] == ["orders"]
        await rita.act("choose", view=view["id"], action_id="database", value="orders")
        await rita.until(lambda seen: "cln-ouhutv703" in str(seen["modal"]))
        values = {"channel": CHANNEL, "database": "orders", "node": "cln-ouhutv703"}
        await rita.act("submit", view=view["id"], values={**values, "start": "some day"})
        wrong = await rita.until(lambda seen: seen["modal"]["view"]["errors"])
        assert set(wrong) == {"start"}
        assert (await rita.other(BEA).seen())["modal"] == {}
        await rita.act("submit", view=view["id"], values=values)
        await rita.until(last_card(1, "awaiting_approval"))
        assert (await rita.seen())["modal"] == {}


async def test_what_slack_could_not_be_told_in_an_outage_is_told_afterwards() -> None:
    async with page() as rita:
        await rita.act("slack", outage=True)
        assert (await rita.seen())["slack"]["outage"]
        await rita.act("say", channel=CHANNEL, text="/switchover orders to mysql-2")
        await rita.until(lambda seen: any(call["outcome"] == "http_503" for call in seen["calls"].values()))
        assert cards(await rita.seen()) == []
        await rita.act("slack", outage=False)
        await rita.until(last_card(1, "awaiting_approval"))


async def test_beginning_anew_leaves_nothing_of_the_world_before() -> None:
    async with page() as rita:
        before = (await rita.seen())["bot"]["pid"]
        await rita.act("say", channel=CHANNEL, text="gone soon")
        await rita.act("reset")
        seen = await rita.seen()
        assert seen["messages"] == {}
        assert seen["bot"]["phase"] == "running"
        assert seen["bot"]["pid"] != before
