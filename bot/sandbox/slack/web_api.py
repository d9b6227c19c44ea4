"""The Web API and the response URLs of a simulated workspace, as an ASGI app."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from bot.sandbox.server import disconnected, drop_connection, serve
from bot.sandbox.slack import chat, conversations, people, views
from bot.sandbox.slack.faults import CallRecord, Fault, FaultKind
from bot.sandbox.slack.limits import (
    POST_PER_CHANNEL,
    POST_PER_WORKSPACE,
    SPECIAL,
    TIER_1,
    TIER_2,
    TIER_3,
    TIER_4,
    Tier,
)
from bot.sandbox.slack.model import Json, SlackError
from bot.sandbox.slack.params import Params
from bot.sandbox.slack.respond import respond
from bot.sandbox.slack.workspace import Workspace

TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Method:
    """A Web API method: what it does, how often, and the scope it needs.

    Attributes:
        app: It takes the app-level token, and no other.

    A scope that ends in ``:`` is completed by the kind of the channel: ``channels:read``, ``groups:read``, …
    """

    run: Callable[[Workspace, Params], Json]
    tier: Tier
    scope: str = ""
    app: bool = False


def _open_connection(workspace: Workspace, _: Params) -> Json:
    return {"url": workspace.sockets.ticket()}


METHODS = {
    "apps.connections.open": Method(_open_connection, TIER_1, app=True),
    "auth.test": Method(people.auth_test, SPECIAL),
    "chat.postMessage": Method(chat.post_message, POST_PER_WORKSPACE, "chat:write"),
    "chat.update": Method(chat.update, TIER_3, "chat:write"),
    "chat.postEphemeral": Method(chat.post_ephemeral, TIER_4, "chat:write"),
    "chat.delete": Method(chat.delete, TIER_3, "chat:write"),
    "chat.getPermalink": Method(chat.get_permalink, SPECIAL),
    "conversations.info": Method(conversations.info, TIER_3, ":read"),
    "conversations.members": Method(conversations.members, TIER_4, ":read"),
    "conversations.history": Method(conversations.history, TIER_3, ":history"),
    "conversations.replies": Method(conversations.replies, TIER_3, ":history"),
    "conversations.open": Method(conversations.open_im, TIER_3, "im:write"),
    "users.info": Method(people.user_info, TIER_4, "users:read"),
    "usergroups.list": Method(people.groups, TIER_2, "usergroups:read"),
    "usergroups.users.list": Method(people.group_users, TIER_2, "usergroups:read"),
    "views.open": Method(views.open_view, TIER_4),
    "views.update": Method(views.update_view, TIER_4),
    "views.publish": Method(views.publish_view, TIER_4),
}


def web_api(workspace: Workspace) -> Starlette:
    """The ASGI app: ``/api/{method}`` and ``/respond/{id}``."""
    api = WebApi(workspace)
    return Starlette(
        routes=[
            Route("/api/{method}", api.call, methods=["GET", "POST"]),
            Route("/respond/{id}", api.respond, methods=["POST"]),
        ]
    )


@contextlib.asynccontextmanager
async def serve_workspace(
    workspace: Workspace, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """Serves the workspace and yields the ``api_url`` for the bot's config, which ends in ``/api/``."""
    async with serve(web_api(workspace), host=host, port=port) as url:
        workspace.url = url
        yield f"{url}/api/"


def call(workspace: Workspace, method: str, token: str, params: Params) -> Json:
    """One call without HTTP, limits and faults: checks token, method and scope, then does it.

    Raises:
        SlackError: Whatever Slack would answer.
    """
    if not token:
        raise SlackError("not_authed")
    known = {workspace.token: False, workspace.app_token: True}
    of_app = next(
        (app for one, app in known.items() if hmac.compare_digest(token.encode(), one.encode())), None
    )
    if of_app is None:
        raise SlackError("invalid_auth")
    if method not in METHODS:
        raise SlackError("unknown_method", req_method=method)
    if of_app is not METHODS[method].app:
        raise SlackError("not_allowed_token_type")
    scope = _scope(workspace, METHODS[method], params)
    if scope and scope not in workspace.scopes:
        provided = ",".join(sorted(workspace.scopes))
        raise SlackError("missing_scope", needed=scope, provided=provided)
    return {"ok": True, **METHODS[method].run(workspace, params)}


