"""The Web API and the response URLs of a simulated workspace, as an ASGI app."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

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
class Reply:
    """What Slack says, before HTTP carries it: JSON, or a page of HTML."""

    content: Json | str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Line(Protocol):
    """The connection that a call came on, as far as it may fail."""

    async def hang(self) -> None:
        """Waits until the caller is gone."""
        ...

    async def drop(self) -> None:
        """Cuts it."""
        ...


@dataclass(frozen=True, slots=True)
class _Connection:
    request: Request

    async def hang(self) -> None:
        await disconnected(self.request.receive)

    async def drop(self) -> None:
        await drop_connection(self.request.scope, self.request.receive)


@dataclass(frozen=True, slots=True)
class WebApi:
    """The endpoints of a workspace: over HTTP, and without it."""

    workspace: Workspace

    async def call(self, request: Request) -> Response:
        """A call of the Web API method that the path names."""
        method = request.path_params["method"]
        try:
            content_type = request.headers.get("content-type", "")
            sent = Params.parse(request.url.query, content_type, await request.body())
        except SlackError as error:
            return _in_http(self._noted(method, Params({}), Reply(error.body()), error.code))
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or sent.text("token")
        params = Params({key: value for key, value in sent.values.items() if key != "token"})
        return _in_http(await self.perform(method, token, params, _Connection(request)))

    async def respond(self, request: Request) -> Response:
        """What is posted to the response URL that the path names."""
        try:
            params = Params.parse("", request.headers.get("content-type", ""), await request.body())
        except SlackError as error:
            return _in_http(self._noted("respond", Params({}), Reply(error.body(), 400), error.code))
        return _in_http(await self.answer(request.path_params["id"], params, _Connection(request)))

    async def perform(self, method: str, token: str, params: Params, line: Line) -> Reply:
        """One call of a method, with Slack's limits and the faults that are set."""

        def work() -> tuple[Reply, str]:
            return self._limited(method, params) or self._run(method, token, params)

        return await self._with_faults(method, params, work, line)

    async def answer(self, url_id: str, params: Params, line: Line) -> Reply:
        """One use of a response URL, with the faults that are set."""

        def work() -> tuple[Reply, str]:
            try:
                respond(self.workspace, url_id, params)
            except SlackError as error:
                # Not in Slack's reference: 404 and the name are what its apps report of used-up URLs.
                return Reply(error.body(), 404), error.code
            return Reply({"ok": True}), "ok"

        return await self._with_faults("respond", params, work, line)

    async def _with_faults(
        self, method: str, params: Params, work: Callable[[], tuple[Reply, str]], line: Line
    ) -> Reply:
        fault = self.workspace.faults.take(method)
        if fault is None:
            return self._noted(method, params, *work())
        if fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
            return self._noted(method, params, *work())
        done = f"{work()[1]}, then " if fault.processed else ""
        if fault.kind is FaultKind.ERROR:
            return self._noted(method, params, Reply(SlackError(fault.error).body()), fault.error)
        if fault.kind is FaultKind.STATUS:
            return self._noted(method, params, _status(fault), f"{done}http_{fault.status}")
        gone = self._noted(method, params, Reply("", 503), f"{done}{fault.kind}")
        if fault.kind is FaultKind.HANG:
            await line.hang()
        else:
            await line.drop()
        return gone  # nobody is there to read it

    def _run(self, method: str, token: str, params: Params) -> tuple[Reply, str]:
        scopes = {"x-oauth-scopes": ",".join(sorted(self.workspace.scopes))}
        try:
            return Reply(call(self.workspace, method, token, params), headers=scopes), "ok"
        except SlackError as error:
            return Reply(error.body(), headers=scopes), error.code

    def _limited(self, method: str, params: Params) -> tuple[Reply, str] | None:
        limits = self.workspace.limits
        wait = limits.take(method, METHODS[method].tier) if method in METHODS else 0
        if method == "chat.postMessage" and not wait:
            wait = limits.take(f"{method} {params.text('channel')}", POST_PER_CHANNEL)
        return (_status(Fault.rate_limited(wait)), "http_429") if wait else None

    def _noted(self, method: str, params: Params, reply: Reply, outcome: str) -> Reply:
        self.workspace.record(CallRecord(method, params.values, outcome, self.workspace.clock()))
        return reply


def _status(fault: Fault) -> Reply:
    if fault.status == TOO_MANY:
        headers = {"Retry-After": str(int(fault.seconds))}
        return Reply(SlackError("ratelimited").body(), TOO_MANY, headers)
    return Reply(f"<html><body>{fault.status}: Server Error</body></html>", fault.status)


def _in_http(reply: Reply) -> Response:
    kind = HTMLResponse if isinstance(reply.content, str) else JSONResponse
    return kind(reply.content, reply.status, reply.headers)
