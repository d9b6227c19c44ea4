"""The commands of the console script: arguments in, words and an exit code out."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bot import export, failpoints, reports
from bot.app import (
    catalogue_for,
    freezes_of,
    load_settings,
    look_live,
    reading_store,
    serve,
    upgrade_database,
)
from bot.config import Settings
from bot.core.holds import EVERY_KIND, frozen_policy, kinds_binding, sentences
from bot.core.model import Reason, Target
from bot.core.names import nearest
from bot.core.operation import ENDS, UNSENT, Operation
from bot.core.preflight import Outcome
from bot.errors import ConfigError, NoDatabase, ProviderError, Refused, SwitchoverError
from bot.ports import AuditBreak, Store
from bot.sandbox.demo import demo
from bot.sandbox.page.show import PORT, show
from bot.sandbox.stopping import ToldToStop, until_told
from bot.service.planning import make_plan
from bot.system import SystemClock
from handlers.manifest import render_yaml
from handlers.texts import FALLBACK, LOCALES, Texts

MAX_PORT = 65535
MOST_LISTED = 1000
OK, ERROR, REFUSED, BROKEN = 0, 1, 3, 4

Command = Callable[[argparse.Namespace], Awaitable[int]]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; every error it expects is a line on stderr and exit code 1."""
    arguments, unknown = _parser().parse_known_args(argv)
    if unknown:
        arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if problem := failpoints.environment_problem():
        return _fail(problem)
    try:
        code: int = asyncio.run(arguments.run(arguments))
        sys.stdout.flush()
    except ConfigError as error:
        return _fail(*error.problems)
    except (SwitchoverError, ValueError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return ERROR
    except BrokenPipeError:
        # Whoever was reading has seen enough. At the exit Python flushes once more, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    return code


def _fail(*problems: str) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    return ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="switchover", description="Switches the primary of a managed database from Slack."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    _add(commands, "serve", _serve, "run the bot until it is told to stop, then drain")

    play = _add(commands, "demo", _demo, "the whole bot against simulated Slack and clouds")
    play.add_argument(
        "--auto", action="store_true", help="play switchovers on every cloud in the terminal and end"
    )
    play.add_argument(
        "--port", type=_port, help=f"the page's port, of --auto the bot's; 0 takes a free one (page: {PORT})"
    )
    play.add_argument("--no-browser", action="store_true", help="open no browser")
    play.add_argument(
        "--locale", choices=LOCALES, default=FALLBACK, help=f"the language of channels ({FALLBACK})"
    )

    check = _add(commands, "check", _check, "validate the configuration")
    check.add_argument("--live", action="store_true", help="also read every database and ask Slack")

    plan = _add(commands, "plan", _plan, "read the topology, run the preflight, change nothing")
    plan.add_argument("database", metavar="DATABASE")
    plan.add_argument("--to", metavar="NODE", help="the node to become primary: id, name or address")
    plan.add_argument("--shard", metavar="GROUP", help="the shard, by id or name")
    plan.add_argument("--json", action="store_true", help="print one JSON object")

    status = _add(commands, "status", _status, "what is under way, or one operation")
    status.add_argument("name", metavar="DATABASE|ID", nargs="?")
    status.add_argument("--json", action="store_true", help="print one JSON object")

    history = _add(commands, "history", _history, "what was done")
    history.add_argument("database", metavar="DATABASE", nargs="?")
    history.add_argument("--limit", type=_positive, default=20, metavar="N", help="the newest N (20)")
    history.add_argument("--json", action="store_true", help="print one JSON object")

    manifest = _add_parser(commands, "manifest", _manifest, "print the Slack app's manifest (YAML)")
    way_in = manifest.add_mutually_exclusive_group()
    way_in.add_argument("--url", metavar="https://…", help="over HTTP: the bot's public address")
    way_in.add_argument("--socket", action="store_true", help="over Socket Mode (the default)")

    audit = commands.add_parser("audit", help="the audit trail").add_subparsers(
        required=True, metavar="COMMAND"
    )
    verify = _add(audit, "verify", _audit_verify, "check the hash chain")
    verify.add_argument(
        "--head", type=_head, metavar="HASH", help="a head printed earlier that the chain must contain"
    )

    trail = _add(audit, "export", _audit_export, "write the audit trail to stdout")
    trail.add_argument("--format", choices=export.FORMATS, default="jsonl", help="jsonl (the default) or csv")
    trail.add_argument(
        "--since", type=_since, metavar="T", help="leave out what is older: a date, or a time with its zone"
    )

    db = commands.add_parser("db", help="the bot's own database").add_subparsers(
        required=True, metavar="COMMAND"
    )
    _add(db, "upgrade", _db_upgrade, "bring the schema up to date")
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"switchover {version('switchover')}")
        parser.exit()


