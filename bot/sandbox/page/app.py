"""The page's server: its files, a stream of what changes, and what people do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bot.sandbox.page.actions import Actions, BadAction
from bot.sandbox.page.changes import difference
from bot.sandbox.page.guard import LARGEST, Guard
from bot.sandbox.page.people import cast
from bot.sandbox.page.sandbox import NotReady, Sandbox
from bot.sandbox.slack import Impossible
from handlers.grammar import usage
from handlers.texts import FALLBACK, LOCALES, Texts

STATIC = Path(__file__).parent / "static"
QUIET = (
    60  # turns of the stream, each of a quarter of a second at most, before it says that it is still there
)


def page_app(sandbox: Sandbox) -> ASGIApp:
    """The ASGI app, guarded."""
    page = Page(sandbox)
    routes = [
        Route("/api/snapshot", page.snapshot),
        Route("/api/events", page.events),
        Route("/api/commands", page.commands),
        Route("/api/language", page.language),
        Route("/api/do/{action}", page.act, methods=["POST"]),
        Mount("/", StaticFiles(directory=STATIC, html=True)),
    ]
    return Guard(Starlette(routes=routes))


class Page:
    """The endpoints."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._actions = Actions(sandbox)

    async def snapshot(self, request: Request) -> Response:
        """Everything that somebody's screen shows now."""
        try:
            return JSONResponse(self._seen_by(_viewer(request)))
        except NotReady:
            return _no(503, "not_ready", "the sandbox is being built")
        except BadAction as error:
            return _no(400, "bad", str(error))

    async def events(self, request: Request) -> Response:
        """Server-sent events: first everything, then what changes.

        Whoever comes back after a break begins with everything again, so ``Last-Event-ID`` says nothing we need.
        """
        return StreamingResponse(self._stream(_viewer(request)), media_type="text/event-stream")

    async def commands(self, _: Request) -> Response:
        """What can be typed after the slash, as the bot's help has it, in every language."""
        return JSONResponse(
            {
                locale: [{"usage": form, "about": Texts(locale).text(about)} for form, about in usage()]
                for locale in LOCALES
            }
        )

    async def language(self, _: Request) -> Response:
        """What the page speaks where nobody has chosen yet; null leaves it to the browser."""
        told = self._sandbox.locale
        return JSONResponse(None if told == FALLBACK else told)

    async def act(self, request: Request) -> Response:
        """One action of one person."""
        try:
            body = _object(await _read(request))
            done = await self._actions.do(request.path_params["action"], str(body.get("as", "")), body)
        except BadAction as error:
            return _no(400, "bad", str(error))
        except NotReady:
            return _no(503, "not_ready", "the sandbox is being built")
        except Impossible as error:
            return _no(409, "impossible", str(error))
        return JSONResponse(done)

    async def _stream(self, viewer: str) -> AsyncIterator[str]:
        sent: Mapping[str, Any] = {}
        number, quiet = 0, 0
        while not self._sandbox.closed:
            try:
                now = self._seen_by(viewer)
            except NotReady:
                # Of the next world nothing is known yet, so it begins with everything.
                if sent:
                    sent = {}
                    yield _event("building", number, {})
            except BadAction as error:
                yield _event("gone", number, {"error": str(error)})
                return
            else:
                changes = difference(sent, now)
                if changes:
                    number += 1
                    yield _event("patch" if sent else "snapshot", number, changes)
                    sent, quiet = now, 0
            quiet += 1
            if quiet % QUIET == 0:
                yield ": still here\n\n"
            await self._sandbox.changed()

    def _seen_by(self, viewer: str) -> dict[str, Any]:
        if viewer not in {user.id for user in cast(self._sandbox.world.demo).values()}:
            raise BadAction("nobody of the cast")
        return self._sandbox.snapshot(viewer)


def _viewer(request: Request) -> str:
    return request.query_params.get("as", "")


def _event(name: str, number: int, data: Mapping[str, Any]) -> str:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


async def _read(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise BadAction("this is too long")
    return body


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        raise BadAction("this is not JSON") from None
    if not isinstance(parsed, dict):
        raise BadAction("this is not an object")
    return parsed


def _no(status: int, kind: str, why: str) -> Response:
    return JSONResponse({"error": kind, "message": why}, status)
