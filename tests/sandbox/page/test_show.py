"""``switchover demo`` as a process: it says where its page is, serves it, and ends when it is told to."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bot.sandbox.page.sandbox import Sandbox
from bot.sandbox.page.show import has_screen, served

# Each starts the bot, on a machine that may have much else to do.
pytestmark = pytest.mark.timeout(180)


async def demo(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "demo", *arguments),
        env=dict(os.environ) | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def address_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    said = ""
    while (address := re.search(r"http://127\.0\.0\.1:\d+/", said)) is None:
        line = (await process.stdout.readline()).decode()
        assert line, "it ended without a word of where its page is"
        said += line
    return address[0]


async def told_to_stop(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    process.send_signal(number)
    _, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, "")


async def test_it_serves_its_page_until_it_is_interrupted() -> None:
    process = await demo("--no-browser", "--port", "0")
    try:
        async with httpx.AsyncClient(base_url=await address_of(process), trust_env=False) as http:
            assert "<title>Switchover sandbox</title>" in (await http.get("/")).text
            bot = (await http.get("/api/snapshot", params={"as": "U0RITA"})).json()["bot"]
            assert (await http.get(f"{bot['url']}/readyz")).status_code == 200
            # A page that is open does not hold up the end, and is not cut off in the middle of a word.
            async with http.stream("GET", "/api/events", params={"as": "U0RITA"}) as stream:
                lines = stream.aiter_lines()
                await anext(lines)
                await told_to_stop(process, signal.SIGINT)
                assert [line async for line in lines][-1] == ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_opens_a_browser_and_ends_at_sigterm(tmp_path: Path) -> None:
    pipe, browser = tmp_path / "opened", tmp_path / "browser"
    os.mkfifo(pipe)
    browser.write_text(f'#!/bin/sh\necho "$1" > {pipe}\n', encoding="utf-8")
    browser.chmod(0o700)
    process = await demo("--port", "0", DISPLAY=":0", BROWSER=f"{browser} %s")
    try:
        address = await address_of(process)
        assert (await asyncio.to_thread(pipe.read_text, encoding="utf-8")).strip() == address
        await told_to_stop(process, signal.SIGTERM)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    ("environment", "platform", "there"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": "", "TERM": "xterm"}, "linux", False),
        ({}, "darwin", True),
    ],
)
def test_no_browser_is_started_in_the_terminal_that_is_in_use(
    environment: dict[str, str], platform: str, *, there: bool
) -> None:
    assert has_screen(environment, platform) is there


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("way", ["--no-browser", "--auto"])
async def test_a_port_that_was_asked_for_and_is_taken_is_one_line_with_the_mend(way: str, taken: int) -> None:
    process = await demo(way, "--port", str(taken))
    said, errors = await process.communicate()
    assert (process.returncode, said.decode(), errors.decode()) == (
        1,
        "",
        f"--port: can't listen on 127.0.0.1:{taken} (another program uses it): choose another, or 0 for a free one\n",
    )


async def test_where_the_usual_port_is_taken_a_free_one_is_and_that_is_told(taken: int) -> None:
    told: list[str] = []
    async with served(Sandbox(), None, usual=taken, write=told.append) as url:
        assert not url.endswith(f":{taken}")
    (line,) = told
    assert f"Port {taken} is in use" in line
    assert "--port" in line
