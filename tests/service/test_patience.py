"""Readings that fail are counted in a row, of one state of one operation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.core.model import OperationId
from bot.service.patience import Patience
from tests.core.examples import at, operation

GAP = timedelta(seconds=70)
OP = operation()


def test_it_is_lost_a_minute_after_the_first_reading_that_failed() -> None:
    patience = Patience()
    assert [patience.is_lost(OP, at(seconds), gap=GAP) for seconds in (500, 530, 559, 560)] == [
        False,
        False,
        False,
        True,
    ]


def test_readings_far_apart_are_not_in_a_row() -> None:
    patience = Patience()
    assert not patience.is_lost(OP, at(0), gap=GAP)
    assert not patience.is_lost(OP, at(71), gap=GAP)


def test_what_failed_for_an_earlier_state_or_for_others_does_not_count() -> None:
    patience = Patience()
    assert not patience.is_lost(OP, at(0), gap=GAP)
    assert not patience.is_lost(replace(OP, version=OP.version + 1), at(60), gap=GAP)
    assert not patience.is_lost(replace(OP, id=OperationId("SW-000009")), at(60), gap=GAP)


def test_a_reading_that_succeeded_begins_it_anew() -> None:
    patience = Patience()
    assert not patience.is_lost(OP, at(0), gap=GAP)
    patience.regained(OP)
    assert not patience.is_lost(OP, at(60), gap=GAP)
