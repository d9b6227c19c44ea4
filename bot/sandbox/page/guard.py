"""What stands before the page's server: only this machine's browser, only this page, only small requests."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

HEADER = "x-sandbox-page"
"""Only a page of ours can send it: any other one would have to ask first, and is not answered."""
LARGEST = 64_000
_LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ALWAYS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Wraps the page's app.

    A name that an attacker has pointed at this machine is not ours (DNS rebinding), and a form or script of another
    site is no page of ours (CSRF).

    Args:
        app: The page's app.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_ALWAYS)
            await send(message)

        problem = refusal(scope["method"], Headers(scope=scope))
        if problem:
            await PlainTextResponse(problem, 403)(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)


def refusal(method: str, headers: Headers) -> str:
    """Why a request is not answered; "" if it is."""
    host = headers.get("host", "")
    if host.rpartition(":")[0] not in _LOCAL and host not in _LOCAL:
        return "this page answers to 127.0.0.1 and localhost only"
    if method in {"GET", "HEAD"}:
        return ""
    if headers.get(HEADER) is None:
        return f"the header {HEADER} is missing"
    if headers.get("origin", f"http://{host}") != f"http://{host}":
        return "only the page itself may ask for that"
    if headers.get("content-type", "").partition(";")[0] != "application/json":
        return "only JSON is taken"
    return ""
