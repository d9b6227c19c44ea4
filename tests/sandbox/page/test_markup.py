"""Slack's markup as tokens: what the bot means comes to life, what anybody typed does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.page.mrkdwn import as_sent, tokens, with_tokens
from handlers.mrkdwn import clip, link, literal, moment, one_line, person_or_group

JOINER = "\N{WORD JOINER}"
ALIVE = {"user", "group", "channel", "special", "date", "link", "jump"}
NASTY = st.text(alphabet=st.sampled_from("ab1 *_~`<>&;|!@#^:/.-\n" + JOINER), max_size=60) | st.text(
    max_size=60
)


def every(found: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for token in found:
        yield token
        yield from every(token.get("of", ()))


def words(text: str) -> str:
    return "".join(token.get("text", "\n") for token in every(tokens(text)))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("plain", ["text"]),
        ("*bold* and _it_ and ~gone~", ["bold", "text", "text", "italic", "text", "text", "strike", "text"]),
        ("2*3*4 a_b_c", ["text"]),
        (f"*a {literal('*b*')} c*", ["bold", "text"]),
        (f"{literal('*a')} b*", ["text"]),
        (f"{literal('_a_')}_b_", ["text"]),
        ("`*code*`", ["code"]),
        ("```a\nb```", ["pre"]),
        ("a\nb", ["text", "break", "text"]),
        ("&gt; said", ["quote", "text"]),
        ("*<@U0RITA> asked*", ["bold", "user", "text"]),
        ("<!subteam^S0APPROVERS>", ["group"]),
        ("<#C0ORDERS|orders>", ["channel"]),
        ("<!here>", ["special"]),
        ("<https://example.com/a|there>", ["link"]),
        ("<mailto:a@example.com|mail>", ["link"]),
        ("<javascript:alert(1)|press>", ["text"]),
        ("<data:text/html,x|press>", ["text"]),
        ("<https://sandbox.slack.com/archives/C0ORDERS/p1795350779000100|card>", ["jump"]),
    ],
)
def test_markup_becomes_tokens(text: str, kinds: list[str]) -> None:
    assert [token["kind"] for token in every(tokens(text))] == kinds


def test_what_tokens_carry() -> None:
    (date,) = tokens(moment(datetime(2026, 11, 22, 12, 0, tzinfo=UTC)))
    assert date["kind"] == "date"
    assert date["at"] == 1795348800
    assert date["format"] == "{date_short_pretty} {time_secs}"
    (jump,) = tokens(link("https://sandbox.slack.com/archives/C0ORDERS/p1795350779000100", "SW-7K3M9Q"))
    assert jump["message"] == "C0ORDERS/1795350779.000100"
    (group,) = tokens(person_or_group("S0APPROVERS"))
    assert group["id"] == "S0APPROVERS"
    assert words("1 &lt; 2 &amp;amp; 3") == "1 < 2 &amp; 3"


@given(NASTY)
def test_what_the_bot_shows_literally_is_shown_literally(text: str) -> None:
    found = list(every(tokens(literal(text))))
    assert {token["kind"] for token in found} <= {"text"}
    assert words(literal(text)).replace(JOINER, "") == clip(one_line(text), 300).replace(JOINER, "")


@given(NASTY)
def test_nothing_that_is_typed_mentions_links_or_dates(text: str) -> None:
    assert not ALIVE & {token["kind"] for token in every(tokens(as_sent(text, {}, {})))}


def test_typed_mentions_are_sent_by_id() -> None:
    people, channels = {"switchover": "U0SWITCHBOT", "rita": "U0RITA"}, {"orders-oncall": "C0ORDERS"}
    sent = as_sent(
        "@switchover list, ask @Rita in #orders-oncall, not a@rita or @nobody <@U0BEA>", people, channels
    )
    assert sent == ("<@U0SWITCHBOT> list, ask <@U0RITA> in <#C0ORDERS>, not a@rita or @nobody &lt;@U0BEA&gt;")


def test_only_mrkdwn_of_blocks_becomes_tokens() -> None:
    blocks = ({"type": "section", "text": {"type": "mrkdwn", "text": "*a*"}, "block_id": "*b*"},)
    assert with_tokens(blocks) == [
        {
            "type": "section",
            "text": {"type": "mrkdwn", "tokens": [{"kind": "bold", "of": [{"kind": "text", "text": "a"}]}]},
            "block_id": "*b*",
        }
    ]
    plain = {"type": "plain_text", "text": "<b>&lt;</b>"}
    assert with_tokens(plain) == plain
