"""``switchover demo`` as a process: it says where its page is, serves it, and ends when it is told to."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bot.cli import main
from bot.sandbox.page.sandbox import Sandbox
from bot.sandbox.page.show import has_screen, served
from tests.tethered import tether

# Each starts the bot, on a machine that may have much else to do.
pytestmark = pytest.mark.timeout(180)

PIPE = asyncio.subprocess.PIPE


@dataclass(frozen=True)
class Terminal:
    """A terminal that a process may write to, and what is read on it."""

    fd: int
    lines: asyncio.StreamReader
    transport: asyncio.ReadTransport


async def demo(
    *arguments: str, through: Sequence[str] = (), out: int = PIPE, **environment: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(*through, sys.executable, "-m", "bot", "demo", *arguments),
        env=dict(os.environ) | environment,
        stdout=out,
        stderr=PIPE if out == PIPE else out,
        start_new_session=True,  # as in a terminal of its own
        preexec_fn=tether,
    )


async def address_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await told_in(process.stdout, r"http://127\.0\.0\.1:\d+/"))[0]


async def told_in(said: asyncio.StreamReader, pattern: str) -> re.Match[str]:
    so_far = ""
    while (found := re.search(pattern, so_far)) is None:
        line = (await said.readline()).decode()
        assert line, f"it ended without a word of {pattern}"
        so_far += line
    return found


async def pid_of_the_bot(address: str) -> int:
    async with httpx.AsyncClient(base_url=address, trust_env=False) as http:
        return int((await http.get("/api/snapshot", params={"as": "U0RITA"})).json()["bot"]["pid"])


def written_in(file: str) -> str:
    return Path(file).read_text("utf-8")


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def is_there(pid: int) -> bool:
    """Whether a process that its parent waits for is not over yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def told_to_stop(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    process.send_signal(number)
    _, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, "")


async def test_it_serves_its_page_until_it_is_interrupted() -> None:
    process = await demo("--no-browser", "--port", "0", "--locale", "zh-CN")
    try:
        assert process.stdout is not None
        look = await told_in(process.stdout, r"(?<=look at it: ).* --config .*\.toml")
        looking = await asyncio.create_subprocess_shell(look[0], stdout=PIPE, stderr=PIPE)
        assert await looking.communicate() == (b"no operations\n", b"")
        async with httpx.AsyncClient(base_url=await address_of(process), trust_env=False) as http:
            assert "<title>Switchover sandbox</title>" in (await http.get("/")).text
            bot = (await http.get("/api/snapshot", params={"as": "U0RITA"})).json()["bot"]
            assert look[0] == f"{bot['program']} history --config {bot['config']}"
            assert 'locale = "zh-CN"' in written_in(bot["config"])
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


@pytest.fixture
async def terminal() -> AsyncIterator[Terminal]:
    """A terminal: whoever writes to it gets an error once it is closed."""
    ours, theirs = os.openpty()
    lines = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(ours, "rb")
    )
    yield Terminal(theirs, lines, transport)
    transport.close()
    os.close(theirs)


async def test_a_terminal_that_is_closed_ends_it_and_nothing_is_left(
    terminal: Terminal, tmp_path: Path
) -> None:
    process = await demo("--no-browser", "--port", "0", out=terminal.fd, TMPDIR=str(tmp_path))
    try:
        address = await told_in(terminal.lines, r"http://127\.0\.0\.1:\d+/")
        bot = await pid_of_the_bot(address[0])
        assert is_there(bot)
        assert left_in(tmp_path)
        terminal.transport.close()
        os.killpg(process.pid, signal.SIGHUP)
        assert await process.wait() == 0
        assert not is_there(bot)
        assert left_in(tmp_path) == []
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_what_is_played_in_a_terminal_leaves_nothing_when_that_is_closed(tmp_path: Path) -> None:
    process = await demo("--auto", TMPDIR=str(tmp_path))
    try:
        assert process.stdout is not None
        while "The bot listens at" not in (line := (await process.stdout.readline()).decode()):
            assert line
        os.killpg(process.pid, signal.SIGHUP)
        _, errors = await process.communicate()
        assert (process.returncode, errors.decode(), left_in(tmp_path)) == (1, "", [])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_what_is_to_outlive_its_terminal_does(tmp_path: Path) -> None:
    process = await demo("--no-browser", "--port", "0", through=("nohup",), TMPDIR=str(tmp_path))
    try:
        address = await address_of(process)
        os.killpg(process.pid, signal.SIGHUP)
        assert await pid_of_the_bot(address)
        process.terminate()
        said, _ = await process.communicate()
        # What ended it is SIGTERM: to a terminal that is closed it says no more.
        assert (process.returncode, said.decode()) == (0, "The sandbox is gone.\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells of the end of any process")
async def test_a_bot_whose_demonstration_was_killed_ends_and_takes_its_folder_along(tmp_path: Path) -> None:
    process = await demo("--no-browser", "--port", "0", TMPDIR=str(tmp_path))
    ended = asyncio.Event()
    try:
        bot = os.pidfd_open(await pid_of_the_bot(await address_of(process)))
        asyncio.get_running_loop().add_reader(bot, ended.set)
        process.kill()
        await ended.wait()
        assert left_in(tmp_path) == []
        asyncio.get_running_loop().remove_reader(bot)
        os.close(bot)
    finally:
        await process.communicate()


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
def test_a_port_that_was_asked_for_and_is_taken_is_one_line_with_the_mend(
    way: str, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["demo", way, "--port", str(taken)])
    assert (code, *capsys.readouterr()) == (
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
