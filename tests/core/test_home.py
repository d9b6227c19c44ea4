"""What a Home tab shows of a database that was read, or never was."""

from __future__ import annotations

from dataclasses import replace

from bot.core.home import Board, DatabaseTile, Reading
from bot.core.model import Reason
from bot.core.operation import reason_to_switch_back
from tests.core.examples import START, A, at, reading, requested


def test_the_age_of_a_reading_is_that_of_its_oldest_shard() -> None:
    first, second = reading(A, at=at(5)), reading(A, at=at(2))
    assert Reading((first, replace(second, shard="shard-2"))).read_at == at(2)


def test_what_was_never_read_has_no_age_whatever_the_problem() -> None:
    assert Reading().read_at is None
    assert Reading(problem=Reason.of("unreadable")).read_at is None


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
