"""The Block Kit checker at its limits, held against the validators of the official SDK's models."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    HeaderBlock,
    ImageBlock,
    InputBlock,
    MarkdownBlock,
    MarkdownTextObject,
    Option,
    OverflowMenuElement,
    PlainTextInputElement,
    PlainTextObject,
    RadioButtonsElement,
    SectionBlock,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.sandbox.slack import problems, view_problems

Build = Callable[[int], Block]


def options(count: int, *, value: int = 1) -> list[Option]:
    return [Option(text=str(number), value="v" * value) for number in range(count)]


def button(**attributes: Any) -> ButtonElement:
    return ButtonElement(**{"text": "Approve", "action_id": "approve", "value": "SW-1", **attributes})


def actions(element: Any) -> ActionsBlock:
    return ActionsBlock(elements=[element])


# What is measured; how many are allowed; a block with so many of it. The SDK enforces every one of these too.
BOTH: list[tuple[str, int, Build]] = [
    ("section text", 3000, lambda n: SectionBlock(text=MarkdownTextObject(text="x" * n))),
    ("section fields", 10, lambda n: SectionBlock(fields=["x"] * n)),
    ("header", 150, lambda n: HeaderBlock(text="x" * n)),
    ("context elements", 10, lambda n: ContextBlock(elements=[MarkdownTextObject(text="x")] * n)),
    ("button text", 75, lambda n: actions(button(text="x" * n))),
    ("button value", 2000, lambda n: actions(button(value="x" * n))),
    ("button url", 3000, lambda n: actions(button(url="https://" + "x" * (n - 8)))),
    ("action_id", 255, lambda n: actions(button(action_id="x" * n))),
    ("block_id", 255, lambda n: ActionsBlock(elements=[button()], block_id="x" * n)),
    ("actions", 25, lambda n: ActionsBlock(elements=[button(action_id=f"a{i}") for i in range(n)])),
    ("select options", 100, lambda n: actions(StaticSelectElement(action_id="s", options=options(n)))),
    ("option value", 150, lambda n: actions(StaticSelectElement(options=options(1, value=n)))),
    ("option text", 75, lambda n: actions(OverflowMenuElement(options=[Option(text="x" * n, value="v")]))),
    ("placeholder", 150, lambda n: actions(StaticSelectElement(placeholder="x" * n, options=options(1)))),
    ("overflow", 5, lambda n: actions(OverflowMenuElement(action_id="o", options=options(n)))),
    ("radio buttons", 10, lambda n: actions(RadioButtonsElement(action_id="r", options=options(n)))),
    (
        "confirm title",
        100,
        lambda n: actions(button(confirm=ConfirmObject(title="x" * n, text=PlainTextObject(text="t")))),
    ),
    (
        "confirm text",
        300,
        lambda n: actions(button(confirm=ConfirmObject(title="t", text=PlainTextObject(text="x" * n)))),
    ),
    ("image alt text", 2000, lambda n: ImageBlock(image_url="https://x", alt_text="x" * n)),
    ("input label", 2000, lambda n: InputBlock(label="x" * n, element=PlainTextInputElement(action_id="i"))),
    ("markdown", 12_000, lambda n: MarkdownBlock(text="x" * n)),
]


def sdk_refuses(block: Block) -> bool:
    try:
        block.to_dict()
    except SlackObjectFormationError:
        return True
    return False


def raw(build: Build, count: int, limit: int) -> dict[str, Any]:
    """The JSON of a block even where the SDK refuses to make it."""
    block = build(count)
    for name in dir(type(block)):
        validator = getattr(type(block), name, None)
        assert validator is not None or count <= limit or name.startswith("_")
    return copy.deepcopy(unvalidated(block))


def unvalidated(item: Any) -> Any:
    if isinstance(item, list):
        return [unvalidated(part) for part in item]
    if not hasattr(item, "attributes"):
        return item
    names = item.attributes
    found = {name: getattr(item, name, None) for name in names}
    return {name: unvalidated(value) for name, value in found.items() if value not in (None, [])}


@pytest.mark.parametrize(("what", "limit", "build"), BOTH, ids=[case[0] for case in BOTH])
def test_limits_agree_with_the_sdk(what: str, limit: int, build: Build) -> None:
    within, beyond = unvalidated(build(limit)), unvalidated(build(limit + 1))
    assert within == build(limit).to_dict()
    assert problems([within]) == []
    assert sdk_refuses(build(limit + 1))
    assert problems([beyond]) != []


def section(**changes: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, **changes}


def text(length: int, kind: str = "plain_text") -> dict[str, str]:
    return {"type": kind, "text": "x" * length}


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


def element(**attributes: Any) -> list[dict[str, Any]]:
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
def test_malformed_elements_are_told(attributes: dict[str, Any], what: str) -> None:
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


MODAL: dict[str, Any] = {
    "type": "modal",
    "title": text(24),
    "submit": text(24),
    "close": text(24),
    "blocks": [],
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
def test_a_modal_beyond_its_limits_fails_here_and_in_the_sdk(change: dict[str, Any]) -> None:
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
