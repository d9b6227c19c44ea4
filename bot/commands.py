"""What the commands of the console script do; ``bot.cli`` says which there are, and how their arguments are read."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bot import app, export, reports
from bot.config import Settings
from bot.core.holds import EVERY_KIND, frozen_policy, kinds_binding, sentences
from bot.core.model import Reason, Target
from bot.core.names import nearest
from bot.core.operation import ENDS, UNSENT, Operation
from bot.core.preflight import Outcome
from bot.errors import NoDatabase, ProviderError, Refused
from bot.exits import BROKEN, OK, REFUSED, fail, say
from bot.ports import AuditBreak, AuditHead, Store
from bot.service.planning import make_plan
from bot.system import SystemClock
from handlers.manifest import render_yaml
from handlers.texts import FALLBACK, Texts

MOST_LISTED = 1000
MOST_NAMED = 10


def _config_path(arguments: argparse.Namespace) -> Path:
    return arguments.config or Path(os.environ.get("SWITCHOVER_CONFIG") or "switchover.toml")


def _settings(arguments: argparse.Namespace) -> Settings:
    return app.load_settings(_config_path(arguments))


async def serve(arguments: argparse.Namespace) -> int:
    await app.serve(_config_path(arguments))
    return OK


async def check(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    seen = await app.look_live(settings) if arguments.live else None
    if seen is not None and seen.problems:
        return fail(*seen.problems)
    say(
        f"the configuration is good: {len(settings.databases)} database(s) on "
        f"{len(settings.accounts)} account(s), Slack by {settings.slack.mode}"
    )
    if seen is not None:
        say(reports.live_words(seen.databases, seen.slack))
    return OK


async def plan(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    texts = Texts(FALLBACK)
    async with app.catalogue_for(settings) as catalogue:
        database = catalogue.databases.get(arguments.database)
        if database is None:
            return fail(
                _unknown(
                    arguments.database,
                    catalogue.nearest(arguments.database),
                    catalogue.databases,
                    what="database",
                )
            )
        try:
            planning = await make_plan(database, Target(database.name, arguments.shard), arguments.to)
        except Refused as error:
            report = reports.refusal_report(database.name, arguments.shard, error.message)
            return _print(report, f"{database.name}: refused; {error.message}", arguments, REFUSED)
        except ProviderError as error:
            return fail(f"{database.name} (account {database.account}): {error.message}")
    code = REFUSED if planning.verdict.outcome is Outcome.REFUSED else OK
    return _print(reports.plan_report(planning, texts), reports.plan_words(planning, texts), arguments, code)


def _print(report: dict[str, Any], words: str, arguments: argparse.Namespace, code: int) -> int:
    say(json.dumps(report, ensure_ascii=False) if arguments.json else words)
    return code


def _unknown(name: str, near: str, databases: Collection[str], *, what: str = "database or operation") -> str:
    known = ", ".join(sorted(databases)[:MOST_NAMED])
    more = f" and {len(databases) - MOST_NAMED} more" if len(databases) > MOST_NAMED else ""
    mend = f"did you mean {near}?" if near else f"the databases are {known}{more}" if known else ""
    return f"{name}: no such {what}" + (f"; {mend}" if mend else "")


async def status(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    name: str | None = arguments.name
    try:
        async with app.reading_store(settings) as store:
            if name is None or name in settings.databases:
                found = await store.operations(open_only=True, database=name, limit=MOST_LISTED)
                emergencies = await store.to_review(limit=MOST_LISTED)
                owed = [op for op in emergencies if name in (None, op.database)]
            else:
                operation = await store.load(name.upper())
                if operation is None:
                    return fail(_unknown(name, nearest(name, settings.databases), settings.databases))
                found, owed = [operation], []
            held = await _held(store, settings, name, found)
    except NoDatabase as error:
        return _nothing_yet(error, name, settings, arguments)
    texts = Texts(FALLBACK)
    listed = {op.id for op in found}
    words = reports.operations_words(found, texts, held=held, owed=[op for op in owed if op.id not in listed])
    return _print(reports.operations_report(found, texts), words, arguments, OK)


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
        if (why := app.freezes_of(settings.policies[policy])(now)) is not None:
            yield frozen_policy(policy, why)


def _nothing_yet(
    error: NoDatabase, name: str | None, settings: Settings, arguments: argparse.Namespace
) -> int:
    """Before the bot first serves there are no operations; whoever looks in the wrong place must learn it."""
    if name is not None and name not in settings.databases:
        return fail(str(error))
    print(error, file=sys.stderr)
    if arguments.json:
        # Who parses stdout gets one object, as always; in words, "none" would be more than is known.
        say(json.dumps(reports.operations_report([], Texts(FALLBACK))))
    return OK


async def history(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    name: str | None = arguments.database
    try:
        async with app.reading_store(settings) as store:
            found = await store.ended(database=name, limit=arguments.limit)
            counted = await store.count_operations(name)
    except NoDatabase as error:
        return _nothing_yet(error, name, settings, arguments)
    if name is not None and not counted and name not in settings.databases:
        near = nearest(name, settings.databases)
        return fail(_unknown(name, near, settings.databases, what="database"))
    total = sum(count for status, count in counted.items() if status in ENDS)
    if total > arguments.limit:
        print(f"the newest {arguments.limit} of {total}: --limit {total} shows all", file=sys.stderr)
    texts = Texts(FALLBACK)
    report, words = reports.operations_report(found, texts), reports.operations_words(found, texts)
    return _print(report, words, arguments, OK)


async def manifest(arguments: argparse.Namespace) -> int:
    say(render_yaml(url=arguments.url), end="")
    return OK


async def audit_verify(arguments: argparse.Namespace) -> int:
    head: str | None = arguments.head
    checkable = head is None or re.fullmatch("[0-9a-f]{64}", head) is not None
    async with app.reading_store(_settings(arguments)) as store:
        result = await store.verify_audit(head if checkable else None)
        without = await store.verify_audit() if isinstance(result, AuditBreak) and head is not None else None
    if isinstance(without, AuditHead):
        say(f"broken: {_ends(without)} has the hash given: it was cut, or made anew")
    elif isinstance(result, AuditBreak):
        say(f"broken at row {result.seq}: {result.problem}")
    if not checkable:
        # Whoever raises the alarm at an exit code must not take this for "the trail still holds it".
        say(
            f"--head was not checked: {head!r} can be no head of any trail. A head is 64 hexadecimal digits, "
            "as `audit verify`, the log (audit_head) or the audit channel told it."
        )
    if isinstance(result, AuditBreak) or not checkable:
        return BROKEN
    rows = "1 row" if result.seq == 1 else f"{result.seq} rows"
    say(f"intact: {rows}, head {result.hash or '-'}")
    if head is not None:
        say(f"the trail contains {head}: row {result.found}")
    return OK


def _ends(trail: AuditHead) -> str:
    """Where a trail ends in which something is missing: that has no place of its own, least of all behind the end."""
    if not trail.seq:
        return "the trail has no row, so none"
    return f"the trail ends with row {trail.seq} (head {trail.hash}), and no row"


async def audit_export(arguments: argparse.Namespace) -> int:
    first, line = export.FORMATS[arguments.format]
    async with app.reading_store(_settings(arguments)) as store:
        say(first, end="")
        async with contextlib.aclosing(store.audit_trail(arguments.since)) as rows:
            async for row in rows:
                say(line(row), end="")
    return OK


async def db_upgrade(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    file = settings.database.file
    made = "a new database was made: " if file is not None and not file.exists() else ""
    await app.upgrade_database(settings)
    say(f"{made}the schema of {settings.database.place} is up to date")
    return OK
