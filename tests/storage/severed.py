"""A TCP proxy before PostgreSQL that cuts a connection exactly at a COMMIT."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

COMMIT = b"Q\x00\x00\x00\x0cCOMMIT;\x00"
"""The message as the driver sends it: its kind, its length, and its text."""
CHUNK = 65536


class Cut(StrEnum):
    """Where the connection is cut."""

    REQUEST = "request"
    """Before the server has heard of the COMMIT: it undoes everything."""
    ANSWER = "answer"
    """After it has committed, before the client hears of it."""
    HELD = "held"
    """At once for the client; the server hears of the COMMIT when it is let go."""


@dataclass
class Proxy:
    """What runs between the store and the server.

    Attributes:
        url: The database, through the proxy.
        cut: Says of a transaction, as the bytes that the client has sent for it, where to cut; None: nowhere.
        refuses: New connections are refused.
        cuts: How many there were.
        commits: How many COMMITs came by, those that were cut included.
        let_go: Lets the COMMITs that are held go on.
        moves: How often the server has moved: of what was connected before, nothing arrives any more, and nobody is
            told. Whoever connects anew is served.
    """

    url: str
    server: tuple[str, int]
    cut: Callable[[bytes], Cut | None] = lambda _: None
    refuses: bool = False
    cuts: int = 0
    commits: int = 0
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    moves: int = 0
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    def once(self, where: Cut, part: bytes = b"") -> None:
        """Cuts the next transaction in which this was sent."""

        def cut(sent: bytes) -> Cut | None:
            if part not in sent:
                return None
            self.cut = lambda _: None
            return where

        self.cut = cut

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries one connection to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        if self.refuses:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(*self.server)
        answers = asyncio.create_task(_carry(there, writer))
        try:
            with contextlib.suppress(ConnectionError):
                await self._requests(reader, writer, there, back, answers)
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            for each in (writer, back):
                each.transport.abort()

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        answers: asyncio.Task[None],
    ) -> None:
        sent, moves = b"", self.moves
        while chunk := await reader.read(CHUNK):
            if moves != self.moves:
                continue
            where = None
            sent += chunk
            if chunk.endswith(COMMIT):
                self.commits += 1
                where, sent = self.cut(sent), b""
            if where is None:
                back.write(chunk)
                await back.drain()
                continue
            self.cuts += 1
            if where is Cut.REQUEST:
                return
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            if where is Cut.HELD:
                writer.transport.abort()
                await self.let_go.wait()
            back.write(chunk)
            await there.read(CHUNK)  # the answer: it is committed, and nobody else will know
            return

    async def close(self) -> None:
        """Ends every connection."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def proxy(url: str) -> AsyncIterator[Proxy]:
    """A proxy before the server of this database."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    running = Proxy("", (parts.hostname, parts.port or 5432))
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    port = server.sockets[0].getsockname()[1]
    running.url = parts._replace(netloc=f"{user}127.0.0.1:{port}").geturl()
    try:
        yield running
    finally:
        server.close()
        await running.close()
