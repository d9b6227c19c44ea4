"""The only caller of posting methods: brings Slack to what the outbox says, each card and reply exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bot.core.answers import Answer, Tell
from bot.core.commands import Origin
from bot.core.machine import Say
from bot.core.operation import ENDS, Operation, Status
from bot.errors import DirectoryUnavailable, Stale, StoreUnavailable
from bot.failpoints import hit
from bot.ports import NO_PLACE, Clock, Message, MessageKind, Outbox
from handlers.circuit import Circuit
from handlers.directory import SlackDirectory
from handlers.finder import AUDIT_TYPE, NOTICE_TYPE, Absent, Finder, Found, Unreadable
from handlers.links import Links
from handlers.pace import EPHEMERAL, OPEN, POST, UPDATE, Pace
from handlers.rendering import Renderer, Words
from handlers.slack_client import Done, NotSent, Outcome, RateLimited, Rejected, SlackClient, Unknown

logger = logging.getLogger(__name__)

HOOK = "response_url"
# Nothing can be said there, or not by us, until a person mends it.
PLACE_GONE = frozenset(
    {
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_non_threadable_channel",
        "restricted_action_thread_only_channel",
        "team_access_not_granted",
    }
)
# The thread is gone for good: nobody can mend that.
THREAD_GONE = frozenset({"thread_not_found", "cannot_reply_to_message"})
# The card is there no more, or can't be changed; replies can still be posted.
CARD_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
TOO_RICH = frozenset(
    {"msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format", "too_many_blocks"}
)
# A person must mend these; until then everything waits, nothing is lost.
OPERATOR = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "missing_scope",
        "no_permission",
        "org_login_required",
        "ekm_access_denied",
        "access_denied",
        "not_allowed_token_type",
        "team_added_to_org",
    }
)
MAX_PLAIN = 3900  # chat.update refuses a longer text
MAX_BACKOFF = 60.0
AUDIT_PAUSE = (
    600.0  # between tries at an audit channel in which nothing can be posted, or at the card of an end
)
REOPENED_WITHIN = timedelta(
    days=1
)  # an archived channel is opened again by then, or its cards stay as they are
MAX_REJECTIONS = 10  # after which a word of Slack's that is in no list here is taken for its last
REJECTIONS_IN_THE_WAY = 3  # the same, of what only keeps people from hearing what they must
TRIES_TO_TELL = 60  # a minute apart, what somebody must be told and nobody can be
SETTLE = 3.0  # before looking for a post whose answer was lost: it may still be on its way
LONGEST_QUEUE = 45.0  # seconds after which what waits for Slack is looked at again, however many wait
LOCALE_LIMIT = (
    1.0  # for finding out in which language somebody reads: an answer is worth more than its language
)
HOOK_LIFE = timedelta(minutes=29)
HOOK_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Posted:
    """It is there. ``version``: what a card shows."""

    ts: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class Later:
    """Not now.

    Attributes:
        error: Why.
        uncertain: It may have been posted.
        wait: For how many seconds, None: the longer the more often it failed.
        failed: It counts as a failed attempt; False where it only has to wait.
        anew: It is the first such failure: how often something else was in the way before counts no more.
        called: Slack was called for it, or its post was begun: that must be recorded.
        behind: The limit of Slack's that it waits for: the method, and the channel where each has its own.
    """

    error: str
    uncertain: bool
    wait: float | None = None
    failed: bool = True
    anew: bool = False
    called: bool = True
    behind: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """It can't be said there, and must be said: to the requester alone, in this channel."""

    channel: str
    error: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Never.

    Attributes:
        error: Why.
        undeliverable: The operation can't be shown where it was asked.
        uncertain: It may have been posted all the same.
    """

    error: str
    undeliverable: bool = False
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Overtaken:
    """It would not be true any more."""


Fate = Posted | Later | Elsewhere | GivenUp | Overtaken
# Messages that were not tried, by their ids, and when they are due.
Waiting = dict[int, tuple[Later, datetime]]

# Of these the requester hears in any case.
MUST_BE_TOLD = ENDS | {Status.NEEDS_ATTENTION}

# What people are asked to do, or can't, while an operation has the status it was said in, and only then. All else
# stays true of its time.
ASKS = frozenset(
    {"reply-awaiting-approval", "reply-scheduled", "reply-start-near", "reply-held", "reply-let-go"}
)

PROVIDER_FINISHED = frozenset({"reply-job-done", "reply-job-failed", "reply-roles-moved"})


class Publisher:
    """Posts what the outbox owes; see ``sweep``.

    Args:
        outbox: What Slack is owed.
        client: Calls Slack.
        directory: Who we are, and in which language people read.
        render: Makes messages.
        clock: Tells the time.
        random: A number from 0 to 1, for jitter.
        undeliverable: Is told, before the message is given up, that a card can't be posted or updated in
            its channel, with Slack's word for why; may be told twice. Gives the operation as it is then.
        told: Is told the seconds from learning that the provider has finished to the thread being told.
        lease: For how long claimed messages are out of sight of other replicas; nothing is posted that
            could outlast it, so it must leave room for some calls.
        batch: How many messages are claimed at once.
        senders: How many channels are served at once.

    Attributes:
        pace: Slack's limits, as all calls of this process use them up.
        circuit: Whether Slack answers at all.
        links: Knows where cards are.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        client: SlackClient,
        directory: SlackDirectory,
        render: Renderer,
        clock: Clock,
        random: Callable[[], float],
        undeliverable: Callable[[Message, str], Awaitable[Operation | None]],
        told: Callable[[float], None],
        lease: timedelta = timedelta(seconds=30),
        batch: int = 50,
        senders: int = 8,
    ) -> None:
        self._room = timedelta(seconds=2 * client.time_limit)  # a post, and once more as plain text
        if lease < 2 * self._room:
            raise ValueError(f"a lease of {lease} leaves no time to post: {2 * self._room} at least")
        self._outbox = outbox
        self._client = client
        self._directory = directory
        self.pace = Pace(clock)
        self.circuit = Circuit(client, clock, random)
        self._finder = Finder(client, directory.identity, self.pace.take)
        self.links = Links(outbox, directory)
        self._render = render
        self._clock = clock
        self._random = random
        self._undeliverable = undeliverable
        self._told = told
        self._lease = lease
        self._batch = batch
        self._senders = asyncio.Semaphore(senders)

    async def sweep(self) -> bool:
        """Claims what is due and posts it, one channel after its own order, channels side by side.

        Never waits for Slack's limits: what must wait is put back with the time it is due. Nothing runs on
        when this returns. While Slack does not answer at all nothing is claimed, so that what matters most
        goes first afterwards. Returns whether another sweep would find something to do at once.

        Raises:
            StoreUnavailable: Nothing could be claimed.
        """
        if not await self.circuit.closes():
            return False
        now = self._clock.now()
        until = now + self._lease
        messages = await self._outbox.claim_messages(now, until, self._batch)
        if not messages:
            return False
        waiting: Waiting = {}
        async with asyncio.TaskGroup() as group:
            lanes = [group.create_task(self._serve(lane, until, waiting)) for lane in _lanes(messages)]
        await self._put_back([(each, *waiting[each.id]) for each in messages if each.id in waiting])
        if self.circuit.open:
            return False
        return len(messages) == self._batch or any(lane.result() for lane in lanes)

    async def _put_back(self, waiting: Sequence[tuple[Message, Later, datetime]]) -> None:
        # All at once, and behind one limit one after another, the first first: hundreds may wait, of which one at
        # a time has its turn. What is due together then, newcomers too, is claimed in its order again. What is of
        # an operation that has ended waits for others of those alone.
        queued: Counter[tuple[bool, tuple[str, str]]] = Counter()
        due = []
        for message, later, at in waiting:
            turns = 0.0
            if later.behind is not None:
                queue = message.operation is None or message.operation.open, later.behind
                turns = min(queued[queue] * self.pace.apart(later.behind[0]), LONGEST_QUEUE)
                queued[queue] += 1
            due.append((message, at + timedelta(seconds=turns)))
        try:
            await self._outbox.put_back(due, now=self._clock.now())
        except StoreUnavailable as error:
            logger.warning("not_put_back", extra={"what": "claims run out by themselves", "why": str(error)})

    async def _serve(self, lane: Sequence[Message], until: datetime, waiting: Waiting) -> bool:
        progress = False
        async with self._senders:
            for message in lane:
                if self.circuit.open:
                    waiting[message.id] = self._waits(0.0), self._clock.now()
                    continue
                if not self._fits(until):
                    # Another replica may claim the rest soon, and so does the next sweep.
                    return progress
                try:
                    fate = await self._or_kept(message, await self._deliver(message, until))
                    fate = await self._or_elsewhere(message, fate, until)
                    if isinstance(fate, Later) and not fate.called:
                        waiting[message.id] = fate, self._due(message, fate)
                        continue
                    await self._settle(message, fate)
                except StoreUnavailable as error:
                    # The claim runs out by itself; if a post was begun, the next one looks for it first.
                    logger.warning("outbox_unavailable", extra=_about(message, why=str(error)))
                    return progress
                except Stale:
                    logger.info("overtaken", extra=_about(message, what="somebody else was first"))
                    continue
                except Exception:
                    # The same: one message that can't be made must not keep the others from being posted.
                    logger.exception("publish_broke", extra=_about(message))
                    continue
                progress = progress or not isinstance(fate, Later)
        return progress

    async def _deliver(self, message: Message, until: datetime) -> Fate:
        match await self.links.linked(message):
            case Message(kind=MessageKind.CARD, operation=Operation() as operation):
                render = partial(self._render.card, operation, hold=message.hold, now=self._clock.now())
                if message.ts:
                    return await self._update(message, operation, render)
                return await self._post(message, operation, render, until)
            case Message(kind=MessageKind.REPLY, operation=Operation() as operation, say=say) if say:
                return await self._reply(message, operation, say, until)
            case Message(kind=MessageKind.AUDIT, operation=Operation() as operation, say=say) if say:
                render = partial(self._render.notice, operation, say)
                return await self._post(message, operation, render, until)
            case Message(kind=MessageKind.AUDIT, operation=None, say=say) if say:
                return await self._post(message, None, partial(self._render.announcement, say), until)
            case Message(kind=MessageKind.ANSWER, to=Origin() as to, answer=answer) if answer:
                return await self._tell(message, to, answer, until)
            case _:
                return GivenUp("incomplete")

    async def _reply(self, message: Message, operation: Operation, say: Say, until: datetime) -> Fate:
        if say.text.code in ASKS and (message.status != operation.status or self._is_past(say)):
            return Overtaken()
        away = message.channel != operation.place.channel
        if not away and message.thread is None:
            # It went past a card without a place. In the channel itself nobody would look for it again.
            card = await self._outbox.card_place(operation.id)
            if card is None:
                return self._rejected(message, NO_PLACE, uncertain=message.uncertain)
            message = replace(message, thread=card.thread or card.ts)
        render = partial(self._render.direct if away else self._render.reply, operation, say)
        to_all = not away and _concerns_the_channel(message, operation, say)
        return await self._post(message, operation, render, until, to_all=to_all)

    def _is_past(self, say: Say) -> bool:
        """Whether what it tells of has ended by itself meanwhile."""
        until = dict(say.detail.params).get("until") if say.detail is not None else None
        return bool(until) and datetime.fromisoformat(str(until)) <= self._clock.now()

    async def _or_kept(self, message: Message, fate: Fate) -> Fate:
        """What can't be shown is withdrawn; where that came too late, it is judged as what it has become."""
        if not isinstance(fate, GivenUp) or not fate.undeliverable:
            return fate
        fresh = await self._undeliverable(message, fate.error)
        return self._rejected(replace(message, operation=fresh), fate.error, uncertain=fate.uncertain)

    async def _or_elsewhere(self, message: Message, fate: Fate, until: datetime) -> Fate:
        """What the requester must hear and can't be told where it was asked goes to a direct message instead."""
        operation = message.operation
        if not isinstance(fate, GivenUp) or message.kind is not MessageKind.REPLY or operation is None:
            return fate
        if message.status not in MUST_BE_TOLD or message.channel != operation.place.channel:
            return fate
        if _is_in_the_way(message):
            return fate  # that it has ended since is told, and says more
        opened = await self._open(operation.requested_by, until)
        if isinstance(opened, str):
            return Elsewhere(opened, fate.error)
        may_be_back = fate.error not in THREAD_GONE and message.attempts < TRIES_TO_TELL
        if may_be_back and isinstance(opened, Rejected):
            # Nobody can be told now; when the place is back, or the requester, somebody is.
            return Later(fate.error, uncertain=fate.uncertain, wait=MAX_BACKOFF)
        if isinstance(opened, Rejected) and opened.error not in OPERATOR:
            return GivenUp(f"{fate.error}, {opened.error}")
        again = opened if isinstance(opened, Later) else self._judge_answer(OPEN, message, opened)
        # Its post was begun and refused: that it is no longer in doubt, or still is, must be recorded too.
        return replace(again, uncertain=fate.uncertain, called=True) if isinstance(again, Later) else again

    # cards and replies: exactly once

    async def _post(
        self,
        message: Message,
        operation: Operation | None,
        render: Callable[[], Words],
        until: datetime,
        *,
        to_all: bool = False,
    ) -> Fate:
        wait = self.pace.take(POST, message.channel)
        if wait:
            return self._waits(wait, uncertain=message.uncertain, behind=(POST, message.channel))
        if message.uncertain:
            found = await self._finder.find(message, in_time=lambda: self._fits(until))
            if not isinstance(found, Absent):
                return self._adopt(found, message)
        if not self._fits(until):
            # Another replica may claim it soon; two must never post the same.
            return self._waits(0.0, uncertain=message.uncertain, error="lease")
        words = render()
        hit("before_begin_post", message.kind)
        await self._outbox.begin_post(message, now=self._clock.now())
        hit("after_begin_post", message.kind)
        if not self._fits(until):
            # The database took its time. Nothing was sent, so there is nothing to look for.
            return Later("lease", uncertain=False, wait=0.0, failed=False)
        content: dict[str, Any] = {
            "channel": message.channel,
            "thread_ts": message.thread,
            "metadata": self._metadata(message, operation),
            "unfurl_links": False,
            "unfurl_media": False,
        }
        outcome = await self._send(message, POST, words, **content, reply_broadcast=to_all or None)
        if to_all and _refuses(outcome) and self._fits(until):
            # Perhaps only the channel does not take it: in the thread it must be said all the same.
            outcome = await self._send(message, POST, words, **content)
        return self._judge_post(message, outcome, version=operation.version if operation else 1)

    def _adopt(self, found: Found | Unreadable, message: Message) -> Fate:
        if isinstance(found, Found):
            # Which version it shows is not known, only that it is one: if there are more, it is updated.
            return Posted(found.ts, version=1)
        if found.wait:
            return self._waits(found.wait, uncertain=True)
        if isinstance(found.outcome, RateLimited):
            return self._limited(found.method, message, found.outcome, uncertain=True)
        if _refuses(found.outcome):
            return self._rejected(message, found.error, uncertain=True)
        # Never post blind: as long as it can't be looked for, it waits.
        return Later(_still_in_the_way(message, found.error), uncertain=True)

    def _judge_post(self, message: Message, outcome: Outcome, *, version: int) -> Fate:
        match outcome:
            case Done(data) if isinstance(data.get("ts"), str):
                return Posted(data["ts"], version=version)
            case RateLimited():
                return self._limited(POST, message, outcome, uncertain=False)
            case NotSent(error):
                return Later(_still_in_the_way(message, error), uncertain=False)
            case Rejected(error):
                return self._rejected(message, error)
            case Unknown(error):
                wait = max(SETTLE, self._backoff(message))
                return Later(_still_in_the_way(message, error), uncertain=True, wait=wait)
            case Done():
                return Later("no_ts", uncertain=True, wait=SETTLE)

    async def _update(self, message: Message, operation: Operation, render: Callable[[], Words]) -> Fate:
        wait = self.pace.take(UPDATE, message.channel)
        if wait:
            # Not rendered for that: hundreds may wait, and are looked at again and again.
            return self._waits(wait, behind=(UPDATE, ""))
        metadata = self._metadata(message, operation)
        outcome = await self._send(
            message, UPDATE, render(), channel=message.channel, ts=message.ts, metadata=metadata
        )
        match outcome:
            case Done():
                return Posted(message.ts, version=operation.version)
            case RateLimited():
                return self._limited(UPDATE, message, outcome, uncertain=False)
            case Rejected(error) if error in CARD_GONE:
                return GivenUp(error)
            case Rejected(error):
                return self._rejected(message, error)
            case NotSent(error):
                return Later(_still_in_the_way(message, error), uncertain=False)
            case Unknown(error):
                # The same update twice is one update; but an older one must not come after a newer one.
                wait = max(SETTLE, self._backoff(message))
                return Later(_still_in_the_way(message, error), uncertain=False, wait=wait)

    # answers: at least once

    async def _tell(self, message: Message, to: Origin, answer: Answer, until: datetime) -> Fate:
        # Slash commands do not work inside threads.
        mention = to.mentioned or to.place.thread is not None
        words = self._render.answer(answer, locale=await self._locale(to), mention=mention)
        for way in (self._tell_by_hook, self._tell_in_channel):
            if not self._fits(until):
                return self._waits(None, error="lease")
            fate = await way(message, to, words)
            if fate is not None:
                return fate
        return await self._tell_directly(message, to, words, until)

    async def _locale(self, to: Origin) -> str:
        try:
            async with asyncio.timeout(LOCALE_LIMIT):
                return (await self._directory.person(to.user, to.team or None)).locale
        except (DirectoryUnavailable, TimeoutError):
            return self._directory.known_locale(to.user)

    async def _tell_by_hook(self, message: Message, to: Origin, words: Words) -> Fate | None:
        if not to.response_url or self._clock.now() - message.created_at > HOOK_LIFE:
            return None
        wait = self.pace.take(HOOK, message.channel)
        if wait:
            return None
        instead = isinstance(message.answer, Tell) and message.answer.instead
        body = {"response_type": "ephemeral", "replace_original": instead, **_content(words)}
        if to.place.thread and not instead:
            # What takes another message's place is in its thread.
            body["thread_ts"] = to.place.thread
        outcome = await self._client.respond(to.response_url, body)
        match outcome:
            case Done():
                return Posted("-")
            case RateLimited(retry_after):
                self.pace.hold(HOOK, retry_after)
                return None
            case Rejected() | NotSent():
                return None  # used up, expired, not Slack's, or out of reach: there are other ways
            case Unknown(error):
                return None if message.attempts >= HOOK_ATTEMPTS else Later(error, uncertain=False)

    async def _tell_in_channel(self, message: Message, to: Origin, words: Words) -> Fate | None:
        if not to.place.channel:
            return None
        wait = self.pace.take(EPHEMERAL, to.place.channel)
        if wait:
            return self._waits(wait)
        outcome = await self._send(
            message, EPHEMERAL, words, channel=to.place.channel, user=to.user, thread_ts=to.place.thread
        )
        if _refuses(outcome):
            return None
        return self._judge_answer(EPHEMERAL, message, outcome)

    async def _tell_directly(self, message: Message, to: Origin, words: Words, until: datetime) -> Fate:
        opened = await self._open(to.user, until)
        if isinstance(opened, Later):
            return opened
        if not isinstance(opened, str):
            return self._judge_answer(OPEN, message, opened)
        if not self._fits(until):
            return self._waits(None, error="lease")
        wait = self.pace.take(POST, opened)
        if wait:
            return self._waits(wait)
        outcome = await self._send(message, POST, words, channel=opened)
        return self._judge_answer(POST, message, outcome)

    async def _open(self, user: str, until: datetime) -> str | Later | Outcome:
        """The direct conversation with somebody, or why there is none."""
        if not self._fits(until):
            return self._waits(None, error="lease")
        wait = self.pace.take(OPEN, "")
        if wait:
            return self._waits(wait)
        opened = await self._client.call(OPEN, users=user)
        if not isinstance(opened, Done):
            return opened
        channel = opened.data.get("channel")
        if not isinstance(channel, dict) or not isinstance(channel.get("id"), str):
            return Later("no_channel", uncertain=False)
        return str(channel["id"])

    def _judge_answer(self, method: str, message: Message, outcome: Outcome) -> Fate:
        match outcome:
            case Done(data):
                return Posted(str(data.get("message_ts") or data.get("ts") or "-"))
            case RateLimited():
                return self._limited(method, message, outcome, uncertain=False)
            case Rejected(error) if error in OPERATOR:
                return Later(error, uncertain=False, wait=MAX_BACKOFF)
            case Rejected(error):
                return GivenUp(error)
            case NotSent(error) | Unknown(error):
                return Later(error, uncertain=False)

    # what all have in common

    def _metadata(self, message: Message, operation: Operation | None) -> dict[str, Any]:
        if operation is None:
            return {"event_type": NOTICE_TYPE, "event_payload": {"key": message.key}}
        metadata = dict(self._render.metadata(operation.id, message.status, message.key))
        # Nobody who counts cards and replies must take the audit channel's lines for some.
        return metadata | {"event_type": AUDIT_TYPE} if message.kind is MessageKind.AUDIT else metadata

    def _waits(
        self,
        wait: float | None,
        *,
        uncertain: bool = False,
        error: str = "ratelimited",
        behind: tuple[str, str] | None = None,
    ) -> Later:
        """Nothing was tried, so nothing failed."""
        wait = 1.0 if wait is None else wait
        return Later(error, uncertain=uncertain, wait=wait, failed=False, called=False, behind=behind)

    def _fits(self, until: datetime) -> bool:
        return self._clock.now() + self._room <= until

    async def _send(self, message: Message, method: str, words: Words, **args: Any) -> Outcome:
        outcome = await self._client.call(method, **args, **_content(words))
        if isinstance(outcome, Rejected) and outcome.error in TOO_RICH:
            logger.warning("plain_text", extra=_about(message, error=outcome.error))
            plain = words.text[:MAX_PLAIN]
            # An update without blocks would keep the old ones.
            return await self._client.call(method, **args, text=plain, blocks=[])
        return outcome

    def _limited(self, method: str, message: Message, outcome: RateLimited, *, uncertain: bool) -> Later:
        self.pace.hold(method, outcome.retry_after)
        # What was in the way before it still is: a word that is heard again after a limit is no new one.
        error = message.last_error or "ratelimited"
        return Later(error, uncertain=uncertain, wait=outcome.retry_after, failed=False)

    def _rejected(self, message: Message, error: str, *, uncertain: bool = False) -> Fate:
        if error in OPERATOR:
            return Later(error, uncertain=uncertain, wait=MAX_BACKOFF)
        if message.kind is MessageKind.AUDIT:
            return Later(error, uncertain=uncertain, wait=AUDIT_PAUSE)
        if _only_renewed(message):
            # Nothing has happened to it: that its place is gone just now takes nothing away from it. Nor does it
            # count as a try at what happens next, which is due at once.
            return Later(error, uncertain=uncertain, wait=MAX_BACKOFF, failed=False)
        why = NO_PLACE if _is_in_the_way(message) else error
        place_gone = error in PLACE_GONE or _is_refused_for_good(message, error)
        if place_gone and _waits_for_its_place(message, uncertain=uncertain):
            return Later(why, uncertain=uncertain, wait=MAX_BACKOFF)
        if place_gone and self._may_still_be_seen(message, uncertain=uncertain):
            return Later(NO_PLACE, uncertain=uncertain, wait=AUDIT_PAUSE)
        if place_gone or error in THREAD_GONE | {NO_PLACE}:
            return GivenUp(error, undeliverable=message.kind is MessageKind.CARD, uncertain=uncertain)
        return Later(error, uncertain=uncertain, anew=not _was_heard_last(message, error))

    def _may_still_be_seen(self, message: Message, *, uncertain: bool) -> bool:
        """Whether a card shows what has ended lately as it was before, to whoever opens its place again."""
        operation = message.operation
        if message.kind is not MessageKind.CARD or operation is None or operation.ended_at is None:
            return False
        return bool(message.ts or uncertain) and self._clock.now() - operation.ended_at < REOPENED_WITHIN

    def _backoff(self, message: Message) -> float:
        longest = min(MAX_BACKOFF, 2.0 ** min(message.attempts, 6))
        return longest * (0.5 + self._random() / 2)

    def _due(self, message: Message, later: Later) -> datetime:
        wait = self._backoff(message) if later.wait is None else later.wait
        return self._clock.now() + timedelta(seconds=wait)

    async def _settle(self, message: Message, fate: Fate) -> None:
        now = self._clock.now()
        match fate:
            case Posted(ts, version):
                told = "update" if message.kind is MessageKind.CARD and message.ts else message.kind
                hit("before_told", told)
                await self._outbox.posted(message, ts=ts, version=version, now=now)
                hit("after_told", told)
                if message.say is not None and message.say.text.code in PROVIDER_FINISHED:
                    self._told((now - message.created_at).total_seconds())
            case Later(error, uncertain, _, failed, anew):
                due_at, attempts = self._due(message, fate), 1 if anew else message.attempts + int(failed)
                await self._outbox.retry(
                    message, due_at=due_at, uncertain=uncertain, error=error, attempts=attempts
                )
            case Elsewhere(channel, error):
                logger.warning("told_directly", extra=_about(message, error=error))
                await self._outbox.move(message, channel=channel, now=now)
            case Overtaken():
                logger.info("overtaken", extra=_about(message, what="it is too late to be said"))
                await self._outbox.give_up(message, error="overtaken", now=now)
            case GivenUp(error):
                logger.warning("undeliverable", extra=_about(message, error=error))
                await self._outbox.give_up(message, error=error, now=now)


