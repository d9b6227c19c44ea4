"""The store: the ports of the service and of the publisher over one database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.events import Event, event_name
from bot.core.machine import Decision
from bot.core.model import OperationId
from bot.core.operation import Operation
from bot.errors import Locked, Stale, StoreUnavailable
from bot.failpoints import hit
from bot.ports import AuditBreak, AuditHead, Inbound, InboxItem, Message, Receipt, Reply
from bot.storage import audit, claims, inbox, operations, outbox, schema, tables
from bot.storage.codec import plain, warm_up
from bot.storage.engine import Database, Work, open_database
from bot.storage.failures import Conflict
from bot.storage.receiver import Receiver

PATIENCE = timedelta(seconds=5)
KEEP_AT_LEAST = timedelta(hours=24)
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
        audit_channel: Where every end, and what needs a person, is told once more; "" for nowhere.

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
    """``Store`` and ``Outbox`` over SQLite or PostgreSQL; ``connect`` makes one."""

    def __init__(self, database: Database, *, audit_channel: str = "") -> None:
        self._database = database
        self._audit_channel = audit_channel
        self._receiver = Receiver(database)

    async def upgrade(self) -> None:
        """Brings the schema up to date."""
        await self._database.migrate(schema.upgrade)

    async def ready(self) -> str:
        """Why the database can't be written to or has another schema; "" when all is well."""
        try:
            return await self._database.write(schema.beat)
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

    async def postpone_item(self, item_id: int, due_at: datetime) -> None:
        """Puts an item back."""
        await self._database.note(partial(inbox.postpone, item_id=item_id, due_at=due_at))

    async def finish_item(self, item_id: int, replies: Sequence[Reply], now: datetime) -> None:
        """Marks an item done and records the answers; a finished one is left alone."""
        try:
            await self._database.note(partial(inbox.finish, item_id=item_id, replies=replies, now=now))
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
    ) -> None:
        """Records consecutive events of one operation and what follows from them, as one."""
        require_consecutive(decisions)
        work = partial(
            operations.commit,
            decisions=decisions,
            due_at=due_at,
            item_id=item_id,
            replies=replies,
            audit_channel=self._audit_channel,
        )
        await self._unless_locked(decisions[-1], work)

    async def _unless_locked(self, decision: Decision, work: Work[None]) -> None:
        op, what = decision.after, event_name(decision.event)

        async def whole(connection: AsyncConnection) -> None:
            await work(connection)
            hit("before_commit", what)

        for _ in range(ATTEMPTS):
            try:
                await self._database.write(whole)
            except Conflict:
                # In a transaction of its own: PostgreSQL answers nothing more in one that failed.
                holder = await self._database.read(partial(operations.holder, op=op))
            else:
                hit("after_commit", what)
                return
            if holder is not None:
                raise Locked(holder)
            # The holder has just ended: try again.
        raise StoreUnavailable(f"{op.id} can't be recorded: the id is taken")

    async def load(self, operation_id: str) -> Operation | None:
        """The operation as last committed; None if there is no such id."""
        # An id that comes from a payload may be no text that a database takes: then it is no id.
        if plain(operation_id) != operation_id:
            return None
        return await self._database.read(partial(operations.load, operation_id=operation_id))

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

    async def count_operations(self) -> Mapping[str, int]:
        """How many operations there are in each status."""
        return await self._database.read(operations.counted)

    async def claim_operations(self, now: datetime, until: datetime, limit: int) -> Sequence[Operation]:
        """Takes the open operations that are due, the longest overdue first."""
        claimed = await self._database.note(partial(operations.claim, now=now, until=until, limit=limit))
        if claimed:
            hit("operations_claimed")
        return claimed

    async def postpone(self, due: Mapping[OperationId, tuple[int, datetime]]) -> None:
        """Sets when operations are due again, for those that still have the version given."""
        if due:
            await self._database.note(partial(operations.postpone, due=due))

    async def release_claims(self, now: datetime) -> None:
        """Makes everything claimed due at once, and every submission that the last process left behind."""
        await self._database.write(partial(_release, now=now))
        hit("claims_released")

    async def prune(self, now: datetime, keep: timedelta) -> None:
        """Deletes done inbox items and ended answers that are older than ``keep``."""
        if keep < KEEP_AT_LEAST:
            raise ValueError(f"keep at least {KEEP_AT_LEAST}: a payload may be delivered again till then")
        await self._database.note(partial(_prune, before=now - keep))

    # --- audit ---

    async def record_configuration(self, summary: Mapping[str, str], now: datetime) -> None:
        """Appends a configuration load to the audit trail."""
        entries = [audit.configuration_entry(summary, now)]
        await self._database.write(partial(audit.append, entries=entries))

    async def verify_audit(self, head: str | None = None) -> AuditHead | AuditBreak:
        """Walks the whole chain; with ``head``, also looks for a row with that hash."""
        return await self._database.read(partial(audit.verify, head=head))

    # --- outbox ---

    async def claim_messages(self, now: datetime, until: datetime, limit: int) -> Sequence[Message]:
        """Takes due messages: answers and what ended operations are owed first, then new cards, then by age."""
        return await self._database.note(partial(outbox.claim, now=now, until=until, limit=limit))

    async def begin_post(self, message_id: int) -> None:
        """Records that a post is about to be made."""
        await self._database.write(partial(outbox.begin_post, message_id=message_id))

    async def posted(self, message_id: int, *, ts: str, version: int, now: datetime) -> None:
        """Records Slack's id, and for a card the version shown."""
        await self._database.note(
            partial(outbox.posted, message_id=message_id, ts=ts, version=version, now=now)
        )

    async def retry(
        self, message_id: int, *, due_at: datetime, uncertain: bool, error: str, failed: bool = True
    ) -> None:
        """Puts a message back."""
        await self._database.note(
            partial(
                outbox.retry,
                message_id=message_id,
                due_at=due_at,
                uncertain=uncertain,
                error=plain(error),
                failed=failed,
            )
        )

    async def put_back(self, due: Mapping[int, datetime]) -> None:
        """Says when messages are due again that were only claimed."""
        if due:
            await self._database.note(partial(outbox.put_back, due=due))

    async def move(self, message_id: int, *, channel: str, now: datetime) -> None:
        """Sends a message that is not posted to another channel."""
        await self._database.write(
            partial(outbox.move, message_id=message_id, channel=plain(channel), now=now)
        )

    async def give_up(self, message_id: int, *, error: str, now: datetime) -> None:
        """Records that a message can't be delivered."""
        await self._database.write(
            partial(outbox.give_up, message_id=message_id, error=plain(error), now=now)
        )

    async def backlog(self) -> int:
        """How many messages are owed."""
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
    for table in (tables.inbox, tables.operations, tables.messages):
        await claims.release(connection, table, now)
    await operations.release_starting(connection, now)


async def _prune(connection: AsyncConnection, before: datetime) -> None:
    await inbox.prune(connection, before)
    await outbox.prune(connection, before)
