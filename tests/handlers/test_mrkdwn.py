"""Nothing that others wrote comes to life."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.blocks import Rendered, mrkdwn
from handlers.mrkdwn import clip, literal, moment, person_or_group, user, wall_clock, without_dates
from tests.handlers.block_kit import JOINER, alive
from tests.handlers.samples import HOSTILE


@given(st.one_of(st.text(), st.lists(st.sampled_from(HOSTILE)).map("".join)))
def test_no_text_comes_to_life(text: str) -> None:
    """Mentions, links, formatting, emoji and quotations are shown as typed."""
    shown = literal(text, 500)
    assert alive(Rendered(shown, [{"type": "section", "text": mrkdwn(shown)}])) == []
    assert len(shown) <= 2501


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mysql_1", "mysql_1"),
        ("a<b&c>", "a&lt;b&amp;c&gt;"),
        ("10.0.0.1:3306", "10.0.0.1:3306"),
        ("2026-11-23T02:00+08:00", "2026-11-23T02:00+08:00"),
        ("2026-11-22T13:00:00-05:00", "2026-11-22T13:00:00-05:00"),
        ("*b*", f"{JOINER}*{JOINER}b{JOINER}*{JOINER}"),
        ("at 10:20:30", "at 10:20:30"),
        ("fe80::1:2", "fe80::1:2"),
        (":+1: 1:2:3", f":{JOINER}+1: 1:2:3"),
        ("shard:A", f"shard:A{JOINER}"),
        (":100:", f":{JOINER}100:"),
        (">q", f"{JOINER}&gt;q"),
        ("a\n b", "a b"),
        ("@switchover list", "@switchover list"),
        ("@switchover-team", f"@{JOINER}switchover-team"),
        ("@switchovers and @here", f"@{JOINER}switchovers and @{JOINER}here"),
        ("a\u202eb", "a\ufffdb"),
    ],
)
def test_ordinary_names_stay_as_they_are(text: str, shown: str) -> None:
    """So that they can be copied; only marks that would do something are kept apart."""
    assert literal(text) == shown


def test_only_ids_become_mentions() -> None:
    """Anything else where an id should be is shown literally."""
    assert user("U0456EFGH") == "<@U0456EFGH>"
    assert user("!channel") == "!channel"
    assert user("U1> <!channel") == "U1&gt; &lt;!channel"
    assert person_or_group("S0123ABCD") == "<!subteam^S0123ABCD>"
    assert person_or_group("W0123ABCD") == "<@W0123ABCD>"


def test_dates_are_shown_in_the_readers_zone_and_in_words() -> None:
    """Markup in blocks, plain time in a message's text."""
    shown = moment(datetime(2026, 11, 22, 3, 30, tzinfo=UTC))
    assert shown == "<!date^1795318200^{date_short_pretty} {time_secs}|2026-11-22 03:30:00 UTC>"
    assert without_dates(f"at {shown}.") == "at 2026-11-22 03:30:00 UTC."


def test_clipping_shows_that_something_is_missing() -> None:
    """And never makes it longer."""
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "ab…"


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Asia/Shanghai", "2026-11-23 02:00 (UTC+08:00, Asia/Shanghai)"),
        ("Asia/Kathmandu", "2026-11-22 23:45 (UTC+05:45, Asia/Kathmandu)"),
        ("America/New_York", "2026-11-22 13:00 (UTC-05:00, America/New_York)"),
        ("", "2026-11-22 18:00 (UTC)"),
        ("Nowhere/Land", "2026-11-22 18:00 (UTC)"),
        ("America", "2026-11-22 18:00 (UTC)"),
        ("../etc/passwd", "2026-11-22 18:00 (UTC)"),
    ],
)
def test_a_time_is_shown_as_clocks_there_show_it(zone: str, shown: str) -> None:
    """With the offset and the zone's name; in UTC where no such zone is known."""
    assert wall_clock(datetime(2026, 11, 22, 18, 0, tzinfo=UTC), zone) == shown


def test_seconds_are_shown_where_there_are_some() -> None:
    assert wall_clock(datetime(2026, 7, 1, 18, 0, 7, tzinfo=UTC), "Europe/Berlin") == (
        "2026-07-01 20:00:07 (UTC+02:00, Europe/Berlin)"
    )