def _was_sent(message: Message) -> bool:
    return message.operation is not None and bool(message.operation.submissions)


def _is_in_the_way(message: Message) -> bool:
    """Whether people would not hear what they must, because of what nobody can see.

    That is a card that was never posted, for which replies wait, and a milestone of before.
    """
    status = message.operation.status if message.operation else None
    if status not in MUST_BE_TOLD:
        return False
    return not message.ts if message.kind is MessageKind.CARD else message.status != status


def _is_refused_for_good(message: Message, error: str) -> bool:
    """Whether a word that is in no list here was heard so often that its place is as good as gone.

    Slack has words for that which we don't know; whoever waited on would hold up all that comes after.
    """
    overtaken = message.kind is MessageKind.REPLY and _is_in_the_way(message)
    enough = REJECTIONS_IN_THE_WAY if overtaken else MAX_REJECTIONS
    return error not in THREAD_GONE and _was_heard_last(message, error) and message.attempts >= enough


def _was_heard_last(message: Message, error: str) -> bool:
    """Whether this word is what the message was put back for; an outage before it says nothing of its place."""
    return message.last_error in {error, NO_PLACE}


def _still_in_the_way(message: Message, error: str) -> str:
    """What a try leaves in the way that Slack did not judge: a place that was as good as gone is not back for that."""
    return NO_PLACE if message.last_error == NO_PLACE else error


