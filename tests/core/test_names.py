"""The nearest name."""

from __future__ import annotations

import pytest

from bot.core.names import named_in, names_operation, nearest, words_in


def test_the_nearest_name_is_offered_as_it_is_written() -> None:
    """Only one that comes close."""
    assert nearest("ODERS", ["Orders", "events"]) == "Orders"
    assert nearest("xyz", ["Orders", "events"]) == ""


def test_words_of_a_text_that_may_be_names_are_found_whatever_stands_around_them() -> None:
    assert words_in("move orders-eu.1, please: (db_2)") == ["move", "orders-eu.1", "please", "db_2"]


def test_names_are_found_in_a_sentence_in_any_capitals_and_with_marks_around_them() -> None:
    """In its order, and each once; as it is written where that is one."""
    assert named_in("Not ORDERS., _db_2_ nor orders (events-) or ev", ["events", "orders", "db_2"]) == (
        *("orders", "db_2", "events"),
    )
    assert named_in("orders", ["ORDERS", "orders"]) == ("orders",)
    assert named_in("Orders", ["ORDERS", "orders"]) == ("ORDERS", "orders")
    assert named_in("db_", ["db", "db_"]) == ("db_",)
    assert named_in("orders-eu -- .", ["orders"]) == ()


def test_names_are_found_where_no_spaces_are_written_around_them() -> None:
    names = ["events", "Orders", "订单", "orders-eu"]
    assert named_in("停止Orders的切换", names) == ("Orders",)
    assert named_in("不要切换orders-eu、也不要切换EVENTS。", names) == ("orders-eu", "events")
    assert named_in("停止订单的切换", names) == ("订单",)
    assert named_in("停止reorders的切换 reorders", names) == ()


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("revert SW-7K3M9Q.", True),
        ("sw-7k3m9q_x", True),
        ("please (Sw-7kIloO)", True),
        ("sw-7k3m9", False),
        ("SW-7K3MU9", False),
    ],
)
def test_the_id_of_an_operation_is_found_wherever_it_is(text: str, is_one: bool) -> None:
    """Also misread."""
    assert names_operation(text) is is_one


def test_of_several_that_are_equally_near_none_is_offered() -> None:
    """Any of them would be a guess; also of those that differ in capitals only."""
    nodes = ["mysql-1", "mysql-2", "mysql-3"]
    assert nearest("mysql-9", nodes) == ""
    assert nearest("mysql-22", nodes) == "mysql-2"
    assert nearest("db-89", ["db-97", "db-98", "db-99"]) == "db-98"
    assert nearest("ordres", ["Orders", "ORDERS"]) == ""
    assert nearest("ordres", ["Orders", "Orders"]) == "Orders"
