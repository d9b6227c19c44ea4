"""Whatever somebody with a hand on the file writes into the trail: ``verify`` says where, ``export`` names the row."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot import cli
from bot.storage import audit
from tests.app.trails import filled
from tests.storage.conftest import apart

COLUMNS = ("seq", "stream", "operation_id", "version", "type", "at", "actor", "data", "prev_hash", "hash")
NAMES = ", ".join(COLUMNS)
ROWS = 9
FEW = settings(max_examples=80, deadline=None)


@dataclass(frozen=True)
class NoText:
    """Bytes that are stored as a text and are none."""

    stored: bytes


@dataclass(frozen=True)
class File:
    """A bot's database without any guard: every column of the trail takes any value, and none is unique."""

    folder: Path
    clean: Path
    told: str

    @contextlib.contextmanager
    def changed(self) -> Iterator[sqlite3.Connection]:
        """The file as the bot left it, to be changed."""
        path = self.folder / "switchover.db"
        shutil.copyfile(self.clean, path)
        connection = sqlite3.connect(path, isolation_level=None)
        connection.text_factory = bytes
        connection.execute("PRAGMA synchronous=OFF")
        try:
            yield connection
        finally:
            connection.close()

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """What ``audit`` gives: the exit code, what it printed, what it complained of."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(("audit", *arguments, "--config", str(self.folder / "switchover.toml")))
        return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> File:
    folder, told = tmp_path_factory.mktemp("tampered"), []

    async def make() -> None:
        trail = await filled(folder)
        told.append((await trail.store.audit_head()).hash)
        await trail.store.close()
        trail.sql(
            "PRAGMA journal_mode=DELETE",
            f"CREATE TABLE bare ({NAMES})",
            f"INSERT INTO bare SELECT {NAMES} FROM audit_events",  # noqa: S608
            "DROP TABLE audit_events",
            "ALTER TABLE bare RENAME TO audit_events",
        )

    apart(make())
    clean = (folder / "switchover.db").rename(folder / "clean.db")
    return File(folder, clean, told[0])


DEEP, HALF = "[" * 5_000, '{"team":"\\ud800"}'
ABSURD = (
    *(2**63 - 1, -(2**63), 2**53, 0, 1, 1.0, 3.0, 1e300, float("inf"), float("nan")),
    *("", "1", "\x00", DEEP, "9" * 5_000, HALF, '{"team":7}', "no JSON", "�"),
    *(b"", b"\x00", b"approved", NoText(b"\xff\xfe"), NoText(b"approved\xc3"), None),
)
VALUES = st.one_of(
    st.sampled_from(ABSURD),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=9),
    st.binary(max_size=9),
    st.binary(max_size=9).map(NoText),
)


def written(connection: sqlite3.Connection, column: str, seq: int, value: object) -> bool:
    """Writes any value, of any of SQLite's types; whether that changed anything."""
    look = f"SELECT typeof({column}), {column} FROM audit_events WHERE rowid = {seq}"  # noqa: S608
    before = connection.execute(look).fetchone()
    what, given_value = ("CAST(? AS TEXT)", value.stored) if isinstance(value, NoText) else ("?", value)
    connection.execute(f"UPDATE audit_events SET {column} = {what} WHERE rowid = {seq}", (given_value,))  # noqa: S608
    return bool(before != connection.execute(look).fetchone())


@FEW
@given(column=st.sampled_from(COLUMNS), seq=st.integers(1, ROWS), value=VALUES)
def test_any_value_in_any_column_is_found(file: File, column: str, seq: int, value: object) -> None:
    with file.changed() as connection:
        changed = written(connection, column, seq, value)
    code, out, _ = file.command("verify")
    assert code == (4 if changed else 0)
    assert out.startswith("broken at row " if changed else f"intact: {ROWS} rows")


