"""The only caller of posting methods: brings Slack to what the outbox says, each card and reply exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.core.answers import Answer
from bot.core.commands import Origin
from bot.core.operation import Operation
from bot.errors import DirectoryUnavailable, StoreUnavailable
from bot.failpoints import hit
from bot.ports import Clock, Message, MessageKind, Outbox
from handlers.directory import SlackDirectory
from handlers.finder import Absent, Finder, Found, Unreadable
from handlers.pace import POST, UPDATE, Pace
from handlers.rendering import Renderer, Words
from handlers.slack_client import Done, NotSent, Outcome, RateLimited, Rejected, SlackClient, Unknown

logger = logging.getLogger(__name__)

EPHEMERAL = "chat.postEphemeral"
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
MAX_REJECTIONS = 10
SETTLE = 3.0  # before looking for a post whose answer was lost: it may still be on its way
HOOK_LIFE = timedelta(minutes=29)
HOOK_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Posted:
    """It is there. ``version``: what a card shows."""

    ts: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class Later:
    """Not now. ``wait`` None: as long as it failed often; ``uncertain``: it may have been posted."""

    error: str
    uncertain: bool
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Never. ``undeliverable``: the operation can't be shown where it was asked."""

    error: str
    undeliverable: bool = False


Fate = Posted | Later | GivenUp

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
            its channel, with Slack's word for why; may be told twice.
        told: Is told the seconds from learning that the provider has finished to the thread being told.
        lease: For how long claimed messages are out of sight of other replicas; nothing is posted that
            could outlast it, so it must leave room for some calls.
        batch: How many messages are claimed at once.
        senders: How many channels are served at once.
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
        undeliverable: Callable[[Message, str], Awaitable[None]],
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
        self._finder = Finder(client, directory.identity)
        self._render = render
        self._clock = clock
        self._random = random
        self._undeliverable = undeliverable
        self._told = told
        self._lease = lease
        self._batch = batch
        self._senders = asyncio.Semaphore(senders)
        self._pace = Pace(clock)

    async def sweep(self) -> bool:
        """Claims what is due and posts it, one channel after its own order, channels side by side.

        Never waits for Slack's limits: what must wait is put back with the time it is due. Nothing runs on
        when this returns. Returns whether another sweep would find something to do at once.

        Raises:
            StoreUnavailable: Nothing could be claimed.
        """
        now = self._clock.now()
        until = now + self._lease
        messages = await self._outbox.claim_messages(now, until, self._batch)
        async with asyncio.TaskGroup() as group:
            lanes = [group.create_task(self._serve(lane, until)) for lane in _lanes(messages)]
        return len(messages) == self._batch or any(lane.result() for lane in lanes)

    async def _serve(self, lane: Sequence[Message], until: datetime) -> bool:
        progress = False
        async with self._senders:
            for message in lane:
                if not self._fits(until):
                    # Another replica may claim the rest soon, and so does the next sweep.
                    return progress
                try:
                    fate = await self._deliver(message, until)
                    await self._settle(message, fate)
                except StoreUnavailable:
                    # The claim runs out by itself; if a post was begun, the next one looks for it first.
                    logger.exception(
                        "the outbox can't be written", extra=_logged("outbox_unavailable", message)
                    )
                    return progress
                except Exception:
                    # The same: one message that can't be made must not keep the others from being posted.
                    logger.exception(
                        "a message broke its publisher", extra=_logged("publish_failed", message)
                    )
                    continue
                progress = progress or not isinstance(fate, Later)
        return progress

    async def _deliver(self, message: Message, until: datetime) -> Fate:
        match message:
            case Message(kind=MessageKind.CARD, operation=Operation() as operation):
                words = self._render.card(operation, now=self._clock.now())
                if message.ts:
                    return await self._update(message, operation, words)
                return await self._post(message, operation, words, until)
            case Message(kind=MessageKind.REPLY, operation=Operation() as operation, say=say) if say:
                return await self._post(message, operation, self._render.reply(operation, say), until)
            case Message(kind=MessageKind.ANSWER, to=Origin() as to, answer=answer) if answer:
                return await self._tell(message, to, answer, until)
            case _:
                return GivenUp("incomplete")

    # cards and replies: exactly once

    async def _post(self, message: Message, operation: Operation, words: Words, until: datetime) -> Fate:
        wait = self._pace.take(POST, message.channel)
        if wait:
            return Later("ratelimited", uncertain=message.uncertain, wait=wait)
        if message.uncertain:
            found = await self._finder.find(message, in_time=lambda: self._fits(until))
            if not isinstance(found, Absent):
                return self._adopt(found, message)
        if not self._fits(until):
            # Another replica may claim it soon; two must never post the same.
            return Later("lease", uncertain=message.uncertain, wait=0.0)
        hit("before_begin_post", message.kind)
        await self._outbox.begin_post(message.id)
        hit("after_begin_post", message.kind)
        outcome = await self._send(
            message,
            POST,
            words,
            channel=message.channel,
            thread_ts=message.thread,
            metadata=dict(self._render.metadata(operation.id, message.status, message.key)),
            unfurl_links=False,
            unfurl_media=False,
        )
        return self._judge_post(message, operation, outcome)

    def _adopt(self, found: Found | Unreadable, message: Message) -> Fate:
        if isinstance(found, Found):
            # Which version it shows is not known, only that it is one: if there are more, it is updated.
            return Posted(found.ts, version=1)
        if isinstance(found.outcome, RateLimited):
            return self._limited(found.method, found.outcome, uncertain=True)
        if found.error in PLACE_GONE | THREAD_GONE:
            return self._no_place(message, found.error, uncertain=True)
        # Never post blind: as long as it can't be looked for, it waits.
        return Later(found.error, uncertain=True)

    def _judge_post(self, message: Message, operation: Operation, outcome: Outcome) -> Fate:
        match outcome:
            case Done(data) if isinstance(data.get("ts"), str):
                return Posted(data["ts"], version=operation.version)
            case RateLimited():
                return self._limited(POST, outcome, uncertain=False)
            case NotSent(error):
                return Later(error, uncertain=False)
            case Rejected(error):
                return self._rejected(message, error)
            case Unknown(error):
                return Later(error, uncertain=True, wait=max(SETTLE, self._backoff(message)))
            case Done():
                return Later("no_ts", uncertain=True, wait=SETTLE)

    async def _update(self, message: Message, operation: Operation, words: Words) -> Fate:
        wait = self._pace.take(UPDATE, message.channel)
        if wait:
            return Later("ratelimited", uncertain=False, wait=wait)
        metadata = dict(self._render.metadata(operation.id, message.status, message.key))
        outcome = await self._send(
            message, UPDATE, words, channel=message.channel, ts=message.ts, metadata=metadata
        )
        match outcome:
            case Done():
                return Posted(message.ts, version=operation.version)
            case RateLimited():
                return self._limited(UPDATE, outcome, uncertain=False)
            case Rejected(error) if error in CARD_GONE:
                return GivenUp(error)
            case Rejected(error):
                return self._rejected(message, error)
            case NotSent(error) | Unknown(error):
                # The same update twice is one update.
                return Later(error, uncertain=False)

    # answers: at least once

    async def _tell(self, message: Message, to: Origin, answer: Answer, until: datetime) -> Fate:
        words = self._render.answer(answer, locale=await self._locale(to))
        for way in (self._tell_by_hook, self._tell_in_channel):
            if not self._fits(until):
                return Later("lease", uncertain=False)
            fate = await way(message, to, words)
            if fate is not None:
                return fate
        return await self._tell_directly(message, to, words, until)

    async def _locale(self, to: Origin) -> str:
        try:
            return (await self._directory.person(to.user, to.team or None)).locale
        except DirectoryUnavailable:
            return "en"

    async def _tell_by_hook(self, message: Message, to: Origin, words: Words) -> Fate | None:
        if not to.response_url or self._clock.now() - message.created_at > HOOK_LIFE:
            return None
        wait = self._pace.take(HOOK, message.channel)
        if wait:
            return None
        body = {"response_type": "ephemeral", "replace_original": False, **_content(words)}
        if to.place.thread:
            body["thread_ts"] = to.place.thread
        outcome = await self._client.respond(to.response_url, body)
        match outcome:
            case Done():
                return Posted("-")
            case RateLimited(retry_after):
                self._pace.hold(HOOK, retry_after)
                return None
            case Rejected() | NotSent():
                return None  # used up, expired, not Slack's, or out of reach: there are other ways
            case Unknown(error):
                return None if message.attempts >= HOOK_ATTEMPTS else Later(error, uncertain=False)

    async def _tell_in_channel(self, message: Message, to: Origin, words: Words) -> Fate | None:
        if not to.place.channel:
            return None
        wait = self._pace.take(EPHEMERAL, to.place.channel)
        if wait:
            return Later("ratelimited", uncertain=False, wait=wait)
        outcome = await self._send(
            message, EPHEMERAL, words, channel=to.place.channel, user=to.user, thread_ts=to.place.thread
        )
        if isinstance(outcome, Rejected) and outcome.error not in OPERATOR:
            return None
        return self._judge_answer(EPHEMERAL, message, outcome)

    async def _tell_directly(self, message: Message, to: Origin, words: Words, until: datetime) -> Fate:
        if not self._fits(until):
            return Later("lease", uncertain=False)
        opened = await self._client.call("conversations.open", users=to.user)
        if not isinstance(opened, Done):
            return self._judge_answer("conversations.open", message, opened)
        channel = opened.data.get("channel")
        if not isinstance(channel, dict) or not isinstance(channel.get("id"), str):
            return Later("no_channel", uncertain=False)
        if not self._fits(until):
            return Later("lease", uncertain=False)
        wait = self._pace.take(POST, channel["id"])
        if wait:
            return Later("ratelimited", uncertain=False, wait=wait)
        outcome = await self._send(message, POST, words, channel=channel["id"])
        return self._judge_answer(POST, message, outcome)

    def _judge_answer(self, method: str, message: Message, outcome: Outcome) -> Fate:
        match outcome:
            case Done(data):
                return Posted(str(data.get("message_ts") or data.get("ts") or "-"))
            case RateLimited():
                return self._limited(method, outcome, uncertain=False)
            case Rejected(error) if error in OPERATOR:
                return Later(error, uncertain=False, wait=MAX_BACKOFF)
            case Rejected(error):
                return GivenUp(error)
            case NotSent(error) | Unknown(error):
                return Later(error, uncertain=False)

    # what all have in common

    def _fits(self, until: datetime) -> bool:
        return self._clock.now() + self._room <= until

    async def _send(self, message: Message, method: str, words: Words, **args: Any) -> Outcome:
        outcome = await self._client.call(method, **args, **_content(words))
        if isinstance(outcome, Rejected) and outcome.error in TOO_RICH:
            logger.warning("sent as plain text", extra=_logged("plain_text", message, error=outcome.error))
            plain = words.text[:MAX_PLAIN]
            # An update without blocks would keep the old ones.
            return await self._client.call(method, **args, text=plain, blocks=[])
        return outcome

    def _limited(self, method: str, outcome: RateLimited, *, uncertain: bool) -> Later:
        self._pace.hold(method, outcome.retry_after)
        return Later("ratelimited", uncertain=uncertain, wait=outcome.retry_after)

    def _rejected(self, message: Message, error: str) -> Fate:
        if error in PLACE_GONE | THREAD_GONE:
            return self._no_place(message, error, uncertain=False)
        if error in OPERATOR:
            return Later(error, uncertain=False, wait=MAX_BACKOFF)
        if message.attempts >= MAX_REJECTIONS and not _was_sent(message):
            return GivenUp(error, undeliverable=message.kind is MessageKind.CARD)
        return Later(error, uncertain=False)

    def _no_place(self, message: Message, error: str, *, uncertain: bool) -> Fate:
        if _was_sent(message) and error in PLACE_GONE:
            # It can't be withdrawn any more, so people must learn how it ends: the bot may be invited again.
            return Later(error, uncertain=uncertain, wait=MAX_BACKOFF)
        return GivenUp(error, undeliverable=message.kind is MessageKind.CARD)

    def _backoff(self, message: Message) -> float:
        longest = min(MAX_BACKOFF, 2.0 ** min(message.attempts, 6))
        return longest * (0.5 + self._random() / 2)

    async def _settle(self, message: Message, fate: Fate) -> None:
        now = self._clock.now()
        match fate:
            case Posted(ts, version):
                told = "update" if message.kind is MessageKind.CARD and message.ts else message.kind
                hit("before_told", told)
                await self._outbox.posted(message.id, ts=ts, version=version, now=now)
                hit("after_told", told)
                if message.say is not None and message.say.text.code in PROVIDER_FINISHED:
                    self._told((now - message.created_at).total_seconds())
            case Later(error, uncertain, wait):
                due_at = now + timedelta(seconds=self._backoff(message) if wait is None else wait)
                await self._outbox.retry(message.id, due_at=due_at, uncertain=uncertain, error=error)
            case GivenUp(error, undeliverable):
                logger.warning("a message can't be delivered", extra=_logged("gave_up", message, error=error))
                if undeliverable:
                    await self._undeliverable(message, error)
                await self._outbox.give_up(message.id, error=error, now=now)


def _was_sent(message: Message) -> bool:
    return message.operation is not None and bool(message.operation.submissions)


def _logged(action: str, message: Message, **more: str) -> dict[str, str]:
    of = {"operation": message.operation.id} if message.operation else {}
    return {"action": action, **of, **more}


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
