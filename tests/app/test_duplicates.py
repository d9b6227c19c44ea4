"""Every payload of Slack may come several times, late, out of order and at once: it has one effect."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.app import KEEP_INBOX
from bot.storage import connect
from tests.app.door import RealDoor
from tests.app.signed import FORM, JSON, form, interactive
from tests.handlers.ledger import START

PEOPLE = {"asker": "U-ASKER", "approver": "U-ANN"}
SLASH = {
    "team_id": "T-HOME",
    "channel_id": "C-OPS",
    "user_id": PEOPLE["asker"],
    "command": "/switchover",
    "text": "orders to n-b",
    "response_url": "https://hooks.slack.com/commands/1/2",
    "trigger_id": "1.2.3",
}
BY_CLICK: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": PEOPLE["asker"], "team_id": "T-HOME"},
    "team": {"id": "T-HOME"},
    "channel": {"id": "C-OPS"},
    "container": {"type": "message", "message_ts": "1.1", "channel_id": "C-OPS"},
    "trigger_id": "9.8.7",
    "actions": [],
}
CHOICE = json.dumps(
    {
        "database": "orders", "shard": "", "node": "n-b", "reason": "", "start": "",
        "emergency": False, "overrides": "", "delivery": 17, "asked_at": START.isoformat(),
    }
)  # fmt: skip
MENTION: dict[str, Any] = {
    "type": "event_callback",
    "team_id": "T-HOME",
    "event_id": "Ev1",
    "authorizations": [{"team_id": "T-HOME", "user_id": "UBOT", "is_bot": True}],
    "event": {
        "type": "app_mention", "user": PEOPLE["asker"], "team": "T-HOME", "channel": "C-OPS",
        "text": "<@UBOT> orders to n-b", "ts": "5.5",
    },
}  # fmt: skip
SHORTCUT: dict[str, Any] = {
    "type": "message_action",
    "callback_id": "switchover_here",
    "user": {"id": PEOPLE["asker"], "team_id": "T-HOME"},
    "team": {"id": "T-HOME"},
    "channel": {"id": "C-OPS"},
    "message": {"ts": "1.1", "type": "message", "text": "orders is slow"},
    "message_ts": "1.1",
    "trigger_id": "4.5.6",
    "response_url": "https://hooks.slack.com/app/1/2",
}


def clicked(action: dict[str, Any], user: str = "approver") -> bytes:
    return interactive(BY_CLICK | {"actions": [action], "user": {"id": PEOPLE[user], "team_id": "T-HOME"}})


CANCEL = clicked({"action_id": "cancel", "type": "button", "value": "SW-000001"}, "asker")
CHOSEN = clicked({"action_id": "choose_node:1", "type": "button", "value": CHOICE}, "asker")
SELECTED = clicked(
    {"action_id": "choose_node", "type": "static_select", "selected_option": {"value": CHOICE}}, "asker"
)
KINDS = {
    "slash command": (form(SLASH), FORM, 1, 0),
    "mention": (json.dumps(MENTION).encode(), JSON, 1, 0),
    "button": (CANCEL, FORM, 0, 1),
    "message shortcut": (interactive(SHORTCUT), FORM, 0, 1),
    "chooser, button": (CHOSEN, FORM, 1, 1),
    "chooser, select": (SELECTED, FORM, 1, 1),
}
"""What is delivered, how, and how many operations, and answers to a person only, it makes."""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[RealDoor]:
    store = await connect(f"sqlite:///{tmp_path}/switchover.db", migrate=True)
    yield RealDoor(store)
    await store.close()


async def effects(door: RealDoor) -> tuple[int, int]:
    """Operations, and messages owed that are no cards."""
    await door.work()
    operations = len(await door.store.operations(open_only=False))
    return operations, await door.store.backlog() - operations


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("times", [1, 2, 3, 4])
async def test_one_payload_has_one_effect_however_often_it_comes(
    door: RealDoor, kind: str, times: int
) -> None:
    raw, content_type, *expected = KINDS[kind]
    statuses = []
    for number in range(times):
        retry = {"x_slack_retry_num": str(number), "x_slack_retry_reason": "http_timeout"} if number else {}
        statuses.append((await door.send(raw, kind=content_type, at=number, **retry)).status_code)
        if number == 1:
            await door.work()  # the third comes when the first has had its effect
        if number == 2:
            door.app = door.restarted()
    assert statuses == [200] * times
    assert await effects(door) == tuple(expected)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_at_once_under_the_same_and_new_signatures(door: RealDoor, kind: str) -> None:
    raw, content_type, *expected = KINDS[kind]
    sent = [door.send(raw, kind=content_type, at=at) for at in (0, 0, 1, 1, 2, 2, 3, 3)]
    statuses = Counter(response.status_code for response in await asyncio.gather(*sent))
    assert statuses == {200: 4, 403: 4}
    assert await effects(door) == tuple(expected)


async def test_all_kinds_in_any_order_several_times_at_once(door: RealDoor) -> None:
    order = random.Random(7)  # noqa: S311
    deliveries = [(raw, kind, at) for (raw, kind, *_), at in itertools.product(KINDS.values(), range(4))]
    order.shuffle(deliveries)
    sent = [
        await asyncio.gather(*(door.send(r, kind=k, at=at) for r, k, at in deliveries[n::3]))
        for n in range(3)
    ]
    assert {response.status_code for batch in sent for response in batch} == {200}
    assert len(await door.items()) == len(KINDS), "one inbox row for each payload"


async def test_a_retry_is_never_dropped_only_because_it_is_one(door: RealDoor) -> None:
    """The first attempt may have been lost on its way."""
    raw, kind, *expected = KINDS["mention"]
    response = await door.send(raw, kind=kind, x_slack_retry_num="3", x_slack_retry_reason="http_error")
    assert (response.status_code, await effects(door)) == (200, tuple(expected))


async def test_a_payload_is_known_for_at_least_a_day_and_the_bot_keeps_it_longer(door: RealDoor) -> None:
    raw, kind, *expected = KINDS["slash command"]
    await door.send(raw, kind=kind)
    assert await effects(door) == tuple(expected)
    assert timedelta(hours=24) <= KEEP_INBOX
    day = timedelta(hours=24)
    door.clock.advance(day.total_seconds())
    await door.store.prune(door.clock.now(), day)
    door.app = door.restarted()
    assert (await door.send(raw, kind=kind, at=day.total_seconds())).status_code == 200
    assert await effects(door) == tuple(expected)
