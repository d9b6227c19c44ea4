"""How long Slack waits for its answer, with a cloud that answers and with one that hangs: side by side, one run.

``make bench`` prints both and their ratio, and fails if p99 with the hanging cloud is 100 ms or more.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
from collections.abc import AsyncIterator

from bot.sandbox.slack import Receipt
from bot.sandbox.stack import Stack, stack

COMMANDS = 200
TOGETHER = 8
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


async def acks(world: Stack) -> list[float]:
    """Milliseconds from sending each command to its answer."""
    lane = asyncio.Semaphore(TOGETHER)

    async def one(number: int) -> Receipt:
        async with lane:
            # Every kind of work that waits for a cloud behind the inbox: requests, dry runs, lists.
            text = ("orders to cln-ouhutv702", "plan orders", "list")[number % 3]
            return await world.slack.command(world.demo.requester, world.demo.channel, text)

    await one(0)  # the first one pays for imports and connections, as it does once in a process's life
    receipts = await asyncio.gather(*(one(number) for number in range(COMMANDS)))
    failed = [receipt for receipt in receipts if receipt.status != 200]
    if failed:
        raise RuntimeError(f"{len(failed)} command(s) were not answered with 200: {failed[0]}")
    return [receipt.elapsed * 1000 for receipt in receipts]


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


async def main() -> int:
    async with stack() as world:
        healthy = await acks(world)
    async with hanging_cloud() as url, stack(cloud_url=url) as world:
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
