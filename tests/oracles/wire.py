"""What a client sends, byte for byte, and a clock for clouds whose callers live in the real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

from tests.providers.wires import Cutting, listening


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that gives every connection the same answer; yields its port and the heads that arrived."""
    server = Cutting(answer, hard=False)
    async with listening(server.connection) as port:
        yield port, server.arrived


@asynccontextmanager
async def answering_at(path: Path, answer: bytes) -> AsyncIterator[list[bytes]]:
    """The same at a Unix socket, so that no port is in the bytes; yields the requests that arrived."""
    server = Cutting(answer, hard=False)
    async with await asyncio.start_unix_server(server.connection, path):
        yield server.arrived


def answer_of(body: bytes) -> bytes:
    """A whole HTTP answer; the connection ends with it."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def params_of(head: bytes) -> dict[str, str]:
    """The parameters in a request's first line; each has to be there once."""
    target = head.split(b"\r\n", 1)[0].split(b" ")[1].decode()
    pairs = parse_qsl(target.partition("?")[2], keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@dataclass
class RealTimePlus:
    """The real time, moved: what happens later in a cloud is not waited for."""

    moved: timedelta = field(default=timedelta(0))

    def now(self) -> datetime:
        return datetime.now(UTC) + self.moved

    def advance(self, seconds: float) -> None:
        self.moved += timedelta(seconds=seconds)
