"""Defences taken away on purpose, one at a time: each must be missed by somebody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from bot.app import Bot
from bot.config import Settings
from bot.core import events as e
from bot.core import machine
from bot.core.home import Board
from bot.core.machine import Duty, Say, owed
from bot.core.model import Plan, Reason, UserId
from bot.core.operation import Operation, Status
from bot.core.policy import Policy
from bot.errors import Misconfigured
from bot.ports import NO_HOLD, HomeTab, Inbound, Intent, Message, MessageKind, Receipt
from bot.service import clicks, duties
from bot.service.catalogue import Catalogue, Database
from bot.service.duties import Duties
from bot.storage import SqlStore
from bot.system import SharedClock
from bot.web import Signatures
from handlers import listeners
from handlers.envelopes import Envelope, Envelopes, acknowledgement
from handlers.filled import Filled
from handlers.finder import Absent, Finder
from handlers.home import HomeView
from handlers.homes import HomeKeeper
from handlers.listeners import Listeners
from handlers.payloads import dedupe_key, interaction_origin
from handlers.publisher import Fate, Publisher
from providers.huawei_dds.credentials import IamUser
from tests.storage import memory
from tests.storage.memory import MemoryStore

SOON = timedelta(seconds=2)
Change = tuple[Any, str, Any]


def _resend_when_unknown() -> list[Change]:
    """An unknown outcome counts as not accepted, and is tried again."""
    original = Duties._submit

    async def submit(self: Duties, database: Database, event: e.SubmissionStarted, intent: Intent) -> e.Event:
        outcome = await original(self, database, event, intent)
        if isinstance(outcome, e.SubmissionUncertain):
            return e.SubmissionNotAccepted(outcome.at, outcome.detail, outcome.at + SOON)
        return outcome

    return [(Duties, "_submit", submit)]


def _try_again_after_restart() -> list[Change]:
    """What is found in ``starting`` after a restart is taken for not sent."""
    original = Duties._next_event

    async def next_event(self: Duties, op: Operation) -> e.Event | None:
        now = self._clock.now()
        if owed(op, now) is Duty.DOUBT:
            return e.SubmissionNotAccepted(now, Reason.of("not-sent", message="restarted"), now + SOON)
        return await original(self, op)

    return [(Duties, "_next_event", next_event)]


def _act_before_saving() -> list[Change]:
    """The request leaves before its intent is committed."""

    async def start(self: Duties, op: Operation, event: e.SubmissionStarted, _until: datetime) -> None:
        database = self._catalogue.current.databases[op.database]
        outcome = await self._submit(database, event, Intent(event.at, self._clock.monotonic() + 5))
        started = await self._record(op, event)
        if started is not None:
            await self._record(started, outcome)

    return [(Duties, "_start", start)]


def _no_look_before_posting() -> list[Change]:
    """A post whose outcome is unknown is made again without looking for it."""

    async def find(_self: Finder, _message: Message, **_: Any) -> Absent:
        return Absent()

    return [(Finder, "find", find)]


def _forget_that_a_post_was_begun() -> list[Change]:
    """A post is made without noting before that it is about to be."""

    async def begin_post(_self: Any, _message: Message, **_: Any) -> None:
        return

    return [(store, "begin_post", begin_post) for store in (SqlStore, MemoryStore)]


def _no_dedupe() -> list[Change]:
    """Every delivery counts, also one of a payload that is known."""
    original, number = dedupe_key, count()
    return [(listeners, "dedupe_key", lambda body: f"{original(body)}-{next(number)}")]


def _no_replay_set() -> list[Change]:
    """A request with a signature that was accepted before is accepted again."""

    def forgetful(original: Any) -> Any:
        async def receive(self: Any, item: Inbound) -> Receipt:
            receipt: Receipt = await original(self, item)
            return Receipt.DUPLICATE if receipt is Receipt.REPLAYED else receipt

        return receive

    stores: list[Change] = [(each, "receive", forgetful(each.receive)) for each in (SqlStore, MemoryStore)]
    return [(Signatures, "reserve", lambda *_, **__: True), *stores]


def _no_fingerprint() -> list[Change]:
    """Every plan looks like the approved one."""
    return [(Plan, "fingerprint", property(lambda _: "the same"))]


def _no_live_quorum() -> list[Change]:
    """Whoever approved once still counts at the start."""

    async def live_quorum(_self: Duties, op: Operation, _database: Database) -> tuple[str, ...]:
        return op.approved_by

    return [(Duties, "_live_quorum", live_quorum)]


def _believe_the_job() -> list[Change]:
    """Roles count as approved whatever they are: only the job is asked."""
    return [
        (machine, "as_approved", lambda *_: True),
        (duties, "as_approved", lambda *_: True),
        (machine, "_agree", lambda *_: True),
    ]


def _answer_before_recording() -> list[Change]:
    """Slack is told that all is well before anything is recorded."""
    original = Listeners._record

    async def record(self: Listeners, body: Any, origin: Any, asked: Any, signature: str) -> Any:
        later = asyncio.create_task(original(self, body, origin, asked, signature))
        await asyncio.sleep(0)
        _LATE.add(later)
        later.add_done_callback(_LATE.discard)
        return listeners._ok()

    return [(Listeners, "_record", record)]


def _no_hold_at_the_start() -> list[Change]:
    """Whether everything is halted or frozen is looked at with the request and the approvals, not at the start."""

    async def unhindered(*_: Any, **__: Any) -> None:
        return None

    def blind(original: Any) -> Any:
        async def commit(self: Any, *args: Any, **given: Any) -> None:
            await original(self, *args, **{**given, "unless_held": NO_HOLD})

        return commit

    stores: list[Change] = [(each, "commit", blind(each.commit)) for each in (SqlStore, MemoryStore)]
    return [(duties, "hindrance", unhindered), *stores]


def _no_live_glass() -> list[Change]:
    """Whoever might break the glass when they asked still may at the start."""

    async def no_glass(_self: Duties, _op: Operation, _policy: Policy) -> None:
        return

    return [(Duties, "_no_glass", no_glass)]


def _late_starts_start() -> list[Change]:
    """A start that was missed is made up for."""
    return [(machine, "LATE_START", timedelta(days=1))]


def _own_review_counts() -> list[Change]:
    """Who broke the glass may say that it was right."""

    def reviewed(op: Operation, event: e.Reviewed) -> Status:
        return original(replace(op, requested_by=UserId("")), event)

    original, table = machine._reviewed, dict(machine.TRANSITIONS)
    for end in machine.REVIEWED_ENDS:
        table[end] = {e.Reviewed: machine.Rule((end,), reviewed)}
    return [(machine, "TRANSITIONS", table), (clicks, "may_review", lambda *_, **__: None)]


def _no_notice_is_known() -> list[Change]:
    """What the audit channel was told already it is told again."""
    number = count()

    def forgetful(original: Any) -> Any:
        async def owe_notice(self: Any, key: str, say: Say, now: datetime, **more: Any) -> None:
            await original(self, f"{key}-{next(number)}", say, now, **more)

        return owe_notice

    return [(each, "owe_notice", forgetful(each.owe_notice)) for each in (SqlStore, MemoryStore)]


def _acknowledge_first() -> list[Change]:
    """What comes through Socket Mode is acknowledged before it is looked at."""

    async def answered(self: Envelopes, envelope: Envelope, send: Callable[[str], Awaitable[None]]) -> str:
        await send(acknowledgement(envelope, ""))
        await self._dispatch(envelope.payload, {})
        return "acknowledged"

    return [(Envelopes, "_answered", answered)]


def _deny_what_may_be_recorded() -> list[Change]:
    """A delivery whose commit was not answered is said not to be recorded."""
    original = listeners._total

    async def total(work: Any, request: Any, *, failed: Any, **_: Any) -> Any:
        return await original(work, request, failed=failed)

    return [(listeners, "_total", total)]


def _forget_a_form() -> list[Change]:
    """A form is taken and closed, and nobody writes down what it said."""

    async def on_view(self: Listeners, body: Any, _signature: str) -> Any:
        found = self._forms.submitted(interaction_origin(body), body["view"])
        if isinstance(found, Filled):
            return listeners._ok()
        return listeners._response("errors", errors=self._forms.errors(interaction_origin(body), found))

    return [(Listeners, "_on_view", on_view)]


def _no_new_token() -> list[Change]:
    """A token that is refused is not replaced."""

    def refused(self: IamUser, _token: str, error: Misconfigured) -> bool:
        self._caution.refused(error)
        return False

    return [(IamUser, "refused", refused)]


def _a_token_for_each_request() -> list[Change]:
    """Tokens are not kept."""
    return [(IamUser, "_fresh", property(lambda _: None))]


def _ignore_a_reload() -> list[Change]:
    """A new configuration is read and recorded, and the old one stays in force."""
    return _new_catalogues(lambda old, _new: old)


def _keep_removed_databases() -> list[Change]:
    """What a new configuration leaves out can still be switched."""
    return _new_catalogues(lambda old, new: replace(new, databases={**old.databases, **new.databases}))


def _new_catalogues(choose: Callable[[Catalogue, Catalogue], Catalogue]) -> list[Change]:
    original = Bot._new_catalogue

    def new_catalogue(self: Bot, settings: Settings) -> Catalogue:
        new = original(self, settings)
        return choose(self._catalogue.current, new) if hasattr(self, "_catalogue") else new

    return [(Bot, "_new_catalogue", new_catalogue)]


def _forget_removed_databases() -> list[Change]:
    """What was sent for a database is looked at only while it is configured."""
    return [(Catalogue, "tracked", lambda self, name: self.databases.get(name))]


def _say_it_there_or_nowhere() -> list[Change]:
    """An end that can't be told where it was asked is told nobody."""

    async def or_elsewhere(_self: Publisher, _message: Message, fate: Fate, _until: datetime) -> Fate:
        return fate

    return [(Publisher, "_or_elsewhere", or_elsewhere)]


