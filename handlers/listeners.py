"""The acknowledgement: translate what came in, record it, say 200. Nothing escapes, whatever fails.

Only forms wait for more: the answer to a command for its form, that to a form for whether the bot is in the channel
and whether the database is free; all briefly, and they go on without it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Protocol

from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.core.commands import Act, Action, Command, Origin, RequestSwitchover, ShowHelp, ShowHome
from bot.core.events import Place
from bot.core.model import Reason
from bot.errors import MaybeRecorded, StoreUnavailable
from bot.ports import Clock, Inbound, Receipt
from handlers.answers import CHOOSE_NODE
from handlers.filled import Errors, Filled
from handlers.form import CALLBACK, DATABASE, OPEN_FORM, SHARD
from handlers.forms import Crew, Opened
from handlers.grammar import Misunderstood
from handlers.payloads import (
    MAX_ID,
    Malformed,
    Payload,
    command_origin,
    dedupe_key,
    first,
    home_origin,
    interaction_origin,
    is_for_us,
    mention_origin,
    mention_text,
    optional,
    part,
    shortcut_origin,
    text,
)
from handlers.rendering import Words

logger = logging.getLogger(__name__)

LINK = "link"
ACTIONS = {action.value: action for action in Action}
HERE, NEW = "switchover_here", "switchover_new"
SHORTCUTS = frozenset({HERE, NEW})
OPEN_WITHIN = 1.5
"""Seconds that the answer to a command waits for its form."""


class Receiver(Protocol):
    """The one method of the store that the acknowledgement needs."""

    async def receive(self, item: Inbound) -> Receipt:
        """Records a delivery durably, unless it is known."""
        ...


class Remembering(Protocol):
    """What is remembered of people and groups, and is told when Slack knows better."""

    def known_locale(self, user_id: str) -> str:
        """A person's language as Slack named it last, "" if it never did. Asks nobody."""
        ...

    def forget_person(self, user_id: str) -> None: ...

    def forget_group(self, group_id: str) -> None: ...


class RequestForms(Protocol):
    """The form, between its opening and its submission; see ``handlers.forms``."""

    crew: Crew

    async def open(self, origin: Origin, trigger: str) -> Opened: ...

    def offered(self, origin: Origin, typed: str) -> Sequence[Mapping[str, Any]]: ...

    def chosen(self, origin: Origin, view: Payload, database: str) -> None: ...

    def chosen_shard(self, origin: Origin, view: Payload, shard: str) -> None: ...

    def submitted(self, origin: Origin, view: Payload) -> Filled | Errors: ...

    async def misplaced(self, view: Payload, place: Place) -> Errors: ...

    async def hindered(self, origin: Origin, found: Filled) -> Errors: ...

    def errors(self, origin: Origin, found: Mapping[str, Reason]) -> Mapping[str, str]: ...


class Sentences(Protocol):
    """What is answered on the spot, in the language of the reader; "" where that is not known."""

    def unrecorded(self, locale: str) -> str:
        """Nothing was recorded, try again."""
        ...

    def maybe_recorded(self, locale: str) -> str:
        """It may or may not have been recorded, look before you try again."""
        ...

    def maybe_recorded_view(self, locale: str) -> Mapping[str, Any]:
        """The same as a view, in place of a form."""
        ...

    def outsider(self, locale: str) -> str:
        """The form is not for you."""
        ...

    def explain(self, parsed: object, locale: str) -> Words:
        """Words for what is no command: help, the usage, a misunderstanding."""
        ...


