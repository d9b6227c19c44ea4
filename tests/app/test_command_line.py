"""The command line: where the database is not, what is typed wrong, and which version this is."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO, TextIO

import pytest

from bot import cli
from bot.core.holds import Frozen, Halted
from bot.core.model import UserId
from bot.storage import connect
from bot.system import SystemClock
from tests.app.commands import Printed, configure, run
from tests.storage.values import (
    NOW,
    cancelled,
    chain,
    done_without_approval,
    requested,
    reviewed,
    running,
)
from tests.tethered import tether

ROOT = Path(__file__).parents[2]
NONE_AS_JSON = '{"operations": []}\n'
READING = {
    ("status",): "",
    ("status", "orders"): "",
    ("status", "SW-7K3M9Q"): None,
    ("status", "--json"): NONE_AS_JSON,
    ("history",): "",
    ("history", "orders", "--json"): NONE_AS_JSON,
    ("audit", "verify"): None,
    ("audit", "export"): None,
}
"""What a command prints where there is no database yet; None: nothing, and it fails."""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another folder than the one that the bot runs in: its database has a relative path."""
    configure(tmp_path)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def contents(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def typed(*arguments: str) -> Printed:
    return await run(*arguments, "--config", "../switchover.toml")


@pytest.mark.parametrize(
    ("command", "out"), [pytest.param(*each, id=" ".join(each[0])) for each in READING.items()]
)
async def test_where_there_is_no_database_a_command_says_where_it_looked_and_makes_none(
    elsewhere: Path, command: tuple[str, ...], out: str | None
) -> None:
    printed = await typed(*command)
    assert (printed.code, printed.out) == ((1, "") if out is None else (0, out))
    (line,) = printed.err.splitlines()
    assert line.startswith(f"database.url: there is no file {elsewhere}/switchover.db: ")
    assert "whole path" in line
    assert contents(elsewhere) == []


@pytest.mark.parametrize("command", [*READING, ("db", "upgrade"), ("serve",)], ids=" ".join)
async def test_a_file_that_is_no_database_is_named(elsewhere: Path, command: tuple[str, ...]) -> None:
    (elsewhere / "switchover.db").write_text("a shopping list" * 100, encoding="utf-8")
    printed = await opening(*command, "--config", "../switchover.toml")
    assert (printed.code, printed.out) == (1, "")
    mend = "mend it or its rights, or name another file"
    assert printed.err == f"database.url ({elsewhere}/switchover.db): the file is not a database: {mend}\n"


async def opening(*arguments: str) -> Printed:
    """The same as ``run``, also of ``serve``, which can't be told to stop in a thread: it has a process."""
    if arguments[0] != "serve":
        return await run(*arguments)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=tether,
    )
    out, err = await process.communicate()
    return Printed(process.returncode or 0, out.decode(), err.decode())


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("none/s.db", "there is no folder {folder}/none: make it, or name a file elsewhere"),
        ("none.db/s.db", "there is no folder {folder}/none.db: make it, or name a file elsewhere"),
        ("folder", "it is a folder: name a file"),
        ("used.db", "another process uses {folder}/used.db: stop it, or use PostgreSQL for several replicas"),
    ],
)
async def test_a_place_for_no_database_is_told_with_what_would_mend_it(
    tmp_path: Path, file: str, said: str
) -> None:
    (tmp_path / "none.db").touch()
    (tmp_path / "folder").mkdir()
    used = await connect(f"sqlite:///{tmp_path}/used.db", migrate=False)
    config = configure(tmp_path, f'[database]\nurl = "sqlite:///{tmp_path}/{file}"\n')
    printed = await run("db", "upgrade", "--config", str(config))
    await used.close()
    said = said.format(folder=tmp_path)
    assert (printed.code, printed.err) == (1, f"database.url ({tmp_path}/{file}): {said}\n")


