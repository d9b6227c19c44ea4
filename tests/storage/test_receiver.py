"""Deliveries that come together are committed together, and a defect leaves nobody without an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.errors import StoreUnavailable
from bot.ports import Receipt
from bot.storage.receiver import Receiver
from tests.storage.values import inbound


class BrokenDatabase:
    """Whatever is written to it meets a defect."""

    one_writer = True

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.writes = 0

    async def write(self, _work: Any, *, urgent: bool = False) -> Any:
        assert urgent
        self.writes += 1
        await asyncio.sleep(0)
        raise self.error


class CountingDatabase:
    """Does no more than count its commits; every delivery is new to it."""

    one_writer = True

    def __init__(self) -> None:
        self.commits = 0
        self.release = asyncio.Event()

    async def write(self, work: Any, *, urgent: bool = False) -> Any:
        assert urgent
        taken = work.args[0]  # what the receiver fills when its turn comes
        await self.release.wait()
        self.commits += 1
        taken += work.func.__self__._take_waiting()
        return [Receipt.RECORDED] * len(taken)


@pytest.mark.parametrize("error", [ValueError("no active connection"), StoreUnavailable("full")])
async def test_whatever_goes_wrong_everybody_is_told_that_nothing_was_recorded(error: Exception) -> None:
    receiver = Receiver(BrokenDatabase(error))  # type: ignore[arg-type]  # all that it uses
    outcomes = await asyncio.gather(
        *(receiver.receive(inbound(f"key-{number}")) for number in range(5)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 5


async def test_what_comes_in_while_a_commit_is_waited_for_joins_it() -> None:
    database = CountingDatabase()
    receiver = Receiver(database)  # type: ignore[arg-type]  # all that it uses
    waiting = [asyncio.create_task(receiver.receive(inbound(f"key-{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    database.release.set()
    assert await asyncio.gather(*waiting) == [Receipt.RECORDED] * 20
    assert database.commits == 1
