"""Our Block Kit checker held against slackblocks, which has its own table of Slack's limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.sandbox.slack import problems, view_problems
from tests.sandbox.slack.slackblocks_oracle import refusal, view_refusal
from tests.sandbox.slack.test_block_kit import BOTH, MODAL, OURS, Build, section, text

Json = dict[str, Any]

CASES = [*BOTH, *OURS]
# Where the two disagree. Slack answers "no fewer than 1 items allowed" and "must be more than 0 characters",
# also for what may be left out; slackblocks takes what is empty for left out, or for a matter of taste.
EMPTY_THERE = frozenset(
    {
        "context elements",
        "image alt text",
        "markdown",
        "actions",
        "button value",
        "button url",
        "select options",
        "option value",
        "option groups",
        "image url",
    }
)


def surface_of(name: str) -> str:
    return "modal" if "input" in name else "message"


@pytest.mark.parametrize(("name", "limit", "build"), CASES, ids=[case[0] for case in CASES])
def test_both_agree_at_every_limit_and_one_beyond(name: str, limit: int, build: Build) -> None:
    """And at the least: one character, one item."""
    for size in (1, limit, limit + 1):
        blocks = [build(size)]
        there, here = refusal(blocks, surface_of(name)), problems(blocks, surface_of(name))
        assert (bool(there), bool(here)) == (size > limit, size > limit), (there, here)


@pytest.mark.parametrize(("name", "build"), [(case[0], case[2]) for case in CASES])
def test_they_disagree_about_what_is_empty_only_where_it_is_said_above(name: str, build: Build) -> None:
    blocks = [build(0)]
    there, here = refusal(blocks, surface_of(name)), problems(blocks, surface_of(name))
    assert (bool(here) and not there) == (name in EMPTY_THERE), (there, here)
    assert here or not there


@pytest.mark.parametrize(("surface", "limit"), [("message", 50), ("modal", 100), ("home", 100)])
def test_both_count_the_blocks_of_a_surface(surface: str, limit: int) -> None:
    for count in (1, limit, limit + 1):
        blocks = [section()] * count
        assert bool(refusal(blocks, surface)) == bool(problems(blocks, surface)) == (count > limit)


@pytest.mark.parametrize(
    ("key", "limit"),
    [("title", 24), ("submit", 24), ("close", 24), ("private_metadata", 3000), ("callback_id", 255),
     ("external_id", 255)],
)  # fmt: skip
def test_both_agree_about_a_modal(key: str, limit: int) -> None:
    for size in (1, limit, limit + 1):
        view = MODAL | {key: text(size) if limit == 24 else "x" * size}
        assert bool(view_refusal(view)) == bool(view_problems(view)) == (size > limit)


# --- anything put together -----------------------------------------------------------------------------


def sized(limit: int) -> st.SearchStrategy[int]:
    """Mostly what is allowed, for of many parts one too long spoils the whole."""
    return st.sampled_from([1, 2, limit, 1, 2, limit, 1, limit + 1])


def texts(limit: int, *kinds: str) -> st.SearchStrategy[Json]:
    return st.builds(text, sized(limit), st.sampled_from(kinds or ("plain_text",)))


ANY = ("plain_text", "mrkdwn")
confirms = st.fixed_dictionaries(
    {"title": texts(100), "text": texts(300, *ANY), "confirm": texts(30), "deny": texts(30)}
)
options = st.fixed_dictionaries(
    {"text": texts(75), "value": sized(150).map("x".__mul__)}, optional={"description": texts(75)}
)
identified = {"action_id": sized(255).map("a".__mul__)}
buttons = st.fixed_dictionaries(
    {"type": st.just("button"), "text": texts(75), **identified},
    optional={
        "value": sized(2000).map("x".__mul__),
        "url": sized(3000).map("x".__mul__),
        "style": st.sampled_from(["primary", "danger"]),
        "confirm": confirms,
    },
)
menus = st.fixed_dictionaries(
    {
        "type": st.just("static_select"),
        "placeholder": texts(150),
        "options": st.builds(lambda one, many: [one] * many, options, sized(100)),
        **identified,
    }
)
typed = st.fixed_dictionaries(
    {"type": st.just("plain_text_input"), **identified},
    optional={"placeholder": texts(150), "max_length": st.sampled_from([1, 3000, 3001])},
)
block_ids = {"block_id": sized(255).map("b".__mul__)}
blocks = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("section"), "text": texts(3000, *ANY)},
        optional={
            "fields": st.builds(lambda one, many: [one] * many, texts(2000, *ANY), sized(10)),
            "accessory": buttons | menus,
            **block_ids,
        },
    ),
    st.fixed_dictionaries({"type": st.just("header"), "text": texts(150)}, optional=block_ids),
    st.fixed_dictionaries({"type": st.just("divider")}, optional=block_ids),
    st.fixed_dictionaries(
        {
            "type": st.just("context"),
            "elements": st.builds(lambda one, many: [one] * many, texts(3000, *ANY), sized(10)),
        },
        optional=block_ids,
    ),
    st.fixed_dictionaries(
        {"type": st.just("actions"), "elements": st.lists(buttons | menus, min_size=1, max_size=1)},
        optional=block_ids,
    ),
    st.fixed_dictionaries(
        {"type": st.just("input"), "label": texts(2000), "element": typed | menus},
        optional={"hint": texts(2000), **block_ids},
    ),
)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(blocks)
def test_both_agree_about_any_block(block: Json) -> None:
    """Whatever it is put together of."""
    there, here = refusal([block], "modal"), problems([block], "modal")
    assert bool(there) == bool(here), (there, here)
