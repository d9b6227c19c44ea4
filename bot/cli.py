"""The command line: which commands there are, and what their arguments may be."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bot import export, failpoints
from bot.errors import ConfigError, SwitchoverError, Unheard
from bot.exits import ERROR, fail, said_all, say, unheard
from bot.sandbox.page import PORT
from handlers.texts import FALLBACK, LOCALES

MAX_PORT = 65535

Command = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; every error it expects is a line on stderr and exit code 1."""
    try:
        code = _run(argv)
        said_all()
    except Unheard as error:
        return unheard(error)
    except ConfigError as error:
        return fail(*error.problems)
    except (SwitchoverError, ValueError) as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return ERROR
    return code


def _run(argv: Sequence[str] | None) -> int:
    arguments, unknown = _parser().parse_known_args(argv)
    if unknown:
        arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if problem := failpoints.environment_problem():
        return fail(problem)
    return asyncio.run(_command(arguments.run)(arguments))


def _command(where: str) -> Command:
    """What runs a command. Importing it takes up to a second, so that only what is asked for is."""
    module, _, name = where.partition(":")
    command: Command = getattr(import_module(module), name)
    return command


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="switchover", description="Switches the primary of a managed database from Slack.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    _add(commands, "serve", "bot.commands:serve", "run the bot until it is told to stop, then drain")

    play = _add(
        commands, "demo", "bot.sandbox.command:play", "the whole bot against simulated Slack and clouds"
    )
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

    check = _add(commands, "check", "bot.commands:check", "validate the configuration")
    check.add_argument("--live", action="store_true", help="also read every database and ask Slack")

    plan = _add(commands, "plan", "bot.commands:plan", "read the topology, run the preflight, change nothing")
    plan.add_argument("database", metavar="DATABASE")
    plan.add_argument("--to", metavar="NODE", help="the node to become primary: id, name or address")
    plan.add_argument("--shard", metavar="GROUP", help="the shard, by id or name")
    plan.add_argument("--json", action="store_true", help="print one JSON object")

    status = _add(commands, "status", "bot.commands:status", "what is under way, or one operation")
    status.add_argument("name", metavar="DATABASE|ID", nargs="?")
    status.add_argument("--json", action="store_true", help="print one JSON object")

    history = _add(commands, "history", "bot.commands:history", "what was done")
    history.add_argument("database", metavar="DATABASE", nargs="?")
    history.add_argument("--limit", type=_positive, default=20, metavar="N", help="the newest N (20)")
    history.add_argument("--json", action="store_true", help="print one JSON object")

    manifest = _add_parser(
        commands, "manifest", "bot.commands:manifest", "print the Slack app's manifest (YAML)"
    )
    way_in = manifest.add_mutually_exclusive_group()
    way_in.add_argument("--url", metavar="https://…", help="over HTTP: the bot's public address")
    way_in.add_argument("--socket", action="store_true", help="over Socket Mode (the default)")

    audit = commands.add_parser("audit", help="the audit trail").add_subparsers(
        required=True, metavar="COMMAND"
    )
    verify = _add(audit, "verify", "bot.commands:audit_verify", "check the hash chain")
    verify.add_argument(
        "--head", type=_head, metavar="HASH", help="a head printed earlier that the chain must contain"
    )

    trail = _add(audit, "export", "bot.commands:audit_export", "write the audit trail to stdout")
    trail.add_argument("--format", choices=export.FORMATS, default="jsonl", help="jsonl (the default) or csv")
    trail.add_argument(
        "--since", type=_since, metavar="T", help="leave out what is older: a date, or a time with its zone"
    )

    db = commands.add_parser("db", help="the bot's own database").add_subparsers(
        required=True, metavar="COMMAND"
    )
    _add(db, "upgrade", "bot.commands:db_upgrade", "bring the schema up to date")
    return parser


class _Parser(argparse.ArgumentParser):
    def print_help(self, file: object = None) -> None:
        # Its own way keeps it to itself when this can't be written.
        say(self.format_help(), end="", now=True)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        say(f"switchover {version('switchover')}", now=True)
        parser.exit()


def _add(commands: Any, name: str, run: str, summary: str) -> argparse.ArgumentParser:
    """A command that reads the configuration."""
    parser = _add_parser(commands, name, run, summary)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="default: $SWITCHOVER_CONFIG, then ./switchover.toml"
    )
    return parser


def _add_parser(commands: Any, name: str, run: str, summary: str) -> argparse.ArgumentParser:
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
