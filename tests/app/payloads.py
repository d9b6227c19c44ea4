"""What Slack delivers, and what comes of it."""

from __future__ import annotations

import json
from typing import Any

from tests.app.door import RealDoor
from tests.app.signed import FORM, JSON, form, interactive
from tests.handlers.ledger import START

PEOPLE = {"asker": "U-ASKER", "approver": "U-ANN"}
SLASH = {
    "team_id": "T-HOME",
    "channel_id": "C-OPS",
    "user_id": PEOPLE["asker"],
    "command": "/switchover",
    "text": "orders to n-b",
    "response_url": "https://hooks.slack.com/commands/1/2",
    "trigger_id": "1.2.3",
}
BY_CLICK: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": PEOPLE["asker"], "team_id": "T-HOME"},
    "team": {"id": "T-HOME"},
    "channel": {"id": "C-OPS"},
    "container": {"type": "message", "message_ts": "1.1", "channel_id": "C-OPS"},
    "trigger_id": "9.8.7",
    "actions": [],
}
CHOICE = json.dumps(
    {
        "database": "orders", "shard": "", "node": "n-b", "reason": "", "start": "",
        "emergency": False, "overrides": "", "delivery": 17, "asked_at": START.isoformat(),
    }
)  # fmt: skip
MENTION: dict[str, Any] = {
    "type": "event_callback",
    "team_id": "T-HOME",
    "event_id": "Ev1",
    "authorizations": [{"team_id": "T-HOME", "user_id": "UBOT", "is_bot": True}],
    "event": {
        "type": "app_mention", "user": PEOPLE["asker"], "team": "T-HOME", "channel": "C-OPS",
        "text": "<@UBOT> orders to n-b", "ts": "5.5",
    },
}  # fmt: skip
SHORTCUT: dict[str, Any] = {
    "type": "message_action",
    "callback_id": "switchover_here",
    "user": {"id": PEOPLE["asker"], "team_id": "T-HOME"},
    "team": {"id": "T-HOME"},
    "channel": {"id": "C-OPS"},
    "message": {"ts": "1.1", "type": "message", "text": "orders is slow"},
    "message_ts": "1.1",
    "trigger_id": "4.5.6",
    "response_url": "https://hooks.slack.com/app/1/2",
}


def clicked(action: dict[str, Any], user: str = "approver") -> bytes:
    return interactive(BY_CLICK | {"actions": [action], "user": {"id": PEOPLE[user], "team_id": "T-HOME"}})


CANCEL = clicked({"action_id": "cancel", "type": "button", "value": "SW-000001"}, "asker")
CHOSEN = clicked({"action_id": "choose_node:1", "type": "button", "value": CHOICE}, "asker")
SELECTED = clicked(
    {"action_id": "choose_node", "type": "static_select", "selected_option": {"value": CHOICE}}, "asker"
)
KINDS = {
    "slash command": (form(SLASH), FORM, 1, 0),
    "mention": (json.dumps(MENTION).encode(), JSON, 1, 0),
    "button": (CANCEL, FORM, 0, 1),
    "message shortcut": (interactive(SHORTCUT), FORM, 0, 1),
    "chooser, button": (CHOSEN, FORM, 1, 1),
    "chooser, select": (SELECTED, FORM, 1, 1),
}
"""What is delivered, how, and how many operations, and answers to a person only, it makes."""


async def effects(door: RealDoor) -> tuple[int, int]:
    """Operations, and messages owed that are no cards."""
    await door.work()
    operations = len(await door.store.operations(open_only=False))
    return operations, await door.store.backlog() - operations