def _scope(workspace: Workspace, method: Method, params: Params) -> str:
    if not method.scope.startswith(":"):
        return method.scope
    channel = workspace.channels.get(params.text("channel"))
    if channel is None:
        return "channels" + method.scope
    kind = "im" if channel.im_with else "groups" if channel.is_private else "channels"
    return kind + method.scope


@dataclass(frozen=True, slots=True)
class WebApi:
    """The endpoints of a workspace; what the path names is in ``request.path_params``."""

    workspace: Workspace

    async def call(self, request: Request) -> Response:
        """A call of a Web API method, ``method``."""
        method = request.path_params["method"]
        params, token = Params({}), ""

        def work() -> tuple[Response, str]:
            return self._limited(method, params) or self._run(method, token, params)

        try:
            content_type = request.headers.get("content-type", "")
            sent = Params.parse(request.url.query, content_type, await request.body())
        except SlackError as error:
            return self._noted(method, params, JSONResponse(error.body()), error.code)
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or sent.text("token")
        params = Params({key: value for key, value in sent.values.items() if key != "token"})
        return await self._with_faults(request, method, params, work)

    async def respond(self, request: Request) -> Response:
        """What is posted to a response URL, ``id``."""
        try:
            params = Params.parse("", request.headers.get("content-type", ""), await request.body())
        except SlackError as error:
            return self._noted("respond", Params({}), JSONResponse(error.body(), 400), error.code)

        def work() -> tuple[Response, str]:
            try:
                respond(self.workspace, request.path_params["id"], params)
            except SlackError as error:
                # Not in Slack's reference: 404 and the name are what its apps report of used-up URLs.
                return JSONResponse(error.body(), 404), error.code
            return JSONResponse({"ok": True}), "ok"

        return await self._with_faults(request, "respond", params, work)

    async def _with_faults(
        self, request: Request, method: str, params: Params, work: Callable[[], tuple[Response, str]]
    ) -> Response:
        fault = self.workspace.faults.take(method)
        if fault is None:
            return self._noted(method, params, *work())
        if fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
            return self._noted(method, params, *work())
        done = f"{work()[1]}, then " if fault.processed else ""
        if fault.kind is FaultKind.ERROR:
            return self._noted(method, params, JSONResponse(SlackError(fault.error).body()), fault.error)
        if fault.kind is FaultKind.STATUS:
            return self._noted(method, params, _status(fault), f"{done}http_{fault.status}")
        gone = self._noted(method, params, Response(status_code=503), f"{done}{fault.kind}")
        if fault.kind is FaultKind.HANG:
            await disconnected(request.receive)
        else:
            await drop_connection(request.scope, request.receive)
        return gone  # nobody is there to read it

    def _run(self, method: str, token: str, params: Params) -> tuple[Response, str]:
        scopes = {"x-oauth-scopes": ",".join(sorted(self.workspace.scopes))}
        try:
            return JSONResponse(call(self.workspace, method, token, params), headers=scopes), "ok"
        except SlackError as error:
            return JSONResponse(error.body(), headers=scopes), error.code

    def _limited(self, method: str, params: Params) -> tuple[Response, str] | None:
        limits = self.workspace.limits
        wait = limits.take(method, METHODS[method].tier) if method in METHODS else 0
        if method == "chat.postMessage" and not wait:
            wait = limits.take(f"{method} {params.text('channel')}", POST_PER_CHANNEL)
        return (_status(Fault.rate_limited(wait)), "http_429") if wait else None

    def _noted(self, method: str, params: Params, response: Response, outcome: str) -> Response:
        self.workspace.record(CallRecord(method, params.values, outcome, self.workspace.clock()))
        return response


def _status(fault: Fault) -> Response:
    if fault.status == TOO_MANY:
        headers = {"Retry-After": str(int(fault.seconds))}
        return JSONResponse(SlackError("ratelimited").body(), TOO_MANY, headers=headers)
    return HTMLResponse(f"<html><body>{fault.status}: Server Error</body></html>", fault.status)
