"""What the tour goes by: what has really happened, whoever did it and whoever looks."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.page.people import cast
from bot.sandbox.slack import Message
from bot.sandbox.stack import EVENT_TYPE
from tests.sandbox.page.conftest import Shown

APPROVE = {
    "type": "button",
    "action_id": "approve",
    "text": {"type": "plain_text", "text": "Approve"},
    "value": "SW-1",
}


def card(shown: Shown, operation: str, status: str, **where: str) -> Message:
    space = shown.demo.workspace
    told = {"operation": operation, "status": status, "key": "card"}
    return space.post(
        where.pop("channel", "db-private"),
        space.bot_user,
        "a card",
        blocks=({"type": "actions", "block_id": "b", "elements": [APPROVE]},),
        metadata={"event_type": EVENT_TYPE, "event_payload": told},
        **where,
    )


def progress(shown: Shown, viewer: str = "U0RITA") -> dict[str, Any]:
    return shown.sandbox.snapshot(viewer)["progress"]


def test_it_is_the_same_whoever_looks(shown: Shown) -> None:
    card(shown, "SW-1", "running")
    card(shown, "SW-2", "awaiting_approval", channel="orders-oncall")
    seen = progress(shown)
    assert {key: one["status"] for key, one in seen.items()} == {
        "SW-1": "running",
        "SW-2": "awaiting_approval",
    }
    assert seen["SW-1"]["at"] < seen["SW-2"]["at"]
    assert all(progress(shown, user.id) == seen for user in cast(shown.demo).values())


@pytest.mark.parametrize("inside", [False, True])
async def test_an_approval_was_refused_once_it_was_pressed_and_answered(
    shown: Shown, *, inside: bool
) -> None:
    space = shown.demo.workspace
    root = space.post("db-private", "U0RITA", "it is slow")
    posted = card(shown, "SW-1", "awaiting_approval", **({"thread_ts": root.ts} if inside else {}))
    thread = root.ts if inside else posted.ts

    # What somebody was told alone is no refusal before they have pressed.
    space.post("db-private", space.bot_user, "the status", ephemeral_to="U0RITA", thread_ts=thread)
    assert progress(shown)["SW-1"]["refused"] == []
    # Nor is a press one that nobody has answered.
    await shown.act("click", "U0BEA", message=f"{posted.channel}/{posted.ts}", action_id="approve")
    assert progress(shown)["SW-1"]["refused"] == []

    space.post("db-private", space.bot_user, "no", ephemeral_to="U0BEA", thread_ts=thread)
    found = progress(shown, "U0OLGA")["SW-1"]
    assert (found["refused"], found["thread"]) == (["U0BEA"], f"{posted.channel}/{thread}")


async def test_what_was_pressed_in_another_world_does_not_count(shown: Shown) -> None:
    posted = card(shown, "SW-1", "awaiting_approval")
    shown.demo.workspace.post("db-private", "U0SWITCHBOT", "no", ephemeral_to="U0BEA", thread_ts=posted.ts)
    await shown.act("click", "U0BEA", message=f"{posted.channel}/{posted.ts}", action_id="approve")
    assert progress(shown)["SW-1"]["refused"] == ["U0BEA"]
    shown.sandbox.begin(shown.sandbox.world, {})
    assert progress(shown)["SW-1"]["refused"] == []