def _show_a_home_once() -> list[Change]:
    """A Home tab that shows something is taken for up to date."""
    original = HomeKeeper._shows

    async def shows(self: HomeKeeper, tab: HomeTab, view: HomeView, board: Board) -> bool:
        return await original(self, tab, replace(view, digest=tab.shown or view.digest), board)

    return [(HomeKeeper, "_shows", shows)]


def _show_cards_once() -> list[Change]:
    """A card follows its operation alone, and not what is set or lifted meanwhile."""
    original = Publisher._deliver

    async def deliver(self: Publisher, message: Message, until: datetime) -> Fate:
        shown = message.operation is not None and message.posted_version == message.operation.version
        return await original(self, replace(message, hold=None) if shown else message, until)

    return [(Publisher, "_deliver", deliver)]


def _replies_beside_their_thread() -> list[Change]:
    """A reply goes into the channel."""
    original = Publisher._post

    async def post(self: Publisher, message: Message, *args: Any, **named: Any) -> Fate:
        beside = replace(message, thread=None) if message.kind is MessageKind.REPLY else message
        return await original(self, beside, *args, **named)

    return [(Publisher, "_post", post)]


def _everybody_by_their_own_clock() -> list[Change]:
    """Each replica tells by its machine's clock whose claims have run out."""

    async def adjust(_: SharedClock) -> None:
        """Reads nothing."""

    return [(SharedClock, "adjust", adjust)]


