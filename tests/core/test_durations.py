"""Lengths of time, read and written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.durations import LONGEST, read, written


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90m", timedelta(minutes=90)),
        ("1h30m", timedelta(minutes=90)),
        ("45s", timedelta(seconds=45)),
        ("2d", timedelta(days=2)),
        ("1d1h1m1s1ms", timedelta(1, 3661, milliseconds=1)),
        ("500ms", timedelta(seconds=0.5)),
        ("0s", timedelta(0)),
    ],
)
def test_a_length_is_read(text: str, length: timedelta) -> None:
    assert read(text) == length


@pytest.mark.parametrize("text", ["", "5", "2 s", "1.5s", "-1s", "s", "1s1m", "1w", "٣s", "1h30", "99999d"])
def test_anything_else_is_none(text: str) -> None:
    assert read(text) is None


@given(st.integers(0, LONGEST // timedelta(milliseconds=1)))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    length = timedelta(milliseconds=milliseconds)
    assert read(written(length)) == length


def test_a_length_is_written_short() -> None:
    assert [written(timedelta(minutes=90)), written(timedelta(days=2)), written(timedelta(0))] == [
        "1h30m",
        "2d",
        "0s",
    ]
