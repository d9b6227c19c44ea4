"""Block Kit as JSON, built once more with slackblocks: what that library refuses to build, it says why."""

from __future__ import annotations

from typing import Any

from slackblocks import blocks, elements, messages, objects, views
from slackblocks.errors import InvalidUsageError

Json = dict[str, Any]


def refusal(given: list[Json], surface: str = "message") -> str:
    """Why slackblocks would not send these blocks; "" if it would."""
    try:
        made = [_block(each) for each in given]
        match surface:
            case "message":
                messages.Message("C1", text="x", blocks=made).json()
            case "home":
                views.HomeTabView(made).to_dict()
            case _:
                views.ModalView("x", made, submit="x").to_dict()
    except InvalidUsageError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def view_refusal(view: Json) -> str:
    """Why slackblocks would not make this modal or Home tab; "" if it would."""
    rest = {key: view[key] for key in ("private_metadata", "callback_id", "external_id") if key in view}
    try:
        made = [_block(each) for each in view["blocks"]]
        if view["type"] == "home":
            views.HomeTabView(made, **rest).to_dict()
        else:
            texts = {key: _text(view[key]) for key in ("title", "submit", "close") if key in view}
            views.ModalView(**texts, blocks=made, **rest).to_dict()
    except InvalidUsageError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _block(block: Json) -> Any:
    named = {"block_id": block["block_id"]} if "block_id" in block else {}
    match block["type"]:
        case "section":
            parts: Json = {"text": _text(block["text"])} if "text" in block else {}
            parts |= {"fields": [_text(each) for each in block["fields"]]} if "fields" in block else {}
            parts |= {"accessory": _element(block["accessory"])} if "accessory" in block else {}
            return blocks.SectionBlock(**parts, **named)
        case "header":
            return blocks.HeaderBlock(_text(block["text"]), **named)
        case "context":
            return blocks.ContextBlock([_context(each) for each in block["elements"]], **named)
        case "actions":
            return blocks.ActionsBlock([_element(each) for each in block["elements"]], **named)
        case "divider":
            return blocks.DividerBlock(**named)
        case "image":
            title = {"title": _text(block["title"])} if "title" in block else {}
            return blocks.ImageBlock(block["image_url"], block["alt_text"], **title, **named)
        case "markdown":
            return blocks.MarkdownBlock(block["text"], **named)
        case "input":
            rest: Json = {"hint": _text(block["hint"])} if "hint" in block else {}
            rest |= {key: block[key] for key in ("optional", "dispatch_action") if key in block}
            return blocks.InputBlock(_text(block["label"]), _element(block["element"]), **rest, **named)
        case other:
            raise AssertionError(other)


def _context(element: Json) -> Any:
    return _element(element) if element["type"] == "image" else _text(element)


def _text(text: Json) -> Any:
    return objects.Text(
        text["text"], type_=objects.TextType(text["type"]), verbatim=text.get("verbatim", False)
    )


def _option(option: Json) -> Any:
    about = {"description": _text(option["description"])} if "description" in option else {}
    return objects.Option(_text(option["text"]), option["value"], **about)


def _confirm(confirm: Json) -> Any:
    return objects.ConfirmationDialogue(
        *(_text(confirm[key]) for key in ("title", "text", "confirm", "deny"))
    )


def _element(element: Json) -> Any:
    rest: Json = {}
    for key, value in element.items():
        match key:
            case "type":
                continue
            case "text" | "placeholder":
                rest[key] = _text(value)
            case "confirm":
                rest[key] = _confirm(value)
            case "options":
                rest[key] = [_option(each) for each in value]
            case "option_groups":
                rest[key] = [
                    objects.OptionGroup(_text(each["label"]), [_option(one) for one in each["options"]])
                    for each in value
                ]
            case "initial_option":
                rest[key] = _option(value)
            case "filter":
                rest[key] = objects.ConversationFilter(**value)
            case _:
                rest[key] = value
    kinds: dict[str, Any] = {
        "button": elements.Button,
        "static_select": elements.StaticSelectMenu,
        "external_select": elements.ExternalSelectMenu,
        "conversations_select": elements.ConversationSelectMenu,
        "overflow": elements.OverflowMenu,
        "checkboxes": elements.CheckboxGroup,
        "radio_buttons": elements.RadioButtonGroup,
        "plain_text_input": elements.PlainTextInput,
        "image": elements.Image,
    }
    return kinds[element["type"]](**rest)