def _look_at_once() -> list[Change]:
    """A post whose sender has died is looked for while it may be on its way."""
    return [(memory, "ON_ITS_WAY", timedelta(0))]


_LATE: set[Any] = set()
MUTANTS: dict[str, Callable[[], list[Change]]] = {
    change.__name__.removeprefix("_"): change
    for change in (
        _act_before_saving,
        _resend_when_unknown,
        _try_again_after_restart,
        _no_look_before_posting,
        _forget_that_a_post_was_begun,
        _no_dedupe,
        _no_replay_set,
        _no_fingerprint,
        _no_live_quorum,
        _believe_the_job,
        _answer_before_recording,
        _no_hold_at_the_start,
        _no_live_glass,
        _late_starts_start,
        _own_review_counts,
        _no_notice_is_known,
        _acknowledge_first,
        _deny_what_may_be_recorded,
        _forget_a_form,
        _no_new_token,
        _a_token_for_each_request,
        _ignore_a_reload,
        _keep_removed_databases,
        _forget_removed_databases,
        _say_it_there_or_nowhere,
        _show_a_home_once,
        _show_cards_once,
        _replies_beside_their_thread,
        _everybody_by_their_own_clock,
        _look_at_once,
    )
}


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """The product without one of its defences; "" leaves it as it is."""
    changes = MUTANTS[name]() if name else []
    before = [(where, what, getattr(where, what)) for where, what, _ in changes]
    for where, what, changed in changes:
        setattr(where, what, changed)
    try:
        yield
    finally:
        for where, what, original in before:
            setattr(where, what, original)
