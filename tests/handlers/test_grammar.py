"""The grammar, by table and by hypothesis."""

# ruff: noqa: RUF001 - the keyboard of Chinese

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.commands import (
    Act,
    Action,
    Command,
    Freeze,
    Halt,
    ListDatabases,
    RequestSwitchover,
    Resume,
    ShowHelp,
    ShowHistory,
    ShowStatus,
    Unfreeze,
)
from bot.core.model import Reason
from bot.core.preflight import OVERRIDABLE
from bot.core.schedule import Start, instant
from bot.service.catalogue import Catalogue, Database
from handlers.answers import misunderstood
from handlers.clauses import WORDS
from handlers.grammar import FORMS, MAX_TEXT, Help, Misunderstood, Parsed, as_text, operation_id, parse, usage
from handlers.mrkdwn import literal
from handlers.texts import LOCALES, Texts
from handlers.words import escape, unescape
from tests.service.world import POLICY, ScriptedCloud

NIGHT = datetime(2026, 11, 23, 2, 0, tzinfo=timezone(timedelta(hours=8)))
HALF_A_SECOND_LATER = NIGHT + timedelta(seconds=0.5)

UNDERSTOOD: list[tuple[str, Parsed]] = [
    ("", Help()),
    ("  \n ", Help()),
    ("help", Help()),
    ("HELP me please", Help()),
    ("?", Help()),
    ("？", Help()),
    ("-h", Help()),
    ("--help", Help()),
    ("—help", Help()),
    ('"?" to "-h"', RequestSwitchover("?", node="-h")),
    ("yes to ok", RequestSwitchover("yes", node="ok")),
    ("switch to n", RequestSwitchover("switch", node="n")),
    ("orders", RequestSwitchover("orders")),
    ("orders to mysql-2", RequestSwitchover("orders", node="mysql-2")),
    ("orders TO mysql-2", RequestSwitchover("orders", node="mysql-2")),
    ("Orders", RequestSwitchover("Orders")),
    ("events shard s1 to n", RequestSwitchover("events", node="n", shard="s1")),
    ("events to n shard s1", RequestSwitchover("events", node="n", shard="s1")),
    ("orders because disk full", RequestSwitchover("orders", reason="disk full")),
    ("orders because  to be at  ease ", RequestSwitchover("orders", reason="to be at  ease")),
    ("orders because because", RequestSwitchover("orders", reason="because")),
    ("orders because of the outage", RequestSwitchover("orders", reason="the outage")),
    ("orders because Of  a &lt; b", RequestSwitchover("orders", reason="a < b")),
    ("orders because of", RequestSwitchover("orders", reason="of")),
    ("orders because offline", RequestSwitchover("orders", reason="offline")),
    ("orders because of of mice", RequestSwitchover("orders", reason="of mice")),
    ("orders because proof of a fire", RequestSwitchover("orders", reason="proof of a fire")),
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
    ("orders to My shared node", RequestSwitchover("orders", node="My shared node")),
    ("orders to node overide", RequestSwitchover("orders", node="node overide")),
    (
        'emergency orders to "overide" because x',
        RequestSwitchover("orders", "overide", reason="x", emergency=True),
    ),
    ("orders to fro ot n", RequestSwitchover("orders", node="fro ot n")),
    ('orders to 5"disk 2', RequestSwitchover("orders", node='5"disk 2')),
    ("list", ListDatabases()),
    ("list orders", ListDatabases("orders")),
    ("list orders page 2", ListDatabases("orders", 2)),
    ("list page 3", ListDatabases(page=3)),
    ("list ALL page 3", ListDatabases(page=3)),
    ('list "page"', ListDatabases("page")),
    ("page to n", RequestSwitchover("page", node="n")),
    ("status", ShowStatus()),
    ("status orders", ShowStatus("orders")),
    ("status sw-7k3moq", ShowStatus("SW-7K3M0Q")),
    ("history", ShowHistory()),
    ("history orders", ShowHistory("orders")),
    ("history orders page 2", ShowHistory("orders", 2)),
    ("history page 3", ShowHistory(page=3)),
    ("cancel SW-7K3M9Q", Act(Action.CANCEL, "SW-7K3M9Q", typed=True)),
    ("cancel sw-IL0oab", Act(Action.CANCEL, "SW-1100AB", typed=True)),
    ("orders at 2026-11-23T02:00+08:00", RequestSwitchover("orders", start=Start(at=NIGHT))),
    ("orders at 2026-11-22T18:00Z", RequestSwitchover("orders", start=Start(at=NIGHT))),
    ("orders at 2026-11-22t18:00:00.5z", RequestSwitchover("orders", start=Start(at=HALF_A_SECOND_LATER))),
    ("orders at 2026-11-23 02:00+0800", RequestSwitchover("orders", start=Start(at=NIGHT))),
    ("orders at 2026-11-22 18:00 UTC", RequestSwitchover("orders", start=Start(at=NIGHT))),
    ('orders at "2026-11-23 02:00 +08"', RequestSwitchover("orders", start=Start(at=NIGHT))),
    ("orders to n AT 22:00", RequestSwitchover("orders", node="n", start=Start(clock=time(22)))),
    ("orders at 9:05 to n", RequestSwitchover("orders", node="n", start=Start(clock=time(9, 5)))),
    ("orders to node 2 at 22:00", RequestSwitchover("orders", node="node 2", start=Start(clock=time(22)))),
    ("orders in 90m", RequestSwitchover("orders", start=Start(after=timedelta(minutes=90)))),
    ("orders at 22：00", RequestSwitchover("orders", start=Start(clock=time(22)))),
    ("orders at ２２:００ to n", RequestSwitchover("orders", node="n", start=Start(clock=time(22)))),
    ("orders at 2026-11-23T02：00+08：00", RequestSwitchover("orders", start=Start(at=NIGHT))),
    ("orders in ９０m", RequestSwitchover("orders", start=Start(after=timedelta(minutes=90)))),
    ("orders in 1h 30m", RequestSwitchover("orders", start=Start(after=timedelta(minutes=90)))),
    ("orders IN 45S to n", RequestSwitchover("orders", node="n", start=Start(after=timedelta(seconds=45)))),
    ("plan orders in 2d", RequestSwitchover("orders", dry_run=True, start=Start(after=timedelta(days=2)))),
    (
        "events shard s1 in 2h to n because x at 3",
        RequestSwitchover(
            "events", node="n", shard="s1", reason="x at 3", start=Start(after=timedelta(hours=2))
        ),
    ),
    ("freeze orders because audit", Freeze("orders", "audit")),
    ("freeze ALL for 2h because audit", Freeze("all", "audit", timedelta(hours=2))),
    ('freeze "all" because x', Freeze("all", "x")),
    ('freeze "halt" because x', Freeze("halt", "x")),
    ("unfreeze orders", Unfreeze("orders")),
    ("unfreeze All", Unfreeze("all")),
    ("Halt because the network is odd", Halt("the network is odd")),
    ("resume", Resume()),
    ('"freeze"', RequestSwitchover("freeze")),
    ('"emergency" to n', RequestSwitchover("emergency", node="n")),
    ('orders to "at" shard "override"', RequestSwitchover("orders", node="at", shard="override")),
    ("emergency orders because x", RequestSwitchover("orders", reason="x", emergency=True)),
    (
        "emergency events to n shard s1 override candidate_healthy,candidate_lag because all burns",
        RequestSwitchover(
            "events",
            node="n",
            shard="s1",
            reason="all burns",
            emergency=True,
            overrides=("candidate_healthy", "candidate_lag"),
        ),
    ),
    (
        "emergency orders override Candidate-Healthy cluster_ready, candidate_healthy to n because x",
        RequestSwitchover(
            "orders",
            node="n",
            reason="x",
            emergency=True,
            overrides=("candidate_healthy", "cluster_ready"),
        ),
    ),
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
    ("frobnicate the db", "frobnicate", "unknown-word", "help"),
    ("please switch orders", "please", "unknown-word", "orders"),
    ("switch orders", "switch", "unknown-word", "orders"),
    ("Fail over orders to n because of x", "Fail", "unknown-word", "orders to n because of x"),
    ("failover orders", "failover", "unknown-word", "orders"),
    ("promote orders at 22:00", "promote", "unknown-word", "orders at 22:00"),
    ("切换 orders", "切换", "unknown-word", "orders"),
    ("rollback orders", "rollback", "unknown-word", "rollback to orders"),
    ("please move orders to n", "please", "unknown-word", "orders to n"),
    ("please help", "please", "unknown-word", "help"),
    ("switch orders now", "switch", "unknown-word", "help"),
    ("halp me", "halp", "unknown-word", "help"),
    ("ORDERS STATUS", "ORDERS", "unknown-word", "status ORDERS"),
    ("orders plan to n", "orders", "unknown-word", "plan orders to n"),
    ("sw-7k3m9q cancel", "sw-7k3m9q", "unknown-word", "cancel SW-7K3M9Q"),
    ("orders freeze because x", "orders", "unknown-word", "freeze orders because x"),
    ("orders 历史", "orders", "unknown-word", "history orders"),
    ("orders cancel", "orders", "unknown-word", "help"),
    ("orders help", "orders", "unknown-word", "help"),
    ("状态 orders", "状态", "unknown-word", "status orders"),
    ("帮助 我", "帮助", "unknown-word", "help"),
    ("approve SW-7K3M9Q", "", "on-the-card", "status SW-7K3M9Q"),
    ("Approved sw-7k3moq thanks", "", "on-the-card", "status SW-7K3M0Q"),
    ("reject SW-123", "", "on-the-card", "status"),
    ("yes please", "", "on-the-card", "status"),
    ("批准 SW-7K3M9Q", "", "on-the-card", "status SW-7K3M9Q"),
    ("orders now", "orders", "unknown-word", "help"),
    ("orders 22:00", "orders", "unknown-word", "orders at 22:00"),
    ("orders 90m because x", "orders", "unknown-word", "orders in 1h30m because x"),
    ("orders ot n", "orders", "unknown-word", "orders to n"),
    ("orders n", "orders", "unknown-word", "orders to n"),
    ("orders approve", "orders", "unknown-word", "help"),
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
    ("plan", "plan", "missing-value", "list"),
    ("plan to n", "plan", "missing-value", "list"),
    ("to n", "", "name-first", "help"),
    ("in 5 minutes", "", "name-first", "help"),
    ("list orders 2", "list orders", "unknown-word", "list orders"),
    ("list orders page two", "list orders", "not-a-page", "list orders"),
    ("list page 0", "list", "not-a-page", "list"),
    ("list orders pag 2", "list orders", "unknown-word", "list orders page 2"),
    ("status orders now", "status orders", "unknown-word", "status orders"),
    ("cancel", "cancel", "missing-id", "cancel SW-7K3M9Q"),
    ("cancel orders", "cancel", "not-an-id", "status"),
    ("cancel SW-7K3M9U", "cancel", "not-an-id", "status"),
    ("orders to <@U123>", "orders", "mention-in-name", "orders"),
    ("<#C1|general>", "", "mention-in-name", "help"),
    ('orders to "a b', "orders", "quote-not-closed", "orders"),
    ("orders at", "orders", "missing-value", "orders at 22:00"),
    ("orders at to n", "orders", "missing-value", "orders to n at 22:00"),
    ("orders at 2026-11-23T02:00", "orders", "time-without-zone", "orders at 22:00"),
    ("orders to n at 2026-11-23 02:00", "orders to n", "time-without-zone", "orders to n at 22:00"),
    ("orders at tomorrow", "orders", "not-a-time", "orders at 22:00"),
    ("orders at 25:00", "orders", "not-a-clock", "orders at 22:00"),
    ("orders at 7:60 because of x", "orders", "not-a-clock", "orders at 22:00 because of x"),
    ("orders at 25:00 bcause x", "orders", "not-a-clock", "orders at 22:00 because x"),
    ("plan orders at 25:00", "plan orders", "not-a-clock", "plan orders at 22:00"),
    ("orders at 22:00 UTC", "orders", "not-a-time", "orders at 22:00"),
    ("orders at 2026-11-23", "orders", "not-a-time", "orders at 22:00"),
    ("orders at 2026-02-30T02:00Z", "orders", "not-a-time", "orders at 22:00"),
    ("orders at 2026-11-23T02:00+99:00", "orders", "not-a-time", "orders at 22:00"),
    ("orders at 0001-01-01T00:00+08:00", "orders", "not-a-time", "orders at 22:00"),
    ("orders in 10", "orders", "not-a-duration", "orders in 10m"),
    ("plan orders in ９０ to n", "plan orders", "not-a-duration", "plan orders to n in 1h30m"),
    ("orders in 999999999", "orders", "not-a-duration", "orders in 30m"),
    ("orders 5 minutes", "orders", "unknown-word", "orders in 5m"),
    ("orders in 5 minutes", "orders", "not-a-duration", "orders in 5m"),
    ("orders in 2 hours to n because of x", "orders", "not-a-duration", "orders to n in 2h because of x"),
    ("orders in 5 fortnights", "orders", "not-a-duration", "orders in 30m"),
    ("orders in 999 days", "orders", "not-a-duration", "orders in 30m"),
    ("orders in 45分钟", "orders", "not-a-duration", "orders in 45m"),
    ("orders in ４５分钟", "orders", "not-a-duration", "orders in 45m"),
    ("orders at 25：00", "orders", "not-a-clock", "orders at 22:00"),
    ("freeze all for 1 day because x", "freeze all", "not-a-duration", "freeze all for 1d because x"),
    ("orders in 0s", "orders", "not-a-duration", "orders in 30m"),
    ("orders in 366d", "orders", "not-a-duration", "orders in 30m"),
    ("orders in 5m at 22:00", "orders in 5m", "either-clause", "orders in 5m"),
    ("orders at 22:00 in 5m", "orders at 22:00", "either-clause", "orders at 22:00"),
    ("orders at 22:00 at 23:00", "orders at 22:00", "duplicate-clause", "orders at 22:00"),
    ("orders n at 22:00", "orders", "unknown-word", "orders to n at 22:00"),
    ("orders to a to b at 22:00", "orders to a", "duplicate-clause", "plan orders to a"),
    ("orders override candidate_lag", "orders", "clause-elsewhere", "orders"),
    ("freeze", "freeze", "missing-value", "help"),
    ("freeze all", "freeze all", "missing-clause", "freeze all because …"),
    ("freeze all for ever because x", "freeze all", "not-a-duration", "freeze all for 2h because x"),
    ("freeze all for 3 because x", "freeze all", "not-a-duration", "freeze all for 3h because x"),
    ("freeze all 2h", "freeze all", "unknown-word", "freeze all for 2h because …"),
    ("freeze all for 0s because x", "freeze all", "not-a-duration", "freeze all for 2h because x"),
    ("freeze all for 366d because x", "freeze all", "not-a-duration", "freeze all for 2h because x"),
    ("freeze orders 2h because typo", "freeze orders", "unknown-word", "freeze orders for 2h because typo"),
    ("freeze orders audit tonight", "freeze orders", "unknown-word", "freeze orders because audit tonight"),
    ("freeze orders at 22:00 because x", "freeze orders", "clause-elsewhere", "freeze orders because …"),
    ("unfreeze", "unfreeze", "missing-value", "help"),
    ("unfreeze all because x", "unfreeze all", "clause-elsewhere", "unfreeze all"),
    ("unfrezze all", "unfrezze", "unknown-word", "unfreeze all"),
    ("cancle SW-7K3M9Q", "cancle", "unknown-word", "cancel SW-7K3M9Q"),
    ("halt", "halt", "missing-clause", "halt because …"),
    ("halt the presses", "halt", "unknown-word", "halt because the presses"),
    ("resume now", "resume", "unknown-word", "resume"),
    ("emergency", "emergency", "missing-value", "help"),
    ("emergency orders", "emergency orders", "missing-clause", "emergency orders because …"),
    ("emergency orders in 5m because x", "emergency orders", "clause-elsewhere", "plan orders"),
    (
        "emergency orders n because x",
        "emergency orders",
        "unknown-word",
        "emergency orders to n because x",
    ),
    (
        "emergency orders override candidate_known because x",
        "emergency orders",
        "not-overridable",
        "emergency orders because x",
    ),
    (
        "emergency orders override , because x",
        "emergency orders",
        "not-overridable",
        "emergency orders because x",
    ),
    (
        "emergency orders to n override candidate_helthy because of of mice &amp; men",
        "emergency orders to n",
        "not-overridable",
        "emergency orders to n override candidate_healthy because of of mice & men",
    ),
    (
        "emergency orders override cluster_redy, sanity, Candidate-Lag to n",
        "emergency orders",
        "not-overridable",
        "emergency orders to n override cluster_ready,candidate_lag because …",
    ),
    (
        "emergency orders override candidate helthy because x",
        "emergency orders",
        "not-overridable",
        "emergency orders override candidate_healthy because x",
    ),
    (
        "emergency orders override candidate",
        "emergency orders",
        "not-overridable",
        "emergency orders because …",
    ),
    (
        "emergency orders override because x",
        "emergency orders",
        "missing-value",
        "emergency orders because x",
    ),
    (
        "emergency orders to n overide candidate_lag because x",
        "emergency orders to n",
        "unknown-word",
        "emergency orders to n override candidate_lag because x",
    ),
    (
        "emergency orders to node 2 oevrride candidate_helthy becuase x",
        'emergency orders to "node 2"',
        "unknown-word",
        'emergency orders to "node 2" override candidate_healthy because x',
    ),
    ("events to n shrad s1", "events to n", "unknown-word", "events to n shard s1"),
    ("orders bcause " + "x" * (MAX_TEXT - 14), "orders", "unknown-word", "help"),
    ("x" * (MAX_TEXT + 1), "", "text-too-long", "help"),
]

