"""The Block Kit checker at its limits, held against the validators of the official SDK's models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.sandbox.slack import problems, view_problems

Json = dict[str, Any]
Build = Callable[[int], Json]


def text(length: int, kind: str = "plain_text") -> Json:
    return {"type": kind, "text": "x" * length}


def options(count: int, **changes: Any) -> list[Json]:
    return [{"text": text(1), "value": f"{number}", **changes} for number in range(count)]


def actions(**element: Any) -> Json:
    return {"type": "actions", "elements": [{"action_id": "a", **element}]}


def button(**changes: Any) -> Json:
    return actions(**{"type": "button", "text": text(7), **changes})


def menu(**changes: Any) -> Json:
    return actions(**{"type": "static_select", "placeholder": text(4), "options": options(1), **changes})


def confirm(**changes: Any) -> Json:
    return button(confirm={key: text(1) for key in ("title", "text", "confirm", "deny")} | changes)


def labelled(**changes: Any) -> Json:
    typed = {"type": "plain_text_input", "action_id": "a"}
    return {"type": "input", "label": text(5), "element": typed, **changes}


# What is measured; how many are allowed; a block with so many of it. The SDK enforces every one of these too.
BOTH: list[tuple[str, int, Build]] = [
    ("section text", 3000, lambda n: {"type": "section", "text": text(n, "mrkdwn")}),
    ("section fields", 10, lambda n: {"type": "section", "fields": [text(1)] * n}),
    ("header", 150, lambda n: {"type": "header", "text": text(n)}),
    ("context elements", 10, lambda n: {"type": "context", "elements": [text(1)] * n}),
    ("image alt text", 2000, lambda n: {"type": "image", "image_url": "https://x", "alt_text": "x" * n}),
    ("markdown", 12_000, lambda n: {"type": "markdown", "text": "x" * n}),
    ("input label", 2000, lambda n: labelled(label=text(n))),
    ("input hint", 2000, lambda n: labelled(hint=text(n))),
    ("actions", 25, lambda n: {"type": "actions", "elements": [buttons(i) for i in range(n)]}),
    ("button text", 75, lambda n: button(text=text(n))),
    ("button value", 2000, lambda n: button(value="x" * n)),
    ("button url", 3000, lambda n: button(url="x" * n)),
    ("action_id", 255, lambda n: button(action_id="x" * n)),
    ("block_id", 255, lambda n: button() | {"block_id": "x" * n}),
    ("confirm title", 100, lambda n: confirm(title=text(n))),
    ("confirm text", 300, lambda n: confirm(text=text(n))),
    ("confirm yes", 30, lambda n: confirm(confirm=text(n))),
    ("confirm no", 30, lambda n: confirm(deny=text(n))),
    ("placeholder", 150, lambda n: menu(placeholder=text(n))),
    ("select options", 100, lambda n: menu(options=options(n))),
    ("overflow", 5, lambda n: actions(type="overflow", options=options(n))),
]
GROUP: Json = {"label": text(75), "options": options(1)}
# Slack's documentation has these; the SDK does not look into nested options.
OURS: list[tuple[str, int, Build]] = [
    ("option value", 150, lambda n: menu(options=options(1, value="x" * n))),
    ("option text", 75, lambda n: menu(options=options(1, text=text(n)))),
    ("option description", 75, lambda n: menu(options=options(1, description=text(n)))),
    ("radio buttons", 10, lambda n: actions(type="radio_buttons", options=options(n))),
    ("checkboxes", 10, lambda n: actions(type="checkboxes", options=options(n))),
    ("field text", 2000, lambda n: {"type": "section", "fields": [text(n)]}),
    ("option groups", 100, lambda n: actions(type="static_select", option_groups=[GROUP] * n)),
    ("image url", 3000, lambda n: {"type": "image", "image_url": "x" * n, "alt_text": "x"}),
]


def buttons(number: int) -> Json:
    return {"type": "button", "text": text(7), "action_id": f"a{number}"}


def sdk_refuses(block: Json) -> bool:
    parsed = Block.parse(block)
    assert parsed is not None
    try:
        parsed.to_dict()
    except SlackObjectFormationError:
        return True
    return False


@pytest.mark.parametrize(("limit", "build"), [case[1:] for case in BOTH], ids=[case[0] for case in BOTH])
def test_limits_agree_with_the_sdk(limit: int, build: Build) -> None:
    assert problems([build(limit)]) == []
    assert not sdk_refuses(build(limit))
    assert problems([build(limit + 1)])
    assert sdk_refuses(build(limit + 1))


@pytest.mark.parametrize(("limit", "build"), [case[1:] for case in OURS], ids=[case[0] for case in OURS])
def test_limits_that_only_slack_checks(limit: int, build: Build) -> None:
    assert problems([build(limit)]) == []
    assert len(problems([build(limit + 1)])) == 1


def section(**changes: Any) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, **changes}


def test_a_field_has_2000_characters() -> None:
    """The SDK lets this one pass."""
    assert problems([section(fields=[text(2000)])]) == []
    assert problems([section(fields=[text(2001)])]) == [
        "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"
    ]


@pytest.mark.parametrize(("surface", "limit"), [("message", 50), ("modal", 100), ("home", 100)])
def test_a_surface_has_so_many_blocks(surface: str, limit: int) -> None:
    assert problems([section()] * limit, surface) == []
    assert problems([section()] * (limit + 1), surface) == [
        f"no more than {limit} items allowed [json-pointer:/blocks]"
    ]


@pytest.mark.parametrize(
    ("block", "what"),
    [
        ("text", "unsupported type"),
        ({"type": "sektion"}, "unsupported type: sektion"),
        ({"type": "section"}, "missing required field: text or fields"),
        (section(text="plain"), "must be a text object"),
        (section(text=text(0, "mrkdwn")), "must be more than 0 characters"),
        (section(text={"type": "mrkdwn"}), "missing required field: text"),
        (section(text={"type": "mrkdwn", "text": 7}), "must be a string"),
        (section(colour="red"), "invalid additional property: colour"),
        (section(accessory={"type": "plain_text_input"}), "unsupported type: plain_text_input"),
        (section(fields=[]), "no fewer than 1 items allowed"),
        ({"type": "header", "text": text(5, "mrkdwn")}, "must be a text object of type plain_text"),
        ({"type": "actions", "elements": "x"}, "must be an array"),
        ({"type": "actions", "elements": []}, "no fewer than 1 items allowed"),
        ({"type": "image", "alt_text": "x"}, "either image_url or slack_file"),
        ({"type": "divider", "text": "x"}, "invalid additional property: text"),
        ({"type": "alert", "text": text(5)}, "unsupported type: alert"),
        ({"type": "rich_text", "elements": [{"type": "text"}]}, "unsupported type"),
        ({"type": "table", "rows": []}, "no fewer than 1 items allowed"),
        ({"type": "table", "rows": [[{"type": "raw_text"}] * 21]}, "no more than 20 items allowed"),
        ({"type": "table", "rows": [[{"type": "raw_text"}]] * 101}, "no more than 100 items allowed"),
        ({"type": "table", "rows": [["x"]]}, "unsupported type"),
    ],
)
def test_what_is_malformed_is_told(block: Any, what: str) -> None:
    assert any(what in line for line in problems([block]))


def element(**attributes: Any) -> list[Json]:
    return [{"type": "actions", "elements": [attributes]}]


ONE = {"text": text(1), "value": "1"}
OTHER = {"text": text(2), "value": "2"}


@pytest.mark.parametrize(
    ("attributes", "what"),
    [
        ({"type": "button"}, "missing required field: text"),
        ({"type": "button", "text": text(1), "style": "blue"}, "is not one of danger, primary"),
        ({"type": "button", "text": text(1), "confirm": "sure"}, "must be an object"),
        ({"type": "button", "text": text(1), "confirm": {"title": text(1)}}, "missing required field: deny"),
        ({"type": "button", "text": text(1), "action_id": ""}, "must be more than 0 characters"),
        ({"type": "static_select"}, "either options or option_groups"),
        ({"type": "static_select", "options": ["x"]}, "must be an object"),
        ({"type": "static_select", "options": [ONE], "initial_option": OTHER}, "initial option"),
        ({"type": "static_select", "option_groups": ["x"]}, "must be an object"),
        ({"type": "static_select", "option_groups": [{"label": text(1)}]}, "missing required field: options"),
        ({"type": "static_select", "options": [ONE | {"text": text(1, "mrkdwn")}]}, "plain_text"),
    ],
)
def test_malformed_elements_are_told(attributes: Json, what: str) -> None:
    assert any(what in line for line in problems(element(**attributes)))


def test_ids_are_unique_where_slack_asks_for_it() -> None:
    again = [section(block_id="a"), section(block_id="a")]
    assert problems(again) == ["block_id 'a' already exists [json-pointer:/blocks/1]"]
    twin = {"type": "button", "text": text(1), "action_id": "approve"}
    assert problems([{"type": "actions", "elements": [twin, twin]}]) == [
        "action_id 'approve' already exists in this block [json-pointer:/blocks/0/elements]"
    ]
    apart = {"type": "actions", "elements": [twin]}
    assert problems([apart, apart]) == []


def test_a_message_has_one_table_and_12000_characters_of_markdown() -> None:
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}
    assert problems([table]) == []
    assert problems([table, table]) == ["only one table is allowed [json-pointer:/blocks]"]
    half = {"type": "markdown", "text": "x" * 6000}
    assert problems([half, half]) == []
    assert problems([half, half, {"type": "markdown", "text": "x"}]) != []


def test_blocks_that_are_no_list_are_told() -> None:
    assert problems({"type": "section"}) == ["must be an array [json-pointer:/blocks]"]


MODAL: Json = {
    "type": "modal",
    "title": text(24),
    "submit": text(24),
    "close": text(24),
    "blocks": [{"type": "divider"}],
}


def test_a_modal_at_its_limits_passes_here_and_in_the_sdk() -> None:
    full = MODAL | {"private_metadata": "x" * 3000, "callback_id": "x" * 255}
    assert view_problems(full) == []
    View(**full).to_dict()


@pytest.mark.parametrize(
    "change",
    [
        {"title": text(25)},
        {"submit": text(25)},
        {"close": text(25)},
        {"private_metadata": "x" * 3001},
        {"callback_id": "x" * 256},
        {"blocks": [section()] * 101},
    ],
)
def test_a_modal_beyond_its_limits_fails_here_and_in_the_sdk(change: Json) -> None:
    assert view_problems(MODAL | change) != []
    with pytest.raises(SlackObjectFormationError):
        View(**(MODAL | change)).to_dict()


def test_a_modal_with_inputs_needs_a_submit_button() -> None:
    block = {"type": "input", "label": text(5), "element": {"type": "plain_text_input", "action_id": "a"}}
    assert view_problems(MODAL | {"blocks": [block]}) == []
    bare = {key: value for key, value in MODAL.items() if key != "submit"} | {"blocks": [block]}
    assert view_problems(bare) == [
        "must define `submit` to use an `input` block in modals [json-pointer:/view]"
    ]


def test_alerts_are_for_modals_and_tables_for_messages() -> None:
    alert = {"type": "alert", "level": "info", "text": text(200)}
    assert view_problems(MODAL | {"blocks": [alert]}) == []
    assert view_problems(MODAL | {"blocks": [{"type": "table", "rows": []}]}) != []
    assert view_problems({"type": "home", "blocks": [alert]}) != []


def test_a_view_of_no_type_is_told() -> None:
    assert view_problems({"type": "message"}) == view_problems(None) != []


@pytest.mark.parametrize(("length", "good"), [(3000, True), (3001, False), (0, False)])
def test_an_inputs_length_is_bounded(length: int, good: bool) -> None:
    typed = {"type": "plain_text_input", "action_id": "a", "max_length": length}
    block = {"type": "input", "label": text(5), "element": typed}
    assert (view_problems(MODAL | {"blocks": [block]}) == []) is good