class Listeners:
    """Turns each kind of payload into at most one inbox row and an answer.

    Args:
        store: Where deliveries are recorded before they are acknowledged.
        clock: When it came in.
        parse: The grammar. What it returns is a ``Command``, or something for ``say.explain``; a misunderstanding
            that depends on which databases there are is explained behind the inbox.
        say: What is answered on the spot.
        parse_choice: Reads the value of a ``choose_node`` button; None for one it did not make.
        forms: Opens and fills the form.
        kick: Wakes the sweep of the inbox.
        directory: Its cache is told of changes, and knows who reads which language.
        open_within: Seconds that the answer to a command waits for its form.
    """

    def __init__(
        self,
        *,
        store: Receiver,
        clock: Clock,
        parse: Callable[[str], object],
        say: Sentences,
        parse_choice: Callable[[str], RequestSwitchover | None],
        forms: RequestForms,
        kick: Callable[[], None],
        directory: Remembering,
        open_within: float = OPEN_WITHIN,
    ) -> None:
        self._store = store
        self._clock = clock
        self._parse = parse
        self._say = say
        self._parse_choice = parse_choice
        self._forms = forms
        self._kick = kick
        self._directory = directory
        self._open_within = open_within

    async def command(self, request: AsyncBoltRequest) -> BoltResponse:
        """A slash command. Slack shows a failure only where the answer is a 200 with words."""
        locale = self._locale(request.body.get("user_id"))
        sorry = _ephemeral(self._say.unrecorded(locale), ())
        unclear = _ephemeral(self._say.maybe_recorded(locale), ())
        return await _total(self._on_command, request, failed=sorry, unclear=unclear)

    async def click(self, request: AsyncBoltRequest) -> BoltResponse:
        """``block_actions``."""
        return await _total(self._on_click, request, failed=_unavailable())

    async def event(self, request: AsyncBoltRequest) -> BoltResponse:
        """The Events API: what is not recorded is answered 503, so that Slack sends it again."""
        return await _total(self._on_event, request, failed=_unavailable())

    async def shortcut(self, request: AsyncBoltRequest) -> BoltResponse:
        """Both shortcuts: they open the form."""
        return await _total(self._on_shortcut, request, failed=_unavailable())

    async def view(self, request: AsyncBoltRequest) -> BoltResponse:
        """A form sent or closed. What is not recorded keeps the form open, with what was entered."""
        user = request.body.get("user")
        locale = self._locale(user.get("id") if isinstance(user, Mapping) else None)
        sorry = _response("errors", errors={DATABASE: self._say.unrecorded(locale)})
        unclear = _response("update", view=self._say.maybe_recorded_view(locale))
        return await _total(self._on_view, request, failed=sorry, unclear=unclear)

    async def options(self, request: AsyncBoltRequest) -> BoltResponse:
        """The type-ahead of the form's databases."""
        nothing = BoltResponse(status=HTTPStatus.OK, body={"options": []})
        return await _total(self._on_options, request, failed=nothing)

    async def _on_command(self, body: Payload, signature: str) -> BoltResponse:
        typed = optional(body, "text")
        if not typed.strip():
            return await self._on_bare_command(body, signature)
        parsed = self._parse(typed)
        if isinstance(parsed, Command):
            return await self._record(body, command_origin(body), parsed, signature)
        if isinstance(parsed, Misunderstood) and parsed.taken:
            # Which databases there are is no business of outsiders, and who is one is found out there.
            return await self._record(body, command_origin(body), ShowHelp(typed), signature)
        words = self._say.explain(parsed, self._locale(body.get("user_id")))
        return _ephemeral(words.text, words.blocks)

    def _locale(self, reader: object) -> str:
        return self._directory.known_locale(reader) if isinstance(reader, str) else ""

    async def _on_bare_command(self, body: Payload, signature: str) -> BoltResponse:
        # Slack's answer is waited for only as long as ours can wait: what comes later is told later.
        answer: asyncio.Future[Opened] = asyncio.get_running_loop().create_future()
        if not self._begin_to_open(body, command_origin(body), signature, answer):
            answer.set_result(Opened.FAILED)
        await asyncio.wait({answer}, timeout=self._open_within)
        if not answer.done():
            answer.cancel()
            return _ok()
        locale = self._locale(body.get("user_id"))
        match answer.result():
            case Opened.OPENED:
                return _ok()
            case Opened.REFUSED:
                return _ephemeral(self._say.outsider(locale), ())
            case Opened.FAILED:
                words = self._say.explain(ShowHelp(), locale)
                return _ephemeral(words.text, words.blocks)

    async def _open(self, body: Payload, origin: Origin, signature: str) -> BoltResponse:
        if self._begin_to_open(body, origin, signature):
            return _ok()
        return await self._record(body, origin, ShowHelp(), signature)

    def _begin_to_open(
        self,
        body: Payload,
        origin: Origin,
        signature: str,
        answer: asyncio.Future[Opened] | None = None,
    ) -> bool:
        """Opens the form in a task, if there may be one more; ``answer`` is told while somebody waits for it."""
        if not self._forms.crew.free:
            logger.warning("form_not_opened", extra={"why": "too many are being opened"})
            return False
        self._forms.crew.start(self._opened(body, origin, signature, answer), f"open-form-{origin.user}")
        return True

    async def _opened(
        self, body: Payload, origin: Origin, signature: str, answer: asyncio.Future[Opened] | None
    ) -> None:
        opened = Opened.FAILED
        try:
            opened = await self._forms.open(origin, optional(body, "trigger_id"))
        finally:
            waited_for = answer is not None and not answer.done()
            if answer is not None and waited_for:
                answer.set_result(opened)
        if opened is not Opened.OPENED and not waited_for:
            # Behind the inbox outsiders are told no, and everybody else what to type instead.
            await self._record(body, origin, ShowHelp(), signature)

    async def _on_click(self, body: Payload, signature: str) -> BoltResponse:
        action = first(body, "actions")
        name = text(action, "action_id")
        if name.startswith(LINK):
            return _ok()  # a button that only opens an address; Slack tells us all the same
        view = part(body, "view", {})
        if optional(view, "callback_id") == CALLBACK:
            return self._on_field(body, view, name, action)
        if name == OPEN_FORM:
            return await self._open(body, interaction_origin(body), signature)
        return await self._record(body, interaction_origin(body), self._clicked(name, action), signature)

    def _on_field(self, body: Payload, view: Payload, name: str, action: Payload) -> BoltResponse:
        value = optional(part(action, "selected_option", {}), "value")
        chosen = {DATABASE: self._forms.chosen, SHARD: self._forms.chosen_shard}.get(name)
        if chosen is not None and 0 < len(value) <= MAX_ID:
            chosen(interaction_origin(body), view, value)
        return _ok()

    def _clicked(self, name: str, action: Payload) -> Command:
        value = optional(action, "value") or optional(part(action, "selected_option", {}), "value")
        if name in ACTIONS:
            return Act(ACTIONS[name], value)
        # Buttons of one block need different ids: choose_node, choose_node:1, …
        chosen = self._parse_choice(value) if name.startswith(CHOOSE_NODE) else None
        # The bot answers every click, also one on a button that another version made.
        return chosen or ShowHelp()

    async def _on_event(self, body: Payload, signature: str) -> BoltResponse:
        event = part(body, "event")
        match event.get("type"):
            case "app_mention":
                return await self._on_mention(body, signature)
            case "app_home_opened" if event.get("tab") == "home":
                # Slack tells what it shows there; where it tells nothing, there is nothing.
                asked = ShowHome(blank=not event.get("view"))
                return await self._record(body, home_origin(body), asked, signature)
            case "user_change":
                self._directory.forget_person(text(part(event, "user"), "id"))
            case "subteam_members_changed":
                self._directory.forget_group(text(event, "subteam_id"))
            case "subteam_updated":
                self._directory.forget_group(text(part(event, "subteam"), "id"))
            case _:
                pass
        return _ok()

    async def _on_mention(self, body: Payload, signature: str) -> BoltResponse:
        if not is_for_us(body):
            return _ok()
        typed = mention_text(body)
        parsed = self._parse(typed)
        asked = parsed if isinstance(parsed, Command) else ShowHelp(typed)
        return await self._record(body, mention_origin(body), asked, signature)

    async def _on_shortcut(self, body: Payload, signature: str) -> BoltResponse:
        origin = shortcut_origin(body)
        if text(body, "callback_id") in SHORTCUTS:
            return await self._open(body, origin, signature)
        return await self._record(body, origin, ShowHelp(), signature)

    async def _on_view(self, body: Payload, signature: str) -> BoltResponse:
        view = part(body, "view")
        if body.get("type") != "view_submission" or optional(view, "callback_id") != CALLBACK:
            return _ok()
        origin = interaction_origin(body)
        found = self._forms.submitted(origin, view)
        if not isinstance(found, Filled):
            return _response("errors", errors=self._forms.errors(origin, found))
        wrong = await self._forms.misplaced(view, found.place) or await self._forms.hindered(origin, found)
        if wrong:
            return _response("errors", errors=self._forms.errors(origin, wrong))
        return await self._record(body, replace(origin, place=found.place), found.command, signature)

    async def _on_options(self, body: Payload, _signature: str) -> BoltResponse:
        ours = optional(part(body, "view", {}), "callback_id") == CALLBACK
        if not ours or optional(body, "action_id") != DATABASE:
            return BoltResponse(status=HTTPStatus.OK, body={"options": []})
        found = self._forms.offered(interaction_origin(body), optional(body, "value"))
        return BoltResponse(status=HTTPStatus.OK, body={"options": list(found)})

    async def _record(self, body: Payload, origin: Origin, asked: Command, signature: str) -> BoltResponse:
        receipt = await self._store.receive(
            Inbound(
                dedupe_key=dedupe_key(body),
                signature=signature,
                origin=origin,
                command=asked,
                received_at=self._clock.now(),
            )
        )
        if receipt is Receipt.REPLAYED:
            return BoltResponse(status=HTTPStatus.FORBIDDEN, body="this request was accepted already")
        if receipt is Receipt.RECORDED:
            self._kick()
        return _ok()


