"""The grammar, by table and by hypothesis."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.commands import Act, Action, ListDatabases, RequestSwitchover, ShowHistory, ShowStatus
from handlers.grammar import (
    FORMS,
    MAX_TEXT,
    Help,
    Misunderstood,
    Parsed,
    as_text,
    operation_id,
    parse,
    unescape,
    usage,
)
from handlers.texts import Texts

UNDERSTOOD: list[tuple[str, Parsed]] = [
    ("", Help()),
    ("  \n ", Help()),
    ("help", Help()),
    ("HELP me please", Help()),
    ("orders", RequestSwitchover("orders")),
    ("orders to mysql-2", RequestSwitchover("orders", node="mysql-2")),
    ("orders TO mysql-2", RequestSwitchover("orders", node="mysql-2")),
    ("Orders", RequestSwitchover("Orders")),
    ("events shard s1 to n", RequestSwitchover("events", node="n", shard="s1")),
    ("events to n shard s1", RequestSwitchover("events", node="n", shard="s1")),
    ("orders because disk full", RequestSwitchover("orders", reason="disk full")),
    ("orders because  to be at  ease ", RequestSwitchover("orders", reason="to be at  ease")),
    ("orders because because", RequestSwitchover("orders", reason="because")),
    ("orders because a &lt; b &amp;amp; c", RequestSwitchover("orders", reason="a < b &amp; c")),
    ("orders because <@U123> asked", RequestSwitchover("orders", reason="<@U123> asked")),
    ('orders because "x', RequestSwitchover("orders", reason='"x')),
    ("plan orders to n", RequestSwitchover("orders", node="n", dry_run=True)),
    ('"my database" to “a node”', RequestSwitchover("my database", node="a node")),
    ('"list"', RequestSwitchover("list")),
    ('orders to "to"', RequestSwitchover("orders", node="to")),
    ('orders to "because" because x', RequestSwitchover("orders", node="because", reason="x")),
    ("orders to 10.0.0.2:3306", RequestSwitchover("orders", node="10.0.0.2:3306")),
    ("orders to n_1/*~`|", RequestSwitchover("orders", node="n_1/*~`|")),
    ("orders to &lt;@U1&gt;", RequestSwitchover("orders", node="<@U1>")),
    ("orders to <http://db1.corp|db1.corp>", RequestSwitchover("orders", node="db1.corp")),
    ("orders to <https://db1.corp>", RequestSwitchover("orders", node="https://db1.corp")),
    ("ord\0ers", RequestSwitchover("orders")),
    ("orders to node 2 because x", RequestSwitchover("orders", node="node 2", reason="x")),
    ("orders to  My  node\t2", RequestSwitchover("orders", node="My node 2")),
    ("events to node 2 shard rs 1", RequestSwitchover("events", node="node 2", shard="rs 1")),
    ("events shard list 1 to n", RequestSwitchover("events", node="n", shard="list 1")),
    ("plan orders to node 2", RequestSwitchover("orders", node="node 2", dry_run=True)),
    ('orders to 5"disk 2', RequestSwitchover("orders", node='5"disk 2')),
    ("list", ListDatabases()),
    ("status", ShowStatus()),
    ("status orders", ShowStatus("orders")),
    ("status sw-7k3moq", ShowStatus("SW-7K3M0Q")),
    ("history", ShowHistory()),
    ("history orders", ShowHistory("orders")),
    ("cancel SW-7K3M9Q", Act(Action.CANCEL, "SW-7K3M9Q")),
    ("cancel sw-IL0oab", Act(Action.CANCEL, "SW-1100AB")),
]

MISUNDERSTOOD = [
    ("orders to", "orders", "missing-value", "orders"),
    ("orders to because x", "orders", "missing-value", "orders"),
    ("orders because", "orders", "missing-value", "orders"),
    ("orders because  ", "orders", "missing-value", "orders"),
    ('orders to ""', "orders", "missing-value", "orders"),
    ('""', "", "empty-name", "help"),
    ("orders to a to b", "orders to a", "duplicate-clause", "orders to a"),
    ("orders shard a shard b", "orders shard a", "duplicate-clause", "orders shard a"),
    ("orders ot n", "orders", "unknown-word", "orders to n"),
    ("orders n", "orders", "unknown-word", "orders to n"),
    ('orders "a b"', "orders", "unknown-word", 'orders to "a b"'),
    ("orders bcause of lag", "orders", "unknown-word", "orders because of lag"),
    ('orders to "a b" now', 'orders to "a b"', "unknown-word", 'orders to "a b"'),
    ('orders to a "b c"', "orders to a", "unknown-word", "orders to a"),
    ('orders to a "b c', "orders", "quote-not-closed", "orders"),
    ("orders to node 2 to b", 'orders to "node 2"', "duplicate-clause", 'orders to "node 2"'),
    ('orders to 5"disk 2 to b', 'orders to 5"disk 2', "duplicate-clause", 'orders to 5"disk 2'),
    (
        "orders to node 2 becuase of lag",
        'orders to "node 2"',
        "unknown-word",
        'orders to "node 2" because of lag',
    ),
    ("orders to node <@U123>", "orders", "mention-in-name", "orders"),
    ("orders to node 2 at 22:00", 'orders to "node 2"', "not-offered-yet", 'plan orders to "node 2"'),
    ("plan", "plan", "missing-value", "list"),
    ("plan to n", "plan", "missing-value", "list"),
    ("to n", "", "missing-value", "help"),
    ("list all", "list", "unknown-word", "list"),
    ("status orders now", "status orders", "unknown-word", "status orders"),
    ("cancel", "cancel", "missing-value", "status"),
    ("cancel orders", "cancel", "not-an-id", "status"),
    ("cancel SW-7K3M9U", "cancel", "not-an-id", "status"),
    ("orders to <@U123>", "orders", "mention-in-name", "orders"),
    ("<#C1|general>", "", "mention-in-name", "help"),
    ('orders to "a b', "orders", "quote-not-closed", "orders"),
    ("orders to n at 22:00", "orders to n", "not-offered-yet", "plan orders to n"),
    ("orders in 5m", "orders", "not-offered-yet", "plan orders"),
    ("freeze all because x", "", "not-offered-yet", "help"),
    ("unfreeze all", "", "not-offered-yet", "help"),
    ("Halt because x", "", "not-offered-yet", "help"),
    ("resume", "", "not-offered-yet", "help"),
    ("emergency orders because x", "", "not-offered-yet", "help"),
    ("x" * (MAX_TEXT + 1), "", "text-too-long", "help"),
]

texts_typed = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            (
                *("orders", "to", "shard", "because", "plan", "cancel", "status", "at", "ot", "SW-7K3M9Q"),
                *('"', "“", "”", '"a b"', '""', "&lt;", "&amp;lt;", "<@U1>", 'a"b', "c", "<http://a|b>"),
                *("\n", "\0", "\ud800"),
            )
        ),
        max_size=12,
    ).map(" ".join),
)
names = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters='"“”„'), min_size=1
).filter(lambda name: name.strip() != "")


def escaped(text: str) -> str:
    """As Slack delivers what somebody typed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize(("text", "meaning"), UNDERSTOOD)
