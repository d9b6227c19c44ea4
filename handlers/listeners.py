"""The acknowledgement: translate what came in, record it, say 200. No network, and nothing escapes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol

from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.core.commands import Act, Action, Command, Origin, RequestSwitchover, ShowHelp, ShowHome
from bot.errors import MaybeRecorded, StoreUnavailable
from bot.ports import Clock, Inbound, Receipt
from handlers.answers import CHOOSE_NODE
from handlers.payloads import (
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
    text,
)
from handlers.rendering import Words

logger = logging.getLogger(__name__)

LINK = "link"
ACTIONS = {action.value: action for action in Action}


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


class Listeners:
    """Turns each kind of payload into at most one inbox row and an answer.

    Args:
        store: Where deliveries are recorded before they are acknowledged.
        clock: When it came in.
        parse: The grammar. What it returns is a ``Command``, or something for ``explain``.
        explain: Words for what is no command: help, the form, a misunderstanding; and the reader's language.
        parse_choice: Reads the value of a ``choose_node`` button; None for one it did not make.
        unrecorded: The sentence for "nothing was recorded, try again", in a language.
        maybe_recorded: The same for "it may or may not have been recorded, look before you try again".
        kick: Wakes the sweep of the inbox.
        directory: Its cache is told of changes, and knows who reads which language.
    """

    def __init__(
        self,
        *,
        store: Receiver,
        clock: Clock,
        parse: Callable[[str], object],
        explain: Callable[[object, str], Words],
        parse_choice: Callable[[str], RequestSwitchover | None],
        unrecorded: Callable[[str], str],
        maybe_recorded: Callable[[str], str],
        kick: Callable[[], None],
        directory: Remembering,
    ) -> None:
        self._store = store
        self._clock = clock
        self._parse = parse
        self._explain = explain
        self._parse_choice = parse_choice
        self._unrecorded = unrecorded
        self._maybe_recorded = maybe_recorded
        self._kick = kick
        self._directory = directory

    async def command(self, request: AsyncBoltRequest) -> BoltResponse:
        """A slash command. Slack shows a failure only where the answer is a 200 with words."""
        locale = self._locale(request.body)
        sorry, unclear = (_ephemeral(words(locale), ()) for words in (self._unrecorded, self._maybe_recorded))
        return await _total(self._on_command, request, failed=sorry, unclear=unclear)

    async def click(self, request: AsyncBoltRequest) -> BoltResponse:
        """``block_actions``."""
        return await _total(self._on_click, request, failed=_unavailable())

    async def event(self, request: AsyncBoltRequest) -> BoltResponse:
        """The Events API: what is not recorded is answered 503, so that Slack sends it again."""
        return await _total(self._on_event, request, failed=_unavailable())

    async def shortcut(self, request: AsyncBoltRequest) -> BoltResponse:
        """Shortcuts, until there is a form: they are answered with the usage."""
        return await _total(self._on_shortcut, request, failed=_unavailable())

    async def view(self, request: AsyncBoltRequest) -> BoltResponse:
        """A form sent or closed, until there is a form."""
        return _ok()

    async def options(self, request: AsyncBoltRequest) -> BoltResponse:
        """Type-ahead: we have none."""
        return BoltResponse(status=HTTPStatus.OK, body={"options": []})

    async def _on_command(self, body: Payload, signature: str) -> BoltResponse:
        parsed = self._parse(optional(body, "text"))
        if isinstance(parsed, Command):
            return await self._record(body, command_origin(body), parsed, signature)
        words = self._explain(parsed, self._locale(body))
        return _ephemeral(words.text, words.blocks)

    def _locale(self, body: Payload) -> str:
        reader = body.get("user_id")
        return self._directory.known_locale(reader) if isinstance(reader, str) else ""

    async def _on_click(self, body: Payload, signature: str) -> BoltResponse:
        action = first(body, "actions")
        name = text(action, "action_id")
        if name.startswith(LINK):
            return _ok()  # a button that only opens an address; Slack tells us all the same
        return await self._record(body, interaction_origin(body), self._clicked(name, action), signature)

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
        return await self._record(body, interaction_origin(body), ShowHelp(), signature)

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
        logger.warning("a payload is not as documented", extra={"action": "malformed", "field": str(error)})
        return BoltResponse(status=HTTPStatus.BAD_REQUEST, body="not understood")
    except StoreUnavailable as error:
        # Without a traceback: in an outage there is one of these for every delivery.
        logger.error(  # noqa: TRY400
            "a delivery could not be recorded", extra={"action": "unrecorded", "why": str(error)}
        )
        return unclear if unclear is not None and isinstance(error, MaybeRecorded) else failed
    except Exception:
        logger.exception("a delivery broke its listener", extra={"action": "listener_failed"})
        return failed


def _signature(request: AsyncBoltRequest) -> str:
    # "" in Socket Mode, where deliveries are not signed one by one.
    values = request.headers.get("x-slack-signature", [""])
    return values[0]


def _ok() -> BoltResponse:
    return BoltResponse(status=HTTPStatus.OK)


def _unavailable() -> BoltResponse:
    return BoltResponse(status=HTTPStatus.SERVICE_UNAVAILABLE, body="try again later")


def _ephemeral(words: str, blocks: Any) -> BoltResponse:
    body: dict[str, Any] = {"response_type": "ephemeral", "text": words}
    if blocks:
        body["blocks"] = [dict(block) for block in blocks]
    return BoltResponse(status=HTTPStatus.OK, body=body)