@pytest.mark.parametrize("command", [("serve",), ("db", "upgrade"), ("status",)], ids=" ".join)
async def test_a_database_that_is_out_of_reach_is_named_with_what_would_mend_it(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = f"127.0.0.1:{server.getsockname()[1]}"
    config = configure(tmp_path, f'[database]\nurl = "postgresql://bot:pw-1234@{here}/bot"\n')
    printed = await opening(*command, "--config", str(config))
    assert printed.code == 1
    assert printed.err == (
        f"database.url (postgresql://bot:***@{here}/bot): the database can't be reached (connection refused): "
        "see that it runs and lets us in, or mend the address\n"
    )


async def test_an_upgrade_says_which_database_it_made_or_found(elsewhere: Path) -> None:
    said = f"the schema of {elsewhere}/switchover.db is up to date\n"
    assert (await typed("db", "upgrade")).out == f"a new database was made: {said}"
    with sqlite3.connect(elsewhere / "switchover.db") as connection:
        assert connection.execute("SELECT count(*) FROM audit_events").fetchone() == (0,)
    connection.close()
    assert (await typed("db", "upgrade")).out == said
    assert (await typed("status")).out == "no operations\n"


ALWAYS = """freeze = [ { cron = "* * * * *", for = "2m", timezone = "UTC", reason = "trading" } ]
"""
SESSIONS = """[databases.sessions]
account = "qc"
cluster = "cl-sessions1"
policy = "open"
[policies.open]
approvers = ["*"]
"""


async def test_a_status_begins_with_the_holds_in_force_and_its_object_is_as_it_was(elsewhere: Path) -> None:
    """Those set by hand and configured freezes; of a database or an operation only those that bind it."""
    configure(elsewhere.parent, ALWAYS + SESSIONS)
    by, now = UserId("U0456EFGH"), SystemClock().now()
    store = await connect(f"sqlite:///{elsewhere}/switchover.db", migrate=True)
    for event in (Frozen(now, "orders", None, "audit", by, "T1"), Halted(now, "fire", by, "T1")):
        await store.record_hold(event, item_id=None)
    waiting = requested(1, database="orders", shard="s1")
    urgent = requested(2, database="orders", shard="s2", emergency=True)
    sent = requested(3, database="orders", shard="s3")
    for each in (waiting, urgent, sent):
        await store.open(each, due_at=now, item_id=None)
    await store.commit(running(sent), due_at=None)
    await store.close()
    halted, frozen = "! Halted by U0456EFGH since ", "! Frozen (orders) by U0456EFGH since "
    window = "! Policy default: frozen until "
    for asked, held in (
        ((), [halted, frozen, window]),
        (("orders",), [halted, frozen, window]),
        (("sessions",), [halted]),
        ((waiting.after.id,), [halted, frozen, window]),
        ((urgent.after.id,), [halted]),
        ((sent.after.id,), []),
    ):
        lines = (await typed("status", *asked)).out.splitlines()
        assert [line[: len(said)] for line, said in zip(lines, held, strict=False)] == held
        assert not lines[len(held)].startswith("!")
        assert set(json.loads((await typed("status", *asked, "--json")).out)) == {"operations"}
    assert not (await typed("history")).out.startswith("!")


async def test_history_prints_the_newest_that_ended_and_says_when_there_are_more(elsewhere: Path) -> None:
    now = SystemClock().now()
    store = await connect(f"sqlite:///{elsewhere}/switchover.db", migrate=True)
    for number in range(1, 6):
        at = now + timedelta(seconds=number)
        first = requested(number, database="gone" if number == 5 else "orders", shard=f"s{number}", at=at)
        await store.open(first, due_at=now, item_id=None)
        if number < 4:
            await store.commit(chain(first, cancelled), due_at=None)
    await store.close()
    for arguments, ids, said in (
        (("--limit", "1"), ["SW-000003"], "the newest 1 of 3: --limit 3 shows all\n"),
        (("orders", "--limit", "2"), ["SW-000003", "SW-000002"], "the newest 2 of 3: --limit 3 shows all\n"),
        (("--limit", "3"), ["SW-000003", "SW-000002", "SW-000001"], ""),
        (("gone",), [], ""),
    ):
        printed = await typed("history", *arguments, "--json")
        assert [each["id"] for each in json.loads(printed.out)["operations"]] == ids
        assert (printed.code, printed.err) == (0, said)
        lines = (await typed("history", *arguments)).out.splitlines()
        assert [line[:9] for line in lines if not line.startswith(" ")] == (ids or ["no operat"])
    assert (await typed("history", "nowhere")).code == 1


OWED = "Done without approvals and still to be reviewed by somebody else, with “Review” on the card:"


async def test_a_status_ends_with_the_reviews_that_are_owed(elsewhere: Path) -> None:
    configure(elsewhere.parent, SESSIONS)
    store = await connect(f"sqlite:///{elsewhere}/switchover.db", migrate=True)
    for number in (1, 2):
        first = requested(number, database="orders", shard=f"s{number}", emergency=True)
        await store.open(first, due_at=NOW, item_id=None)
        done = done_without_approval(first)
        await store.commit(done if number == 1 else [*done, *chain(done[-1], reviewed)], due_at=None)
    await store.close()
    for asked, owed, said in (
        ((), ["SW-000001"], True),
        (("orders",), ["SW-000001"], True),
        (("sessions",), [], False),
        (("SW-000001",), ["SW-000001"], False),
    ):
        lines = (await typed("status", *asked)).out.splitlines()
        assert (OWED in lines) == said
        assert [line[:9] for line in lines if line.startswith("SW-")] == owed


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("command", "what"),
    [("status", "database or operation"), ("history", "database"), ("plan", "database")],
)
async def test_who_mistypes_a_name_is_told_the_nearest(command: str, what: str) -> None:
    """And that an operation could have been named only where one can."""
    await typed("db", "upgrade")
    printed = await typed(command, "ordrs")
    said = f"ordrs: no such {what}; did you mean orders?\n"
    assert (printed.code, printed.out, printed.err) == (1, "", said)
    printed = await typed(command, "SW-000000")
    said = f"SW-000000: no such {what}; the databases are orders\n"
    assert (printed.code, printed.err) == (1, said)