@FEW
@example(column="seq", seq=3, value=None, asked=())
@example(column="data", seq=1, value=DEEP, asked=())
@example(column="data", seq=1, value=HALF, asked=("--format", "csv"))
@given(
    column=st.sampled_from(COLUMNS),
    seq=st.integers(1, ROWS),
    value=VALUES,
    asked=st.sampled_from((("--format", "jsonl"), ("--format", "csv"), ("--since", "2026-01-01"))),
)
def test_an_export_of_any_value_is_whole_or_names_the_row(
    file: File, column: str, seq: int, value: object, asked: tuple[str, ...]
) -> None:
    with file.changed() as connection:
        written(connection, column, seq, value)
    code, out, err = file.command("export", *asked)
    out.encode()
    if code == 0:
        assert err == ""
        assert "csv" in asked or all("seq" in json.loads(line) for line in out.splitlines())
        return
    where = (
        ("whose number is none", "seq holds")
        if column == "seq"
        else (f"row {seq} of the audit trail: {column} holds",)
    )
    assert (code, len(err.splitlines()), any(each in err for each in where)) == (1, 1, True), err


@given(
    kept=st.lists(st.integers(1, ROWS), max_size=ROWS + 2) | st.permutations(range(1, ROWS + 1)),
    renumbered=st.booleans(),
    forged=st.booleans(),
)
@FEW
def test_rows_taken_out_put_in_reordered_or_cut_are_found(
    file: File, kept: Sequence[int], renumbered: bool, forged: bool
) -> None:
    with file.changed() as connection:
        connection.execute("CREATE TABLE kept AS SELECT * FROM audit_events")
        connection.execute("DELETE FROM audit_events")
        for number, seq in enumerate(kept, start=1):
            connection.execute(f"INSERT INTO audit_events SELECT * FROM kept WHERE seq = {seq}")  # noqa: S608
            if renumbered:
                connection.execute(f"UPDATE audit_events SET seq = {number} WHERE rowid = {number}")  # noqa: S608
        if forged and kept:
            last = "SELECT seq, hash FROM audit_events ORDER BY seq DESC"
            connection.execute(f"UPDATE audit_head SET (seq, hash) = ({last})")  # noqa: S608
    in_order = list(kept) if renumbered else sorted(kept)
    code, out, _ = file.command("verify", "--head", file.told)
    assert code == (0 if in_order == list(range(1, ROWS + 1)) else 4)
    assert code == 0 or out.startswith("broken at row ")


@pytest.mark.parametrize("seq", range(1, ROWS + 1))
def test_a_row_that_is_there_twice_is_found_also_where_a_page_ends(
    file: File, seq: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BATCH", 3)
    with file.changed() as connection:
        connection.execute(f"INSERT INTO audit_events SELECT * FROM audit_events WHERE seq = {seq}")  # noqa: S608
    assert file.command("verify") == (4, f"broken at row {seq}: the row is there twice\n", "")


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("DELETE FROM audit_head", ROWS + 1),
        ("UPDATE audit_head SET seq = 'x'", ROWS + 1),
        ("UPDATE audit_head SET hash = x'00'", ROWS + 1),
        ("UPDATE audit_head SET hash = CAST(x'ff' AS TEXT)", ROWS + 1),
        ("UPDATE audit_events SET seq = NULL WHERE seq = 3", 1),
        ("UPDATE audit_events SET seq = 'x' WHERE seq = 3", 3),
        ("UPDATE audit_events SET seq = 2.5 WHERE seq = 3", 3),
        ("UPDATE audit_events SET at = 9e18 WHERE seq = 3", 3),
    ],
)
def test_it_is_said_where(file: File, statement: str, where: int) -> None:
    with file.changed() as connection:
        connection.execute(statement)
    code, out, err = file.command("verify")
    assert (code, out.split(":")[0], err) == (4, f"broken at row {where}", "")


def test_a_row_without_a_time_is_not_left_out_of_an_export(file: File) -> None:
    with file.changed() as connection:
        connection.execute("UPDATE audit_events SET at = NULL WHERE seq = 3")
    code, _, err = file.command("export", "--since", "2026-11-23")
    assert (code, "row 3 of the audit trail: at holds" in err) == (1, True)


def test_the_file_is_intact_as_it_is(file: File) -> None:
    with file.changed():
        pass
    found: tuple[Any, ...] = file.command("verify", "--head", file.told)
    said = f"intact: {ROWS} rows, head {file.told}\nthe trail contains {file.told}: row {ROWS}\n"
    assert found == (0, said, "")
