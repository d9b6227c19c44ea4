"""A small Slack on loopback: channels and people with state, and faults that can be ordered by method."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.handlers.ledger import HandClock

BOT_USER, BOT_ID, TEAM = "UBOT", "BBOT", "T1"
HOME = "https://home.slack.com/"


@dataclass
class Fault:
    """What goes wrong with one call; with ``after``, when the method has done its work."""

    kind: str
    value: str = ""
    after: bool = False


@dataclass
class Channel:
    members: set[str]
    messages: list[dict[str, Any]] = field(default_factory=list)
    ephemerals: list[dict[str, Any]] = field(default_factory=list)
    archived: bool = False


class Workspace:
    """Serves the methods that the bot calls; ``calls`` is what it was asked, in order."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.channels = {"C1": Channel({BOT_USER, "U1"}), "C2": Channel({BOT_USER, "U1"})}
        ann = {"id": "U1", "team_id": TEAM, "name": "ann", "locale": "en-US"}
        self.users: dict[str, dict[str, Any]] = {"U1": ann}
        self.groups: dict[str, list[str]] = {"S1": ["U1"]}
        self.hooks: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.hook_uses = 5
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.gate: Callable[[str], Awaitable[None]] | None = None
        self.url = ""
        self.home = HOME
        self.ahead = 0.0  # seconds by which its clock is ahead of ours
        self._serial = 0
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self._serve)
        app.router.add_post("/hooks/{name}", self._hook)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def fail(self, method: str, kind: str, value: str = "", *, after: bool = False, times: int = 1) -> None:
        self.faults[method] += [Fault(kind, value, after)] * times

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [args for name, args in self.calls if name == method]

    def keys(self, channel: str = "C1") -> list[str]:
        messages = self.channels[channel].messages
        return [m["metadata"]["event_payload"]["key"] for m in messages if "metadata" in m]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        args: dict[str, Any] = dict(request.query) if request.method == "GET" else await request.json()
        self.calls.append((method, args))
        if self.gate is not None:
            await self.gate(method)
        fault = self.faults[method].pop(0) if self.faults[method] else None
        if fault is not None and not fault.after:
            return self._broken(request, fault)
        answer = getattr(self, "_" + method.replace(".", "_"))(args)
        return self._broken(request, fault) if fault else web.json_response(answer)

    def _broken(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        match fault.kind:
            case "drop":
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            case "status":
                return web.Response(status=int(fault.value), text="oops", content_type="text/html")
            case "ratelimited":
                body = {"ok": False, "error": "ratelimited"}
                return web.json_response(body, status=429, headers={"Retry-After": fault.value})
            case "text":
                return web.Response(text=fault.value, content_type="text/plain")
            case "no json":
                status, wait = int(fault.value), {"Retry-After": "9"}
                return web.Response(
                    status=status, text="{oops", content_type="application/json", headers=wait
                )
            case _:
                return web.json_response({"ok": False, "error": fault.value})

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self.calls.append(("response_url", await request.json()))
        fault = self.faults["response_url"].pop(0) if self.faults["response_url"] else None
        if fault:
            return self._broken(request, fault)
        if len(self.hooks[name]) >= self.hook_uses:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        self.hooks[name].append(await request.json())
        return web.Response(text="ok")

    def _ts(self) -> str:
        self._serial += 1
        return f"{self.clock.now().timestamp() + self.ahead:.0f}.{self._serial:06d}"

    def _place(self, args: dict[str, Any]) -> Channel | str:
        channel = self.channels.get(args["channel"])
        if channel is None:
            return "channel_not_found"
        if channel.archived:
            return "is_archived"
        return channel if BOT_USER in channel.members else "not_in_channel"

    def _auth_test(self, args: dict[str, Any]) -> dict[str, Any]:
        whose = {"team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT_ID, "enterprise_id": None}
        return {"ok": True, "url": self.home, **whose}

    def _users_info(self, args: dict[str, Any]) -> dict[str, Any]:
        user = self.users.get(args["user"])
        return {"ok": True, "user": user} if user else {"ok": False, "error": "user_not_found"}

    def _usergroups_users_list(self, args: dict[str, Any]) -> dict[str, Any]:
        users = self.groups.get(args["usergroup"])
        return (
            {"ok": True, "users": users} if users is not None else {"ok": False, "error": "no_such_subteam"}
        )

    def _chat_postMessage(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Slack's name
        place = self._place(args)
        if isinstance(place, str):
            return {"ok": False, "error": place}
        message = {"ts": self._ts(), "user": BOT_USER, "bot_id": BOT_ID, **args}
        place.messages.append(message)
        return {"ok": True, "ts": message["ts"], "channel": args["channel"]}

    def _chat_update(self, args: dict[str, Any]) -> dict[str, Any]:
        place = self._place(args)
        if isinstance(place, str):
            return {"ok": False, "error": place}
        for message in place.messages:
            if message["ts"] == args["ts"]:
                message.update(args)
                return {"ok": True, "ts": args["ts"]}
        return {"ok": False, "error": "message_not_found"}

    def _chat_postEphemeral(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Slack's name
        place = self._place(args)
        if isinstance(place, str):
            return {"ok": False, "error": place}
        if args["user"] not in place.members:
            return {"ok": False, "error": "user_not_in_channel"}
        place.ephemerals.append(args)
        return {"ok": True, "message_ts": self._ts()}

    def _conversations_open(self, args: dict[str, Any]) -> dict[str, Any]:
        channel = "D" + args["users"]
        self.channels.setdefault(channel, Channel({BOT_USER, args["users"]}))
        return {"ok": True, "channel": {"id": channel}}

    def _conversations_history(self, args: dict[str, Any]) -> dict[str, Any]:
        return self._read(
            args, lambda m: not m.get("thread_ts") or m.get("reply_broadcast"), newest_first=True
        )

    def _conversations_replies(self, args: dict[str, Any]) -> dict[str, Any]:
        return self._read(args, lambda m: args["ts"] in (m["ts"], m.get("thread_ts")), newest_first=False)

    def _read(
        self, args: dict[str, Any], wanted: Callable[[dict[str, Any]], object], *, newest_first: bool
    ) -> dict[str, Any]:
        place = self._place(args)
        if isinstance(place, str):
            return {"ok": False, "error": place}
        assert args["include_all_metadata"] == "1"
        assert args["inclusive"] == "1"
        oldest, latest = float(args.get("oldest", "0")), float(args.get("latest", "inf"))
        found = [m for m in place.messages if wanted(m) and oldest <= float(m["ts"]) <= latest]
        found = found[::-1] if newest_first else found
        start = int(args.get("cursor", "0"))
        end = start + 2  # pages are small here, so that paging is always met
        more = end < len(found)
        cursor = {"next_cursor": str(end)} if more else {}
        return {"ok": True, "messages": found[start:end], "has_more": more, "response_metadata": cursor}
