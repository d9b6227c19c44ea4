"""The real ``serve`` process in Socket Mode, over real WebSockets: the same promises as over HTTP."""

from __future__ import annotations

from bot.sandbox.clouds import orders_on_qingcloud
from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.stack import stack
from bot.sandbox.switchovers import Timings

QUICK = Timings(working=0.1, roles=0.2, done=0.4)


async def test_x() -> None:
    cloud = SimulatedQingCloud(timings=QUICK)
    async with stack([orders_on_qingcloud(cloud)], rate_limited=False, mode="socket") as world:
        await world.request("orders to mysql-2")
        card = await world.card_in("awaiting_approval")
        await world.slack.click(world.demo.approver, card, "approve")
        await world.told("succeeded")