async def _total(
    work: Callable[[Payload, str], Awaitable[BoltResponse]],
    request: AsyncBoltRequest,
    *,
    failed: BoltResponse,
    unclear: BoltResponse | None = None,
) -> BoltResponse:
    # Bolt answers 500 for whatever a listener lets through, so nothing may get through.
    try:
        return await work(request.body, _signature(request))
    except Malformed as error:
        logger.warning("malformed", extra={"what": "a payload is not as documented", "field": str(error)})
        return BoltResponse(status=HTTPStatus.BAD_REQUEST, body="not understood")
    except StoreUnavailable as error:
        # Without a traceback: in an outage there is one of these for every delivery.
        logger.error("unrecorded", extra={"why": str(error)})  # noqa: TRY400
        return unclear if unclear is not None and isinstance(error, MaybeRecorded) else failed
    except Exception:
        logger.exception("listener_broke")
        return failed


def _signature(request: AsyncBoltRequest) -> str:
    # "" in Socket Mode, where deliveries are not signed one by one.
    values = request.headers.get("x-slack-signature", [""])
    return values[0]


def _ok() -> BoltResponse:
    return BoltResponse(status=HTTPStatus.OK)


def _unavailable() -> BoltResponse:
    return BoltResponse(status=HTTPStatus.SERVICE_UNAVAILABLE, body="try again later")


def _response(action: str, **content: Any) -> BoltResponse:
    return BoltResponse(status=HTTPStatus.OK, body={"response_action": action, **content})


def _ephemeral(words: str, blocks: Any) -> BoltResponse:
    body: dict[str, Any] = {"response_type": "ephemeral", "text": words}
    if blocks:
        body["blocks"] = [dict(block) for block in blocks]
    return BoltResponse(status=HTTPStatus.OK, body=body)
