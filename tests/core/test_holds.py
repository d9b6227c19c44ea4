"""Freezes and the halt: what is in force, for which database, and what an emergency may pass."""

from __future__ import annotations

from functools import reduce

import pytest

from bot.core.holds import (
    ALL,
    EVERY_KIND,
    ONLY_HALT,
    Frozen,
    Halted,
    Hold,
    HoldEvent,
    HoldKind,
    Resumed,
    Unfrozen,
    apply,
    binding,
    frozen_policy,
    in_the_way,
    kinds_binding,
    replaced,
    sentences,
)
from bot.core.model import Reason
from bot.core.operation import Operation
from tests.core.examples import ANN, BOB, UNSENT, at, operation, planned, requested

TEAM = "T-HOME"
HALTED = Halted(at(0), "incident", ANN, TEAM)
ORDERS = Frozen(at(1), "orders", at(60), "release", ANN, TEAM)
EVERYTHING = Frozen(at(2), ALL, None, "year's end", BOB, TEAM)


def after(*events: HoldEvent) -> tuple[Hold, ...]:
    return reduce(apply, events, ())


def stopped_by(*events: HoldEvent, database: str = "orders", seconds: float = 10) -> str | None:
    hold = binding(after(*events), database, at(seconds))
    return None if hold is None else f"{hold.kind} {hold.scope}"


def test_a_freeze_binds_its_database_until_it_ends() -> None:
    assert stopped_by(ORDERS) == "freeze orders"
    assert stopped_by(ORDERS, database="sessions") is None
    assert stopped_by(ORDERS, seconds=59.9) == "freeze orders"
    assert stopped_by(ORDERS, seconds=60) is None


def test_a_freeze_of_all_binds_every_database_until_it_is_lifted() -> None:
    assert stopped_by(EVERYTHING, database="sessions", seconds=10**6) == "freeze all"
    assert stopped_by(EVERYTHING, Unfrozen(at(3), ALL, ANN, TEAM)) is None


def test_of_several_freezes_the_one_that_lasts_longest_is_named() -> None:
    """People who are told of one that ends soon would wait for it in vain."""
    longer = Frozen(at(2), ALL, at(90), "month end", BOB, TEAM)
    for events in ((ORDERS, longer), (longer, ORDERS)):
        assert stopped_by(*events) == "freeze all"
        assert stopped_by(*events, Frozen(at(3), "orders", None, "rebuild", ANN, TEAM)) == "freeze orders"


def keeps(op: Operation, *events: HoldEvent, seconds: float = 10) -> str | None:
    hold = in_the_way(op, after(*events), at(seconds))
    return None if hold is None else f"{hold.kind} {hold.scope}"


def test_what_waits_for_approvals_is_kept_from_them_by_what_binds_now() -> None:
    waiting = operation(planned())
    assert keeps(waiting, ORDERS) == "freeze orders"
    assert keeps(waiting, ORDERS, seconds=60) is None
    assert keeps(waiting, ORDERS, HALTED) == "halt all"
    assert keeps(waiting) is None


def test_what_waits_for_its_start_is_kept_from_it_by_what_still_binds_then() -> None:
    """What ends before is not in its way; once the start has come, what binds now is."""
    early, late = (operation(*UNSENT, first=requested(start_at=at(seconds))) for seconds in (30, 90))
    assert keeps(early, ORDERS) == "freeze orders"
    assert keeps(late, ORDERS) is None
    assert keeps(late, ORDERS, EVERYTHING) == "freeze all"
    assert keeps(early, ORDERS, seconds=60) is None


def test_nothing_is_in_the_way_of_what_does_not_wait() -> None:
    for op in (operation(), operation(*UNSENT)):
        assert keeps(op, HALTED, ORDERS) is None


def test_lifting_one_freeze_leaves_the_others() -> None:
    assert stopped_by(ORDERS, EVERYTHING, Unfrozen(at(3), ALL, ANN, TEAM)) == "freeze orders"
    assert stopped_by(ORDERS, EVERYTHING, Unfrozen(at(3), "orders", ANN, TEAM)) == "freeze all"
    assert stopped_by(HALTED, ORDERS, Unfrozen(at(3), "orders", ANN, TEAM)) == "halt all"
    assert stopped_by(HALTED, ORDERS, Resumed(at(3), ANN, TEAM)) == "freeze orders"


def test_a_newer_freeze_of_the_same_scope_replaces_the_older() -> None:
    longer = Frozen(at(5), "orders", None, "longer", BOB, TEAM)
    (hold,) = after(ORDERS, longer)
    assert (hold.until, hold.reason, hold.by, hold.since) == (None, "longer", BOB, at(5))


def test_a_halt_is_named_before_a_freeze() -> None:
    assert stopped_by(ORDERS, HALTED) == stopped_by(HALTED, ORDERS) == "halt all"


def test_an_emergency_passes_a_freeze_and_not_a_halt() -> None:
    assert (kinds_binding(emergency=True), kinds_binding(emergency=False)) == (ONLY_HALT, EVERY_KIND)
    assert binding(after(ORDERS, EVERYTHING), "orders", at(10), ONLY_HALT) is None
    found = binding(after(ORDERS, HALTED), "orders", at(10), ONLY_HALT)
    assert found is not None
    assert found.kind is HoldKind.HALT


@pytest.mark.parametrize(
    ("event", "code"),
    [(HALTED, "halted-by"), (ORDERS, "frozen-by-hand-until"), (EVERYTHING, "frozen-by-hand")],
)
def test_a_hold_says_who_set_it_and_why(event: HoldEvent, code: str) -> None:
    (hold,) = after(event)
    said = hold.sentence()
    assert said.code == code
    assert (said["by"], said["reason"], said["since"]) == (hold.by, hold.reason, hold.since.isoformat())


def test_what_is_in_force_is_told_of_one_database_or_of_all_a_halt_first() -> None:
    holds = after(ORDERS, EVERYTHING, HALTED)
    orders, everything, halted = (hold.sentence() for hold in holds)
    assert sentences(holds, None, at(10), EVERY_KIND) == [halted, orders, everything]
    assert sentences(holds, "orders", at(10), EVERY_KIND) == [halted, orders, everything]
    assert sentences(holds, "sessions", at(10), EVERY_KIND) == [halted, everything]
    assert sentences(holds, None, at(60), EVERY_KIND) == [halted, everything]
    assert sentences(holds, "orders", at(10), ONLY_HALT) == [halted]


def test_a_configured_freeze_is_told_with_its_policy() -> None:
    why = Reason.of("frozen", until="2026-11-22T18:00+00:00", reason="trading")
    told = Reason.of("frozen-policy", policy="strict", until="2026-11-22T18:00+00:00", reason="trading")
    assert frozen_policy("strict", why) == told


def test_a_freeze_takes_the_place_of_the_one_of_its_scope_alone() -> None:
    again = Frozen(at(5), "orders", None, "later", BOB, TEAM)
    held = after(HALTED, EVERYTHING, ORDERS)
    older = replaced(held, again)
    assert older is not None
    assert (older.by, older.until, older.reason) == (ANN, at(60), "release")
    assert replaced(after(HALTED, EVERYTHING), again) is None
    assert replaced(held, HALTED) is None
    assert replaced(held, Unfrozen(at(5), "orders", BOB, TEAM)) is None
