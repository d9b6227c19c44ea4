"""``switchover demo`` as a process: it says where its page is, serves it, and ends when it is told to."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys

import httpx
import pytest


async def demo(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "demo", "--no-browser", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_its_page_until_it_is_told_to_stop(told: signal.Signals) -> None:
    process = await demo("--port", "0")
    assert process.stdout is not None
    try:
        said = ""
        while (address := re.search(r"http://127\.0\.0\.1:\d+/", said)) is None:
            line = (await process.stdout.readline()).decode()
            assert line, "it ended without a word of where its page is"
            said += line
        async with httpx.AsyncClient(base_url=address[0], trust_env=False) as http:
            assert "<title>Switchover sandbox</title>" in (await http.get("/")).text
            bot = (await http.get("/api/snapshot", params={"as": "U0RITA"})).json()["bot"]
            assert (await http.get(f"{bot['url']}/readyz")).status_code == 200
            # A page that is open does not hold up the end.
            async with http.stream("GET", "/api/events", params={"as": "U0RITA"}) as stream:
                await anext(stream.aiter_lines())
                process.send_signal(told)
                _, errors = await process.communicate()
        assert (process.returncode, errors.decode()) == (0, "")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_port_that_was_asked_for_and_is_taken_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = await demo("--port", port)
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert port in errors.decode()
