"""What the service needs of the world, as Protocols; the adapters live outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from bot.core.answers import Answer
from bot.core.commands import Command, Origin
from bot.core.events import Choice, Event
from bot.core.holds import Hold, HoldEvent, HoldKind
from bot.core.home import Reading
from bot.core.machine import Decision, Say
from bot.core.model import (
    Call,
    Capabilities,
    Evidence,
    Job,
    JobId,
    NodeId,
    OperationId,
    Plan,
    Target,
    Topology,
    UserId,
)
from bot.core.operation import Operation, Status

Body = dict[str, Any]
"""The parsed body of one delivery of Slack, whichever way it came."""
Answered = tuple[int, str, Mapping[str, str]]
"""Status, body and headers, as a request is answered."""
Dispatch = Callable[[Body, dict[str, str]], Awaitable[Answered]]
"""Takes a delivery and the headers that came with it; never raises."""


class Clock(Protocol):
    """Time as an argument."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits; a test's clock may only pretend to."""
        ...


class ProviderSettings(BaseModel):
    """Base of every provider's own account and database settings: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    @property
    def identity(self) -> tuple[str, ...]:
        """What an account or a database is, however it is written and reached; every key, unless told otherwise.

        Two databases whose identities and accounts' identities agree are one, and must share a lock.
        """
        return tuple(str(value) for _, value in self)


@dataclass(frozen=True, slots=True)
class Intent:
    """The committed decision to submit.

    Attributes:
        at: When ``submission_started`` was committed; the request is signed with this time.
        send_by: On the monotonic clock: past this instant nothing may be written to the wire any more.
    """

    at: datetime
    send_by: float


class Provider(Protocol):
    """One account at one cloud. It translates and decides nothing; every call has a total time limit."""

    @property
    def capabilities(self) -> Capabilities:
        """What this provider can do, as data."""
        ...

    async def observe(self, target: Target, *, urgent: bool = False) -> Topology:
        """Reads the present topology, retrying inside a time budget.

        Args:
            target: What is read.
            urgent: Something approved, sent, or an emergency, waits for it: it may use what of the budget of calls
                is kept for these.

        Raises:
            Refused: The target does not exist or can't be read as asked (a shard where there are none).
            Unavailable: It can't be read now.
            Throttled: The provider wants no more calls for now.
            BudgetSpent: The budget of calls is used up, for what this is.
            Misconfigured: Credentials, permission or endpoint are wrong.
        """
        ...

    async def survey(self, database: str, *, urgent: bool = False) -> Sequence[Topology]:
        """Reads the whole database once: one reading for each shard, just one where there are none.

        Args:
            database: Which.
            urgent: As of ``observe``.

        Raises:
            ProviderError: As ``observe``.
        """
        ...

    def describe(self, target: Target, candidate: NodeId | None) -> Call:
        """The call that ``submit`` would make, in words. Pure."""
        ...

    async def submit(self, plan: Plan, intent: Intent) -> JobId | None:
        """Sends at most one request, once, on a connection of its own; None where the call gives no job id.

        Raises:
            Refused: The provider said no; nothing changed.
            NotSent: It never left: no connection, our own budget, or ``intent.send_by`` had passed.
            Throttled: Not accepted for now; nothing changed.
            OutcomeUnknown: Anything else.
        """
        ...

    async def jobs(self, ids: Sequence[JobId]) -> Mapping[JobId, Job]:
        """The jobs that the provider knows, as many per request as it allows; an unknown id is left out.

        Raises:
            Unavailable: They can't be read now.
            Throttled: The budget of calls is used up.
            Misconfigured: Credentials, permission or endpoint are wrong.
        """
        ...

    async def find_submission(
        self, plan: Plan, since: datetime, *, others: Collection[JobId] = ()
    ) -> Evidence:
        """Looks for the job of a submission signed at ``since`` whose answer was lost. Reads only.

        Args:
            plan: What was submitted.
            since: When it was signed, by our clock.
            others: Jobs that are known to be of other submissions.

        Raises:
            Unavailable: The job list can't be read now.
            Throttled: The budget of calls is used up.
            Misconfigured: Credentials, permission or endpoint are wrong.
        """
        ...

    async def close(self) -> None:
        """Closes connections."""
        ...


class ProviderType(Protocol):
    """What a provider's module registers: its settings and how to build it, all in one place."""

    @property
    def name(self) -> str:
        """What ``provider = "…"`` says in an account."""
        ...

    @property
    def account(self) -> type[ProviderSettings]:
        """The keys of ``[accounts.*]`` besides ``provider``."""
        ...

    @property
    def database(self) -> type[ProviderSettings]:
        """The keys of ``[databases.*]`` besides ``account``, ``policy`` and ``description``."""
        ...

    def build(
        self,
        account: Any,
        databases: Mapping[str, Any],
        *,
        clock: Clock,
        call_timeout: timedelta,
        observer: CallObserver,
        before: Provider | None = None,
    ) -> Provider:
        """A provider for one account and the databases on it. Opens nothing.

        Args:
            account: The account's settings.
            databases: Those of the databases on it, by name.
            clock: The time.
            call_timeout: How long a call of the port may take.
            observer: Is told of every call.
            before: What the account of this name was until now: the calls that it made and makes count with those
                of the new one.
        """
        ...