texts_typed = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            (
                *("orders", "to", "shard", "because", "plan", "cancel", "status", "at", "ot", "SW-7K3M9Q"),
                *("in", "for", "override", "2h", "22:00", "2026-11-23T02:00Z", "candidate_lag", "all"),
                *("overide", "shrad", "becuase", "candidate_helthy", "10", "move"),
                *("freeze", "unfreze", "halt", "resume", "emergency", "emergancy", "help"),
                *("?", "--help", "please", "switch", "approve", "状态", "帮助"),
                *('"', "“", "”", '"a b"', '""', "&lt;", "&amp;lt;", "<@U1>", 'a"b', "c", "<http://a|b>"),
                *("\n", "\0", "\ud800"),
            )
        ),
        max_size=12,
    ).map(" ".join),
)
keywords = sorted({form.word for form in FORMS if form.word} | WORDS | {"?", "？", "-h", "--help", "—help"})
names = st.sampled_from([*keywords, *(word.upper() for word in keywords)]) | st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters='"“”„'), min_size=1
).filter(lambda name: name.strip() != "")


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


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("rollback orders", "rollback"),
        ("please orders", "please"),
        ("halp me", "halp"),
        ('"plan" ot n', "plan"),
        ("orders to n to m", ""),
        ("orders at 25:00", ""),
        ("plan orders ot n", ""),
        ("status orders now", ""),
        ("approve SW-7K3M9Q", ""),
    ],
)
def test_what_depends_on_the_databases_there_are_is_marked(text: str, taken: str) -> None:
    """With nothing behind it that makes sense there is no telling whether the first word is the name of one."""
    found = parse(text)
    assert isinstance(found, Misunderstood)
    assert found.taken == taken
    known = parse(text, databases=[taken])
    assert isinstance(known, Misunderstood)
    assert known == replace(found, taken="")


