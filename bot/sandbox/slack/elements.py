"""Slack's limits on the elements of blocks: buttons, menus, inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from bot.sandbox.slack.model import Json
from bot.sandbox.slack.shapes import Found

SOURCES = ("static", "external", "users", "conversations", "channels")
SELECTS = {f"{source}_select" for source in SOURCES}
MULTI_SELECTS = {f"multi_{select}" for select in SELECTS}
PICKERS = {"datepicker", "timepicker", "datetimepicker"}
CHOICES = {"checkboxes", "radio_buttons"}
TEXT_INPUTS = {"plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input"}
COMMON = {"type", "action_id", "confirm", "focus_on_load"}

# What each may have besides COMMON; what it must have.
KEYS: dict[str, tuple[set[str], set[str]]] = {
    "button": ({"url", "value", "style", "accessibility_label"}, {"text"}),
    "workflow_button": ({"style", "accessibility_label"}, {"text", "workflow"}),
    "overflow": (set(), {"options"}),
    "checkboxes": ({"initial_options"}, {"options"}),
    "radio_buttons": ({"initial_option"}, {"options"}),
    "datepicker": ({"initial_date", "placeholder"}, set()),
    "timepicker": ({"initial_time", "placeholder", "timezone"}, set()),
    "datetimepicker": ({"initial_date_time"}, set()),
    "plain_text_input": (
        {"initial_value", "multiline", "min_length", "max_length", "dispatch_action_config", "placeholder"},
        set(),
    ),
    "email_text_input": ({"initial_value", "dispatch_action_config", "placeholder"}, set()),
    "url_text_input": ({"initial_value", "dispatch_action_config", "placeholder"}, set()),
    "number_input": (
        {"initial_value", "min_value", "max_value", "dispatch_action_config", "placeholder"},
        {"is_decimal_allowed"},
    ),
    "rich_text_input": ({"initial_value", "dispatch_action_config", "placeholder"}, set()),
    "file_input": ({"filetypes", "max_files"}, set()),
    "image": ({"image_url", "slack_file"}, {"alt_text"}),
    "static_select": ({"placeholder", "options", "option_groups", "initial_option"}, set()),
    "external_select": ({"placeholder", "initial_option", "min_query_length"}, set()),
    "users_select": ({"placeholder", "initial_user"}, set()),
    "conversations_select": (
        {
            "placeholder",
            "initial_conversation",
            "default_to_current_conversation",
            "response_url_enabled",
            "filter",
        },
        set(),
    ),
    "channels_select": ({"placeholder", "initial_channel", "response_url_enabled"}, set()),
    "multi_static_select": (
        {"placeholder", "options", "option_groups", "initial_options", "max_selected_items"},
        set(),
    ),
    "multi_external_select": (
        {"placeholder", "initial_options", "min_query_length", "max_selected_items"},
        set(),
    ),
    "multi_users_select": ({"placeholder", "initial_users", "max_selected_items"}, set()),
    "multi_conversations_select": (
        {
            "placeholder",
            "initial_conversations",
            "default_to_current_conversation",
            "filter",
            "max_selected_items",
        },
        set(),
    ),
    "multi_channels_select": ({"placeholder", "initial_channels", "max_selected_items"}, set()),
}


@dataclass
class Elements:
    """Checks elements into ``found``."""

    found: Found

    IN_ACTIONS: ClassVar[set[str]] = (
        {"button", "workflow_button", "overflow", "rich_text_input"}
        | SELECTS
        | MULTI_SELECTS
        | PICKERS
        | CHOICES
    )
    IN_SECTION: ClassVar[set[str]] = (
        {"button", "workflow_button", "overflow", "image", "datepicker", "timepicker"}
        | SELECTS
        | MULTI_SELECTS
        | CHOICES
    )
    IN_INPUT: ClassVar[set[str]] = {"file_input"} | SELECTS | MULTI_SELECTS | PICKERS | CHOICES | TEXT_INPUTS

    def one(self, element: Any, where: str, allowed: set[str]) -> None:
        """One element, which must be of an allowed type."""
        kind = element.get("type") if isinstance(element, dict) else None
        if kind not in allowed:
            self.found.add(f"unsupported type: {kind}", where)
            return
        may, must = KEYS[kind]
        self.found.keys(element, where, COMMON | may | must, required=must)
        self.found.string(element, where, "action_id", 255)
        self.found.text(element, where, "placeholder", 150, plain=True)
        if "confirm" in element:
            self._confirm(element["confirm"], f"{where}/confirm")
        if kind in {"button", "workflow_button"}:
            self._button(element, where)
        elif kind == "image":
            self.found.image(element, where)
        elif kind in {"static_select", "multi_static_select"}:
            self._static_select(element, where)
        elif kind == "overflow":
            self._options(element, where, 5)
        elif kind in CHOICES:
            self._options(element, where, 10, plain=False)
        elif kind == "plain_text_input":
            self._plain_text_input(element, where)

    def suggested(self, answer: Json) -> None:
        """What an app answers to what was typed into an external menu: maybe nothing."""
        if answer.get("options") != []:
            self._options(answer, "", 100)

    def _button(self, element: Json, where: str) -> None:
        self.found.text(element, where, "text", 75, plain=True)
        self.found.string(element, where, "value", 2000)
        self.found.string(element, where, "url", 3000)
        self.found.string(element, where, "accessibility_label", 75)
        self.found.one_of(element, where, "style", {"primary", "danger"})

    def _plain_text_input(self, element: Json, where: str) -> None:
        self.found.number(element, where, "min_length", 0, 3000)
        self.found.number({"max_length": 1, **element}, where, "max_length", 1, 3000)
        self.found.string(element, where, "initial_value", 3000, empty=True)

    def _static_select(self, element: Json, where: str) -> None:
        if ("options" in element) == ("option_groups" in element):
            self.found.add("must have either options or option_groups", where)
        if "options" in element:
            self._options(element, where, 100)
        if "option_groups" not in element or not self.found.items(
            element["option_groups"], f"{where}/option_groups", 1, 100
        ):
            return
        for index, group in enumerate(element["option_groups"]):
            at = f"{where}/option_groups/{index}"
            if not isinstance(group, dict):
                self.found.add("must be an object", at)
                continue
            self.found.keys(group, at, {"label", "options"}, required={"label", "options"})
            self.found.text(group, at, "label", 75, plain=True)
            self._options(group, at, 100)

    def _options(self, holder: Json, where: str, most: int, *, plain: bool = True) -> None:
        options = holder.get("options")
        if not self.found.items(options, f"{where}/options", 1, most) or options is None:
            return
        for index, option in enumerate(options):
            self._option(option, f"{where}/options/{index}", plain=plain)
        chosen = [
            *([holder["initial_option"]] if "initial_option" in holder else []),
            *holder.get("initial_options", []),
        ]
        for option in chosen:
            if option not in options:
                self.found.add("initial option must be one of the options", where)

    def _option(self, option: Any, where: str, *, plain: bool) -> None:
        if not isinstance(option, dict):
            self.found.add("must be an object", where)
            return
        self.found.keys(option, where, {"text", "value", "description", "url"}, required={"text", "value"})
        self.found.text(option, where, "text", 75, plain=plain)
        self.found.string(option, where, "value", 150)
        self.found.text(option, where, "description", 75, plain=plain)

    def _confirm(self, confirm: Any, where: str) -> None:
        if not isinstance(confirm, dict):
            self.found.add("must be an object", where)
            return
        required = {"title", "text", "confirm", "deny"}
        self.found.keys(confirm, where, required | {"style"}, required=required)
        self.found.text(confirm, where, "title", 100, plain=True)
        self.found.text(confirm, where, "text", 300)
        self.found.text(confirm, where, "confirm", 30, plain=True)
        self.found.text(confirm, where, "deny", 30, plain=True)
        self.found.one_of(confirm, where, "style", {"primary", "danger"})
