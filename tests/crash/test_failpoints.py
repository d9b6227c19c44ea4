"""Failpoints: a table that is held against the code and its description, and that costs nothing when off."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import timeit
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from bot import failpoints
from bot.core.events import Event, event_name
from bot.core.holds import HoldEvent
from tests.app.commands import run

ROOT = Path(__file__).parents[2]
CALL = re.compile(r"\bhit\(\"([a-z_.]+)\"")


def test_every_place_is_hit_in_exactly_one_line_of_the_product() -> None:
    product = [path for name in ("bot", "handlers", "providers") for path in (ROOT / name).rglob("*.py")]
    found = Counter(place for path in product for place in CALL.findall(path.read_text(encoding="utf-8")))
    assert found == Counter(list(failpoints.PLACES))


def test_every_place_is_described() -> None:
    page = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    for place, (what, kinds) in failpoints.PLACES.items():
        shown = f"{place}.…" if kinds else place
        assert f"| `{shown}` | {what} |" in page


def test_every_event_is_a_kind_of_commit() -> None:
    assert set(failpoints.EVENTS) == {event_name(event) for event in get_args(Event)}
    assert set(failpoints.HOLD_EVENTS) == {event_name(event) for event in get_args(HoldEvent)}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("nowhere:kill", "there is no failpoint 'nowhere'"),
        ("before_commit:kill", "there is no failpoint 'before_commit'"),
        ("before_commit.nothing:kill", "there is no failpoint 'before_commit.nothing'"),
        ("before_send", "'' is none of kill, stop"),
        ("before_send:explode", "'explode' is none of kill, stop"),
        ("before_send:kill:0", "'0' is no number of times"),
        ("before_send:kill:often", "'often' is no number of times"),
        ("before_send:kill:1:2", "'1:2' is no number of times"),
    ],
)
def test_what_can_not_be_obeyed_is_said(asked: str, why: str) -> None:
    assert failpoints.problem(asked) == f"{failpoints.VARIABLE}: {why}"
    with pytest.raises(ValueError, match=re.escape(why)):
        failpoints.armed(asked)


def test_every_name_can_be_asked_for() -> None:
    assert {failpoints.problem(f"{name}:kill:2") for name in failpoints.names()} == {""}


async def test_an_unknown_name_is_an_error_at_the_start() -> None:
    printed = await run("serve", env={**os.environ, failpoints.VARIABLE: "nowhere:kill"})
    assert printed.code == 1
    assert printed.err == f"{failpoints.VARIABLE}: there is no failpoint 'nowhere'\n"


def test_it_dies_the_time_it_was_asked_to_and_says_where() -> None:
    script = (
        "from bot.failpoints import hit\n"
        "for time in range(5):\n"
        "    print(time, flush=True)\n"
        "    hit('before_commit', 'planned')\n"
        "    hit('before_commit', 'approved')\n"
    )
    died = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", script],
        env={**os.environ, failpoints.VARIABLE: "before_commit.approved:kill:2"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (died.returncode, died.stdout) == (-9, "0\n1\n")
    assert died.stderr == '{"event": "failpoint", "name": "before_commit.approved", "action": "kill"}\n'


def test_off_it_costs_next_to_nothing() -> None:
    assert failpoints.hit is failpoints.off
    seconds = min(timeit.repeat(lambda: failpoints.hit("before_commit", "planned"), number=10_000, repeat=5))
    assert seconds / 10_000 < 5e-6