@pytest.mark.parametrize(
    ("text", "nearest", "suggestion"),
    [
        ("rollback orders", "", "plan orders"),
        ("rollback orders now", "", "plan orders"),
        ("don't touch orders because trading hours", "", "plan orders"),
        ("abort orders, in 5m", "", "plan orders"),
        ("rollback it at once: orders", "", "plan orders"),
        ("rollback orders or events", "", "help"),
        ("rollback it because orders is down", "", "help"),
        ("rollback it Because orders is down", "", "help"),
        ("rollback it,because orders is down", "", "help"),
        ("rollback it ASAP. ORDERS!", "", "plan orders"),
        ("rollback/orders now", "", "plan orders"),
        ("ordrs tto n because events hangs", "orders", "orders to n because events hangs"),
        ("ordrs tto events because x", "orders", "help"),
        ("prevent orders because trading", "events", "help"),
        ("prevent orders.", "events", "help"),
        ("prevent 不要切换orders", "events", "help"),
        ("prevent _orders_ now", "events", "help"),
        ("prevent Orders because trading", "events", "help"),
        ("revert SW-7K3M9Q", "events", "help"),
        ("revert SW-7K3M9Q.", "events", "help"),
        ("prevent sw-7k3m9q_x", "events", "help"),
        ("revert it because SW-7K3M9Q failed", "events", "help"),
        ("不要切换orders 了", "orders", "plan orders"),
        ("不要切换Orders 了", "orders", "plan orders"),
        ("Orders! now", "orders", "plan orders"),
        ("oders emergency because events hangs", "orders", "plan orders"),
        ("ordrs emergency to events because x", "orders", "help"),
        ("ordrs emergency to n because x", "orders", "plan orders"),
        ("ordres ot n", "orders", "orders to n"),
        (" ordres\tot n", "orders", "orders to n"),
        ("ordres status", "orders", "status orders"),
        ("ordres now", "orders", "plan orders"),
        ("ordres frob at 5", "orders", "plan orders"),
        ("oders, orders to n", "orders", "plan orders"),
        ("unfrezze all", "", "unfreeze all"),
        ("please move orders to n", "", "orders to n"),
        ("frobnicate the db", "", "help"),
        ("frobnicate db", "", "help"),
    ],
)
def test_who_names_no_database_is_told_so_with_a_command_about_one_that_is_named(
    text: str, nearest: str, suggestion: str
) -> None:
    """And nothing is called understood.

    What the first word is like decides, also where another one is named; an emergency is made up of nothing, and of a
    first word that is like none, which may mean the opposite, no more than a dry run.
    """
    found = parse(text, databases=("orders", "events"))
    assert isinstance(found, Misunderstood)
    name = text.split(maxsplit=1)[0]
    assert found.problem == Reason.of("unknown-database", name=name, nearest=nearest)
    assert (found.understood, found.nearest) == ("", f"/switchover {suggestion}")
    assert parse(text, databases=among("orders", "events", "users").named_in(text)) == found


