"""Who may use the reserve of the budget, and how reads that run side by side end."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import Refused, Unavailable
from providers.attention import FOLLOWED_FOR, Followed, together
from providers.http import Priority
from tests.providers.clocks import TestClock


def test_what_is_followed_is_urgent_and_nothing_else_is() -> None:
    followed = Followed(TestClock())
    followed.follow("cl-1")
    assert followed.priority("cl-1") is Priority.URGENT
    assert followed.priority("cl-2") is Priority.ORDINARY


def test_what_something_waits_for_is_urgent() -> None:
    followed = Followed(TestClock())
    assert followed.priority("cl-1", urgent=True) is Priority.URGENT
    assert followed.priority("cl-1", urgent=False) is Priority.ORDINARY


def test_following_ends_by_itself_and_starts_anew_with_every_look() -> None:
    clock = TestClock()
    followed = Followed(clock)
    followed.follow("cl-1")
    clock.advance(FOLLOWED_FOR.total_seconds() - 1)
    followed.follow("cl-1")
    clock.advance(FOLLOWED_FOR.total_seconds() - 1)
    assert followed.priority("cl-1") is Priority.URGENT
    clock.advance(1)
    assert followed.priority("cl-1") is Priority.ORDINARY


def test_what_is_not_followed_any_more_is_forgotten() -> None:
    clock = TestClock()
    followed = Followed(clock)
    for number in range(100):
        followed.follow(f"cl-{number}")
    clock.advance(FOLLOWED_FOR.total_seconds())
    followed.follow("cl-100")
    assert set(followed._until) == {"cl-100"}


async def test_the_first_to_fail_is_raised_itself_and_the_others_end() -> None:
    ended: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    async def fails() -> None:
        await asyncio.sleep(0)
        raise Unavailable("gone")

    async def both() -> None:
        async with together() as group:
            group.create_task(waits())
            group.create_task(fails())

    with pytest.raises(Unavailable, match="gone"):
        await both()
    assert ended == ["waits"]


async def test_what_the_block_itself_raises_is_raised_itself() -> None:
    with pytest.raises(Refused):
        async with together():
            raise Refused("no")
