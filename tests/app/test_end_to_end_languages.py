"""The channel reads Chinese, each person their own language: the real process between simulated Slack and clouds."""

# ruff: noqa: RUF001 - the punctuation of Chinese

from __future__ import annotations

import pytest

from bot.sandbox.clouds import orders_on_qingcloud
from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.slack.model import Message, User
from bot.sandbox.stack import Stack
from bot.sandbox.switchovers import Timings
from tests.warm import warm_stack

QUICK = Timings(working=0.1, roles=0.2, done=0.4)


async def answer_to(running: Stack, person: User, known: int) -> Message:
    """The answer after the first so many, as soon as it is there."""
    space = running.demo.workspace
    return (await space.wait_for(lambda: space.ephemerals(person)[known:], timeout=60))[0]


@pytest.mark.parametrize(
    ("locale", "waiting", "done"),
    [
        pytest.param(
            *("zh-CN", "⏸ 等待批准：已有 0 人，共需 1 人", "✔ orders 切换完成：从 mysql-1 换到 mysql-2。"),
            id="zh-CN",
        ),
        pytest.param(
            *(
                "en",
                "⏸ Waiting for approval: 0 of 1 so far",
                "✔ orders is switched over from mysql-1 to mysql-2.",
            ),
            marks=pytest.mark.slow,
            id="en",
        ),
    ],
)
async def test_cards_are_in_the_channels_language_and_answers_in_the_readers(
    locale: str, waiting: str, done: str
) -> None:
    clouds = [orders_on_qingcloud(SimulatedQingCloud(timings=QUICK))]
    async with warm_stack(clouds, locale=locale, rate_limited=False) as running:
        people = running.demo
        operation = await running.request("orders to cln-ouhutv702")
        card = await running.card_in("awaiting_approval", operation=operation)
        assert card.text.startswith(waiting)
        await running.slack.click(people.requester, card, "approve")
        told = await answer_to(running, people.requester, 0)
        assert told.text == "This is your own request. Somebody else must approve it."
        await running.slack.command(people.approver, people.channel, "cancel SW-000000")
        told = await answer_to(running, people.approver, 0)
        assert told.text == "没有操作“SW-000000”。用“status”查看进行中的操作，用“history”查看已完成的。"
        await running.slack.command(people.approver, people.channel, "orders ot mysql-2")
        told = await answer_to(running, people.approver, 1)
        assert told.text.startswith("无法识别“ot”。\n"), "known by now, so it is answered at once in it"
        await running.slack.click(people.approver, card, "approve")
        assert (await running.told("succeeded", operation=operation)).text.startswith(done)