def among(*names: str) -> Catalogue:
    return Catalogue({name: Database(name, "", "qc", ScriptedCloud(), POLICY) for name in names})


@pytest.mark.parametrize("text", ["events-3 is to stay, as events-1", "events-3 ot n", "events ot events-2"])
def test_what_is_suggested_is_the_same_whether_all_databases_are_known_or_those_that_may_be_meant(
    text: str,
) -> None:
    """Of several that the first word is equally like none is meant, though only one is named besides."""
    names = ("events-1", "events-2", "orders")
    found = parse(text, databases=names)
    assert isinstance(found, Misunderstood)
    assert not found.nearest.startswith("/switchover events")
    assert parse(text, databases=among(*names).named_in(text)) == found


@pytest.mark.parametrize(("filling", "length"), [("x", 1), ("*", 1), ("&amp;", 5), ("&lt;", 4)])
def test_a_suggestion_is_shown_whole_or_not_at_all(filling: str, length: int) -> None:
    """It is told with what is wrong in one section of 3,000 characters; each may be shown as several."""
    begun = "orders to n because "
    most, over = divmod(800 - len(begun), length)
    fits, too_long = (begun + "x" * over + filling * (most + more) for more in (0, 1))
    for texts in map(Texts, LOCALES):
        found, other = (
            parse(text.replace(" to ", " ot "), databases=["orders"]) for text in (fits, too_long)
        )
        assert isinstance(found, Misunderstood)
        assert isinstance(other, Misunderstood)
        suggested = f"/switchover {unescape(fits)}"
        assert (found.nearest, other.nearest) == (suggested, "/switchover help")
        told = misunderstood(found, texts)
        whole = literal(suggested, 10_000)
        assert whole in told.text
        assert whole in told.blocks[0]["text"]["text"]