class CallObserver(Protocol):
    """Is told of every finished provider call, for metrics."""

    def __call__(self, call: str, outcome: str, seconds: float, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the workspace knows them at this moment.

    ``member`` is True only for a full, active, human member of the workspace the bot is installed in.
    ``locale`` is the language they read as the workspace names it (``zh-CN``), "" where it does not say.
    """

    id: str
    name: str
    member: bool
    timezone: str = "UTC"
    locale: str = ""


class Directory(Protocol):
    """People and groups, decided at the moment of acting; fails closed."""

    async def person(self, user_id: str, team_id: str | None, *, since: datetime | None = None) -> Person:
        """Who this is; ``team_id`` is what the delivery said of them, None where there is no delivery.

        ``since``: only what was asked after this moment will do; given just before a submission.

        Raises:
            DirectoryUnavailable: It can't be found out now.
        """
        ...

    async def members(self, group_id: str, *, since: datetime | None = None) -> frozenset[str]:
        """The user ids in a user group; empty for a group that does not exist. ``since`` as above.

        Raises:
            DirectoryUnavailable: It can't be found out now.
        """
        ...


# --- storage ---


@dataclass(frozen=True, slots=True)
class Inbound:
    """A delivery to be recorded before it is acknowledged.

    Attributes:
        dedupe_key: The same for every delivery of the same payload, under whatever signature.
        signature: The delivery's own signature; the same one twice is a replay. "" where the way in has none.
        origin: Who asked, and where the answer goes.
        command: What they asked.
        received_at: When it came in; retention counts from here.
    """

    dedupe_key: str
    signature: str
    origin: Origin
    command: Command
    received_at: datetime


class Receipt(StrEnum):
    """What became of a delivery."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A recorded delivery that is still to be worked on; ``attempts`` counts the claims, this one included."""

    id: int
    origin: Origin
    command: Command
    received_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A message to a person only: the answer to an inbox item."""

    to: Origin
    answer: Answer


@dataclass(frozen=True, slots=True)
class AuditBreak:
    """Where the chain does not hold: the row's ``seq`` and what is wrong with it."""

    seq: int
    problem: str


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the audit trail, as it is stored; ``bot.storage.audit.row_hash`` says what the hash covers.

    Attributes:
        team: The workspace of the actor, as the event's data say, "" where nobody acted.
        ended: The operation as it is now, on the row of the event that ended it.
    """

    seq: int
    at: datetime
    stream: str
    type: str
    operation_id: str | None
    version: int | None
    actor: str
    team: str
    data: str
    prev_hash: str
    hash: str
    ended: Operation | None = None


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The last row of the chain; ``seq`` 0 and an empty hash while there is none.

    ``found``: the row with the hash that was looked for; None where none was.
    """

    seq: int
    hash: str
    found: int | None = None


@dataclass(frozen=True, slots=True)
class HoldTold:
    """Who is told of a hold: single people, the audit channel, if there is one, and threads of operations.

    The cards of those operations are renewed.
    """

    replies: Sequence[Reply] = ()
    say: Say | None = None
    threads: Sequence[tuple[Operation, Say]] = ()


TellHold = Callable[[Sequence[Operation], Sequence[Hold]], HoldTold]
"""Given every open operation, in no order, and what was in force before. The hold comes too late for those that are
sent, or may be; whatever begins to be sent and is not among them comes after the hold.
"""


def tell_nobody(_open: Sequence[Operation], _before: Sequence[Hold]) -> HoldTold:
    """For a hold that nobody is told of."""
    return HoldTold()


SayHeld = Callable[[Sequence[Hold]], Say | None]
"""Given the holds in force, in the order in which they were set: what a thread is told of them; None for nothing."""

NO_HOLD: frozenset[HoldKind] = frozenset()


class Store(Protocol):
    """The truth. Every method is one transaction; raises StoreUnavailable where nothing was recorded.

    Its leaf MaybeRecorded says that this is not known: then nothing may be done that needs it to be recorded,
    and what is stored shows by itself, when it is due, whether it was.

    "Claiming" takes a row out of sight of every other worker until ``until``, so that a worker that dies
    loses nothing: the row is due again then. Whoever claims it next claims it for longer, so the end of a
    claim also names it; a claim that another worker has taken over can't be ended by its former owner.
    """

    async def upgrade(self) -> None:
        """Brings the schema up to date."""
        ...

    async def ready(self) -> str:
        """Why the database can't be written to or has another schema; "" when all is well. Writes to find out."""
        ...

    async def close(self) -> None:
        """Closes every connection and gives up the lock on the file."""
        ...

    # inbox

    async def receive(self, item: Inbound) -> Receipt:
        """Records a delivery durably (it survives a power cut), unless it is known."""
        ...

    async def claim_inbox(self, now: datetime, until: datetime, limit: int) -> Sequence[InboxItem]:
        """Takes the oldest due items."""
        ...

    async def postpone_item(self, item: InboxItem, due_at: datetime) -> None:
        """Puts an item back, to be claimed again from ``due_at`` on; not if it was claimed again meanwhile."""
        ...

    async def finish_item(self, item_id: int, replies: Sequence[Reply], now: datetime) -> None:
        """Marks an item done and records the answers, as one. Finishing a finished item does nothing."""
        ...

    # operations

    async def open(
        self, decision: Decision, *, due_at: datetime, item_id: int | None, replies: Sequence[Reply] = ()
    ) -> None:
        """Records a new operation with its first event and card, and finishes the inbox item, as one.

        Raises:
            Locked: Another operation is open for the same database and shard; nothing was recorded.
            Chosen: An operation was made of the same choice already; nothing was recorded.
            Stale: The inbox item is finished already; nothing was recorded.
        """
        ...

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
        """Records consecutive events of one operation, what they make of it and the replies owed, as one.

        Holds are read in the same transaction, so that of a halt and a start, or of a freeze and an approval,
        one is surely first.

        Args:
            decisions: The events, in their order.
            due_at: When the operation is due next.
            item_id: The delivery that asked for it, finished with it.
            replies: What single people are told.
            unless_held: By holds of these kinds.
            say_held: Tells the thread of what is in force, after all that the events say; whatever is set or
                lifted later finds the operation as they leave it. It must be pure.

        Raises:
            Held: A hold of those kinds is in force for the database at the time of the last event; nothing
                was recorded.
            Stale: The stored version is not the one before the first event, or the inbox item is
                finished already; nothing was recorded.
            Locked: The events name a shard on which another operation is open; nothing was recorded.
        """
        ...

    async def load(self, operation_id: str) -> Operation | None:
        """The operation as last committed; None if there is no such id."""
        ...

    async def made_of(self, choice: Choice) -> OperationId | None:
        """The operation that was made of a choice; None while there is none."""
        ...

    async def events(self, operation_id: str) -> Sequence[Event]:
        """Its events, in order."""
        ...

    async def operations(
        self, *, open_only: bool, database: str | None = None, limit: int = 100
    ) -> Sequence[Operation]:
        """Operations, the newest request first."""
        ...

    async def ended(
        self, *, database: str | None = None, limit: int = 100, skip: int = 0
    ) -> Sequence[Operation]:
        """What ended, the newest request first, without the ``skip`` newest."""
        ...

    async def to_review(self, *, limit: int = 100) -> Sequence[Operation]:
        """Emergencies that a review is owed for, the newest request first."""
        ...

    async def newest(
        self, target: Target, statuses: Collection[Status], *, most: int = 1
    ) -> Sequence[Operation]:
        """The newest requests of a database and shard, of those that have one of these statuses, newest first."""
        ...

    async def count_operations(self, database: str | None = None) -> Mapping[str, int]:
        """How many operations there are in each status, of one database or of all."""
        ...

    async def claim_operations(self, now: datetime, until: datetime, limit: int) -> Sequence[Operation]:
        """Takes the open operations that are due, the longest overdue first."""
        ...

    async def postpone(
        self, due: Mapping[OperationId, tuple[int, datetime]], *, until: datetime | None
    ) -> None:
        """Sets when operations are due again, for those that still have the version given: one batch.

        Args:
            due: The version and the time, by operation.
            until: When the caller's claim of them ends; None for somebody without one, who only wants them
                looked at.
        """
        ...

    async def now(self) -> datetime:
        """What the clock shows by which all who use the database tell whether a claim has run out."""
        ...

    async def hasten(self, now: datetime) -> None:
        """Makes due what waits for a later time, but for what somebody has claimed, or is just sending to a cloud.

        That is theirs for two minutes more at most. For when the clock may have been set back: what is due by the
        clock that was would wait for all of that.
        """
        ...

    async def release_claims(self, now: datetime) -> None:
        """The same, also for what is claimed, and for what was left in ``starting`` by a process that died.

        Only for a process that is alone with its database.
        """
        ...

    async def holds(self, now: datetime) -> Sequence[Hold]:
        """The freezes and the halt in force at a time, in the order in which they were set."""
        ...

    async def record_hold(
        self, event: HoldEvent, *, item_id: int | None, tell: TellHold = tell_nobody
    ) -> None:
        """Records a freeze, a halt or its end in the audit trail and in what is in force, and who is told, as one.

        Args:
            event: What was set or lifted.
            item_id: The delivery that asked for it, finished with it; None: nobody asked, and nobody is answered.
            tell: Who is told what. It must be pure.

        Raises:
            Stale: The inbox item is finished already; nothing was recorded.
        """
        ...

    async def owe_notice(self, key: str, say: Say, now: datetime, *, series: str = "") -> None:
        """Owes the audit channel, if there is one, a line that is of no operation; once for each key.

        Args:
            key: Tells it from every other such line.
            say: The line.
            now: The time.
            series: How the keys of lines begin of which the newest says all that the others said: those with
                a lesser key that are not posted are owed no more. "" for a line that stands for itself.
        """
        ...

    async def open_home(self, item: InboxItem, *, blank: bool, now: datetime) -> None:
        """Makes the Home tab of whoever the item is from due at once, and finishes the item, as one.

        ``blank``: what was shown there before is gone.

        Raises:
            Stale: The inbox item is finished already; nothing was recorded.
        """
        ...

    async def audit_head(self) -> AuditHead:
        """Where the audit trail ends now."""
        ...

    async def record_configuration(self, summary: Mapping[str, str], now: datetime) -> None:
        """Appends a configuration load to the audit trail."""
        ...

    async def prune(self, now: datetime, keep: timedelta) -> None:
        """Deletes what is longer than ``keep`` (at least a day) ago.

        Finished inbox items by when they were received, answers and lines of no operation by their end, Home
        tabs by their last opening.
        """
        ...


class AuditTrail(Protocol):
    """The trail, for whoever checks it; in little memory, however long it is."""

    async def verify_audit(self, head: str | None = None) -> AuditHead | AuditBreak:
        """Walks the whole chain; with ``head``, also looks for a row with that hash."""
        ...


class MessageKind(StrEnum):
    """What a posted message is.

    The card of an operation, a reply in its thread, an answer to one person, or what the audit channel is told
    of an operation.
    """

    CARD = "card"
    REPLY = "reply"
    ANSWER = "answer"
    AUDIT = "audit"


ON_ITS_WAY = timedelta(seconds=10)
"""For how long a post that was begun may still be on its way to Slack, whose sender has died: as long as a call may
take, and some seconds more. Looked for sooner it would be missed, and posted twice."""
NO_PLACE = "no_place"
"""Why a card is put back that can't be shown for now, and must not keep from being told what can be told elsewhere."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that Slack is owed.

    Attributes:
        id: Its row.
        kind: Card, reply, answer, or a line in the audit channel.
        key: Unique per operation: goes into the metadata, and is looked for before posting again.
        operation: What the card shows, in its newest state; for a reply whose it is; None for an answer, and
            for a line in the audit channel that is of no operation.
        status: The operation's status that the message tells of: the newest for a card, that of the event
            for a reply and in the audit channel.
        say: The text of a reply, or of what the audit channel is told.
        to: An answer's recipient.
        answer: An answer.
        channel: Where it goes.
        thread: The thread it belongs in, None: the channel itself. A reply's thread is its card's, or the
            one the card is in; one that was moved elsewhere is in none.
        ts: Slack's id of the posted message, "" while it is not known to be posted.
        uncertain: A post was begun and its outcome never recorded: look before posting again. Of a card that is
            there: an update of a process that died may come yet.
        posted_version: The version a card shows; 0 before it is posted.
        attempts: How often posting failed since it was last posted; waiting for a limit is no failure.
        last_error: What was in the way when it was last put back, "" where nothing was.
        created_at: When it became owed.
        claimed_until: When the present claim of it ends.
        hold: What keeps a card's operation from what it waits for, as was known when it was claimed.
        renewals: How often what holds it had been set or lifted by then, while it waited.
        begun_at: When the post that is in doubt was begun; None: none is, or an older version began it.
    """

    id: int
    kind: MessageKind
    key: str
    operation: Operation | None
    status: str
    say: Say | None
    to: Origin | None
    answer: Answer | None
    channel: str
    thread: str | None
    ts: str
    uncertain: bool
    posted_version: int
    attempts: int
    created_at: datetime
    claimed_until: datetime
    hold: Hold | None = None
    renewals: int = 0
    begun_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class CardPlace:
    """Where a posted card is; ``thread`` is that of the request, None in the channel itself."""

    channel: str
    thread: str | None
    ts: str


class Outbox(Protocol):
    """The publisher's side of the store: what Slack is owed. Every method is one transaction.

    A message is named as it was claimed. Where another replica has claimed it since, what would end that
    claim does nothing; only what is a fact (it was posted) is recorded all the same.
    """

    async def claim_messages(self, now: datetime, until: datetime, limit: int) -> Sequence[Message]:
        """Takes due messages: answers, and what an ended operation is owed; then cards never posted; then by age.

        A reply is due only when its card is posted, given up, or put back for ``NO_PLACE``, and every earlier
        reply of the operation is posted or given up; a card only when it is behind its operation, or to be
        renewed.
        """
        ...

    async def begin_post(self, message: Message, *, now: datetime) -> None:
        """Records that a post is about to be made, and when, so that a crash leaves it ``uncertain``.

        Raises:
            Stale: Another replica has claimed it, or it is over: nothing may be posted.
        """
        ...

    async def posted(self, message: Message, *, ts: str, version: int, now: datetime) -> None:
        """Records Slack's id, and for a card the version shown; a card that is behind again is due at once.

        A card that shows a hold that ends by itself is to be renewed then.
        """
        ...

    async def retry(
        self, message: Message, *, due_at: datetime, uncertain: bool, error: str, attempts: int | None = None
    ) -> None:
        """Puts a message back.

        Args:
            message: Which.
            due_at: When it is due again.
            uncertain: The post may have been made.
            error: What was in the way; ``NO_PLACE``: replies don't wait for this card.
            attempts: How often it has failed now, None: once more than before.
        """
        ...

    async def put_back(self, due: Sequence[tuple[Message, datetime]], *, now: datetime) -> None:
        """Says when messages are due again that were not tried, only claimed: one batch.

        What is of an operation that has ended since they were claimed is due at once.
        """
        ...

    async def move(self, message: Message, *, channel: str, now: datetime) -> None:
        """Sends a message that is certainly not posted to another channel, there into no thread; due at once."""
        ...

    async def give_up(self, message: Message, *, error: str, now: datetime) -> None:
        """Records that a message can't be delivered; it is never due again."""
        ...

    async def card_place(self, operation_id: str) -> CardPlace | None:
        """Where an operation's card is; None while it is not posted, or there is no such operation."""
        ...

    async def backlog(self) -> int:
        """How many messages are owed, but for cards of what has ended that wait for ``NO_PLACE``."""
        ...


@dataclass(frozen=True, slots=True)
class HomeTab:
    """Somebody's Home tab.

    Attributes:
        user: Whose.
        team: What the delivery said of their workspace; "" if it said nothing.
        opened_at: When they last opened it.
        looked_at: When it was last brought up to date; 1970 if it never was.
        shown: The digest of what Slack shows there, "" if that is not known.
        claimed_until: When the present claim of it ends.
    """

    user: UserId
    team: str
    opened_at: datetime
    looked_at: datetime
    shown: str
    claimed_until: datetime


class HomeStore(Protocol):
    """The Home tabs that people have opened lately, and the readings that all of them show.

    Losing them costs a stale tab and nothing else. Every method is one transaction.
    """

    async def claim_homes(
        self, now: datetime, until: datetime, limit: int, *, opened_since: datetime, looked_before: datetime
    ) -> Sequence[HomeTab]:
        """Takes tabs that are due, or that the audit trail has moved past.

        Those opened since they were last brought up to date go first, for somebody looks at them, and then the
        longest due. Only those opened since a time, and not brought up to date after another.
        """
        ...

    async def settle_home(
        self, tab: HomeTab, *, shown: str, seq: int, looked_at: datetime, due_at: datetime
    ) -> None:
        """Records what a tab shows, which row of the trail it takes in, and when it was brought up to date.

        Not if it was claimed or opened again meanwhile.
        """
        ...

    async def forget_home(self, tab: HomeTab) -> None:
        """Nothing can be shown there, until it is opened again."""
        ...

    async def readings(self, databases: Collection[str]) -> Mapping[str, Reading]:
        """The last readings of these databases, where there are any."""
        ...

    async def begin_readings(
        self, databases: Collection[str], now: datetime, asked_before: datetime
    ) -> Sequence[str]:
        """Those of the databases that nobody has begun to read since a time: they are the caller's to read."""
        ...

    async def record_readings(self, found: Mapping[str, Reading], now: datetime) -> None:
        """Keeps readings, and makes every tab due; a reading that found no roles keeps the roles known before."""
        ...


class Storage(Store, Outbox, HomeStore, AuditTrail, Protocol):
    """All that a process keeps: what the service works on and what the publisher owes."""
