"""The page on approvals names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "approvals.md").read_text(encoding="utf-8")


def test_every_test_it_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))
    }
    assert named
    assert named - written == set()


def test_each_of_the_nine_questions_is_answered_by_a_test() -> None:
    answers = [line for line in PAGE.splitlines() if line.startswith("| ACK")]
    assert [line[2:8] for line in answers] == [f"ACK00{number}" for number in range(1, 10)]
    assert all("`test_" in line for line in answers)