@pytest.mark.parametrize(("text", "days"), [("orders in 31x", "30"), ("freeze all for 31x because x", "365")])
def test_who_types_no_length_is_told_the_longest_that_is_of_use(text: str, days: str) -> None:
    """A start further away would be refused, whatever its length is."""
    found = parse(text)
    assert isinstance(found, Misunderstood)
    assert found.problem["days"] == days


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("candidate_helthy", "candidate_healthy"),
        ("Candidate-Is-Repllica", "candidate_is_replica"),
        ("candidate_lag, cluster_redy, sanity", "cluster_ready"),
        ("sanity", ""),
        ("candidate", ""),
    ],
)
def test_who_mistyped_a_check_is_asked_whether_the_nearest_was_meant(typed: str, meant: str) -> None:
    """Only by what is nearly the same: it goes into a command that starts at once."""
    found = parse(f"emergency orders override {typed} because x")
    assert isinstance(found, Misunderstood)
    assert found.problem["nearest"] == meant


@pytest.mark.parametrize(
    "again", ["overide a", "shrad a", "override , overide", "to a at 25:00", "5 minutes", "x"]
)
@pytest.mark.parametrize("first", ["emergency orders", "orders", "freeze all", "please"])
def test_mistake_upon_mistake_is_answered(first: str, again: str) -> None:
    """However often: what is guessed of one mistake may have the next."""
    found = parse(f"{first} " + f"{again} " * 180)
    assert isinstance(found, Misunderstood)
    assert not isinstance(parse(escape(found.nearest.removeprefix("/switchover "))), Misunderstood)


