"""The connection to PostgreSQL dies at a COMMIT: nobody is told a lie, nothing is sent twice, nothing is lost."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import pytest

from bot.core import events as e
from bot.core.commands import Act, Action, Command, Origin, RequestSwitchover
from bot.core.events import Place
from bot.core.machine import replay
from bot.core.model import UserId
from bot.core.operation import Operation, Status
from bot.errors import StoreUnavailable
from bot.ports import AuditHead, Inbound, MessageKind
from bot.storage import SqlStore, connect
from tests.app.door import RealDoor
from tests.app.payloads import CANCEL, MENTION, SLASH
from tests.app.signed import JSON, form
from tests.core.examples import ANN, ASKER, JOB, B, reading
from tests.service.world import LeakyStore, World, stricter
from tests.storage.severed import Cut, Proxy

DIRECTLY = [Cut.REQUEST, Cut.ANSWER]
WAY = (
    e.Requested,
    e.Planned,
    e.Approved,
    e.SubmissionStarted,
    e.SubmissionAccepted,
    e.JobReported,
    e.RolesConfirmed,
)


@pytest.fixture
async def store(severed: Proxy) -> AsyncIterator[SqlStore]:
    store = await connect(severed.url, migrate=False, patience=timedelta(milliseconds=300))
    yield store
    await store.close()


# --- what people are told ---


@pytest.mark.parametrize("where", DIRECTLY)
async def test_a_command_at_whose_commit_the_connection_dies_is_recorded_all_the_same(
    store: SqlStore, severed: Proxy, where: Cut
) -> None:
    door = RealDoor(store)
    severed.once(where, b"inbox")
    sent = await door.send(form(SLASH))
    assert (sent.status_code, sent.text, severed.cuts) == (200, "", 1)
    assert await door.work() == 1
    assert len(await store.operations(open_only=False)) == 1


@pytest.mark.parametrize("where", DIRECTLY)
async def test_what_nobody_can_know_is_said_so_and_is_done_at_most_once(
    store: SqlStore, severed: Proxy, where: Cut
) -> None:
    door = RealDoor(store)

    def for_good(_sent: bytes) -> Cut | None:
        severed.refuses = True
        return where

    severed.cut = for_good
    sent = await door.send(form(SLASH))
    assert sent.status_code == 200
    assert "may or may not have been recorded" in sent.text
    event = await door.send(json.dumps(MENTION).encode(), kind=JSON, at=1)
    click = await door.send(CANCEL, at=1)
    assert [event.status_code, click.status_code] == [503, 503]
    assert (await door.ready()).status_code == 503

    severed.refuses, severed.cut = False, lambda _: None
    assert await door.work() == (where is Cut.ANSWER)
    again = await door.send(form(SLASH | {"trigger_id": "typed again"}), at=2)
    assert again.text == ""
    assert await door.work() == 1
    (op,) = await store.operations(open_only=False)
    told = [each for each in await store.claim_messages(door.clock.now(), door.clock.now(), 9) if each.answer]
    assert len(told) == (where is Cut.ANSWER), f"the second is told that {op.id} has the lock"
    assert (await door.ready()).status_code == 200


# --- a whole operation ---


class Play:
    """One switchover on PostgreSQL, worked on until it ends, whatever fails on the way."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.world = World(stricter(approvals=1))
        self.world.store = cast(LeakyStore, store)
        self.world.start()
        self.world.cloud.answers = [JOB]
        self.world.cloud.meanwhile = self._switched
        self._deliveries = 0

    async def _switched(self) -> None:
        self.world.cloud.shows(reading(B))
        self.world.cloud.finishes(JOB)

    async def deliver(self, command: Command, user: UserId) -> None:
        self._deliveries += 1
        key, origin = f"delivery-{self._deliveries}", Origin(user, "T-HOME", Place("C-OPS"))
        await self.store.receive(Inbound(key, key, origin, command, self.world.clock.now()))

    async def turn(self) -> None:
        """Some seconds pass, then what is due is done; what fails is due again when its claim has ended."""
        await self.world.clock.sleep(5)
        now = self.world.clock.now()
        with contextlib.suppress(StoreUnavailable):
            for item in await self.store.claim_inbox(now, now + timedelta(seconds=15), 9):
                await self.world.desk.work(item)
        with contextlib.suppress(StoreUnavailable):
            await self.world.tick()

    async def until(self, *statuses: Status) -> Operation:
        for _ in range(60):
            await self.turn()
            found = await self.store.operations(open_only=False)
            if found and found[0].status in statuses:
                return found[0]
        raise AssertionError(statuses)

    async def to_the_end(self) -> Operation:
        await self.deliver(RequestSwitchover("orders", "n-b", reason="upgrade"), ASKER)
        waiting = await self.until(Status.AWAITING_APPROVAL)
        await self.deliver(Act(Action.APPROVE, waiting.id), ANN)
        return await self.until(Status.SUCCEEDED, Status.FAILED, Status.NEEDS_ATTENTION)


def parameter(text: str) -> bytes:
    """A text as it travels to the server."""
    return len(text).to_bytes(4, "big") + text.encode()


@pytest.mark.parametrize("where", DIRECTLY)
@pytest.mark.parametrize("event", WAY)
async def test_an_operation_comes_to_a_true_end_whichever_commit_was_lost(
    store: SqlStore, severed: Proxy, event: type[e.Event], where: Cut
) -> None:
    play = Play(store)
    severed.once(where, parameter(e.event_name(event)))
    op = await play.to_the_end()
    assert severed.cuts == 1
    events = await store.events(op.id)
    history = [e.event_name(each) for each in events]
    sent = len(play.world.cloud.submissions)
    if (event, where) == (e.SubmissionStarted, Cut.ANSWER):
        # Recorded, but not known to be: so nothing was sent, and only the evidence may say so.
        assert (op.status, sent) == (Status.FAILED, 0)
        assert history[4:] == ["submission_uncertain", "submission_absent"]
    else:
        assert (op.status, sent) == (Status.SUCCEEDED, 1)
        # What the provider answered is recorded once the database is back, and nothing is in doubt.
        assert "submission_uncertain" not in history
    assert history.count("submission_started") == 1
    assert replay(events) == op
    assert isinstance(await store.verify_audit(), AuditHead)
    assert await store.claim_inbox(op.since + timedelta(days=1), op.since + timedelta(days=2), 9) == []
    now = op.since + timedelta(days=1)
    assert [each.kind for each in await store.claim_messages(now, now, 9)][:1] == [MessageKind.CARD]
