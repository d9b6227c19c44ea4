"""The page's table of who may do what, cell by cell: in the rules, and through commands and clicks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.core import events as e
from bot.core import holds as h
from bot.core.answers import Answer, ShowDatabases, ShowOperations, ShowPlan, Tell
from bot.core.commands import (
    Act,
    Action,
    Command,
    Freeze,
    Halt,
    ListDatabases,
    RequestSwitchover,
    Resume,
    ShowHistory,
    ShowStatus,
    Unfreeze,
)
from bot.core.model import Reason, UserId
from bot.core.operation import Operation, Status
from bot.core.policy import (
    Policy,
    Standing,
    may_approve,
    may_break_glass,
    may_cancel,
    may_reject,
    may_request,
    may_review,
)
from bot.errors import OutcomeUnknown
from bot.service.catalogue import Catalogue
from tests.approval.office import (
    CYD,
    FAY,
    GIL,
    GUEST,
    KINDS,
    NOT_MEMBERS,
    ORDERS,
    SESSIONS,
    Office,
    standing,
    team_of,
)
from tests.core.examples import ANN, ASKER, BOB, EVE, JOB, B, evidence, reading
from tests.service.world import ID, World

PAGE = Path(__file__).parents[2] / "docs" / "approvals.md"
REQUEST = RequestSwitchover("orders", "n-b", reason="upgrade")
EMERGENCY = replace(REQUEST, emergency=True)


def table() -> dict[str, dict[str, str]]:
    """The page's cells, by action and kind of people."""
    lines = PAGE.read_text(encoding="utf-8").partition("## Who may do what")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in re.findall(r"^\|.*\|$", lines, re.MULTILINE)
    ]
    head, _, *body = rows
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in body}


TABLE = table()
CELLS = [(row, kind, user) for row in TABLE for kind, people in KINDS.items() for user in people]


# --- how it is tried ---


async def nothing(_world: World) -> None:
    """Nothing is under way."""


async def over(world: World) -> None:
    """What the requester asked for and ``approved`` approved was rejected."""
    await awaiting(world)
    await world.click(Action.REJECT, BOB)


async def awaiting(world: World) -> None:
    """One of two approvals is there."""
    await world.planned()
    assert await world.click(Action.APPROVE, ANN) == "None"


async def needs_attention(world: World) -> None:
    """Sent, and nobody knows whether it arrived."""
    await world.submitted_with(OutcomeUnknown("lost"))
    world.cloud.trace = evidence(searched=False)
    await world.tick(130)
    assert await world.status() is Status.NEEDS_ATTENTION
    await world.clock.sleep(1)


async def done(world: World) -> None:
    """Sent, followed, and verified."""
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    assert await world.status() is Status.SUCCEEDED


async def succeeded(world: World) -> None:
    await world.submitted_with(JOB)
    await done(world)


async def expired(world: World) -> None:
    await awaiting(world)
    await world.tick(ORDERS.approval_ttl.total_seconds())
    assert await world.status() is Status.EXPIRED


async def emergency_by(world: World, user: UserId) -> None:
    """This person ran an emergency, and may run none any more, unless they always could."""
    world.configure(orders=replace(ORDERS, break_glass=(*ORDERS.break_glass, user)), sessions=SESSIONS)
    world.cloud.answers = [JOB]
    assert await world.ask(EMERGENCY, user) is None
    await world.tick()
    await world.tick()
    await done(world)
    world.configure(orders=ORDERS, sessions=SESSIONS)


async def emergency(world: World) -> None:
    await emergency_by(world, ASKER)


def frozen(scope: str, by: UserId) -> Callable[[World], Awaitable[None]]:
    async def prepare(world: World) -> None:
        await awaiting(world)
        assert await world.told(Freeze(scope, "month end"), by) == "frozen-now"

    return prepare


async def halted(world: World) -> None:
    await awaiting(world)
    assert await world.told(Halt("which primary?"), ASKER) == "halted-now"


@dataclass(frozen=True)
class Try:
    """What somebody asks for, in a world that makes sense of it, and what it leads to where they may.

    ``leads_to`` is the class of the event that is recorded, or of the answer.
    """

    command: Command
    leads_to: type
    prepare: Callable[[World], Awaitable[None]] = nothing


def click(action: Action, leads_to: type, prepare: Callable[[World], Awaitable[None]]) -> Try:
    return Try(Act(action, ID), leads_to, prepare)