@given(texts_typed, st.none() | st.lists(st.sampled_from(["orders", "c", "list", "because"]), unique=True))
def test_every_text_gets_an_answer_and_every_suggestion_is_valid(
    text: str, databases: Sequence[str] | None
) -> None:
    """Total: no text raises, and what is suggested parses."""
    found = parse(text, databases=databases)
    if isinstance(found, Misunderstood):
        suggestion = found.nearest.removeprefix("/switchover ")
        assert not isinstance(parse(escape(suggestion)), Misunderstood)


reasons = names.map(str.strip) | names.map("of {}".format).map(str.strip)
lengths = st.integers(1, 365 * 86_400_000).map(lambda count: timedelta(milliseconds=count))
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
starts = st.one_of(
    st.builds(Start, at=st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=zones)),  # noqa: DTZ001 - made aware here
    st.builds(Start, clock=st.builds(time, st.integers(0, 23), st.integers(0, 59))),
    st.builds(Start, after=lengths),
)
ids = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=6, max_size=6).map("SW-{}".format)
overrides = st.lists(st.sampled_from(OVERRIDABLE), unique=True).map(tuple)
scopes = names.filter(lambda name: name.casefold() != "all") | st.just("all")
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        RequestSwitchover,
        database=names,
        node=st.none() | names,
        shard=st.none() | names,
        reason=reasons,
        dry_run=st.booleans(),
        start=st.none() | starts,
    ),
    st.builds(
        RequestSwitchover,
        database=names,
        node=st.none() | names,
        shard=st.none() | names,
        reason=reasons,
        emergency=st.just(True),
        overrides=overrides,
    ),
    st.builds(Freeze, scopes, reasons, st.none() | lengths),
    st.builds(Unfreeze, scopes),
    st.builds(Halt, reasons),
    st.builds(Act, st.just(Action.CANCEL), ids, typed=st.just(True)),
    st.builds(ShowStatus, st.none() | ids | names.filter(lambda name: operation_id(name) is None)),
    st.builds(ShowHistory, st.none() | names),
    st.just(Resume()),
    st.builds(
        ListDatabases,
        st.just("") | names.filter(lambda name: name.casefold() != "all"),
        st.integers(1, 999_999),
    ),
)


