"""The nearest name."""

from __future__ import annotations

from bot.core.names import nearest


def test_the_nearest_name_is_offered_as_it_is_written() -> None:
    """Only one that comes close."""
    assert nearest("ODERS", ["Orders", "events"]) == "Orders"
    assert nearest("xyz", ["Orders", "events"]) == ""
