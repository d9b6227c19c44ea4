"""Every payload of Slack may come several times, late, out of order and at once: it has one effect."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import KEEP_INBOX
from bot.storage import connect
from tests.app.door import RealDoor
from tests.app.payloads import KINDS, effects


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[RealDoor]:
    store = await connect(f"sqlite:///{tmp_path}/switchover.db", migrate=True)
    yield RealDoor(store)
    await store.close()


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
