"""``python -m tests.simulation --seeds N [--seed K] [--start S] [-j 2] [--mutant NAME]``: plays histories."""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.history import Outcome, collect_seldom, collecting_seldom, play
from tests.simulation.mutants import MUTANTS, mutated
from tests.simulation.world import STORES

CHUNK = 5
"""How many histories a process plays before it says what became of them."""


TOLD = 10
"""How often it is told how far it has come."""
WIDTH, INDENT = 100, 21
"""Of what is counted in the summary."""


def replay_with(seed: int, mutant: str) -> str:
    """The command that plays this history again."""
    return f"make simulate SEED={seed}" + (f" MUTANT={mutant}" if mutant else "")


def several(mutant: str, store: str, mode: str, seeds: Sequence[int]) -> list[Outcome]:
    """Plays several histories in this process."""
    return [one(mutant, store, mode, seed) for seed in seeds]


def one(mutant: str, store: str, mode: str, seed: int) -> Outcome:
    """Plays one history; its story is kept only where something is wrong with it."""
    with mutated(mutant):
        return play(seed, store, mode).brief()


def outcomes(seeds: Sequence[int], *, mutant: str, store: str, mode: str, jobs: int) -> Iterator[Outcome]:
    """Plays many histories, in several processes."""
    chunks = [seeds[first : first + CHUNK] for first in range(0, len(seeds), CHUNK)]
    if jobs == 1:
        with collecting_seldom():
            for chunk in chunks:
                yield from several(mutant, store, mode, chunk)
        return
    with ProcessPoolExecutor(jobs, initializer=collect_seldom) as pool:
        for found in pool.map(partial(several, mutant, store, mode), chunks):
            yield from found


def summary(found: Sequence[Outcome], seconds: float) -> str:
    """What was played, in a few lines."""
    crashes = sum((each.crashes for each in found), Counter[str]())
    faults = sum((each.faults for each in found), Counter[str]())
    decisions = sum((each.decisions for each in found), Counter[str]())
    ends = sum((each.statuses for each in found), Counter[str]())
    violations = [each for each in found if each.violation is not None]
    hours = sum(each.seconds for each in found) / 3600
    most = max((each.sent_at_most for each in found), default=0)
    accepted = max((each.accepted_at_most for each in found), default=0)
    doubles = sum(each.doubles for each in found)
    excused = sum((each.excused for each in found), Counter[str]())
    cpu = sum(each.cpu for each in found) / len(found)
    lines = [
        f"histories            {len(found)} in {seconds:.0f} s, {60 * len(found) / seconds:.0f} a minute",
        f"processor            {1000 * cpu:.0f} ms a history",
        f"virtual time         {hours:.1f} hours",
        f"violations           {len(violations)}",
        f"operations           {_listed(ends)}",
        f"besides              {_listed(decisions)}",
        f"requests per plan    at most {most} sent, at most {accepted} accepted",
        f"posted twice         {doubles}",
        f"excused              {_listed(excused) if excused else 0}",
        f"ends of the process  {_listed(crashes)}",
        f"faults               {_listed(faults)}",
    ]
    return "\n".join(lines)


def _listed(counted: Counter[str]) -> str:
    """Below each other where they are many, a line of a terminal at a time."""
    listed = ", ".join(f"{name} {times}" for name, times in counted.most_common())
    return ("\n" + " " * INDENT).join(
        textwrap.wrap(f"{counted.total()}: {listed}", WIDTH, break_long_words=False, break_on_hyphens=False)
    )


def told(outcome: Outcome, mutant: str) -> str:
    """A history, what promise was broken in it, and the command that plays it again."""
    story, broken = "\n".join(outcome.story), outcome.violation or "no promise was broken"
    return f"{story}\n\nseed {outcome.seed}: {broken}\nagain: {replay_with(outcome.seed, mutant)}"


def main() -> int:
    """Plays what the command line asks for; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=200, help="how many histories")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="this history only, with its whole story")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="processes")
    parser.add_argument("--mutant", default="", choices=("", *MUTANTS), help="without this defence")
    parser.add_argument("--store", default="", choices=("", *STORES), help="where the bot keeps its truth")
    parser.add_argument(
        "--mode", default="", choices=("", "http", "socket"), help="how Slack reaches the bot"
    )
    asked = parser.parse_args()
    if asked.seeds < 1:
        parser.error(f"argument --seeds: one or more, not {asked.seeds}")
    if asked.seed is not None:
        with mutated(asked.mutant):
            outcome = play(asked.seed, asked.store, asked.mode)
        print(told(outcome, asked.mutant))
        return int(outcome.violation is not None)
    began, found = time.monotonic(), list[Outcome]()
    seeds = range(asked.start, asked.start + asked.seeds)
    for outcome in outcomes(seeds, mutant=asked.mutant, store=asked.store, mode=asked.mode, jobs=asked.jobs):
        found.append(outcome)
        if len(found) % max(1, asked.seeds // TOLD) == 0:
            print(f"{len(found)} of {asked.seeds} histories", file=sys.stderr, flush=True)
        if outcome.violation is not None and asked.mutant:
            break
    broken = [each for each in found if each.violation is not None]
    for outcome in broken[:3]:
        print(told(outcome, asked.mutant), end="\n\n")
    for outcome in broken[3:]:
        print(f"seed {outcome.seed}: {outcome.violation}")
    print(summary(found, time.monotonic() - began))
    return int(any(each.violation is not None for each in found))


if __name__ == "__main__":
    sys.exit(main())