TRIES = {
    "`DATABASE …`, `plan DATABASE …`": [
        Try(REQUEST, e.Requested, over),
        Try(replace(REQUEST, dry_run=True), ShowPlan, over),
    ],
    "`approve`": [click(Action.APPROVE, e.Approved, awaiting)],
    "`reject`": [click(Action.REJECT, e.Rejected, awaiting)],
    "`cancel ID`": [click(Action.CANCEL, e.Cancelled, awaiting)],
    "`check_again`": [click(Action.CHECK_AGAIN, Tell, needs_attention)],
    "`acknowledge`": [click(Action.ACKNOWLEDGE, e.Acknowledged, needs_attention)],
    "`switch_back`, `replan`": [
        click(Action.SWITCH_BACK, e.Requested, succeeded),
        click(Action.REPLAN, e.Requested, expired),
    ],
    "`emergency DATABASE …`": [Try(EMERGENCY, e.Requested, over)],
    "`review`": [click(Action.REVIEW, e.Reviewed, emergency)],
    "`freeze DATABASE`, `unfreeze DATABASE`": [
        Try(Freeze("orders", "month end"), h.Frozen, awaiting),
        Try(Unfreeze("orders"), h.Unfrozen, frozen("orders", BOB)),
    ],
    "`freeze all`, `unfreeze all`, `resume`": [
        Try(Freeze("all", "month end"), h.Frozen, awaiting),
        Try(Unfreeze("all"), h.Unfrozen, frozen("all", BOB)),
        Try(Resume(), h.Resumed, halted),
    ],
    "`halt`": [Try(Halt("which primary?"), h.Halted, awaiting)],
    "`list`, `status`, `history`": [
        Try(ListDatabases(), ShowDatabases, awaiting),
        Try(ShowStatus(), ShowOperations, awaiting),
        Try(ShowHistory(), ShowOperations, over),
    ],
}
BY_PEOPLE = (
    *(e.Requested, e.Approved, e.Rejected, e.Cancelled, e.Acknowledged, e.Reviewed),
    *(h.Frozen, h.Unfrozen, h.Halted, h.Resumed),
)
NO_EVENT = (ShowPlan, ShowDatabases, ShowOperations, Tell)


async def recorded(world: World) -> list[e.Event | h.HoldEvent]:
    """Every event there is."""
    ids = sorted(op.id for op in await world.store.operations(open_only=False))
    return [*[event for each in ids for event in await world.store.events(each)], *world.store.trail]


async def state(world: World) -> tuple[Sequence[Operation], list[object]]:
    """What a refusal must leave as it is."""
    operations = await world.store.operations(open_only=False)
    return operations, [
        *world.store.trail,
        *world.store.notices,
        *[world.store.due_at(op.id) for op in operations],
    ]


async def tried(world: World, attempt: Try, user: UserId) -> bool:
    """Whether somebody may: then it has had its effect, under their name. If not, they know why and nothing has."""
    await attempt.prepare(world)
    before, untouched = await recorded(world), await state(world)
    submitted = len(world.cloud.submissions)
    answer = await world.ask(attempt.command, user, team=team_of(user))
    new = [event for event in await recorded(world) if event not in before]
    assert len(world.cloud.submissions) == submitted
    if new:
        (event,) = new
        assert isinstance(event, attempt.leads_to)
        assert isinstance(event, BY_PEOPLE)
        assert (event.by, event.team) == (user, team_of(user))
        return True
    if refused(answer):
        assert await state(world) == untouched
        return False
    assert attempt.leads_to in NO_EVENT
    assert isinstance(answer, attempt.leads_to)
    if isinstance(answer, Tell):
        assert answer.text.code == ("checking-again" if user in NOT_MEMBERS else "looked-again")
        assert world.store.due_at(ID) == world.clock.now()
    return True


def refused(answer: Answer | None) -> bool:
    """Whether an answer says that this person may not."""
    return isinstance(answer, Tell) and answer.text.code.startswith("deny-")


# --- the table ---


def test_the_table_is_whole() -> None:
    assert list(TABLE) == list(TRIES)
    assert all(list(row) == list(KINDS) for row in TABLE.values())
    assert {cell for row in TABLE.values() for cell in row.values()} == {"yes", ""}


@pytest.mark.parametrize(("row", "kind", "user"), CELLS)
async def test_a_command_or_click_has_its_effect_exactly_where_the_table_says_yes(
    row: str, kind: str, user: UserId
) -> None:
    for attempt in TRIES[row]:
        assert await tried(Office(), attempt, user) is (TABLE[row][kind] == "yes"), attempt


def of_any() -> Policy:
    """The policy for what concerns every database."""
    return Office().catalogue.current.policy_of_any("all")


RULES: dict[str, Callable[[Standing], Reason | None]] = {
    "`DATABASE …`, `plan DATABASE …`": lambda who: may_request(ORDERS, who),
    "`approve`": lambda who: may_approve(ORDERS, who, requested_by=ASKER, approved_by=(ANN,)),
    "`reject`": lambda who: may_reject(ORDERS, who),
    "`cancel ID`": lambda who: may_cancel(ORDERS, who, requested_by=ASKER),
    "`acknowledge`": lambda who: may_reject(ORDERS, who),
    "`switch_back`, `replan`": lambda who: may_request(ORDERS, who),
    "`emergency DATABASE …`": lambda who: may_break_glass(ORDERS, who),
    "`review`": lambda who: may_review(ORDERS, who, requested_by=ASKER),
    "`freeze DATABASE`, `unfreeze DATABASE`": lambda who: may_reject(ORDERS, who),
    "`freeze all`, `unfreeze all`, `resume`": lambda who: may_reject(of_any(), who),
    "`halt`": lambda who: may_request(of_any(), who),
}
NO_RULE = {"`check_again`", "`list`, `status`, `history`"}
"""What no list of a policy decides."""