@pytest.mark.usefixtures("elsewhere")
async def test_no_more_than_some_databases_are_named(elsewhere: Path) -> None:
    await typed("db", "upgrade")
    more = "".join(f'[databases.db-{n:02}]\naccount = "qc"\ncluster = "cl-{n:08}"\n' for n in range(12))
    configure(elsewhere.parent, more)
    named = ", ".join(f"db-{n:02}" for n in range(10))
    said = f"xxxxxx: no such database or operation; the databases are {named} and 3 more\n"
    assert (await typed("status", "xxxxxx")).err == said


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        (("status", "--jsn"), "usage: switchover status [-h] [--config FILE] [--json]"),
        (("audit", "export", "--last"), "usage: switchover audit export [-h] [--config FILE]"),
        (("manifest", "--http"), "usage: switchover manifest [-h]"),
        (("status", "orders", "payments"), "usage: switchover status [-h]"),
    ],
)
async def test_whoever_mistypes_an_option_is_shown_the_usage_of_the_command(
    command: tuple[str, ...], usage: str
) -> None:
    printed = await run(*command)
    assert (printed.code, printed.out) == (2, "")
    assert printed.err.startswith(usage)
    assert f"error: unrecognized arguments: {command[-1]}\n" in printed.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("history", "--limit", "many"), "argument --limit: 'many' is not a whole number"),
        (("history", "--limit", "0"), "argument --limit: must be at least 1"),
        (("demo", "--port", "http"), "argument --port: 'http' is not a whole number"),
        (("demo", "--port", "65536"), "argument --port: must be from 0 to 65535"),
    ],
)
async def test_what_is_typed_wrong_exits_with_2_and_says_what_would_do(
    command: tuple[str, ...], said: str
) -> None:
    printed = await run(*command)
    assert (printed.code, printed.out) == (2, "")
    assert said in printed.err


