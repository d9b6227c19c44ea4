"""Work that goes on until the process is told to stop: by Ctrl-C, by SIGTERM, by a terminal that is closed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Done = TypeVar("Done")


class ToldToStop(Exception):
    """The process was told to stop, and the work has ended in good order.

    Attributes:
        hung_up: The terminal is gone, so nobody reads what is still to be said.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"told to stop by {number.name}")
        self.hung_up = number is signal.SIGHUP


async def until_told(work: Coroutine[Any, Any, Done]) -> Done:
    """Does the work; it is cancelled when the process is told to stop, and what it holds is given back.

    Raises:
        ToldToStop: It was told.
    """
    told: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
    working = asyncio.create_task(work)
    told.add_done_callback(lambda _: working.cancel())
    with _heard(told):
        try:
            return await working
        except asyncio.CancelledError:
            if not told.done():
                raise
    raise ToldToStop(told.result())


@contextlib.contextmanager
def _heard(told: asyncio.Future[signal.Signals]) -> Iterator[None]:
    """Whatever stops the process is told to the future, the first one only, until the block ends."""
    loop = asyncio.get_running_loop()
    # Whoever starts it with nohup wants it to outlive the terminal.
    heard = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]

    def tell(number: signal.Signals) -> None:
        if not told.done():
            told.set_result(number)

    for number in heard:
        loop.add_signal_handler(number, tell, number)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
