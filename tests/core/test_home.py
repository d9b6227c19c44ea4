"""What a Home tab shows of a database that was read, or never was."""

from __future__ import annotations

from dataclasses import replace

from bot.core.home import Board, DatabaseTile, Reading
from bot.core.model import Reason
from bot.core.operation import reason_to_switch_back
from tests.core.examples import START, A, B, at, reading, requested


def test_the_age_of_a_reading_is_that_of_its_oldest_shard() -> None:
    first, second = reading(A, at=at(5)), reading(A, at=at(2))
    assert Reading((first, replace(second, shard="shard-2"))).read_at == at(2)


def test_what_was_never_read_has_no_age_whatever_the_problem() -> None:
    assert Reading().read_at is None
    assert Reading(problem=Reason.of("unreadable")).read_at is None


LATER = reading(B, at=at(5))
OTHER = replace(reading(A, at=at(2)), shard="shard-2")


def test_what_is_seen_later_of_a_shard_takes_the_place_of_what_was_read_before() -> None:
    first = Reading((reading(A, at=at(2)), OTHER))
    assert first.renewed(LATER) == Reading((LATER, OTHER))
    assert first.renewed(reading(B, at=at(2))) == first
    assert first.renewed(replace(LATER, shard="shard-3")) == first
    assert Reading().renewed(LATER) == Reading()


def test_what_was_all_there_is_to_read_shows_that_it_can_be_read() -> None:
    problem = Reason.of("unreadable")
    assert Reading((reading(A),), problem).renewed(LATER) == Reading((LATER,))
    assert Reading((reading(A), OTHER), problem).renewed(LATER).problem == problem


def test_a_reading_that_was_overtaken_does_not_undo_what_was_seen_later() -> None:
    overtaken = Reading((reading(A, at=at(4)), replace(OTHER, read_at=at(4))))
    assert overtaken.after(Reading((LATER, OTHER)), at(6)).topologies == (LATER, overtaken.topologies[1])


def test_a_reading_by_a_clock_that_was_ahead_is_replaced() -> None:
    fresh = Reading((reading(A, at=at(4)),))
    assert fresh.after(Reading((LATER,)), at(4)) == fresh


def test_a_board_is_empty_until_there_is_something() -> None:
    board = Board(START, 7, databases=(DatabaseTile("orders"),), total=1)
    assert (board.under_way, board.past, board.holds, board.frozen, board.changes_at) == (
        (),
        (),
        (),
        (),
        None,
    )
    assert board.databases[0].reading is None


def test_the_way_back_names_the_switchover_it_takes_back() -> None:
    assert requested().id in reason_to_switch_back(requested().id)
