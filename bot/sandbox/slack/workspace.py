"""The state of a simulated workspace: one object that people, the Web API and the deliveries act on."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from bot.sandbox.slack.faults import CallRecord, Faults
from bot.sandbox.slack.limits import RateLimits
from bot.sandbox.slack.model import (
    Change,
    ChangeKind,
    Channel,
    Group,
    Json,
    Message,
    ResponseUrl,
    SlackError,
    Trigger,
    User,
    View,
)
from bot.sandbox.slack.sockets import Sockets

T = TypeVar("T")

SLACKBOT = "USLACKBOT"
SCOPES = frozenset(
    {
        "commands",
        "chat:write",
        "app_mentions:read",
        "users:read",
        "usergroups:read",
        "channels:read",
        "groups:read",
        "im:read",
        "im:write",
        "channels:history",
        "groups:history",
        "im:history",
    }
)


class Workspace:
    """A Slack workspace with one app installed.

    Everything is plain state: add people and channels, change their attributes, read messages. Every visible
    change is told to ``on_change`` callbacks, to ``changes()`` and to ``wait_for``.

    Args:
        clock: The wall clock, aware.
        team_id: The installing team.
        team_domain: What stands before ``.slack.com``.
        scopes: What the bot's token was granted; change the set to take some away.
        rate_limited: Whether Slack's rate tiers apply.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        team_id: str = "T0SANDBOX",
        team_domain: str = "sandbox",
        scopes: Iterable[str] = SCOPES,
        rate_limited: bool = True,
    ) -> None:
        self.clock = clock
        self.team_id = team_id
        self.team_domain = team_domain
        self.app_id = "A0SWITCHOVER"
        self.bot_user = "U0SWITCHBOT"
        self.bot_id = "B0SWITCHBOT"
        self.token = "xoxb-sandbox-token"
        self.signing_secret = "sandbox-signing-secret"
        self.app_token = "xapp-sandbox-token"
        self.sockets = Sockets()
        self.url = ""  # where the Web API is served; response URLs are built on it
        self.scopes = set(scopes)
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.channels: dict[str, Channel] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.calls: list[CallRecord] = []
        self.limits = RateLimits(clock, enabled=rate_limited)
        self.faults = Faults()
        self._versions: dict[tuple[str, str], list[Message]] = {}
        self._subscribers: list[Callable[[Change], None]] = []
        self._changed = asyncio.Event()
        self._counter = 0
        self._last_ts = (0, 0)
        self.add_user("switchover", id=self.bot_user, real_name="Switchover", is_bot=True)
        self.add_user("slackbot", id=SLACKBOT, real_name="Slackbot")  # Slack says is_bot: false of it

    # People and places

    def add_user(self, name: str, *, id: str = "", real_name: str = "", **attributes: Any) -> User:  # noqa: A002
        """Adds somebody; the id is made from the name unless given. ``attributes`` are those of ``User``."""
        attributes.setdefault("team_id", self.team_id)
        user = User(
            id=id or f"U0{_letters(name)}", name=name, real_name=real_name or name.title(), **attributes
        )
        self.users[user.id] = user
        return user

    def add_group(self, handle: str, members: Iterable[User | str], *, id: str = "") -> Group:  # noqa: A002
        """Adds a user group."""
        group = Group(id or f"S0{_letters(handle)}", handle, handle, [_id(member) for member in members])
        self.groups[group.id] = group
        return group

    def add_channel(
        self,
        name: str,
        members: Iterable[User | str],
        *,
        id: str = "",  # noqa: A002
        bot: bool = True,
        **attributes: Any,
    ) -> Channel:
        """Adds a channel, with the bot in it unless told otherwise."""
        channel = Channel(
            id or f"C0{_letters(name)}", name, {_id(member) for member in members}, **attributes
        )
        if bot:
            channel.members.add(self.bot_user)
        self.channels[channel.id] = channel
        return channel

    def direct_channel(self, user_id: str) -> Channel:
        """The direct conversation of the bot with somebody, made when there is none."""
        for channel in self.channels.values():
            if channel.im_with == user_id:
                return channel
        channel = Channel(f"D0{user_id[1:]}", "directmessage", {user_id, self.bot_user}, im_with=user_id)
        self.channels[channel.id] = channel
        return channel

    def user(self, who: User | str) -> User:
        """Somebody by id or name.

        Raises:
            SlackError: ``user_not_found``.
        """
        if isinstance(who, User):
            return who
        found = self.users.get(who) or next((user for user in self.users.values() if user.name == who), None)
        if found is None:
            raise SlackError("user_not_found")
        return found

    def channel(self, which: Channel | str) -> Channel:
        """A channel by id, name or #name.

        Raises:
            SlackError: ``channel_not_found``.
        """
        if isinstance(which, Channel):
            return which
        name = which.removeprefix("#")
        found = self.channels.get(which) or next(
            (channel for channel in self.channels.values() if channel.name == name and not channel.im_with),
            None,
        )
        if found is None:
            raise SlackError("channel_not_found")
        return found

    # Messages

    def post(self, channel: Channel | str, user: User | str, text: str, **attributes: Any) -> Message:
        """Somebody says something; ``attributes`` are those of ``Message``. The app is not told."""
        place, author = self.channel(channel), self.user(user)
        message = Message(place.id, self.next_ts(), author.id, text, **attributes)
        self._versions[place.id, message.ts] = [message]
        self._tell(Change(ChangeKind.POSTED, self.clock(), message))
        return message

    def edit(self, message: Message, **changes: Any) -> Message:
        """Replaces a message by one that differs in ``changes``."""
        before = self._versions[message.channel, message.ts][-1]
        after = replace(before, **changes)
        self._versions[message.channel, message.ts].append(after)
        self._tell(Change(ChangeKind.UPDATED, self.clock(), after, before))
        return after

    def delete(self, message: Message) -> None:
        """Deletes a message; replies of a deleted parent stay behind a tombstone."""
        before = self._versions[message.channel, message.ts][-1]
        after = replace(before, deleted=True, text="", blocks=(), metadata=None)
        self._versions[message.channel, message.ts].append(after)
        self._tell(Change(ChangeKind.DELETED, self.clock(), after, before))

    def find(self, channel: Channel | str, ts: str, *, ephemeral_to: str = "") -> Message | None:
        """The message as it is now, None where there is none or it was deleted."""
        versions = self._versions.get((self.channel(channel).id, ts))
        if not versions or versions[-1].deleted or versions[-1].ephemeral_to != ephemeral_to:
            return None
        return versions[-1]

    def versions(self, message: Message) -> tuple[Message, ...]:
        """Everything that this message has ever looked like, the first post first."""
        return tuple(self._versions[message.channel, message.ts])

    def messages(self, channel: Channel | str | None = None, *, tombstones: bool = False) -> list[Message]:
        """What everybody sees, oldest first; thread replies included.

        Args:
            channel: Only there; None for everywhere.
            tombstones: Deleted parents that still have replies too.
        """
        where = self.channel(channel).id if channel is not None else None
        found = [
            versions[-1]
            for (place, _), versions in self._versions.items()
            if where in (None, place) and not versions[-1].ephemeral_to
        ]
        parents = {message.thread_ts for message in found if not message.deleted}
        kept = [m for m in found if not m.deleted or (tombstones and not m.is_reply and m.ts in parents)]
        return sorted(kept, key=lambda message: message.ts)

    def thread(self, parent: Message) -> list[Message]:
        """The replies of a thread, oldest first; ``parent`` may be any message of it."""
        root = parent.thread_ts or parent.ts
        return [m for m in self.messages(parent.channel) if m.is_reply and m.thread_ts == root]

    def ephemerals(self, user: User | str) -> list[Message]:
        """What only this person sees, oldest first."""
        who = self.user(user).id
        last = (versions[-1] for versions in self._versions.values())
        return sorted((m for m in last if m.ephemeral_to == who and not m.deleted), key=lambda m: m.ts)

    def with_metadata(self, event_type: str = "", **payload: Any) -> list[Message]:
        """Messages whose metadata has this type (any, if "") and at least this payload, oldest first.

        ``with_metadata("switchover_operation", operation="SW-7K3M9Q")[0]`` is the card of an operation, the
        rest are its replies.
        """
        return [message for message in self.messages() if _matches(message.metadata, event_type, payload)]

    def card(self, operation: str) -> Message | None:
        """The first message posted about an operation, as it is now."""
        return next(iter(self.with_metadata(operation=operation)), None)

    def permalink(self, message: Message) -> str:
        """The address of a message, as chat.getPermalink words it."""
        link = (
            f"https://{self.team_domain}.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"
        )
        return link + f"?thread_ts={message.thread_ts}&cid={message.channel}" if message.is_reply else link

    def next_ts(self) -> str:
        """A message's ``ts``: the second it was sent in and a counter; unique and increasing.

        A clock that goes back does not take it back: Slack's own never does.
        """
        now = int(self.clock().timestamp())
        second, counter = self._last_ts
        self._last_ts = (now, 100) if now > second else (second, counter + 100)
        return f"{self._last_ts[0]}.{self._last_ts[1]:06d}"

    # Views

    def save_view(self, kind: ChangeKind, view: View) -> View:
        """Keeps a view as it is now; a Home tab under its reader, a modal under its id."""
        self.views[view.id] = view
        if view.payload.get("type") == "home":
            self.homes[view.user] = view
        self._tell(Change(kind, self.clock(), view=view))
        return view

    def modal(self, user: User | str) -> View | None:
        """The modal that this person has in front of them."""
        who = self.user(user).id
        open_now = [
            view
            for view in self.views.values()
            if view.open and view.user == who and view.payload.get("type") == "modal"
        ]
        return open_now[-1] if open_now else None

    # What interactions carry

    def new_id(self, prefix: str) -> str:
        """A fresh id, the same in every run."""
        self._counter += 1
        return _numbered(prefix, self._counter)

    def new_trigger(self, user: User | str) -> str:
        """A ``trigger_id`` for this person."""
        self._counter += 1
        trigger = f"{self._counter}.{self._counter + 1000}.{self.new_id('x').lower()}"
        self.triggers[trigger] = Trigger(self.user(user).id, self.clock())
        return trigger

    def new_response_url(self, channel: str, user: str, source: Message | None = None) -> str:
        """The address of a fresh ``response_url``."""
        made = ResponseUrl(self.new_id("R"), channel, user, self.clock(), source)
        self.response_urls[made.id] = made
        return f"{self.url}/respond/{made.id}"

    # Following along

    @contextlib.contextmanager
    def on_change(self, callback: Callable[[Change], None]) -> Iterator[None]:
        """Calls ``callback`` with every change inside the block, in order, at once."""
        self._subscribers.append(callback)
        try:
            yield
        finally:
            self._subscribers.remove(callback)

    async def changes(self) -> AsyncGenerator[Change, None]:
        """Every change from the first ``anext`` on, without an end."""
        queue: asyncio.Queue[Change] = asyncio.Queue()
        with self.on_change(queue.put_nowait):
            while True:
                yield await queue.get()

    async def wait_for(self, found: Callable[[], T | None], *, timeout: float = 10.0) -> T:  # noqa: ASYNC109
        """The first truthy result of ``found()``, which is asked again after every change and call.

        Args:
            found: Looks at the workspace; must not change it.
            timeout: In seconds of the event loop's clock.

        Raises:
            TimeoutError: It did not happen; the message lists what was last seen.
        """
        try:
            async with asyncio.timeout(timeout):
                while not (result := found()):
                    await self._changed.wait()
                return result
        except TimeoutError as error:
            raise TimeoutError(f"not seen within {timeout} s; {self._last_seen()}") from error

    def record(self, call: CallRecord) -> None:
        """Notes a Web API call and wakes ``wait_for``."""
        self.calls.append(call)
        self._wake()

    def calls_of(self, method: str) -> list[CallRecord]:
        """The calls of one method, oldest first."""
        return [call for call in self.calls if call.method == method]

    def _tell(self, change: Change) -> None:
        for callback in list(self._subscribers):
            callback(change)
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _last_seen(self) -> str:
        messages = [f"{m.user}: {m.text!r}" for m in self.messages()[-5:]]
        calls = [f"{call.method} {call.outcome}" for call in self.calls[-5:]]
        return f"last messages: {messages}; last calls: {calls}"


@lru_cache(maxsize=4096)
def _numbered(prefix: str, number: int) -> str:
    digest = hashlib.sha256(f"{prefix}{number}".encode()).hexdigest()
    return f"{prefix}0{digest[:9].upper()}"


def _letters(name: str) -> str:
    return "".join(char for char in name.upper() if char.isascii() and char.isalnum())[:9]


def _id(who: User | str) -> str:
    return who.id if isinstance(who, User) else who


def _matches(metadata: Mapping[str, Any] | None, event_type: str, payload: Json) -> bool:
    if metadata is None or (event_type and metadata.get("event_type") != event_type):
        return False
    held = metadata.get("event_payload", {})
    return all(held.get(key) == value for key, value in payload.items())
