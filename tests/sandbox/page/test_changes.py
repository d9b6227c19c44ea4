"""What is sent of two snapshots is enough to get from one to the other, and no more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.page.changes import difference, patched

KEYS = st.sampled_from("abc")
ENTRIES = st.dictionaries(KEYS, st.integers(0, 3) | st.lists(st.integers(0, 1), max_size=2), max_size=3)
SNAPSHOTS = st.fixed_dictionaries({"messages": ENTRIES, "modal": ENTRIES})


@given(SNAPSHOTS, SNAPSHOTS)
def test_a_patch_leads_from_one_snapshot_to_the_next(before: dict, after: dict) -> None:  # type: ignore[type-arg]
    assert patched(before, difference(before, after)) == after


@given(SNAPSHOTS)
def test_the_first_one_is_everything_empty_sections_too(after: dict) -> None:  # type: ignore[type-arg]
    assert difference({}, after) == after


@given(SNAPSHOTS)
def test_nothing_is_sent_where_nothing_changed(snapshot: dict) -> None:  # type: ignore[type-arg]
    assert difference(snapshot, snapshot) == {}


def test_only_what_changed_is_sent() -> None:
    before = {"messages": {"a": 1, "b": 2}, "modal": {"view": 1}}
    after = {"messages": {"a": 1, "b": 3}, "modal": {}}
    assert difference(before, after) == {"messages": {"b": 3}, "modal": {"view": None}}
