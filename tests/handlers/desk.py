"""A publisher between an outbox in memory and a workspace, and words that are easily told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.core.answers import Answer, Tell
from bot.core.commands import Origin
from bot.core.events import Place
from bot.core.holds import Hold
from bot.core.machine import Say
from bot.core.model import OperationId, Reason, UserId
from bot.core.operation import Operation, Status
from bot.ports import Message, MessageKind
from handlers.directory import SlackDirectory
from handlers.publisher import Publisher
from handlers.slack_client import SlackClient
from tests.handlers.ledger import START, HandClock, MemoryOutbox
from tests.handlers.workspace import TEAM, Workspace

OPERATION = Operation(
    id=OperationId("SW-7K3M9Q"),
    status=Status.AWAITING_APPROVAL,
    version=2,
    since=START,
    database="orders",
    shard=None,
    asked=None,
    reason="",
    requested_by=UserId("U1"),
    team=TEAM,
    place=Place("C1"),
    requested_at=START,
)
UNSHOWABLE = "unshowable"


@dataclass
class Said:
    text: str
    blocks: Sequence[Mapping[str, Any]] = ()


class PlainRenderer:
    """Says just enough to tell messages apart."""

    def card(self, operation: Operation, *, hold: Hold | None = None, now: datetime) -> Said:
        if operation.database == UNSHOWABLE:
            raise KeyError(UNSHOWABLE)
        held = "" if hold is None else f", held by {hold.by}"
        return Said(f"{operation.id} v{operation.version}{held}", [{"type": "divider"}])

    def reply(self, operation: Operation, say: Say) -> Said:
        return Said(say.text.code)

    def direct(self, operation: Operation, say: Say) -> Said:
        return self.notice(operation, say)

    def notice(self, operation: Operation, say: Say) -> Said:
        return Said(f"{operation.id}: {say.text.code}")

    def announcement(self, say: Say) -> Said:
        return Said(f"notice: {say.text.code}")

    def answer(self, answer: Answer, *, locale: str, mention: bool) -> Said:
        assert isinstance(answer, Tell)
        how = " by mention" if mention else ""
        return Said(f"{locale}: {answer.text.code}{how}", [{"type": "divider"}])

    def metadata(self, operation_id: str, status: str, key: str) -> Mapping[str, Any]:
        payload = {"operation": operation_id, "status": status, "key": key}
        return {"event_type": "switchover_operation", "event_payload": payload}


class Desk:
    """A publisher between an outbox and a workspace."""

    def __init__(self, *, time_limit: float = 1.0) -> None:
        self.time_limit = time_limit
        self.clock = HandClock()
        self.slack = Workspace(self.clock)
        self.outbox = MemoryOutbox(self.clock)
        self.told: list[tuple[int, str]] = []
        self.meanwhile: dict[str, Any] = {"status": Status.CANCELLED}
        self.lags: list[float] = []

    async def open(self) -> None:
        await self.slack.open()
        self.client = SlackClient(
            token="xoxb-test",
            api_url=f"{self.slack.url}/api/",
            clock=self.clock,
            observe=lambda *_: None,
            time_limit=self.time_limit,
        )
        self.publisher = self.restarted()

    def restarted(self) -> Publisher:
        return Publisher(
            outbox=self.outbox,
            client=self.client,
            directory=SlackDirectory(self.client, clock=self.clock),
            render=PlainRenderer(),
            clock=self.clock,
            random=lambda: 1.0,
            undeliverable=self._undeliverable,
            told=self.lags.append,
        )

    async def close(self) -> None:
        await self.client.close()
        await self.slack.close()

    async def _undeliverable(self, message: Message, error: str) -> Operation | None:
        self.told.append((message.id, error))
        assert message.operation is not None
        self.outbox.change(message.id, operation=replace(message.operation, **self.meanwhile))
        return self.row(message.id).operation

    def owe_card(
        self, number: int = 1, channel: str = "C1", thread: str | None = None, **changes: Any
    ) -> None:
        operation = replace(OPERATION, id=OperationId(f"SW-{number}"))
        self._owe(
            id=number * 100, kind=MessageKind.CARD, key=f"card-{number}", operation=operation,
            status=operation.status, channel=channel, thread=thread, **changes,
        )  # fmt: skip

    def owe_reply(
        self, serial: int, number: int = 1, thread: str | None = "1.1", channel: str = "C1", code: str = "",
        *, aloud: bool = False,
    ) -> None:  # fmt: skip
        operation = replace(OPERATION, id=OperationId(f"SW-{number}"))
        self._owe(
            id=number * 100 + serial, kind=MessageKind.REPLY, key=f"reply-{serial}", operation=operation,
            status="running", say=Say(Reason.of(code or f"say-{serial}"), aloud=aloud), channel=channel, thread=thread,
        )  # fmt: skip

    def owe_audit(self, channel: str = "C2") -> None:
        self._owe(
            id=900, kind=MessageKind.AUDIT, key="audit-7", operation=OPERATION, status="succeeded",
            say=Say(Reason.of("over")), channel=channel, thread=None,
        )  # fmt: skip

    def owe_notice(self, number: int = 9, key: str = "halted-7") -> None:
        self._owe(
            id=number, kind=MessageKind.AUDIT, key=key, operation=None, status="",
            say=Say(Reason.of("notice-halted")), channel="C2", thread=None,
        )  # fmt: skip

    def owe_answer(self, to: Origin, number: int = 7, *, instead: bool = False) -> None:
        self._owe(
            id=number, kind=MessageKind.ANSWER, key="", operation=None, status="", to=to,
            answer=Tell(Reason.of("hello"), instead=instead), channel=to.place.channel, thread=to.place.thread,
        )  # fmt: skip

    def _owe(self, **values: Any) -> None:
        rest: dict[str, Any] = {
            "say": None, "to": None, "answer": None, "ts": "", "uncertain": False,
            "posted_version": 0, "attempts": 0, "created_at": self.clock.now(), "claimed_until": self.clock.now(),
        }  # fmt: skip
        self.outbox.owe(Message(**(rest | values)))

    async def settle(self, seconds: float = 0.0, step: float = 1.0) -> None:
        """Sweeps until nothing is to be done at once, and again after each second of ``seconds``."""
        while True:
            while await self.publisher.sweep():
                pass
            if seconds <= 0:
                return
            self.clock.advance(step)
            seconds -= step

    def row(self, message_id: int) -> Message:
        return self.outbox.rows[message_id].message

    def errors(self, message_id: int) -> list[str]:
        return self.outbox.rows[message_id].errors

    def texts(self, channel: str = "C1") -> list[str]:
        return [message["text"] for message in self.slack.channels[channel].messages]
