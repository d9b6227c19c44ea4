"""The head of the audit trail is told once an hour, and only when it has moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from bot.core.machine import Say
from bot.core.model import Reason
from bot.errors import StoreUnavailable
from bot.ports import AuditHead, MessageKind, Storage
from bot.service.heads import HourlyHead
from bot.storage import connect
from tests.storage.backends import Backend, Stores

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return NINE.replace(hour=hour, minute=minute, second=second)


@pytest.fixture
async def audited(stores: Stores) -> Storage:
    """A store that has an audit channel."""
    return await stores.open(audit_channel="C-AUDIT")


async def moved(store: Storage) -> AuditHead:
    """The head after one more row."""
    await store.record_configuration({"n": str((await store.audit_head()).seq)}, NINE)
    return await store.audit_head()


async def told(store: Storage) -> list[tuple[str, Say | None]]:
    """What the audit channel is owed, in order; it is posted."""
    far = NINE + timedelta(days=99)
    messages = await store.claim_messages(far, far, 50)
    assert all(one.kind is MessageKind.AUDIT and one.operation is None for one in messages)
    for one in messages:
        await store.posted(one, ts="1.1", version=0, now=far)
    return [(one.key, one.say) for one in messages]


def said(head: AuditHead) -> Say:
    return Say(Reason.of("audit-head", seq=head.seq, hash=head.hash))


async def test_the_head_is_told_once_in_each_hour_in_which_it_moved(audited: Storage) -> None:
    heads = HourlyHead(audited)
    first = await moved(audited)
    with capture_logs() as logged:
        for minute in (17, 18, 59):
            await heads.look(at(9, minute))
        second = await moved(audited)
        await heads.look(at(9, 59, 59))
        assert await told(audited) == [("audit-head-2026-11-22T09", said(first))]
        await heads.look(at(10))
        await heads.look(at(10, 30))
        await heads.look(at(11))  # it did not move
        third = await moved(audited)
        await heads.look(at(11, 0, 5))
        assert await told(audited) == [("audit-head-2026-11-22T10", said(second))]
        await heads.look(at(12, 0, 1))
    assert await told(audited) == [("audit-head-2026-11-22T12", said(third))]
    assert [(line["event"], line["seq"], line["hash"]) for line in logged] == [
        ("audit_head", head.seq, head.hash) for head in (first, second, third)
    ]


async def test_after_a_restart_the_channel_is_not_told_twice_in_an_hour(audited: Storage) -> None:
    first = await moved(audited)
    await HourlyHead(audited).look(at(9, 5))
    restarted = HourlyHead(audited)
    await moved(audited)  # the configuration that the new process loads
    await restarted.look(at(9, 40))
    assert await told(audited) == [("audit-head-2026-11-22T09", said(first))]
    last = await moved(audited)
    await restarted.look(at(10))
    assert await told(audited) == [("audit-head-2026-11-22T10", said(last))]


async def test_while_the_channel_is_out_of_reach_one_head_waits_and_not_one_of_each_hour(
    audited: Storage,
) -> None:
    heads = HourlyHead(audited)
    for hour in range(24):
        await moved(audited)
        await heads.look(at(hour))
        assert await audited.backlog() == 1
    last = await audited.audit_head()
    assert await told(audited) == [("audit-head-2026-11-22T23", said(last))]


async def test_of_replicas_one_tells_the_channel(audited: Storage) -> None:
    await moved(audited)
    for replica in (HourlyHead(audited), HourlyHead(audited)):
        await replica.look(at(9))
    assert len(await told(audited)) == 1


async def test_a_look_that_failed_is_made_up_for_in_the_same_hour(
    stores: Stores, audited: Storage, backend: Backend
) -> None:
    await moved(audited)
    reader = await connect(backend.url, migrate=False, read_only=True, audit_channel="C-AUDIT")
    stores.opened.append(reader)
    heads = HourlyHead(reader)
    with capture_logs() as logged:
        for minute in (1, 2):
            with pytest.raises(StoreUnavailable):
                await heads.look(at(9, minute))
    assert logged == []


async def test_an_empty_trail_has_no_head_to_tell(audited: Storage) -> None:
    with capture_logs() as logged:
        await HourlyHead(audited).look(at(9))
    assert (logged, await told(audited)) == ([], [])


async def test_without_an_audit_channel_the_log_is_told_all_the_same(store: Storage) -> None:
    head = await moved(store)
    with capture_logs() as logged:
        await HourlyHead(store).look(at(9))
    assert [(line["seq"], line["hash"]) for line in logged] == [(1, head.hash)]
    assert await store.backlog() == 0
