"""``kill -9`` at the steps of the event loop: at each, a fork of the whole world in which the bot dies there."""

from __future__ import annotations

from random import SystemRandom

import pytest

from tests.crash.forks import PLAYS, Sweep, sweep
from tests.simulation.mutants import mutated

STRIDE = 97
"""Of so many steps, every run tries one: another one each time."""
CHUNKS = 6
"""Into so many pieces the sweep of all steps is cut, for several processes."""

pytestmark = pytest.mark.timeout(900)

MISSED = {
    "try_again_after_restart": ("qingcloud", "one_true_end"),
    "no_look_before_posting": ("dds", "posted_once"),
    "forget_that_a_post_was_begun": ("dds", "posted_once"),
}
"""A defence that is taken away, what is played then, and the check that has to miss it."""


def held(seen: Sweep) -> None:
    assert not seen.broken, str(seen.broken[0])
    assert seen.undisturbed.status == "succeeded"
    assert seen.forks


@pytest.mark.parametrize("play", PLAYS)
def test_it_goes_on_from_some_steps(play: str) -> None:
    offset = SystemRandom().randrange(STRIDE)
    held(sweep(play, lambda step, _: step % STRIDE == offset))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("play", PLAYS)
def test_it_goes_on_from_every_step(play: str, chunk: int) -> None:
    held(sweep(play, lambda step, _: step % CHUNKS == chunk))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MISSED)
def test_a_defence_that_is_missing_is_missed(mutant: str) -> None:
    play, check = MISSED[mutant]
    with mutated(mutant):
        seen = sweep(play, lambda _, noticed: noticed, stop_at_violation=True)
    assert [fate.violation.partition(":")[0] for fate in seen.broken] == [check]
