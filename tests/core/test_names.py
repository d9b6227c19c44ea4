"""The nearest name."""

from __future__ import annotations

from bot.core.names import nearest, words_in


def test_the_nearest_name_is_offered_as_it_is_written() -> None:
    """Only one that comes close."""
    assert nearest("ODERS", ["Orders", "events"]) == "Orders"
    assert nearest("xyz", ["Orders", "events"]) == ""


def test_words_of_a_text_that_may_be_names_are_found_whatever_stands_around_them() -> None:
    assert words_in("move orders-eu.1, please: (db_2)") == ["move", "orders-eu.1", "please", "db_2"]


def test_of_several_that_are_equally_near_none_is_offered() -> None:
    """Any of them would be a guess; also of those that differ in capitals only."""
    nodes = ["mysql-1", "mysql-2", "mysql-3"]
    assert nearest("mysql-9", nodes) == ""
    assert nearest("mysql-22", nodes) == "mysql-2"
    assert nearest("db-89", ["db-97", "db-98", "db-99"]) == "db-98"
    assert nearest("ordres", ["Orders", "ORDERS"]) == ""
    assert nearest("ordres", ["Orders", "Orders"]) == "Orders"