def test_a_valid_text_means_what_the_help_says(text: str, meaning: Parsed) -> None:
    """Every form, with the clauses in any order."""
    assert parse(text) == meaning


@pytest.mark.parametrize(("text", "understood", "code", "suggestion"), MISUNDERSTOOD)
def test_anything_else_is_explained(text: str, understood: str, code: str, suggestion: str) -> None:
    """What was understood, what was not, and what comes closest."""
    found = parse(text)
    assert isinstance(found, Misunderstood)
    assert (found.understood, found.problem.code, found.nearest) == (
        understood and f"/switchover {understood}",
        code,
        f"/switchover {suggestion}",
    )


@given(texts_typed)
def test_every_text_gets_an_answer_and_every_suggestion_is_valid(text: str) -> None:
    """Total: no text raises, and what is suggested parses."""
    found = parse(text)
    if isinstance(found, Misunderstood):
        suggestion = found.nearest.removeprefix("/switchover ")
        assert not isinstance(parse(escaped(suggestion)), Misunderstood)


@given(
    st.builds(
        RequestSwitchover,
        database=names,
        node=st.none() | names,
        shard=st.none() | names,
        reason=names.map(str.strip),
        dry_run=st.booleans(),
    )
)
def test_a_request_written_out_is_read_back(request: RequestSwitchover) -> None:
    """Names with spaces, keywords as names and Slack's escapes survive."""
    assert parse(escaped(as_text(request))) == request


def test_the_help_has_every_form_and_each_has_its_words() -> None:
    """The table that parses is the one that is shown."""
    assert len(usage("/sw")) == len(FORMS)
    assert usage("/sw")[0][0] == "/sw DATABASE [to NODE] [shard GROUP] [because REASON…]"
    assert all(Texts().text(about) != about for _form, about in usage())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SW-7K3M9Q", "SW-7K3M9Q"),
        (" sw-7k3m9q ", "SW-7K3M9Q"),
        ("SW-OIL000", "SW-011000"),
        ("SW-7K3M9", None),
        ("SW-7K3M9QX", None),
        ("SW7K3M9Q", None),
        ("SW-7K3M9U", None),
        ("", None),
    ],
)
def test_ids_are_read_as_they_were_meant(text: str, found: str | None) -> None:
    """Crockford's letters: no U, and O, I, L are digits."""
    assert operation_id(text) == found


def test_escapes_are_undone_once() -> None:
    """What was typed as an entity stays one."""
    assert unescape("&amp;lt;&lt;&quot;") == "&lt;<&quot;"
