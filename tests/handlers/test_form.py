"""The form's views are within Slack's limits whatever is put in, and what comes back is read defensively."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.commands import RequestSwitchover
from bot.core.events import Place
from bot.core.model import CandidateRule, Capabilities, NodeId, Reason, Topology
from bot.core.schedule import Start
from bot.sandbox.slack.block_kit import option_problems
from bot.service.catalogue import Database
from bot.service.offering import Look
from handlers.blocks import Rendered
from handlers.filled import Filled, Local, filled, kept
from handlers.form import CALLBACK, Shown, error_text, form, notice, options
from handlers.payloads import Malformed
from handlers.texts import LOCALES, Texts
from tests.core.examples import CLOUD, START, A, B, C, node, reading
from tests.handlers.block_kit import alive, modal_problems
from tests.handlers.samples import reasons, topologies, words
from tests.service.world import POLICY, ScriptedCloud

TEXTS = Texts()
relaxed = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)

capabilities = st.builds(
    Capabilities,
    candidate=st.sampled_from(CandidateRule),
    reports_lag=st.booleans(),
    shards=st.booleans(),
    jobs_per_call=st.just(1),
    submission_valid_for=st.none(),
)


def many(some: list[Topology]) -> tuple[Topology, ...]:
    return tuple(replace(each, shard=f"{number}{each.shard_name}") for number, each in enumerate(some * 50))


looks = st.builds(
    Look,
    database=words,
    capabilities=st.none() | capabilities,
    readings=st.lists(topologies, min_size=1, max_size=1).map(tuple)
    | st.lists(topologies, min_size=1, max_size=3).map(many),
    problem=st.none() | reasons(),
)
views = st.builds(
    Shown,
    place=st.none() | st.just(Place("C1")) | st.just(Place("C1", "1.2")),
    shard=st.sampled_from(["", "0", "1"]),
    channel=st.sampled_from(["", "C1"]),
    database=st.text(max_size=150) | st.sampled_from(["", "orders"]),
    look=st.none() | looks,
)


@relaxed
@given(views, st.sampled_from([Texts(locale) for locale in LOCALES]))
def test_every_form_is_within_the_limits_and_inert(shown: Shown, texts: Texts) -> None:
    """A hundred shards, a hundred nodes each, names of a thousand characters, markup everywhere."""
    view = form(shown, texts)
    assert modal_problems(view) == []
    assert len(json.dumps(view)) < 250_000
    assert alive_in(view) == []


def alive_in(view: dict[str, Any]) -> list[str]:
    """Markup of others in what Slack reads markup in; fields hold plain text."""
    shown = [block for block in view["blocks"] if block["type"] != "input"]
    return alive(Rendered("", shown))


@relaxed
@given(st.lists(st.tuples(words, words), max_size=150))
def test_the_type_ahead_is_within_the_limits(named: list[tuple[str, str]]) -> None:
    """Of whatever names and descriptions there are."""
    databases = [Database(name, about, "qc", ScriptedCloud(), POLICY) for name, about in named]
    assert option_problems({"options": options(databases)}) == []


@given(reasons())
def test_every_error_is_short_plain_text(reason: Reason) -> None:
    """Slack shows it under the field."""
    assert 0 < len(error_text(reason, TEXTS)) <= 500


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Asia/Shanghai", "2027-01-02 02:37:09 (UTC+08:00, Asia/Shanghai)"),
        ("", "2027-01-01 18:37:09 (UTC)"),
    ],
)
def test_an_error_tells_a_time_as_clocks_show_it(zone: str, shown: str) -> None:
    """Slack shows no dates in it."""
    far = Reason.of("start-too-far", when="2027-01-01T18:37:09.058000+00:00", days=30)
    assert error_text(far, TEXTS, zone=zone) == (
        f"{shown} is more than 30 days away. Ask again closer to that time."
    )
    assert error_text(Reason.of("start-in-the-past", when="soon"), TEXTS).startswith("soon has passed")


def test_a_notice_is_a_view() -> None:
    """In place of a form."""
    assert modal_problems(notice("Done.", TEXTS)) == []


def shards(count: int, nodes: int = 3) -> Look:
    """A sharded database of so many shards with so many nodes each."""
    members = tuple(replace(node(B), id=NodeId(f"n-{number}")) for number in range(nodes))
    each = [replace(reading(A), nodes=members, shard=f"sh-{n}", shard_name=f"s{n}") for n in range(count)]
    return Look("events", replace(CLOUD, shards=True), each)


def block(view: dict[str, Any], name: str) -> dict[str, Any]:
    """The element of one field."""
    (found,) = [each for each in view["blocks"] if each.get("block_id") == name]
    element: dict[str, Any] = found["element"]
    return element


@pytest.mark.parametrize(
    ("look", "shard", "node"),
    [
        (shards(100), "static_select", "static_select"),
        (shards(101), "plain_text_input", "plain_text_input"),
        (shards(100, nodes=100), "plain_text_input", "plain_text_input"),
    ],
)
def test_what_slack_would_not_take_is_typed_instead(look: Look, shard: str, node: str) -> None:
    """Nothing that could be meant is hidden."""
    view = form(Shown(Place("C1"), database="events", look=look), TEXTS)
    assert (block(view, "shard")["type"], block(view, "node")["type"]) == (shard, node)
    assert modal_problems(view) == []


def test_where_the_cloud_chooses_there_is_no_node_to_choose() -> None:
    """And the form says so."""
    cloud = replace(CLOUD, candidate=CandidateRule.CHOSEN_BY_CLOUD)
    view = form(Shown(Place("C1"), database="orders", look=Look("orders", cloud, [reading(A)])), TEXTS)
    assert "The cloud chooses the new primary." in json.dumps(view)
    assert [each.get("block_id") for each in view["blocks"] if each["type"] == "input"] == [
        *("database", "start", "reason", "channel")
    ]


# --- what comes back -----------------------------------------------------------------------------------

LOCAL = Local(unknown=lambda _: None, takes_requests=lambda _: True, now=START, zone="Asia/Shanghai")


def sent(shown: Shown | None = None, **fields: Any) -> dict[str, Any]:
    """A form as Slack sends it, with these elements' states."""
    view = form(shown or Shown(Place("C1", "1.2")), TEXTS)
    values = {name: {name: state} for name, state in fields.items()}
    return {**view, "id": "V1", "hash": "h", "state": {"values": values}}


