"""The whole way from a request to Slack on virtual time: desk, duties, a store, publisher, simulated Slack."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from bot.core.commands import Act, Action, Command, RequestSwitchover
from bot.core.holds import Hold
from bot.core.model import JobId, JobState, UserId
from bot.core.operation import Operation
from bot.ports import Outbox, Storage
from bot.sandbox.slack import Channel, Message, Workspace, serve_workspace
from bot.service.catalogue import Catalogue
from handlers.blocks import Rendered
from handlers.directory import SlackDirectory
from handlers.publisher import Publisher
from handlers.slack_client import SlackClient
from handlers.wording import Wording
from tests.core.examples import ANN, ASKER, B, reading
from tests.service.world import LeakyStore, ScriptedCloud, World, stricter
from tests.storage.backends import PATIENCE, Ground

AUDIT = "C-AUDIT"
MINUTE = timedelta(minutes=1)


class CountedWording(Wording):
    """Counts the cards that it makes: each costs milliseconds."""

    made = 0

    def card(self, operation: Operation, *, hold: Hold | None = None, now: datetime) -> Rendered:
        self.made += 1
        return super().card(operation, hold=hold, now=now)


class CountedOutbox:
    """Counts the messages that a store hands out: each is read, looked at, and written where it has to wait."""

    def __init__(self, store: Storage) -> None:
        self._store = store
        self.handed_out = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim_messages(self, now: datetime, until: datetime, limit: int) -> Sequence[Any]:
        claimed = await self._store.claim_messages(now, until, limit)
        self.handed_out += len(claimed)
        return claimed


class Storm:
    """A bot with many databases, each on a cloud of its own, and a Slack that can be made to fail."""

    def __init__(self, store: Storage, time_limit: float) -> None:
        self.world = World()
        self.store = store
        self.outbox = CountedOutbox(store)
        self.world.store = cast(LeakyStore, store)
        self.world.start()
        self.clock = self.world.clock
        self.slack = Workspace(self.clock.now)
        self.slack.add_user("asker", id=ASKER)
        self.slack.add_channel("audit", [], id=AUDIT)
        self.clouds: dict[str, ScriptedCloud] = {}
        self.time_limit = time_limit

    def connect(self, api_url: str) -> None:
        self.client = SlackClient(
            token=self.slack.token,
            api_url=api_url,
            clock=self.clock,
            observe=lambda *_: None,
            time_limit=self.time_limit,
        )
        self.wording = CountedWording("en")
        self.publisher = Publisher(
            outbox=cast(Outbox, self.outbox),
            client=self.client,
            directory=SlackDirectory(self.client, clock=self.clock),
            render=self.wording,
            clock=self.clock,
            random=lambda: 0.5,
            undeliverable=self.world.desk.undeliverable,
            told=lambda _: None,
        )

    def channel(self, name: str = "C-OPS") -> Channel:
        found = self.slack.channels.get(name)
        return found or self.slack.add_channel(name.lower(), [ASKER], id=name)

    def databases(self, names: Iterable[str], *, break_glass: tuple[UserId, ...] = ()) -> None:
        self.clouds |= {name: ScriptedCloud(answers=[JobId(f"j-{name}")]) for name in names}
        policy = stricter(approvals=1, break_glass=break_glass)
        found = {name: self.world.database(name, policy, cloud) for name, cloud in self.clouds.items()}
        self.world.catalogue.current = Catalogue(found)

    async def requested(self, database: str, channel: str = "C-OPS") -> Operation:
        self.channel(channel)
        await self.work(RequestSwitchover(database, B), ASKER, channel)
        return (await self.store.operations(open_only=True, database=database))[0]

    async def approve(self, op: Operation) -> None:
        await self.work(Act(Action.APPROVE, op.id), ANN, op.place.channel)

    async def work(self, command: Command, user: UserId, channel: str) -> None:
        await self.world.desk.work(await self.world.receive(command, user, channel=channel))

    def job_is_done(self, database: str) -> None:
        """From now on the cloud says so, and shows the roles."""
        cloud = self.clouds[database]
        cloud.finishes(JobId(f"j-{database}"), JobState.DONE)
        cloud.shows(reading(B))

    async def publish(self) -> None:
        while await self.publisher.sweep():
            pass

    async def live(self, seconds: float, step: float = 1.0) -> None:
        """Time passes; everything that is due is done at every step, operations and Slack alike."""
        for _ in range(int(seconds / step)):
            await self.world.tick(step)
            await self.publish()

    # what Slack saw

    def told(self, status: str) -> list[Message]:
        return [m for m in self._replies() if (m.metadata or {})["event_payload"]["status"] == status]

    def cards(self) -> Counter[str]:
        """How many cards show each status."""
        found = self.slack.with_metadata("switchover_operation", key="card")
        return Counter(str((card.metadata or {})["event_payload"]["status"]) for card in found)

    def doubled(self) -> list[tuple[str, str]]:
        """Operations and keys that were posted more than once, anywhere."""
        payloads = [(m.metadata or {})["event_payload"] for m in self.slack.with_metadata()]
        counted = Counter((each["operation"], each["key"]) for each in payloads)
        return [key for key, count in counted.items() if count > 1]

    def busiest(self, method: str, since: datetime, *, window: timedelta = MINUTE, channel: str = "") -> int:
        """The most calls of a method in any window of time, in one channel or in all together."""
        times = [
            call.at
            for call in self.slack.calls_of(method)
            if call.at >= since and channel in ("", call.params.get("channel"))
        ]
        return max((sum(at <= other < at + window for other in times) for at in times), default=0)

    def outcomes(self, since: datetime) -> Counter[str]:
        return Counter(call.outcome for call in self.slack.calls if call.at >= since)

    def _replies(self) -> list[Message]:
        posted = self.slack.with_metadata("switchover_operation")
        return [m for m in posted if (m.metadata or {})["event_payload"]["key"] != "card"]


@contextlib.asynccontextmanager
async def storm(ground: Ground, *, time_limit: float = 1.0, audit: str = "") -> AsyncIterator[Storm]:
    """Everything on a new database, until the block ends."""
    store = await ground.open(patience=PATIENCE, audit_channel=audit)
    made = Storm(store, time_limit)
    async with serve_workspace(made.slack) as api_url:
        made.connect(api_url)
        try:
            yield made
        finally:
            await made.client.close()
            await store.close()
