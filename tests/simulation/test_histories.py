"""Histories of the whole bot: a few hundred in every run, and each defence taken away is missed."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import SystemRandom

import pytest

from tests.simulation.__main__ import told
from tests.simulation.history import Outcome, collecting_seldom, play
from tests.simulation.loop import LONGEST, Stuck, Time
from tests.simulation.mutants import MUTANTS, mutated

README = Path(__file__).parents[1] / "README.md"
CHUNKS, LENGTH = 8, 32
"""How many fixed seeds, and as many fresh ones, every run plays: in pieces, for several processes."""
FRESH = 1_000_000

# The mutant, the check that has to miss it, and a seed that is known to; others are tried after it.
CAUGHT = {
    "act_before_saving": ("saved_before_acting", 3),
    "resend_when_unknown": ("submitted_once", 59),
    "try_again_after_restart": ("submitted_once", 3),
    "no_look_before_posting": ("posted_once", 4),
    "forget_that_a_post_was_begun": ("posted_once", 11),
    "no_dedupe": ("one_effect_each", 4),
    "no_replay_set": ("replays_are_refused", 22),
    "no_fingerprint": ("plan_still_holds", 108),
    "no_live_quorum": ("quorum_lives", 190),
    "believe_the_job": ("succeeded_is_true", 3),
    "answer_before_recording": ("accepted_is_recorded", 1),
    "no_hold_at_the_start": ("holds_hold", 194),
    "no_live_glass": ("glass_is_guarded", 73),
    "late_starts_start": ("starts_on_time", 104),
    "own_review_counts": ("reviewed_by_another", 17),
    "no_notice_is_known": ("audit_channel_is_told_once", 0),
    "acknowledge_first": ("accepted_is_recorded", 8),
    "deny_what_may_be_recorded": ("denied_is_not_recorded", 29),
    "forget_a_form": ("accepted_is_recorded", 0),
    "no_new_token": ("credentials_suffice", 227),
    "a_token_for_each_request": ("logins_are_few", 28),
    "ignore_a_reload": ("policy_in_force", 59),
    "keep_removed_databases": ("policy_in_force", 199),
    "forget_removed_databases": ("removed_is_tracked", 153),
    "say_it_there_or_nowhere": ("ends_are_told_once", 11),
    "show_a_home_once": ("homes_are_true", 0),
    "show_cards_once": ("holds_are_shown", 91),
    "replies_beside_their_thread": ("said_in_the_thread", 0),
    "everybody_by_their_own_clock": ("posted_once", 0),
    "look_at_once": ("posted_once", 815),
}
TRIES = 45


@pytest.fixture(autouse=True, scope="module")
def quicker() -> Iterator[None]:
    with collecting_seldom():
        yield


def held(seeds: Iterable[int]) -> None:
    for seed in seeds:
        outcome = play(seed)
        assert outcome.violation is None, f"\n{told(outcome, '')}"


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_promise_holds_in_fixed_histories(chunk: int) -> None:
    held(range(chunk * LENGTH, (chunk + 1) * LENGTH))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_promise_holds_in_fresh_histories(chunk: int) -> None:
    start = SystemRandom().randrange(FRESH, 1000 * FRESH)
    print(f"chunk {chunk}: seeds from {start}")
    held(range(start, start + LENGTH))


def test_every_promise_holds_where_one_once_did_not() -> None:
    """In the last two its channel and its asker were away together: an end was told to nobody, or tried for an hour."""
    held([289, 11071, 20264754, 2026114245])


def test_a_history_without_an_end_is_told() -> None:
    async def long() -> None:
        await asyncio.sleep(LONGEST + 1)
        await asyncio.sleep(1)

    with pytest.raises(Stuck, match="no end"):
        Time().run(long())


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(20))
def test_every_promise_holds_in_many_histories(chunk: int) -> None:
    held(range(10_000 + chunk * 100, 10_100 + chunk * 100))


@pytest.mark.parametrize("seed", [3, 9, 21, 34])
def test_the_same_seed_plays_the_same_history(seed: int) -> None:
    first, second = play(seed), play(seed)
    assert first.story == second.story
    assert first.digest == second.digest


def test_another_process_plays_the_same_history() -> None:
    asked = [sys.executable, "-m", "tests.simulation", "--seed", "21"]
    other = subprocess.run(  # noqa: S603  # our own module
        asked, env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
    )
    assert other.stdout.startswith("\n".join(play(21).story))


def caught(mutant: str, first: int) -> Outcome | None:
    with mutated(mutant):
        for seed in (first, *range(TRIES)):
            outcome = play(seed)
            if outcome.violation is not None:
                return outcome
    return None


def test_the_table_of_missing_defences_names_these_checks_and_seeds() -> None:
    table = README.read_text(encoding="utf-8").partition("| defence | what was broken | check, seed |")[2]
    rows = re.findall(r"^\|[^|]*\|[^|]*\| `(\w+)`, (\d+) \|$", table, re.MULTILINE)
    assert sorted((check, int(seed)) for check, seed in rows) == sorted(CAUGHT.values())


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_defence_that_is_missing_is_missed(mutant: str) -> None:
    check, seed = CAUGHT[mutant]
    outcome = caught(mutant, seed)
    assert outcome is not None, f"nobody misses {mutant}"
    assert outcome.violation is not None
    assert outcome.violation.check == check, told(outcome, mutant)
