"""How long Slack waits for its answer, with a cloud that answers and with one that hangs: side by side, one run.

``make bench`` prints both and their ratio, and fails if p99 with the hanging cloud is 100 ms or more.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlencode

from bot.sandbox.clouds import CloudSetup, demo_clouds
from bot.sandbox.slack import payloads
from bot.sandbox.stack import Stack, stack

COMMANDS = 200
WARM_UP = 5
TOGETHER = 4
LIMIT_MS = 100.0


@contextlib.asynccontextmanager
async def hanging_cloud() -> AsyncIterator[str]:
    """A server that takes every request and never answers; yields its URL."""
    held: set[asyncio.StreamWriter] = set()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.add(writer)
        with contextlib.suppress(ConnectionError):
            while await reader.read(4096):
                pass
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        for writer in held:
            writer.close()
        server.close()


def commands(world: Stack) -> list[bytes]:
    """Signed slash commands as bytes for the wire: making them must not cost time while others are measured."""
    people, workspace = world.demo, world.demo.workspace
    # Every kind of work that waits for a cloud behind the inbox: requests, dry runs, lists.
    texts = ("orders to cln-ouhutv702", "plan orders", "list")
    requests = []
    for number in range(COMMANDS + WARM_UP):
        form = payloads.command(
            workspace, people.requester, people.channel, "/switchover", texts[number % len(texts)]
        )
        delivery = world.slack.sign(urlencode(form))
        head = [f"{name}: {value}" for name, value in delivery.headers.items()]
        head += ["host: bot", f"content-length: {len(delivery.body)}"]
        requests.append("\r\n".join(["POST /slack/events HTTP/1.1", *head, "", ""]).encode() + delivery.body)
    return requests


async def one(lane: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> float:
    """Milliseconds from sending one command to the end of its answer."""
    reader, writer = lane
    started = time.perf_counter()
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length:")[2].partition("\r")[0] or 0)
    await reader.readexactly(length)
    elapsed = (time.perf_counter() - started) * 1000
    if " 200 " not in head.partition("\r")[0]:
        raise RuntimeError(f"not answered with 200: {head}")
    return elapsed


async def acks(world: Stack) -> list[float]:
    """Milliseconds to each answer, over kept-alive connections as Slack's, several at a time."""
    requests = commands(world)
    host, _, port = world.bot.url.removeprefix("http://").partition(":")
    lanes = [await asyncio.open_connection(host, int(port)) for _ in range(TOGETHER)]
    for request in requests[:WARM_UP]:  # a process pays once for its first imports and statements
        await one(lanes[0], request)
    waiting = requests[WARM_UP:]

    async def drive(lane: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> list[float]:
        taken = []
        while waiting:
            taken.append(await one(lane, waiting.pop()))
        return taken

    driven = await asyncio.gather(*(drive(lane) for lane in lanes))
    for _, writer in lanes:
        writer.close()
    return [value for values in driven for value in values]


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _at(cloud: CloudSetup, url: str) -> CloudSetup:
    """The same cloud, which the bot looks for at another address."""
    return replace(cloud, config=lambda _: cloud.config(url))


async def main() -> int:
    async with stack(demo_clouds()) as world:
        healthy = await acks(world)
    async with hanging_cloud() as url, stack([_at(cloud, url) for cloud in demo_clouds()]) as world:
        hanging = await acks(world)
    print(f"{COMMANDS} commands, {TOGETHER} at a time, milliseconds from sending to the answer")
    for name, values in (("cloud answers", healthy), ("cloud hangs", hanging)):
        figures = (
            f"p50 {percentile(values, 50):6.1f}  p99 {percentile(values, 99):6.1f}  max {max(values):6.1f}"
        )
        print(f"  {name:<14} {figures}")
    print(f"  ratio of p99, hanging to answering: {percentile(hanging, 99) / percentile(healthy, 99):.2f}")
    return 0 if percentile(hanging, 99) < LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