@given(commands)
def test_a_command_written_out_is_read_back(command: Command) -> None:
    """Names with spaces, keywords as names, times, lengths and Slack's escapes survive."""
    assert parse(escape(as_text(command))) == command


def test_what_is_only_clicked_or_not_understood_is_no_command_to_type() -> None:
    """A button's action has no text; a text that made no sense is kept as it was."""
    with pytest.raises(ValueError, match="approve is a button's"):
        as_text(Act(Action.APPROVE, "SW-7K3M9Q"))
    assert as_text(ShowHelp("orders ot n")) == "orders ot n"
    assert as_text(ShowHelp()) == "help"


@given(texts_typed)
def test_every_start_that_is_understood_is_an_instant_or_a_refusal(text: str) -> None:
    """No time and no length is so far off that counting with it breaks."""
    found = parse(f"orders {text}")
    if isinstance(found, RequestSwitchover) and found.start is not None:
        instant(found.start, asked_at=NIGHT, zone=UTC, zone_name="UTC")


@given(st.from_regex(r"\A[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9][+-][0-9]{2}:[0-9]{2}\Z"))
def test_every_moment_that_is_understood_can_be_counted_with(text: str) -> None:
    """Also in the first and the last year of the calendar."""
    found = parse(f"orders at {text}")
    if isinstance(found, RequestSwitchover) and found.start is not None:
        instant(found.start, asked_at=NIGHT, zone=UTC, zone_name="UTC")


@given(texts_typed, st.sampled_from(["orders at", "orders in", "rollback at", "ordres, in"]))
def test_whoever_meant_later_is_never_offered_a_start_now(text: str, begun: str) -> None:
    """What is suggested starts later too, or is a dry run."""
    found = parse(f"{begun} {text}", databases=["orders"])
    if isinstance(found, Misunderstood):
        suggested = parse(escape(found.nearest.removeprefix("/switchover ")))
        assert not isinstance(suggested, RequestSwitchover) or suggested.start or suggested.dry_run


def test_the_help_has_every_form_and_each_has_its_words() -> None:
    """The table that parses is the one that is shown."""
    assert len(usage("/sw")) == len(FORMS)
    forms = [form for form, _about in usage("/sw")]
    assert forms[0] == "/sw DATABASE [to NODE] [shard GROUP] [at TIME | in DURATION] [because REASON…]"
    assert "/sw freeze DATABASE|all [for DURATION] because REASON…" in forms
    assert "/sw halt because REASON…" in forms
    assert "/sw emergency DATABASE [to NODE] [shard GROUP] [override CHECK[,CHECK…]] because REASON…" in forms
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
