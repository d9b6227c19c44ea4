"""Whoever is told that somebody else holds the lock can read on with one click."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.core.answers import Tell
from bot.core.machine import Say
from bot.core.model import OperationId, Reason
from bot.core.operation import Operation
from bot.ports import Message, MessageKind
from handlers.blocks import sentence
from handlers.texts import Texts
from tests.handlers.desk import OPERATION, Desk
from tests.handlers.workspace import HOME

HOLDER = "SW-1"
LOCKED = Reason.of("locked", database="orders", holder=HOLDER)
ADDRESS = f"{HOME}archives/C1/p5000001"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.open()
    yield desk
    await desk.close()


def refusal() -> Message:
    """A card, a reply and an answer in one: all of them say who holds the lock."""
    refused = replace(OPERATION, id=OperationId("SW-2"), detail=LOCKED)
    return Message(
        id=1, kind=MessageKind.REPLY, key="2", operation=refused, status="refused",
        say=Say(Reason.of("reply-refused"), LOCKED), to=None, answer=Tell(LOCKED), channel="C1", thread=None,
        ts="", uncertain=False, posted_version=0, attempts=0, created_at=OPERATION.since,
        claimed_until=OPERATION.since,
    )  # fmt: skip


async def said(desk: Desk) -> set[str]:
    linked = await desk.publisher.links.linked(refusal())
    operation, say, answer = linked.operation, linked.say, linked.answer
    assert isinstance(operation, Operation)
    assert say is not None
    assert isinstance(answer, Tell)
    reasons = [operation.detail, say.detail, answer.text]
    return {sentence(Texts("en"), reason).split(".")[0] for reason in reasons if reason is not None}


@pytest.mark.parametrize(("thread", "within"), [(None, ""), ("4.000002", "?thread_ts=4.000002&amp;cid=C1")])
async def test_everything_that_names_the_holder_links_its_card(
    desk: Desk, thread: str | None, within: str
) -> None:
    desk.owe_card(1, ts="5.000001", thread=thread)
    linked = await desk.publisher.links.linked(refusal())
    assert linked.say is not None
    assert linked.say.detail is not None
    shown = sentence(Texts("en"), linked.say.detail)
    assert f"locked by <{ADDRESS}{within}|{HOLDER}>. It" in shown


async def test_a_card_an_answer_and_a_reply_say_the_same(desk: Desk) -> None:
    desk.owe_card(1, ts="5.000001")
    (text,) = await said(desk)
    assert "<https://home" in text


async def test_without_a_card_or_an_address_the_holder_is_named_all_the_same(desk: Desk) -> None:
    assert await said(desk) == {"orders is locked by SW-1"}
    desk.owe_card(1, ts="5.000001")
    desk.slack.fail("auth.test", "status", "503", times=3)
    assert await said(desk) == {"orders is locked by SW-1"}
    desk.outbox.down_at.add("card_place")
    assert await said(desk) == {"orders is locked by SW-1"}


async def test_an_address_that_is_none_of_slacks_is_not_linked(desk: Desk) -> None:
    desk.owe_card(1, ts="5.000001")
    desk.slack.home = "javascript:x"
    assert await said(desk) == {"orders is locked by SW-1"}


async def test_words_wait_a_second_at_most_for_their_links() -> None:
    desk, go = Desk(time_limit=7.0), asyncio.Event()

    async def slow(_: str) -> None:
        await go.wait()

    await desk.open()
    desk.slack.gate = slow
    desk.owe_card(1, ts="5.000001")
    async with asyncio.timeout(5):
        assert (await desk.publisher.links.linked(refusal())).answer == Tell(LOCKED)
    go.set()
    await desk.close()
