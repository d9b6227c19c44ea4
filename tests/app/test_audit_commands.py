"""``switchover audit verify`` and ``audit export``, beside a bot that has its database open."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import hashlib
import io
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import cli, export
from bot.ports import AuditRow
from bot.storage import connect
from bot.storage.audit import row_hash
from tests.app.commands import configure_with_database, run
from tests.app.trails import Trail, filled
from tests.storage.values import NOW


@pytest.fixture
async def trail(tmp_path: Path) -> AsyncIterator[Trail]:
    made = await filled(tmp_path)
    yield made
    await made.store.close()


# --- verify ---


async def test_an_intact_trail_exits_with_0_and_prints_its_head(trail: Trail) -> None:
    head = await trail.store.audit_head()
    printed = await trail.command("verify")
    assert (printed.code, printed.out) == (0, f"intact: {head.seq} rows, head {head.hash}\n")


async def test_a_trail_of_one_row_is_not_spoken_of_in_the_plural(tmp_path: Path) -> None:
    configure_with_database(tmp_path)
    store = await connect(f"sqlite:///{tmp_path}/switchover.db", migrate=True)
    try:
        await store.record_configuration({}, NOW)
        printed = await Trail(store, tmp_path).command("verify")
    finally:
        await store.close()
    assert printed.out.startswith("intact: 1 row, head ")


async def test_a_head_that_the_trail_contains_is_said_to_be_in_it_and_where(trail: Trail) -> None:
    earlier = await trail.store.audit_head()
    await trail.store.record_configuration({}, NOW)
    last = await trail.store.audit_head()
    for head in (earlier, last):
        printed = await trail.command("verify", "--head", head.hash)
        intact = f"intact: {last.seq} rows, head {last.hash}\n"
        assert (printed.code, printed.out) == (0, f"{intact}the trail contains {head.hash}: row {head.seq}\n")


async def test_the_case_of_a_head_and_the_space_around_it_do_not_matter(trail: Trail) -> None:
    head = await trail.store.audit_head()
    for typed in (head.hash.upper(), f" {head.hash}", f"\t{head.hash} \n"):
        printed = await trail.command("verify", "--head", typed)
        assert printed.code == 0
        assert printed.out.endswith(f"the trail contains {head.hash}: row {head.seq}\n")


NO_HEAD = (
    "--head was not checked: {!r} can be no head of any trail. A head is 64 hexadecimal digits, as `audit verify`, "
    "the log (audit_head) or the audit channel told it.\n"
)


@pytest.mark.parametrize("head", ["zzz", "", "-", "3f" * 31, "3f" * 33, "g" * 64, f"{'3f' * 16} {'3f' * 16}"])
async def test_what_can_be_no_head_is_told_to_be_none_and_proves_nothing(trail: Trail, head: str) -> None:
    """Neither that the trail is broken nor that it holds what was meant."""
    printed = await trail.command("verify", f"--head={head}")
    assert (printed.code, printed.out, printed.err) == (4, NO_HEAD.format(head), "")


async def test_what_can_be_no_head_hides_no_break(trail: Trail) -> None:
    trail.sql("DROP TRIGGER audit_events_no_update", "UPDATE audit_events SET actor = 'U9' WHERE seq = 3")
    printed = await trail.command("verify", "--head", "zzz")
    said = f"broken at row 3: the row was changed\n{NO_HEAD.format('zzz')}"
    assert (printed.code, printed.out) == (4, said)


async def test_a_changed_row_exits_with_4_and_names_it(trail: Trail) -> None:
    trail.sql("DROP TRIGGER audit_events_no_update", "UPDATE audit_events SET actor = 'U9' WHERE seq = 3")
    printed = await trail.command("verify")
    assert (printed.code, printed.out) == (4, "broken at row 3: the row was changed\n")


async def test_a_tail_cut_off_together_with_its_head_is_found_by_a_head_told_earlier(trail: Trail) -> None:
    told = (await trail.store.audit_head()).hash
    fourth = [row.hash async for row in trail.store.audit_trail()][3]
    trail.sql(
        "DROP TRIGGER audit_events_no_delete",
        "DELETE FROM audit_events WHERE seq > 4",
        "UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit_events WHERE seq = 4)",
    )
    assert (await trail.command("verify")).code == 0
    printed = await trail.command("verify", "--head", told)
    end = f"the trail ends with row 4 (head {fourth})"
    said = f"broken: {end}, and no row has the hash given: it was cut, or made anew\n"
    assert (printed.code, printed.out) == (4, said)


async def test_a_trail_without_rows_holds_no_head(tmp_path: Path) -> None:
    await run("db", "upgrade", "--config", str(configure_with_database(tmp_path)))
    printed = await run("audit", "verify", "--head", "0" * 64, "--config", f"{tmp_path}/switchover.toml")
    said = "broken: the trail has no row, so none has the hash given: it was cut, or made anew\n"
    assert (printed.code, printed.out) == (4, said)


async def test_of_two_that_are_broken_the_row_is_named(trail: Trail) -> None:
    """Where a row was changed, the head that is not there is no news."""
    trail.sql("DROP TRIGGER audit_events_no_update", "UPDATE audit_events SET actor = 'U9' WHERE seq = 3")
    printed = await trail.command("verify", "--head", "0" * 64)
    assert (printed.code, printed.out) == (4, "broken at row 3: the row was changed\n")


async def test_a_chain_made_anew_from_a_forged_row_on_is_found_by_a_head_told_earlier(trail: Trail) -> None:
    told = (await trail.store.audit_head()).hash
    trail.sql("DROP TRIGGER audit_events_no_update", "UPDATE audit_events SET actor = 'U9' WHERE seq = 3")
    trail.sql(*remade(trail.folder / "switchover.db"))
    assert (await trail.command("verify")).code == 0
    printed = await trail.command("verify", "--head", told)
    assert (printed.code, "made anew" in printed.out) == (4, True)


def remade(path: Path) -> Iterator[str]:
    """Statements that give every row the hash that it would have, and the head the last one."""
    with sqlite3.connect(path) as connection:
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute("SELECT * FROM audit_events ORDER BY seq")]
    connection.close()
    last = ""
    for row in rows:
        row["prev_hash"] = last
        last = row_hash(row)
        yield f"UPDATE audit_events SET prev_hash = '{row['prev_hash']}', hash = '{last}' WHERE seq = {row['seq']}"  # noqa: S608
    yield f"UPDATE audit_head SET hash = '{last}'"  # noqa: S608


@pytest.mark.parametrize("what", ["verify", "export"])
async def test_a_trail_that_is_not_there_is_no_intact_one(tmp_path: Path, what: str) -> None:
    printed = await run("audit", what, "--config", str(configure_with_database(tmp_path)))
    assert (printed.code, printed.out) == (1, "")
    assert printed.err.startswith(f"database.url: there is no file {tmp_path}/switchover.db: ")


# --- export ---


async def test_a_line_of_json_is_a_row(trail: Trail) -> None:
    printed = await trail.command("export")
    assert (printed.code, printed.err) == (0, "")
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, 10))
    assert all(tuple(row) == export.COLUMNS for row in rows)
    assert rows[0] | {"hash": "", "data": ""} == {
        "seq": 1,
        "at": "2026-11-22T09:30:00.123456+00:00",
        "stream": "operation",
        "type": "requested",
        "operation_id": "SW-000001",
        "version": 1,
        "actor": "U1",
        "team": "T1",
        "data": "",
        "prev_hash": "",
        "hash": "",
        "job_id": None,
        "primary_before": None,
        "primary_now": None,
        "started_at": None,
        "duration_seconds": None,
    }


async def test_the_row_of_an_end_says_what_came_of_it(trail: Trail) -> None:
    printed = await trail.command("export", "--format", "jsonl")
    rows = [json.loads(line) for line in printed.out.splitlines()]
    (end,) = [row for row in rows if row["duration_seconds"] is not None]
    assert [end[name] for name in ("type", *export.COLUMNS[-5:])] == [
        "roles_confirmed", "j-1", "n1", "n2", "2026-11-22T09:30:00.123456+00:00", 0.0,
    ]  # fmt: skip
    assert all(row["job_id"] is None for row in rows if row is not end)


async def test_the_chain_can_be_checked_from_an_export_alone(trail: Trail) -> None:
    exports = {
        "jsonl": [json.loads(line) for line in (await trail.command("export")).out.splitlines()],
        "csv": unguarded((await trail.command("export", "--format", "csv")).out),
    }
    for rows in exports.values():
        last = ""
        for row in rows:
            micros = round(
                (datetime.fromisoformat(row["at"]) - datetime.fromtimestamp(0, UTC)) / datetime.resolution
            )
            version = None if row["version"] in (None, "") else int(row["version"])
            names = (row["stream"], row["operation_id"] or None, version, row["type"], micros, row["actor"])
            text = json.dumps([int(row["seq"]), *names, row["data"], last], separators=(",", ":"))
            assert row["prev_hash"] == last
            last = hashlib.sha256(text.encode("ascii")).hexdigest()
            assert row["hash"] == last


def unguarded(text: str) -> list[dict[str, str]]:
    """What the documentation says to do: take one apostrophe away from every cell that begins with one."""
    return [
        {name: cell.removeprefix("'") for name, cell in row.items()}
        for row in csv.DictReader(io.StringIO(text, newline=""))
    ]


async def test_csv_says_the_same_as_json(trail: Trail) -> None:
    as_json = [json.loads(line) for line in (await trail.command("export")).out.splitlines()]
    as_csv = unguarded((await trail.command("export", "--format", "csv")).out)
    assert as_csv == [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in as_json
    ]


async def test_an_empty_trail_is_an_empty_file_or_a_header(tmp_path: Path) -> None:
    configure_with_database(tmp_path)
    store = await connect(f"sqlite:///{tmp_path}/switchover.db", migrate=True)
    empty = Trail(store, tmp_path)
    assert (await empty.command("export")).out == ""
    header = (await empty.command("export", "--format", "csv")).out
    assert tuple(next(csv.reader([header]))) == export.COLUMNS
    await store.close()


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2026-11-22", 9),
        ("2026-11-23", 0),
        ("2026-11-22T09:30:00.123456Z", 9),
        ("2026-11-22T17:31:00+08:00", 2),
        ("2026-11-22T09:31:00.123457+00:00", 1),
    ],
)
async def test_since_leaves_out_what_is_older(trail: Trail, since: str, expected: int) -> None:
    printed = await trail.command("export", "--since", since)
    assert (printed.code, len(printed.out.splitlines())) == (0, expected)


@pytest.mark.parametrize(
    "since", ["yesterday", "", "2026-13-01", "2026-11-22T09:30:00", "09:30", "2026-11-22 9 Uhr"]
)
async def test_a_bad_time_is_wrong_usage_and_says_how_to_write_it(trail: Trail, since: str) -> None:
    printed = await trail.command("export", "--since", since)
    assert (printed.code, printed.out) == (2, "")
    said = printed.err.splitlines()[-1]
    assert f"argument --since: {since!r} " in said
    assert "2026-11-22T09:30:00+08:00" in said


async def test_whoever_reads_may_stop_reading(trail: Trail) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    config = ("--config", str(trail.folder / "switchover.toml"))
    with os.fdopen(writing, "w") as nobody, contextlib.redirect_stdout(nobody):
        assert await asyncio.to_thread(cli.main, ("audit", "export", *config)) == 1


# --- no cell is a formula, and nothing is lost ---

ROW = AuditRow(1, NOW, "operation", "requested", "SW-1", 1, "U1", "T1", "{}", "", "h")
HOSTILE = st.text(st.sampled_from("=+-@\t\r\n ',\";|'＝＋－＠0aä"), max_size=8)  # noqa: RUF001


@given(actor=HOSTILE, data=HOSTILE, team=HOSTILE)
def test_no_cell_begins_a_formula_and_every_cell_comes_back(actor: str, data: str, team: str) -> None:
    header, line = export.FORMATS["csv"]
    text = header + line(replace(ROW, actor=actor, data=data, team=team))
    for cells in csv.reader(io.StringIO(text, newline="")):
        assert not any(cell.lstrip("\t\r\n ").startswith(tuple("=+-@＝＋－＠")) for cell in cells)  # noqa: RUF001
    ((row),) = unguarded(text)
    assert (row["actor"], row["data"], row["team"]) == (actor, data, team)


def test_what_harms_nobody_is_written_as_it_is() -> None:
    cells: Sequence[Any] = next(csv.reader([export.FORMATS["csv"][1](ROW)]))
    assert list(cells) == ["" if value is None else str(value) for value in export.cells(ROW).values()]
