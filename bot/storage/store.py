"""The store: the ports of the service and of the publisher over one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.events import Choice, Event, event_name
from bot.core.holds import Hold, HoldEvent, HoldKind
from bot.core.home import Reading
from bot.core.machine import Decision, Say
from bot.core.model import OperationId, Target
from bot.core.operation import Operation, Status
from bot.errors import Locked, Stale, StoreUnavailable
from bot.failpoints import hit
from bot.ports import (
    NO_HOLD,
    AuditBreak,
    AuditHead,
    AuditRow,
    CardPlace,
    HomeTab,
    Inbound,
    InboxItem,
    Message,
    Receipt,
    Reply,
    SayHeld,
    TellHold,
    tell_nobody,
)
from bot.storage import audit, claims, holds, homes, inbox, operations, outbox, readings, schema, tables
from bot.storage.codec import plain, warm_up
from bot.storage.engine import Database, Work, open_database
from bot.storage.failures import Conflict
from bot.storage.in_force import in_force
from bot.storage.receiver import Receiver

PATIENCE = timedelta(seconds=5)
KEEP_AT_LEAST = timedelta(hours=24)
CLAIMED = tables.inbox, tables.operations, tables.messages, tables.homes
HASTENED = inbox.hasten, operations.hasten, outbox.hasten, homes.hasten, readings.hasten
ATTEMPTS = 3


async def connect(
    url: str,
    *,
    migrate: bool,
    read_only: bool = False,
    patience: timedelta = PATIENCE,
    audit_channel: str = "",
) -> SqlStore:
    """Opens a store. On SQLite it takes the lock on the file at once.

    Args:
        url: ``sqlite:///rel``, ``sqlite:////abs`` or ``postgresql://…``.
        migrate: Bring the schema up to date first; otherwise nothing is read or written yet, and
            ``ready`` says whether the schema is current.
        read_only: Only look, beside the process that has the lock; every write raises.
        patience: How long a transaction waits for somebody else's lock.
        audit_channel: Where what more people must learn is told once more; "" for nowhere.

    Raises:
        StoreUnavailable: The URL has another form, another process uses the file, or the database
            can't be reached or brought up to date.
    """
    warm_up()
    database = open_database(url, read_only=read_only, patience=patience)
    store = SqlStore(database, audit_channel=audit_channel)
    if migrate:
        try:
            await store.upgrade()
        except BaseException:
            await store.close()
            raise
    return store


class SqlStore:
    """``Store``, ``AuditTrail`` and ``Outbox`` over SQLite or PostgreSQL; ``connect`` makes one."""

    def __init__(self, database: Database, *, audit_channel: str = "") -> None:
        self._database = database
        self._audit_channel = audit_channel
        self._receiver = Receiver(database)
        self._beating: asyncio.Task[str] | None = None

    async def upgrade(self) -> None:
        """Brings the schema up to date."""
        await self._database.migrate(schema.upgrade)

    async def ready(self) -> str:
        """Why the database can't be written to or has another schema; "" when all is well."""
        # One for all who ask meanwhile: where it waits for somebody's lock, it takes one of the few connections
        # that deliveries have, and not each of them.
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat(), name="ready")
        return await asyncio.shield(self._beating)

    async def _beat(self) -> str:
        try:
            # On the one connection of SQLite it does not go before what is already waiting.
            return await self._database.write(schema.beat, urgent=not self._database.one_writer)
        except StoreUnavailable as error:
            return str(error)

    async def close(self) -> None:
        """Waits for running transactions, closes every connection, gives up the lock on the file."""
        await self._database.close()

    # --- inbox ---

    async def receive(self, item: Inbound) -> Receipt:
        """Records a delivery durably, unless it is known."""
        receipt = await self._receiver.receive(item)
        hit("after_commit.inbox")
        return receipt

    async def claim_inbox(self, now: datetime, until: datetime, limit: int) -> Sequence[InboxItem]:
        """Takes the oldest due items."""
        items = await self._database.note(partial(inbox.claim, now=now, until=until, limit=limit))
        if items:
            hit("inbox_claimed")
        return items

    async def postpone_item(self, item: InboxItem, due_at: datetime) -> None:
        """Puts an item back, unless it was claimed again."""
        await self._database.note(partial(inbox.postpone, item=item, due_at=due_at))

    async def finish_item(self, item_id: int, replies: Sequence[Reply], now: datetime) -> None:
        """Marks an item done and records the answers; a finished one is left alone."""
        try:
            await self._database.note(partial(inbox.finish, item_id=item_id, now=now, replies=replies))
        except Stale:
            return
        hit("inbox_finished")

    # --- operations ---

    async def open(
        self, decision: Decision, *, due_at: datetime, item_id: int | None, replies: Sequence[Reply] = ()
    ) -> None:
        """Records a new operation with its first event and card, and finishes the inbox item, as one."""
        work = partial(
            operations.open_,
            decision=decision,
            due_at=due_at,
            item_id=item_id,
            replies=replies,
            audit_channel=self._audit_channel,
        )
        await self._unless_locked(decision, work)

    async def commit(
        self,
        decisions: Sequence[Decision],
        *,
        due_at: datetime | None,
        item_id: int | None = None,
        replies: Sequence[Reply] = (),
        unless_held: frozenset[HoldKind] = NO_HOLD,
        say_held: SayHeld | None = None,
    ) -> None:
        """Records consecutive events of one operation and what follows from them, unless held, as one."""
        require_consecutive(decisions)
        work = partial(
            operations.commit,
            decisions=decisions,
            due_at=due_at,
            item_id=item_id,
            replies=replies,
            unless_held=unless_held,
            say_held=say_held,
            audit_channel=self._audit_channel,
        )
        await self._unless_locked(decisions[-1], work)

    async def _unless_locked(self, decision: Decision, work: Work[None]) -> None:
        op = decision.after
        for _ in range(ATTEMPTS):
            try:
                await self._record(event_name(decision.event), work)
            except Conflict:
                # In a transaction of its own: PostgreSQL answers nothing more in one that failed.
                holder = await self._database.read(partial(operations.holder, op=op))
            else:
                return
            if holder is not None:
                raise Locked(holder)
            # The holder has just ended: try again.
        raise StoreUnavailable(f"{op.id} can't be recorded: the id is taken")

    async def _record(self, what: str, work: Work[None]) -> None:
        async def whole(connection: AsyncConnection) -> None:
            await work(connection)
            hit("before_commit", what)

        await self._database.write(whole)
        hit("after_commit", what)

    async def load(self, operation_id: str) -> Operation | None:
        """The operation as last committed; None if there is no such id."""
        # An id that comes from a payload may be no text that a database takes: then it is no id.
        if plain(operation_id) != operation_id:
            return None
        return await self._database.read(partial(operations.load, operation_id=operation_id))

    async def made_of(self, choice: Choice) -> OperationId | None:
        """The operation that was made of a choice; None while there is none."""
        return await self._database.read(partial(operations.made_of, choice=choice))

    async def events(self, operation_id: str) -> Sequence[Event]:
        """Its events, in order."""
        if plain(operation_id) != operation_id:
            return ()
        return await self._database.read(partial(audit.events, operation_id=operation_id))

    async def operations(
        self, *, open_only: bool, database: str | None = None, limit: int = 100
    ) -> Sequence[Operation]:
        """Operations, the newest request first."""
        if database is not None and plain(database) != database:
            return ()
        return await self._database.read(
            partial(operations.listed, open_only=open_only, database=database, limit=limit)
        )

    async def ended(
        self, *, database: str | None = None, limit: int = 100, skip: int = 0
    ) -> Sequence[Operation]:
        """What ended, the newest request first, without the ``skip`` newest."""
        if database is not None and plain(database) != database:
            return ()
        return await self._database.read(partial(operations.ended, database=database, limit=limit, skip=skip))

    async def to_review(self, *, limit: int = 100) -> Sequence[Operation]:
        """Emergencies that a review is owed for, the newest request first."""
        return await self._database.read(partial(operations.to_review, limit=limit))

    async def newest(
        self, target: Target, statuses: Collection[Status], *, most: int = 1
    ) -> Sequence[Operation]:
        """The newest requests of a database and shard, of those that have one of these statuses."""
        if any(plain(text) != text for text in (target.database, target.shard or "")):
            return []
        return await self._database.read(
            partial(operations.newest, target=target, statuses=statuses, most=most)
        )

    async def count_operations(self, database: str | None = None) -> Mapping[str, int]:
        """How many operations there are in each status, of one database or of all."""
        if database is not None and plain(database) != database:
            return {}
        return await self._database.read(partial(operations.counted, database=database))

    async def claim_operations(self, now: datetime, until: datetime, limit: int) -> Sequence[Operation]:
        """Takes the open operations that are due, the longest overdue first."""
        claimed = await self._database.note(partial(operations.claim, now=now, until=until, limit=limit))
        if claimed:
            hit("operations_claimed")
        return claimed

    async def postpone(
        self, due: Mapping[OperationId, tuple[int, datetime]], *, until: datetime | None
    ) -> None:
        """Sets when operations are due again, for those that still have the version, and are under the claim, given."""
        if due:
            await self._database.note(partial(operations.postpone, due=due, until=until))

    async def now(self) -> datetime:
        """What the database's clock shows; SQLite has that of the one machine it is used on."""
        return await self._database.read(claims.clock)

    async def hasten(self, now: datetime) -> None:
        """Makes due what waits for a later time, but for what somebody has claimed."""
        # Each by itself: together they would wait for others with what they have locked.
        for hasten in HASTENED:
            await self._database.write(partial(hasten, now=now))
        for table in CLAIMED:
            await self._database.write(partial(claims.shorten, table=table, now=now))

    async def release_claims(self, now: datetime) -> None:
        """Makes everything due at once, also what is claimed, and every submission that the last process left."""
        await self._database.write(partial(_release, now=now))
        hit("claims_released")

    async def prune(self, now: datetime, keep: timedelta) -> None:
        """Deletes done inbox items, answers, notices and holds that ended, if they are older than ``keep``."""
        if keep < KEEP_AT_LEAST:
            raise ValueError(f"keep at least {KEEP_AT_LEAST}: a payload may be delivered again till then")
        await self._database.note(partial(_prune, before=now - keep))

    # --- holds ---

    async def holds(self, now: datetime) -> Sequence[Hold]:
        """The freezes and the halt in force at a time, in the order in which they were set."""
        return await self._database.read(partial(in_force, now=now))

    async def record_hold(
        self, event: HoldEvent, *, item_id: int | None, tell: TellHold = tell_nobody
    ) -> None:
        """Records a freeze, a halt or its end in the audit trail and in what is in force, and who is told, as one."""
        work = partial(
            holds.record,
            event=event,
            item_id=item_id,
            tell=tell,
            audit_channel=self._audit_channel,
        )
        await self._record(event_name(event), work)

    # --- Home tabs ---

    async def open_home(self, item: InboxItem, *, blank: bool, now: datetime) -> None:
        """Makes somebody's Home tab due at once, and finishes the inbox item, as one."""
        await self._database.note(partial(homes.open_, item=item, blank=blank, now=now))

    async def claim_homes(
        self, now: datetime, until: datetime, limit: int, *, opened_since: datetime, looked_before: datetime
    ) -> Sequence[HomeTab]:
        """Takes tabs that are due, or that the audit trail has moved past."""
        bounds = {"opened_since": opened_since, "looked_before": looked_before}
        return await self._database.note(
            partial(homes.claim, given=claims.given(now, until, limit) | bounds, until=until)
        )

    async def settle_home(
        self, tab: HomeTab, *, shown: str, seq: int, looked_at: datetime, due_at: datetime
    ) -> None:
        """Records what a tab shows, unless it was claimed or opened again."""
        await self._database.note(
            partial(homes.settle, tab=tab, shown=shown, seq=seq, looked_at=looked_at, due_at=due_at)
        )

    async def forget_home(self, tab: HomeTab) -> None:
        """Drops a tab, unless it was claimed or opened again."""
        await self._database.note(partial(homes.forget, tab=tab))

    async def readings(self, databases: Collection[str]) -> Mapping[str, Reading]:
        """The last readings of these databases, where there are any."""
        return await self._database.read(partial(readings.known, databases=databases))

    async def begin_readings(
        self, databases: Collection[str], now: datetime, asked_before: datetime
    ) -> Sequence[str]:
        """Those of the databases that nobody has begun to read since a time."""
        return await self._database.note(
            partial(readings.begin, databases=databases, now=now, asked_before=asked_before)
        )

    async def record_readings(self, found: Mapping[str, Reading], now: datetime) -> None:
        """Keeps readings, and makes every tab due."""
        await self._database.note(partial(readings.record, found=found, now=now))

    # --- audit ---

    async def audit_head(self) -> AuditHead:
        """Where the audit trail ends now."""
        return await self._database.read(audit.end)

    async def audit_trail(self, since: datetime | None = None) -> AsyncGenerator[AuditRow]:
        """The trail up to its present end, in order, without the rows of before ``since``.

        It is read page by page, each in a transaction of its own: a long trail needs no more memory than a
        short one, and a slow reader holds nothing up. Nothing of it can change meanwhile.
        """
        last = await self._database.read(audit.last_seq)
        after = None
        while rows := await self._database.read(
            partial(audit.page, since=since, after=after, last=last),
        ):
            for row in rows:
                yield row
            after = rows[-1].seq

    async def record_configuration(self, summary: Mapping[str, str], now: datetime) -> None:
        """Appends a configuration load to the audit trail."""
        entries = [audit.configuration_entry(summary, now)]
        await self._database.write(partial(audit.append, entries=entries))

    async def owe_notice(self, key: str, say: Say, now: datetime, *, series: str = "") -> None:
        """Owes the audit channel, if there is one, a line that is of no operation; once for each key."""
        work = partial(
            outbox.owe_notice, key=key, say=say, at=now, audit_channel=self._audit_channel, series=series
        )
        await self._database.write(work)

    async def verify_audit(self, head: str | None = None) -> AuditHead | AuditBreak:
        """Walks the whole chain; with ``head``, also looks for a row with that hash."""
        return await self._database.read(partial(audit.verify, head=head))

    # --- outbox ---

    async def claim_messages(self, now: datetime, until: datetime, limit: int) -> Sequence[Message]:
        """Takes due messages: answers and what ended operations are owed first, then new cards, then by age."""
        return await self._database.note(partial(outbox.claim, now=now, until=until, limit=limit))

    async def begin_post(self, message: Message, *, now: datetime) -> None:
        """Records that a post is about to be made."""
        await self._database.write(partial(outbox.begin_post, message=message, now=now))

    async def posted(self, message: Message, *, ts: str, version: int, now: datetime) -> None:
        """Records Slack's id, and for a card the version shown."""
        await self._database.note(partial(outbox.posted, message=message, ts=ts, version=version, now=now))

    async def retry(
        self, message: Message, *, due_at: datetime, uncertain: bool, error: str, attempts: int | None = None
    ) -> None:
        """Puts a message back."""
        await self._database.note(
            partial(
                outbox.retry,
                message=message,
                due_at=due_at,
                uncertain=uncertain,
                error=plain(error),
                attempts=attempts,
            )
        )

    async def put_back(self, due: Sequence[tuple[Message, datetime]], *, now: datetime) -> None:
        """Says when messages are due again that were only claimed."""
        if due:
            await self._database.note(partial(outbox.put_back, due=due, now=now))

    async def move(self, message: Message, *, channel: str, now: datetime) -> None:
        """Sends a message that is not posted to another channel."""
        await self._database.write(partial(outbox.move, message=message, channel=plain(channel), now=now))

    async def give_up(self, message: Message, *, error: str, now: datetime) -> None:
        """Records that a message can't be delivered."""
        await self._database.write(partial(outbox.give_up, message=message, error=plain(error), now=now))

    async def card_place(self, operation_id: str) -> CardPlace | None:
        """Where an operation's card is."""
        return await self._database.read(partial(outbox.card_place, operation_id=operation_id))

    async def backlog(self) -> int:
        """How many messages are owed, but for cards of what has ended whose place is gone."""
        return await self._database.read(outbox.backlog)


def require_consecutive(decisions: Sequence[Decision]) -> None:
    """Refuses what is not a piece of one operation's history.

    Raises:
        ValueError: The decisions are of several operations, or their versions do not count up.
    """
    ids = {each.after.id for each in decisions}
    versions = [each.after.version for each in decisions]
    if len(ids) != 1 or versions != list(range(versions[0], versions[0] + len(versions))):
        raise ValueError("not consecutive events of one operation")


async def _release(connection: AsyncConnection, now: datetime) -> None:
    await outbox.doubt_updates(connection)
    for table in CLAIMED:
        await claims.release(connection, table, now)
    await operations.release_starting(connection, now)
    for hasten in HASTENED:
        await hasten(connection, now)


async def _prune(connection: AsyncConnection, before: datetime) -> None:
    await holds.prune(connection, before)
    await inbox.prune(connection, before)
    await outbox.prune(connection, before)
    await homes.prune(connection, before)