def _add(commands: Any, name: str, run: Command, summary: str) -> argparse.ArgumentParser:
    """A command that reads the configuration."""
    parser = _add_parser(commands, name, run, summary)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="default: $SWITCHOVER_CONFIG, then ./switchover.toml"
    )
    return parser


def _add_parser(commands: Any, name: str, run: Command, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    # Whatever is not understood is known only once the command is, and its usage is what helps then.
    parser.set_defaults(run=run, parser=parser)
    return parser


def _port(text: str) -> int:
    number = _number(text)
    if not 0 <= number <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"must be from 0 to {MAX_PORT}")
    return number


def _positive(text: str) -> int:
    number = _number(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _head(text: str) -> str:
    return text.strip().lower()


def _since(text: str) -> datetime:
    try:
        return export.instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _config_path(arguments: argparse.Namespace) -> Path:
    return arguments.config or Path(os.environ.get("SWITCHOVER_CONFIG") or "switchover.toml")


def _settings(arguments: argparse.Namespace) -> Settings:
    return load_settings(_config_path(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    await serve(_config_path(arguments))
    return OK


async def _demo(arguments: argparse.Namespace) -> int:
    if arguments.auto:
        try:
            return OK if await until_told(demo(port=arguments.port or 0, locale=arguments.locale)) else ERROR
        except ToldToStop:
            return ERROR
    try:
        await show(
            port=arguments.port,
            browser=not arguments.no_browser,
            locale=arguments.locale,
            write=_print_now,
        )
    except OSError as error:
        return _fail(f"port {arguments.port}: {error.strerror}")
    return OK


def _print_now(text: str) -> None:
    print(text, flush=True)


async def _check(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    seen = await look_live(settings) if arguments.live else None
    if seen is not None and seen.problems:
        return _fail(*seen.problems)
    print(
        f"the configuration is good: {len(settings.databases)} database(s) on "
        f"{len(settings.accounts)} account(s), Slack by {settings.slack.mode}"
    )
    if seen is not None:
        print(reports.live_words(seen.databases, seen.slack))
    return OK


async def _plan(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    texts = Texts(FALLBACK)
    async with catalogue_for(settings) as catalogue:
        database = catalogue.databases.get(arguments.database)
        if database is None:
            return _fail(_unknown(arguments.database, catalogue.nearest(arguments.database)))
        try:
            planning = await make_plan(database, Target(database.name, arguments.shard), arguments.to)
        except Refused as error:
            report = reports.refusal_report(database.name, arguments.shard, error.message)
            return _print(report, f"{database.name}: refused; {error.message}", arguments, REFUSED)
        except ProviderError as error:
            return _fail(f"{database.name} (account {database.account}): {error.message}")
    code = REFUSED if planning.verdict.outcome is Outcome.REFUSED else OK
    return _print(reports.plan_report(planning, texts), reports.plan_words(planning, texts), arguments, code)


def _print(report: dict[str, Any], words: str, arguments: argparse.Namespace, code: int) -> int:
    print(json.dumps(report, ensure_ascii=False) if arguments.json else words)
    return code


def _unknown(name: str, near: str) -> str:
    return f"{name}: no such database or operation" + (f"; did you mean {near}?" if near else "")


async def _status(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    name: str | None = arguments.name
    try:
        async with reading_store(settings) as store:
            if name is None or name in settings.databases:
                found = await store.operations(open_only=True, database=name, limit=MOST_LISTED)
                emergencies = await store.to_review(limit=MOST_LISTED)
                owed = [op for op in emergencies if name in (None, op.database)]
            else:
                operation = await store.load(name.upper())
                if operation is None:
                    return _fail(_unknown(name, nearest(name, settings.databases)))
                found, owed = [operation], [operation] if operation.review_owed else []
            held = await _held(store, settings, name, found)
    except NoDatabase as error:
        return _nothing_yet(error, name, settings, arguments)
    texts = Texts(FALLBACK)
    words = reports.operations_words(found, texts, held=held, owed=[op for op in owed if op not in found])
    return _print(reports.status_report(found, texts, held=held, owed=owed), words, arguments, OK)


async def _held(
    store: Store, settings: Settings, name: str | None, found: Sequence[Operation]
) -> Sequence[Reason]:
    """What stops new submissions: of one database, of the operation asked for unless it is sent, or of any."""
    now, kinds, database = SystemClock().now(), EVERY_KIND, name
    if name is not None and name not in settings.databases:
        (op,) = found
        if op.status not in UNSENT:
            return ()
        kinds, database = kinds_binding(emergency=op.emergency), op.database
    return [
        *sentences(await store.holds(now), database, now, kinds),
        *(_windows(settings, database, now) if kinds is EVERY_KIND else ()),
    ]


def _windows(settings: Settings, database: str | None, now: datetime) -> Iterator[Reason]:
    """The configured freezes that are in force."""
    policies = {each.policy for name, each in settings.databases.items() if database in (None, name)}
    for policy in sorted(policies):
        if (why := freezes_of(settings.policies[policy])(now)) is not None:
            yield frozen_policy(policy, why)


def _nothing_yet(
    error: NoDatabase, name: str | None, settings: Settings, arguments: argparse.Namespace
) -> int:
    """Before the bot first serves there are no operations; whoever looks in the wrong place must learn it."""
    if name is not None and name not in settings.databases:
        return _fail(str(error))
    print(error, file=sys.stderr)
    if arguments.json:
        # Who parses stdout gets one object, as always; in words, "none" would be more than is known.
        print(json.dumps(reports.operations_report([], Texts(FALLBACK))))
    return OK


async def _history(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    name: str | None = arguments.database
    try:
        async with reading_store(settings) as store:
            found = await store.ended(database=name, limit=arguments.limit)
            counted = await store.count_operations(name)
    except NoDatabase as error:
        return _nothing_yet(error, name, settings, arguments)
    if name is not None and not counted and name not in settings.databases:
        return _fail(_unknown(name, nearest(name, settings.databases)))
    total = sum(count for status, count in counted.items() if status in ENDS)
    if total > arguments.limit:
        print(f"the newest {arguments.limit} of {total}: --limit {total} shows all", file=sys.stderr)
    texts = Texts(FALLBACK)
    report, words = reports.operations_report(found, texts), reports.operations_words(found, texts)
    return _print(report, words, arguments, OK)


async def _manifest(arguments: argparse.Namespace) -> int:
    sys.stdout.write(render_yaml(url=arguments.url))
    return OK


async def _audit_verify(arguments: argparse.Namespace) -> int:
    head: str | None = arguments.head
    checkable = head is None or re.fullmatch("[0-9a-f]{64}", head) is not None
    async with reading_store(_settings(arguments)) as store:
        result = await store.verify_audit(head if checkable else None)
    if isinstance(result, AuditBreak):
        print(f"broken at row {result.seq}: {result.problem}")
    if not checkable:
        # Whoever raises the alarm at an exit code must not take this for "the trail still holds it".
        print(
            f"--head was not checked: {head!r} can be no head of any trail. A head is 64 hexadecimal digits, "
            "as `audit verify`, the log (audit_head) or the audit channel told it."
        )
    if isinstance(result, AuditBreak) or not checkable:
        return BROKEN
    rows = "1 row" if result.seq == 1 else f"{result.seq} rows"
    print(f"intact: {rows}, head {result.hash or '-'}")
    if head is not None:
        print(f"the trail contains {head}: row {result.found}")
    return OK


async def _audit_export(arguments: argparse.Namespace) -> int:
    first, line = export.FORMATS[arguments.format]
    async with reading_store(_settings(arguments)) as store:
        sys.stdout.write(first)
        async with contextlib.aclosing(store.audit_trail(arguments.since)) as rows:
            async for row in rows:
                sys.stdout.write(line(row))
    return OK


async def _db_upgrade(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    file = settings.database.file
    made = "a new database was made: " if file is not None and not file.exists() else ""
    await upgrade_database(settings)
    print(f"{made}the schema of {settings.database.place} is up to date")
    return OK