@pytest.mark.parametrize(("row", "kind", "user"), [cell for cell in CELLS if cell[0] not in NO_RULE])
def test_the_rules_say_yes_exactly_where_the_table_does(row: str, kind: str, user: UserId) -> None:
    denied = RULES[row](standing(user))
    assert (denied is None) is (TABLE[row][kind] == "yes"), denied


def test_every_row_is_decided_by_a_rule_or_by_none() -> None:
    assert RULES.keys() | NO_RULE == TABLE.keys()


# --- what the page says below the table ---


async def test_who_has_approved_and_presses_again_is_told_that_it_counts_already() -> None:
    world = Office()
    await awaiting(world)
    assert await world.click(Action.APPROVE, ANN) == "deny-approved-already"
    assert (await world.op()).approved_by == (ANN,)


@pytest.mark.parametrize("own_counts", [False, True])
async def test_a_requester_who_is_an_approver_approves_their_own_only_where_the_policy_says_so(
    *, own_counts: bool
) -> None:
    world = Office(replace(ORDERS, requesters=("*",), self_approval=own_counts))
    assert await world.ask(REQUEST, ANN) is None
    await world.tick()
    assert await world.click(Action.APPROVE, ANN) == ("None" if own_counts else "deny-own-request")
    assert (await world.op()).approved_by == ((ANN,) if own_counts else ())


async def test_a_requester_whom_nobody_made_an_approver_never_approves() -> None:
    world = Office(replace(ORDERS, self_approval=True))
    await world.planned()
    assert await world.click(Action.APPROVE, ASKER) == "deny-not-an-approver"


@pytest.mark.parametrize("user", [CYD, GIL])
async def test_nobody_reviews_their_own_emergency_whatever_lists_they_are_in(user: UserId) -> None:
    world = Office()
    await emergency_by(world, user)
    assert await world.click(Action.REVIEW, user) == "deny-own-emergency"
    assert (await world.op()).review_owed
    assert await world.click(Action.REVIEW, BOB) == "None"


async def test_a_requester_who_has_left_withdraws_nothing_any_more() -> None:
    world = Office()
    await world.planned()
    world.slack.users[ASKER].deleted = True
    await world.clock.sleep(30)
    assert await world.click(Action.CANCEL, ASKER) == "deny-not-a-member"
    assert await world.status() is Status.AWAITING_APPROVAL


async def test_what_is_in_no_configuration_any_more_is_closed_by_an_approver_of_any_database() -> None:
    world = Office()
    await needs_attention(world)
    world.catalogue.current = Catalogue({"sessions": world.database("sessions", SESSIONS)})
    assert await world.click(Action.ACKNOWLEDGE, CYD) == "deny-no-approver-at-all"
    assert await world.click(Action.ACKNOWLEDGE, FAY) == "None"
    assert await world.status() is Status.CLOSED


STALE = {
    Action.APPROVE: "already-decided",
    Action.REJECT: "already-decided",
    Action.CANCEL: "already-decided",
    Action.CHECK_AGAIN: "already-decided",
    Action.ACKNOWLEDGE: "already-decided",
    Action.SWITCH_BACK: "nothing-to-switch-back",
    Action.REPLAN: "nothing-to-replan",
    Action.REVIEW: "nothing-to-review",
}


@pytest.mark.parametrize("action", Action)
async def test_the_buttons_of_a_stale_card_change_nothing_and_say_so(action: Action) -> None:
    world = Office(replace(ORDERS, requesters=("*",)))
    await over(world)
    before = await state(world)
    assert await world.click(action, CYD) == STALE[action]
    assert await state(world) == before


@pytest.mark.parametrize("action", [each for each in Action if each is not Action.CHECK_AGAIN])
@pytest.mark.parametrize("user", NOT_MEMBERS)
async def test_the_buttons_of_a_stale_card_tell_nothing_to_who_is_not_a_member(
    action: Action, user: UserId
) -> None:
    world = Office()
    await over(world)
    answer = await world.ask(Act(action, ID), user, team=team_of(user))
    assert refused(answer)
    assert isinstance(answer, Tell)
    assert answer.text.params == ()


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("user", [EVE, CYD, GUEST])
async def test_a_button_of_no_operation_changes_nothing_and_says_so(action: Action, user: UserId) -> None:
    world = Office()
    await awaiting(world)
    before = await state(world)
    assert await world.click(action, user, "SW-NONE") == "unknown-operation"
    assert await state(world) == before