def _only_renewed(message: Message) -> bool:
    """Whether it is a card whose operation waits and is as it shows: what holds it has come or gone."""
    operation = message.operation
    return (
        message.kind is MessageKind.CARD
        and operation is not None
        and operation.open
        and message.posted_version >= operation.version
    )


def _waits_for_its_place(message: Message, *, uncertain: bool) -> bool:
    """Whether a message waits where nothing can be said for now: the bot may be invited again.

    What can't be withdrawn any more is told there as it goes on. What may have been posted there is not said once
    more elsewhere: that can't be looked up.
    """
    operation = message.operation
    if operation is None:
        return False
    if message.kind is MessageKind.CARD:
        return operation.open and _was_sent(message)
    if _is_in_the_way(message):
        return False
    return uncertain or (_was_sent(message) and operation.status not in MUST_BE_TOLD)


def _concerns_the_channel(message: Message, operation: Operation, say: Say) -> bool:
    """Whether the channel hears what is said in the thread of an incident, and it is still so.

    A card that stands in the channel itself shows it there.
    """
    in_a_thread = message.thread is not None and operation.place.thread is not None
    return in_a_thread and say.aloud and (message.status in ENDS or operation.open)


def _refuses(outcome: Outcome | None) -> bool:
    """Whether Slack does not take this message; not that it takes none before somebody has mended something."""
    return isinstance(outcome, Rejected) and outcome.error not in OPERATOR


def _about(message: Message, **more: str) -> dict[str, str]:
    return ({"operation": message.operation.id} if message.operation else {}) | more


def _content(words: Words) -> dict[str, Any]:
    content: dict[str, Any] = {"text": words.text}
    if words.blocks:
        content["blocks"] = [dict(block) for block in words.blocks]
    return content


def _lanes(messages: Iterable[Message]) -> Sequence[Sequence[Message]]:
    lanes: dict[str, list[Message]] = {}
    for message in messages:
        lanes.setdefault(message.channel, []).append(message)
    return list(lanes.values())
