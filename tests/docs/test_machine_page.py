"""The page about the machine is the machine's own table."""

from __future__ import annotations

from bot.core.events import event_name
from bot.core.machine import TRANSITIONS
from bot.core.operation import Status
from docs.render_machine import PAGE, render


def test_the_page_is_what_the_table_renders_to() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python docs/render_machine.py"


def test_every_status_and_every_way_between_them_is_drawn() -> None:
    page = render()
    for status in Status:
        assert f"| `{status}` |" in page
        for event, rule in TRANSITIONS[status].items():
            assert f"| `{status}` | `{event_name(event)}` |" in page
            assert all(f"    {status} --> {target}: " in page for target in rule.to)
