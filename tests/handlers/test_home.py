"""The Home tab as people read it: short, true to its facts, and within Slack's limits whatever is put in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.holds import HoldKind
from bot.core.home import Awaiting, Board, DatabaseTile, Reading
from bot.core.model import OperationId, Reason
from bot.core.operation import Operation, Status
from bot.sandbox.slack.block_kit import view_problems
from handlers.home import HomeView, closed, home, linked
from handlers.texts import Texts
from tests.handlers.block_kit import alive, buttons, home_problems, shown
from tests.handlers.samples import HALT, NOW, board, boards, emergency, operations, sample

TEXTS = Texts("en")
HOUR_AGO = "as read <!date^1795314600^{date_short_pretty} {time_secs}|2026-11-22 02:30:00 UTC>"
ADDRESS = "https://home.slack.com/archives/C1/p5000001"


def rendered(
    shows: Board, *awaiting: Operation, review: tuple[Operation, ...] = (), links: bool = True
) -> HomeView:
    found = dict.fromkeys(linked(shows), ADDRESS) if links else {}
    return home(shows, Awaiting(awaiting, review), TEXTS, links=found, command="/switchover")


def test_it_says_what_there_is() -> None:
    asked, done = sample(Status.AWAITING_APPROVAL), sample(Status.SUCCEEDED)
    lines = shown(rendered(board(asked, past=(done,), databases=4), asked)).splitlines()
    assert lines[0] == "New switchover"
    waiting = lines.index("Waiting for your approval")
    assert lines[waiting + 1].startswith(f"<{ADDRESS}|SW-7K3M9Q> orders: from mysql-1")
    assert lines[lines.index("Under way") + 1] == lines[waiting + 1]
    first = lines.index("Databases: 4")
    assert lines[first + 1 : first + 4] == [
        f"❔ orders: primary mysql-1, health not reported, under way: <{ADDRESS}|SW-7K3M9Q>",
        f"⚠ billing: primary mysql-1, health not reported · The provider takes no more for now: x · {HOUR_AGO}",
        "· users: being read; its primary shows here, usually within a minute",
    ]
    assert lines[first + 4] == "⚠ events: 2 shards"
    assert lines[first + 5] == "· ⚠ shard-1 (g-1): primary mysql-1, not healthy: mysql-2"
    assert "succeeded" in lines[lines.index("Recent") + 1]
    assert lines[-1].startswith("As of <!date^")


@pytest.mark.parametrize(
    ("status", "marks"), [(Status.NEEDS_ATTENTION, ["⚠", "⚠"]), (Status.RUNNING, ["✔", "·"])]
)
def test_no_database_is_marked_as_well_while_an_operation_of_it_needs_attention(
    status: Status, marks: list[str]
) -> None:
    op = sample(status)
    assert op.topology is not None
    well = tuple(replace(node, healthy=True) for node in op.topology.nodes)
    read = Reading((replace(op.topology, nodes=well),))
    tiles = (DatabaseTile("orders", read, (op.id,)), DatabaseTile("orders", None, (op.id,)))
    lines = shown(rendered(Board(NOW, 1, databases=tiles, total=2, under_way=(op,)))).splitlines()
    assert [line[0] for line in lines if " orders: " in line][-2:] == marks


def test_it_says_so_where_there_is_nothing() -> None:
    said = shown(rendered(Board(NOW, 0)))
    for nothing in ("Nothing waits for your approval.", "Nothing is under way.", "Nothing was done yet."):
        assert nothing in said
    assert "No database is set up." in said


def test_what_waits_for_a_review_of_its_reader_is_shown_with_its_card() -> None:
    """After what waits for their approval, and only where there is any."""
    owed = replace(emergency(Status.SUCCEEDED), id=OperationId("SW-000001"))
    shows = replace(board(), to_review=(owed,))
    lines = shown(rendered(shows, review=(owed,))).splitlines()
    at = lines.index("Waiting for your review")
    assert lines[at - 1] == "Nothing waits for your approval."
    assert lines[at + 1].startswith(f"<{ADDRESS}|SW-000001> orders: from mysql-1")
    assert lines[at + 1].endswith(", review owed")
    assert "review" not in shown(rendered(shows))


def test_a_halt_and_freezes_come_first() -> None:
    freeze = Reason.of("frozen", reason="trading hours", until="2026-11-22T18:00+00:00")
    lines = shown(rendered(replace(board(), holds=(HALT,), frozen=(("production", freeze),)))).splitlines()
    assert lines[1].startswith("⏸ Halted by <@U0AAAAAAA> since <!date^")
    assert lines[2].startswith("⏸ Policy production: frozen until <!date^")
    assert lines[2].endswith(": trading hours")


def test_what_can_not_be_approved_for_now_says_so_in_its_line() -> None:
    asked = sample(Status.AWAITING_APPROVAL)
    elsewhere = replace(HALT, kind=HoldKind.FREEZE, scope="billing")
    assert "held for now" not in shown(rendered(replace(board(asked), holds=(elsewhere,)), asked))
    shows = replace(board(asked), holds=(elsewhere, HALT))
    lines = shown(rendered(shows, asked)).splitlines()
    for head in ("Waiting for your approval", "Under way"):
        assert ": waiting for approval, but held for now, asked by" in lines[lines.index(head) + 1]
    assert "held for now" not in shown(rendered(board(asked), asked))


def test_five_thousand_databases_are_paged_those_under_way_first() -> None:
    view = rendered(board(databases=5000))
    assert home_problems(view) == []
    assert "… and 4970 more databases: /switchover list" in shown(view)


def test_the_button_opens_the_form_and_its_value_carries_nothing() -> None:
    (button,) = buttons(rendered(board()))
    assert (button["action_id"], button["value"]) == ("open_form", "home")


def test_a_guest_gets_a_sentence_and_nothing_to_press() -> None:
    view = closed(TEXTS)
    assert shown(view) == "Only full, active members of this workspace see switchovers here."
    assert (home_problems(view), buttons(view)) == ([], [])


def test_the_same_content_has_one_digest_whenever_it_is_written() -> None:
    first = rendered(board())
    assert rendered(replace(board(), at=NOW + timedelta(seconds=9))).digest == first.digest
    assert rendered(replace(board(), at=NOW + timedelta(minutes=9))).digest != first.digest, "roles grow old"
    assert rendered(board(sample(Status.RUNNING))).digest != first.digest


def test_nothing_is_linked_twice_nor_what_is_not_shown() -> None:
    many = tuple(replace(sample(Status.RUNNING), id=OperationId(f"SW-{number}")) for number in range(40))
    assert len(linked(replace(board(*many, past=many), to_review=many))) == 15


@pytest.mark.parametrize("name", ["<!channel>" * 9, "x" * 500, "", "😀" * 200])
def test_any_name_fits_and_stays_dead(name: str) -> None:
    tiles = tuple(replace(tile, name=name) for tile in board(databases=30).databases)
    view = rendered(replace(board(), databases=tiles))
    assert (home_problems(view), alive(view)) == ([], [])


@given(boards, st.lists(operations, max_size=1), st.booleans())
@settings(deadline=None, max_examples=30)
def test_no_limit_is_broken_and_nothing_comes_to_life(
    shows: Board, awaiting: list[Operation], links: bool
) -> None:
    view = rendered(shows, *awaiting * 5, review=tuple(awaiting * 20), links=links)
    assert home_problems(view) == []
    assert alive(view) == []
    assert view_problems(view.view) == []


def test_a_tile_alone_is_as_long_as_it_may_be() -> None:
    hostile = DatabaseTile("*" * 500, None, (OperationId("SW-7K3M9Q"),) * 9)
    view = rendered(replace(board(), databases=(hostile,) * 30))
    assert home_problems(view) == []
