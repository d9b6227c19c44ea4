"""A card says what holds its operation for as long as that does, and its thread is told once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.core.commands import Command, Freeze, Halt, Resume, Unfreeze
from bot.core.model import UserId
from bot.core.operation import Operation
from tests.core.examples import ANN, ASKER
from tests.handlers.storm import Storm, storm
from tests.storage.backends import Ground

HELD = "⏸ Held, can't be approved for now: 0 of 1 so far"
WAITS = "⏸ Waiting for approval: 0 of 1 so far"


def shown(run: Storm, op: Operation) -> tuple[str, list[str]]:
    """The first line of its card, and the buttons."""
    card = run.slack.card(op.id)
    assert card is not None
    elements = [one for block in card.blocks for one in block.get("elements", ())]
    return card.text.splitlines()[0], [one["action_id"] for one in elements if one["type"] == "button"]


async def test_a_card_is_held_until_the_freeze_ends_and_then_asks_again_by_itself(ground: Ground) -> None:
    """One update for each."""
    async with storm(ground) as run:
        run.databases(["orders"])
        op = await run.requested("orders")
        await run.live(3)
        assert shown(run, op) == (WAITS, ["approve", "reject", "cancel"])
        before = len(run.slack.calls_of("chat.update"))
        await run.work(Freeze("all", "month end", timedelta(minutes=10)), ANN, op.place.channel)
        await run.live(3)
        assert shown(run, op) == (HELD, ["reject", "cancel"])
        await run.live(590, step=10)
        assert shown(run, op) == (HELD, ["reject", "cancel"])
        await run.live(20)
        assert shown(run, op) == (WAITS, ["approve", "reject", "cancel"])
        await run.live(60, step=5)
        assert len(run.slack.calls_of("chat.update")) - before == 2
        await run.approve(op)
        await run.live(3)
        assert shown(run, op)[0].startswith("▶ Running")


@pytest.mark.parametrize(
    ("sets", "by", "lifts"),
    [(Freeze("orders", "month end"), ANN, Unfreeze("orders")), (Halt("which primary?"), ASKER, Resume())],
    ids=["freeze", "halt"],
)
async def test_what_began_to_wait_while_it_was_held_asks_once_that_is_lifted(
    ground: Ground, sets: Command, by: UserId, lifts: Command
) -> None:
    async with storm(ground) as run:
        run.databases(["orders"])
        op = await run.requested("orders")
        await run.work(sets, by, op.place.channel)
        await run.live(3)
        assert shown(run, op) == (HELD, ["reject", "cancel"])
        await run.work(lifts, ANN, op.place.channel)
        await run.live(3)
        assert shown(run, op) == (WAITS, ["approve", "reject", "cancel"])