async def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    printed = await run("--version")
    assert (printed.code, printed.out) == (0, f"switchover {project['project']['version']}\n")


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of the commands that have no others below them."""
    below = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield parser
    for choices in below:
        for each in choices.values():
            yield from leaves(each)


def test_every_command_is_there_when_it_is_asked_for() -> None:
    for leaf in leaves(cli._parser()):
        assert inspect.iscoroutinefunction(cli._command(leaf.get_default("run")))


def test_who_asks_for_help_does_not_wait_for_what_only_commands_need() -> None:
    script = "import sys; from bot import cli; cli._parser(); print(*sys.modules)"
    asked = (sys.executable, "-c", script)
    loaded = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    assert not {"bot.app", "httpx", "slack_bolt", "sqlalchemy", "starlette"} & set(loaded.stdout.split())


FULL = Path("/dev/full")
UNHEARD = "stdout can't be written (No space left on device): let it go elsewhere\n"
WITHOUT_CONFIGURATION = (("--help",), ("audit", "verify", "--help"), ("--version",), ("manifest",))
WITH_IT = (
    *(("check",), ("status",), ("status", "--json"), ("history", "--json"), ("audit", "verify")),
    *(("audit", "export", "--format", "csv"), ("db", "upgrade")),
)
needs_a_full_device = pytest.mark.skipif(not FULL.exists(), reason="no device here is always full")


@pytest.fixture(params=[-1, 1], ids=["at_its_end", "at_each_line"])
def full(request: pytest.FixtureRequest) -> Iterator[TextIO]:
    """What takes nothing, and says so."""
    with FULL.open("w", buffering=request.param, encoding="utf-8") as out:
        yield out


@needs_a_full_device
@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("command", [*WITHOUT_CONFIGURATION, *WITH_IT], ids=" ".join)
async def test_what_stdout_does_not_take_is_told_in_one_line(command: tuple[str, ...], full: TextIO) -> None:
    await typed("db", "upgrade")
    config = ("--config", "../switchover.toml") if command in WITH_IT else ()
    printed = await run(*command, *config, out=full)
    assert (printed.code, printed.err) == (1, UNHEARD)


@needs_a_full_device
def test_nor_is_more_said_of_it_at_the_exit() -> None:
    with FULL.open("wb") as full:
        assert ended(("--help",), full) == (1, UNHEARD)


def test_who_has_closed_stdout_or_seen_enough_gets_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed_pipe:
        assert ended(("--help",), closed_pipe) == (1, "")
    said = "stdout can't be written (Bad file descriptor): let it go elsewhere\n"
    assert ended(("--help",), None) == (1, said)


def ended(command: tuple[str, ...], out: BinaryIO | None) -> tuple[int, str]:
    """How a process of its own with this stdout ended, None for a closed one, and what it said on stderr."""
    asked = (sys.executable, "-m", "bot", *command)
    close = None if out is not None else partial(os.close, 1)
    done = subprocess.run(  # noqa: S603
        asked, cwd=ROOT, stdout=out, stderr=subprocess.PIPE, text=True, check=False, preexec_fn=close
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", [("plan", "orders"), ("check", "--live")], ids=" ".join)
async def test_a_command_that_is_interrupted_ends_at_once_without_a_word(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    asked, over = asyncio.Event(), asyncio.Event()

    async def never_answers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await over.wait()
        writer.close()

    async with await asyncio.start_server(never_answers, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        path = configure(tmp_path)
        here = f"http://127.0.0.1:{port}"
        text = path.read_text(encoding="utf-8").replace("[slack]", f'[slack]\napi_url = "{here}/api/"')
        cloud_here = f'provider = "qingcloud"\nendpoint = "{here}/iaas/"'
        path.write_text(text.replace('provider = "qingcloud"', cloud_here), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", *command, "--config", str(path)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=tether,
        )
        await asked.wait()
        process.send_signal(signal.SIGINT)
        assert (await process.communicate(), process.returncode) == ((b"", b""), 1)
        over.set()


def test_nor_has_one_a_word_that_is_interrupted_while_it_is_still_being_read() -> None:
    """Whichever way it was started: as the console script, or as a module."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"]["switchover"].partition(":")
    for start in (
        f"import {module}; sys.exit({module}.{function}())",
        "import runpy; runpy.run_module('bot', run_name='__main__', alter_sys=True)",
    ):
        asked = (sys.executable, "-c", f"{INTERRUPTED_WHILE_READ}\n{start}", "--help")
        done = subprocess.run(  # noqa: S603
            asked, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=tether
        )
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


# An interrupt comes between any two steps; here it comes where the slowest of the imports begins.
INTERRUPTED_WHILE_READ = """
import signal, sys

class Interrupts:
    def find_spec(self, name, *_):
        if name == "bot.cli":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
""".strip()