def chosen(value: str) -> dict[str, Any]:
    return {"type": "static_select", "selected_option": {"value": value, "text": {"text": value}}}


@pytest.mark.parametrize(
    ("state", "start"),
    [
        ({"value": "14:30"}, Start(clock=time(14, 30))),
        ({"value": "at 14:30"}, Start(clock=time(14, 30))),
        ({"value": "14\N{FULLWIDTH COLON}30"}, Start(clock=time(14, 30))),
        ({"value": " in 30m "}, Start(after=timedelta(minutes=30))),
        ({"value": "1h30m"}, Start(after=timedelta(minutes=90))),
        ({"value": "2026-03-03T02:00Z"}, Start(at=datetime(2026, 3, 3, 2, tzinfo=UTC))),
        ({"selected_date_time": 1772503200}, Start(at=datetime(2026, 3, 3, 2, tzinfo=UTC))),
        ({"value": None}, None),
    ],
)
def test_a_start_is_read_as_the_grammar_reads_it(state: dict[str, Any], start: Start | None) -> None:
    """And what a date and time picker would say."""
    found = filled(sent(database=chosen("orders"), start=state), LOCAL)
    assert found == Filled(RequestSwitchover("orders", start=start), Place("C1", "1.2"))


@pytest.mark.parametrize("typed", ["soon", "at", "in", "in 14:30", "at 30m", "0s", "25:00"])
def test_what_is_no_start_is_said_at_its_field(typed: str) -> None:
    """Nothing starts at once that was meant for later."""
    found = filled(sent(database=chosen("orders"), start={"value": typed}), LOCAL)
    assert isinstance(found, dict)
    assert list(found) == ["start"]


@pytest.mark.parametrize(
    ("shard", "picked", "error"),
    [
        ("sh-1", C, None),
        ("sh-1", B, Reason.of("form-node-of-another", node=B)),
        ("sh-0", C, Reason.of("form-node-elsewhere", node=C, shard="sh-1")),
    ],
)
def test_a_node_that_was_picked_for_another_shard_is_told_at_its_field(
    shard: str, picked: NodeId, error: Reason | None
) -> None:
    """Before its shard was chosen, or while the form still showed those of another."""
    readings = [
        replace(reading(A), nodes=(node(each),), shard=f"sh-{number}", shard_name=f"s{number}")
        for number, each in enumerate((B, C))
    ]
    look = Look("events", replace(CLOUD, shards=True), readings)
    shown = Shown(Place("C1"), database="events", look=look, shard="sh-1")
    found = filled(sent(shown, database=chosen("events"), shard=chosen(shard), node=chosen(picked)), LOCAL)
    assert found == (
        {"node": error}
        if error
        else Filled(RequestSwitchover("events", node=picked, shard=shard), Place("C1"))
    )


def test_a_missing_database_is_said_at_its_field() -> None:
    """As a mended client might send it."""
    found = filled(sent(), LOCAL)
    assert found == {"database": Reason.of("form-database-missing")}


def test_an_error_of_a_field_that_is_not_shown_is_said_at_the_database() -> None:
    """Slack takes errors for fields that there are only."""
    found = filled(sent(database=chosen("orders"), node={"value": "<@U1>"}), LOCAL)
    assert isinstance(found, dict)
    assert list(found) == ["database"]


@pytest.mark.parametrize(
    "metadata",
    ["", "[]", "{", '{"channel": "general"}', '{"channel": "C1", "thread": "x"}', '{"channel": 1}'],
)
def test_what_a_form_carried_along_is_checked(metadata: str) -> None:
    """It decides where the card goes."""
    with pytest.raises(Malformed):
        kept(sent() | {"private_metadata": metadata})


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("channel", "database", "shard", "node", "start", "reason")
elements = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("value", "selected_option", "selected_date_time", "type"), junk)
)
fields = st.dictionaries(
    st.sampled_from(FIELDS), st.dictionaries(st.sampled_from(FIELDS), elements, max_size=6), max_size=6
)
states = junk | st.fixed_dictionaries({"values": junk | fields})


@relaxed
@given(states, junk | st.just(sent()["blocks"]), junk | st.just(sent()["private_metadata"]))
def test_whatever_comes_back_is_a_request_errors_or_malformed(state: Any, blocks: Any, carried: Any) -> None:
    """Never another exception."""
    view = sent() | {"state": state, "blocks": blocks, "private_metadata": carried}
    try:
        found = filled(view, LOCAL)
    except Malformed:
        return
    assert isinstance(found, Filled) or found


def test_it_is_our_form() -> None:
    """By the name of the contract, with ids only in what it carries."""
    view = form(Shown(Place("C1", "1.2"), database="orders"), TEXTS)
    assert view["callback_id"] == CALLBACK == "switchover_request"
    assert json.loads(view["private_metadata"]) == {"channel": "C1", "thread": "1.2", "database": "orders"}
    assert B not in json.dumps(view)
