"""Loopback servers that are watched: what really went over the wire, and where it was cut."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp

HEAD_END = b"\r\n\r\n"
Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def listening(connection: Connection) -> AsyncIterator[int]:
    """A TCP server on a free port; every connection of it ends with the block."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await connection(reader, writer)
        except asyncio.CancelledError:
            pass  # the block ended; nobody waits for this connection any more
        finally:
            writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass
class Front:
    """An HTTP/1.1 server in front of an ASGI app that counts connections and requests."""

    app: ASGIApp
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _noticed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits until something is true of what has arrived; asked again after each arrival."""
        while not holds():
            self._noticed.clear()
            await self._noticed.wait()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Front]:
        async with listening(self._connection) as self.port:
            yield self

    def requests_with(self, mark: bytes) -> int:
        """How many requests carried ``mark`` in their first line."""
        return sum(mark in head.split(b"\r\n", 1)[0] for head in self.heads)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._noticed.set()
        while True:
            head = await reader.readuntil(HEAD_END)
            self.heads.append(head)
            self._noticed.set()
            body = await reader.readexactly(body_length(head))
            self.bodies.append(body)
            if not await self._exchange(head, body, reader, writer):
                return

    async def _exchange(
        self, head: bytes, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        asked = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if asked:
                return asked.pop()
            await reader.read(
                1
            )  # a client that waits for its answer sends nothing: this ends when it has gone
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                lines = [b"HTTP/1.1 %d X" % message["status"]]
                lines += [name + b": " + value for name, value in message["headers"]]
                writer.write(b"\r\n".join(lines) + HEAD_END)
            else:
                writer.write(message["body"])
            await writer.drain()

        try:
            await self.app(_scope(head), receive, send)
        except ConnectionResetError:
            return False
        return True


def body_length(head: bytes) -> int:
    """How many bytes follow a head."""
    found = re.search(rb"\r\ncontent-length:\s*(\d+)", head, re.IGNORECASE)
    return int(found[1]) if found else 0


def _scope(head: bytes) -> dict[str, Any]:
    first, *rest = head.removesuffix(HEAD_END).split(b"\r\n")
    method, target, _ = first.split(b" ")
    path, _, query = target.partition(b"?")
    headers = [line.partition(b":")[::2] for line in rest]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method.decode(),
        "scheme": "http",
        "path": path.decode(),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower().strip(), value.strip()) for name, value in headers],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }


@dataclass
class Cutting:
    """A server that cuts connections: after ``read`` bytes of the request, or after ``sent`` of its answer.

    ``arrived`` holds what was read on each connection.
    """

    answer: bytes
    read: int | None = None
    sent: int | None = None
    hard: bool = True
    arrived: list[bytes] = field(default_factory=list)

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.read is not None:
            try:
                self.arrived.append(await reader.readexactly(self.read) if self.read else b"")
            except asyncio.IncompleteReadError as ended:
                self.arrived.append(ended.partial)
            reset(writer)
            return
        head = await reader.readuntil(HEAD_END)
        self.arrived.append(head + await reader.readexactly(body_length(head)))
        writer.write(self.answer[: self.sent])
        await writer.drain()
        if self.hard:
            reset(writer)
        else:
            writer.close()
            await writer.wait_closed()
