"""What is documented names tests that there are, and the page on approvals says what the code does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.core.commands import RequestSwitchover
from bot.core.model import Reason
from bot.core.schedule import instant
from handlers.grammar import parse

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
PAGE = (ROOT / "docs" / "approvals.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", TESTS / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
START = re.compile(
    r"\| `(?P<typed>(?:at|in) [^`]+)` \| (?P<asked>[-0-9: ]+) \| (?P<zone>\w+/\w+) \| (?P<starts>.+) \|"
)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_is_named_exists(document: Path) -> None:
    files = list(TESTS.rglob("test_*.py"))
    written = {name for path in files for name in re.findall(r"def (test_\w+)\(", text_of(path))}
    named = set(re.findall(r"`(test_\w+)`", text_of(document)))
    assert named - written - {path.stem for path in files} == set()
    modules = set(re.findall(r"`(?:tests/)?((?:[a-z_]+/)*(?:test_)?\w+\.py)`", text_of(document)))
    assert {
        name for name in modules if not any(f"/{path}".endswith(f"/{name}") for path in python_files())
    } == set()


def python_files() -> list[str]:
    roots = ("bot", "handlers", "providers", "docs", "tests")
    return [str(path) for root in roots for path in (ROOT / root).rglob("*.py")]


@pytest.mark.parametrize("row", list(START.finditer(PAGE)), ids=lambda row: row[0][2:60])
def test_a_start_means_what_the_table_says(row: re.Match[str]) -> None:
    zone = ZoneInfo(row["zone"])
    asked_at = datetime.fromisoformat(row["asked"]).replace(tzinfo=zone).astimezone(UTC)
    command = parse(f"orders {row['typed']}")
    assert isinstance(command, RequestSwitchover)
    assert command.start is not None
    found = instant(command.start, asked_at=asked_at, zone=zone, zone_name=row["zone"])
    if isinstance(found, Reason):
        assert (found.code, row["starts"][:7]) == ("start-in-gap", "refused")
    else:
        assert found == datetime.fromisoformat(row["starts"].split(",")[0])


def test_the_table_of_starts_is_read_whole() -> None:
    assert len(START.findall(PAGE)) == PAGE.count("| `at ") + PAGE.count("| `in ") == 12


def test_each_of_the_nine_questions_is_answered_by_a_test() -> None:
    answers = [line for line in PAGE.splitlines() if line.startswith("| ACK")]
    assert [line[2:8] for line in answers] == [f"ACK00{number}" for number in range(1, 10)]
    assert all("`test_" in line for line in answers)
