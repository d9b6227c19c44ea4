"""What people do on the page: each is one thing that Slack, a cloud's console or a shell would let them do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.sandbox.faults import ANY, ANY_SUBMISSION, Fault
from bot.sandbox.page.cloud_pictures import ONE_SHOTS, OUTAGE, OUTCOMES, outcome_of
from bot.sandbox.page.mrkdwn import as_sent
from bot.sandbox.page.people import cast
from bot.sandbox.page.sandbox import Json, Sandbox
from bot.sandbox.slack import Impossible, Message, Receipt, User, View
from bot.sandbox.stack import operation_of

LOCALES = frozenset({"en-US", "zh-CN"})
MOST_TYPED = 4000
COMMAND = "/switchover"
APPROVE = "approve"
PROMPTLY = 0.5


class BadAction(Exception):
    """What the page sent is not an action: the page itself is wrong, not whoever uses it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One action of one person.

    Attributes:
        who: The person.
        body: What the page sent along.
    """

    who: User
    body: Mapping[str, Any]

    def text(self, name: str, default: str | None = None) -> str:
        """A string of the body."""
        value = self.body.get(name, default)
        if not isinstance(value, str) or len(value) > MOST_TYPED:
            raise BadAction(f"{name} must be a short string")
        return value

    def flag(self, name: str) -> bool:
        """A truth value of the body."""
        value = self.body.get(name)
        if not isinstance(value, bool):
            raise BadAction(f"{name} must be true or false")
        return value

    def values(self) -> dict[str, Any]:
        """What was filled into a modal, by block."""
        value = self.body.get("values")
        if not isinstance(value, dict):
            raise BadAction("values must be an object")
        return value


class Actions:
    """Does them, on one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._background: set[asyncio.Task[Receipt]] = set()
        self._known: Mapping[str, Callable[[Asked], Awaitable[Json]]] = {
            "say": self._say,
            "click": self._click,
            "choose": self._choose,
            "options": self._options,
            "submit": self._submit,
            "close": self._close,
            "shortcut": self._shortcut,
            "home": self._home,
            "locale": self._locale,
            "fault": self._fault,
            "failover": self._failover,
            "health": self._health,
            "slack": self._slack_outage,
            "bot": self._bot,
            "reset": self._reset,
        }

    async def do(self, name: str, viewer: str, body: Mapping[str, Any]) -> Json:
        """Does one action and says what came of it.

        Raises:
            BadAction: There is no such action, or it lacks something.
            Impossible: This person can't do that; the message says why.
            NotReady: The world is just being built.
        """
        action = self._known.get(name)
        if action is None:
            raise BadAction(f"there is no action {name}")
        people = {user.id: user for user in cast(self._sandbox.world.demo).values()}
        if viewer not in people:
            raise BadAction("nobody of the cast")
        done = await action(Asked(people[viewer], body))
        self._sandbox.wake()
        return done

    # Slack

    async def _say(self, asked: Asked) -> Json:
        slack, space = self._sandbox.world.slack, self._sandbox.world.demo.workspace
        typed, thread = asked.text("text").strip(), self._thread(asked)
        channel = space.channels.get(asked.text("channel"))
        if channel is None or not typed:
            raise BadAction("nothing is said, or nowhere")
        people = {user.name.casefold(): user.id for user in space.users.values()}
        channels = {one.name.casefold(): one.id for one in space.channels.values() if not one.im_with}
        text = as_sent(typed, people, channels)
        if typed.startswith("/"):
            if thread is not None:
                raise Impossible("slash commands can't be used in threads; mention @switchover instead")
            name, _, rest = text.partition(" ")
            if name != COMMAND:
                raise Impossible(f"{typed.split()[0]} is not a valid command")
            return await self._delivered("slash command", slack.command(asked.who, channel, rest.strip()))
        if channel.im_with:
            raise Impossible("sending messages to this app has been turned off")
        said = slack.say(asked.who, channel, text, thread=thread)
        return await self._event("mention", slack.heard(said)) if slack.mentions_bot(text) else {}

    def _thread(self, asked: Asked) -> Message | None:
        key = asked.text("thread", "")
        return self._message(asked, key) if key else None

    async def _click(self, asked: Asked) -> Json:
        value = asked.text("value") if "value" in asked.body else None
        where, action = self._where(asked), asked.text("action_id")
        click = self._sandbox.world.slack.click(asked.who, where, action, value=value)
        done = await self._delivered("click", click)
        if action == APPROVE and isinstance(where, Message):
            self._sandbox.pressed_approve(operation_of(where), asked.who)
        return done

    async def _choose(self, asked: Asked) -> Json:
        choose = self._sandbox.world.slack.choose(
            asked.who, self._where(asked), asked.text("action_id"), asked.text("value")
        )
        return await self._delivered("choice", choose)

    async def _options(self, asked: Asked) -> Json:
        receipt = await self._sandbox.world.slack.suggest(
            asked.who, self._where(asked), asked.text("action_id"), asked.text("typed")
        )
        self._sandbox.delivered("type-ahead", receipt)
        return _told(receipt) | {"options": receipt.json.get("options", []) if receipt.ok else []}

    async def _submit(self, asked: Asked) -> Json:
        submit = self._sandbox.world.slack.submit(asked.who, self._view(asked), asked.values())
        return await self._delivered("modal", submit)

    async def _close(self, asked: Asked) -> Json:
        await self._sandbox.world.slack.close(asked.who, self._view(asked))
        return {}

    async def _shortcut(self, asked: Asked) -> Json:
        slack, callback = self._sandbox.world.slack, asked.text("callback_id")
        key = asked.text("message", "")
        if not key:
            return await self._delivered("shortcut", slack.global_shortcut(asked.who, callback))
        chosen = slack.message_shortcut(asked.who, self._message(asked, key), callback)
        return await self._delivered("shortcut", chosen)

    async def _home(self, asked: Asked) -> Json:
        return await self._event("Home tab", self._sandbox.world.slack.open_home(asked.who))

    async def _locale(self, asked: Asked) -> Json:
        locale = asked.text("locale")
        if locale not in LOCALES:
            raise BadAction("no such language")
        asked.who.locale = locale
        slack = self._sandbox.world.slack
        told = await self._event("user_change", slack.user_changed(asked.who))
        # Whoever has the Home tab open sees it published again, in the new language.
        if asked.who.id in self._sandbox.world.demo.workspace.homes:
            return await self._event("Home tab", slack.open_home(asked.who))
        return told

    def _where(self, asked: Asked) -> Message | View:
        key = asked.text("message", "")
        return self._message(asked, key) if key else self._view(asked)

    def _message(self, asked: Asked, key: str) -> Message:
        space = self._sandbox.world.demo.workspace
        channel, _, ts = key.partition("/")
        if channel in space.channels:
            for alone in ("", asked.who.id):
                if (found := space.find(channel, ts, ephemeral_to=alone)) is not None:
                    return found
        raise Impossible("this message is gone")

    def _view(self, asked: Asked) -> View:
        view = self._sandbox.world.demo.workspace.views.get(asked.text("view"))
        if view is None or view.user != asked.who.id:
            raise Impossible("this view is gone")
        return view

    async def _delivered(self, what: str, delivery: Awaitable[Receipt]) -> Json:
        receipt = await delivery
        self._sandbox.delivered(what, receipt)
        return _told(receipt)

    async def _event(self, what: str, delivery: Awaitable[Receipt]) -> Json:
        """Delivers an event, which Slack goes on trying by itself: whoever caused it does not wait for that."""

        async def deliver() -> Receipt:
            receipt = await delivery
            self._sandbox.delivered(what, receipt)
            return receipt

        task = asyncio.create_task(deliver())
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        await asyncio.wait({task}, timeout=PROMPTLY)
        return _told(task.result()) if task.done() else {}

    # What goes wrong

    async def _fault(self, asked: Asked) -> Json:
        try:
            cloud = self._sandbox.cloud(asked.text("cloud"))
        except LookupError:
            raise BadAction("there is no such cloud") from None
        name, on = asked.text("name"), asked.flag("on")
        if name in ONE_SHOTS:
            cloud.faults.clear(ANY_SUBMISSION)
            if on:
                cloud.faults.set(ANY_SUBMISSION, ONE_SHOTS[name])
        elif name in OUTCOMES:
            cloud.forget_outcomes()
            if on:
                meant = outcome_of(cloud, name)
                cloud.next_outcome(meant.ending, word=meant.word)
        elif name == OUTAGE:
            cloud.faults.clear(ANY)
            if on:
                cloud.faults.set(ANY, Fault.http(503), times=None)
        else:
            raise BadAction(f"there is no fault {name}")
        return {}

    async def _failover(self, asked: Asked) -> Json:
        with _known_nodes():
            cloud = self._sandbox.cloud(asked.text("cloud"))
            cloud.failover(asked.text("resource"), asked.text("node"))
        return {}

    async def _health(self, asked: Asked) -> Json:
        with _known_nodes():
            cloud = self._sandbox.cloud(asked.text("cloud"))
            cloud.set_health(asked.text("resource"), asked.text("node"), healthy=asked.flag("healthy"))
        return {}

    async def _slack_outage(self, asked: Asked) -> Json:
        faults = self._sandbox.world.demo.workspace.faults
        faults.clear()
        if asked.flag("outage"):
            faults.start_outage()
        return {}

    async def _bot(self, asked: Asked) -> Json:
        match asked.text("do"):
            case "kill":
                await self._sandbox.kill()
            case "restart":
                await self._sandbox.restart()
            case "arm":
                await self._sandbox.restart(armed=True)
            case other:
                raise BadAction(f"the bot can't {other}")
        return {}

    async def _reset(self, _: Asked) -> Json:
        await self._sandbox.begin_anew()
        return {}


@contextlib.contextmanager
def _known_nodes() -> Iterator[None]:
    try:
        yield
    except LookupError:
        raise BadAction("there is no such node") from None


def _told(receipt: Receipt) -> Json:
    """What Slack shows of an answer to whoever clicked: a warning where there was none in time."""
    if receipt.ok and not receipt.problem:
        return {"ok": True}
    why = receipt.problem or ("timeout" if receipt.failure == "timeout" else "unreachable")
    return {"ok": False, "why": why if receipt.ok or receipt.failure else f"http {receipt.status}"}
