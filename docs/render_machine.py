"""Writes docs/machine.md from the one table of what an operation may do: ``python docs/render_machine.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bot.core.events import event_name
from bot.core.machine import MAX_SUBMISSIONS, TRANSITIONS
from bot.core.operation import ENDS, Status

PAGE = Path(__file__).with_name("machine.md")

INTRODUCTION = f"""\
# What an operation may do

An operation is one switchover, from the request to its verified end. It has a status; an event moves it to
another one, and nothing else does. Where several statuses can follow, a guard chooses or says no; an event
that a status does not know changes nothing.

- The request to the provider is sent on entering `starting`, at most {MAX_SUBMISSIONS} times, and only while
  every try before it was surely not accepted. From `in_doubt` and `running` no way leads back.
- An operation found in `starting` after a restart is in doubt; its request is not sent again.
- An emergency needs no approvals: it goes from `planning` straight to `rechecking`. If anything of it may have been
  sent, somebody else reviews it after its end, which changes nothing else.
- `succeeded` takes two agreeing readings of the roles, `failed` means that nothing changed.
- `needs_attention` is no end: the bot keeps looking, and the database stays locked.

This page is rendered from `TRANSITIONS` in `bot/core/machine.py` by `python docs/render_machine.py`.
"""


def _steps() -> Iterator[tuple[Status, str, tuple[Status, ...]]]:
    for status in Status:
        for event, rule in TRANSITIONS[status].items():
            yield status, event_name(event), rule.to


def _diagram() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield "    [*] --> planning: requested"
    arrows: dict[tuple[Status, Status], list[str]] = {}
    for status, event, to in _steps():
        for target in to:
            arrows.setdefault((status, target), []).append(event)
    for (status, target), events in arrows.items():
        yield f"    {status} --> {target}: {', '.join(events)}"
    for end in (status for status in Status if status in ENDS):
        yield f"    {end} --> [*]"
    yield "```"


def _table() -> Iterator[str]:
    yield "| status | event | next |"
    yield "|---|---|---|"
    for status, event, to in _steps():
        yield f"| `{status}` | `{event}` | {', '.join(f'`{target}`' for target in to)} |"
    for end in (status for status in Status if status in ENDS):
        yield f"| `{end}` | | an end; it stays what it is |"


def render() -> str:
    """The whole page."""
    parts = [INTRODUCTION, "## The diagram", "", *_diagram(), "", "## The table", "", *_table()]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
