"""Bolt, used as a dispatcher only: it finds the listener for a payload that was checked and parsed before."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from handlers.listeners import Listeners
from handlers.slack_client import quiet_logger

logger = logging.getLogger(__name__)

ANY = re.compile("")
# What Bolt 1.30 raises on a body of unexpected shape, while it looks for ids in it.
SHAPE_ERRORS = (TypeError, AttributeError, LookupError, ValueError, RecursionError)


class SlackApp:
    """The Bolt app with our few listeners.

    ``process_before_response`` makes the answer wait for the listener, and so for the inbox: the default mode
    polls every 10 ms, and loses an answer when a listener raises right after it (facts of slack-bolt 1.30).
    Bolt does not check signatures here: ``bot.web.Ingress`` did, on raw bytes.

    Args:
        client: The shared client; its settings are all that Bolt takes from it, listeners call nothing.
        listeners: What is done with each kind of payload.
    """

    def __init__(self, *, client: AsyncWebClient, listeners: Listeners) -> None:
        self.bolt = AsyncApp(
            name="switchover",
            logger=quiet_logger("switchover.slack_bolt"),
            client=client,
            authorize=_authorize,
            signing_secret="",
            process_before_response=True,
            request_verification_enabled=False,
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
        )
        # Bolt's own handler would write a traceback for every body whose shape it stumbles over.
        self.bolt.error(_stumbled)
        # Matching is linear: the ones that are waited for come first.
        self.bolt.command(ANY)(listeners.command)
        self.bolt.block_action(ANY)(listeners.click)
        self.bolt.event(ANY)(listeners.event)
        self.bolt.options(ANY)(listeners.options)
        self.bolt.shortcut(ANY)(listeners.shortcut)
        self.bolt.view(ANY)(listeners.view)
        self.bolt.view_closed(ANY)(listeners.view)

    async def dispatch(
        self, body: dict[str, Any], headers: Mapping[str, str]
    ) -> tuple[int, str, dict[str, str]]:
        """Answers one parsed payload: status, body and headers. Never raises, never answers 500.

        503 means that nothing was recorded and that the same may be sent again.
        """
        if body.get("type") == "app_rate_limited":
            logger.warning("app_rate_limited", extra={"what": "Slack holds back events"})
            return HTTPStatus.OK, "", {}
        try:
            # A dict is only taken in this mode, and spares us Bolt's own parser.
            request = AsyncBoltRequest(body=body, headers=dict(headers), mode="socket_mode")
        except SHAPE_ERRORS:
            return _not_understood()
        try:
            response = await self.bolt.async_dispatch(request)
        except Exception:  # noqa: BLE001
            # Listeners answer for themselves, so it was Bolt that stumbled over the shape of the body.
            return _not_understood()
        return response.status, response.body, response.first_headers_without_set_cookie()


async def _authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    # Bolt's own would call auth.test on the first request; who is asking is decided behind the inbox.
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id)


async def _stumbled(error: Exception) -> None:
    raise error


def _not_understood() -> tuple[int, str, dict[str, str]]:
    logger.warning("malformed", extra={"what": "a payload is not as documented"})
    return HTTPStatus.BAD_REQUEST, "not understood", {}
