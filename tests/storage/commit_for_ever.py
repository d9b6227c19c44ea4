"""Commits operations and prints the id of each one that is committed, until it is killed."""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from bot.storage import connect
from tests.storage.values import NOW, inbound, requested, running


async def main(url: str) -> None:
    """Opens, works on and commits one operation after another."""
    store = await connect(url, migrate=False)
    for number in count():
        first = requested(number)
        await store.receive(inbound(first.after.id))
        await store.open(first, due_at=NOW, item_id=None)
        await store.commit(running(first), due_at=NOW)
        sys.stdout.write(f"{first.after.id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
