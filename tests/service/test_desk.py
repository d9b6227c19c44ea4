"""What people ask, and what each of them is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from bot.core.answers import AskAgain, ChooseNode, ShardLine, ShowDatabases, ShowOperations, ShowPlan, Tell
from bot.core.commands import (
    Act,
    Action,
    Command,
    Freeze,
    Halt,
    ListDatabases,
    RequestSwitchover,
    ShowHelp,
    ShowHistory,
    ShowStatus,
)
from bot.core.events import Requested
from bot.core.machine import Limits
from bot.core.model import CandidateRule, JobId, Reason, UserId, nested
from bot.core.operation import Operation, Status
from bot.core.preflight import Outcome
from bot.core.schedule import Start
from bot.errors import OutcomeUnknown, Refused, Stale, StoreUnavailable, Unavailable
from bot.ports import Message, MessageKind
from bot.service.catalogue import Catalogue
from bot.service.showing import LISTED
from tests.core.examples import ANN, ASKER, BOB, CLOUD, EVE, JOB, A, B, C, evidence, reading
from tests.service.world import GUEST, ID, POLICY, World, stricter

ORDERS = RequestSwitchover("orders", "n-b", reason="upgrade")


# --- requests ---


async def test_a_request_is_recorded_as_asked_and_answered_by_its_card_alone() -> None:
    world = World()
    assert await world.ask(ORDERS) is None
    (event,) = await world.store.events(ID)
    assert isinstance(event, Requested)
    assert (event.database, event.node, event.reason, event.by) == ("orders", "n-b", "upgrade", ASKER)
    assert await world.status() is Status.PLANNING
    assert world.store.due_at(ID) == world.clock.now()


async def test_an_unknown_database_is_answered_with_the_nearest_name() -> None:
    world = World()
    typed = RequestSwitchover("ordres", node="n-b", reason="upgrade", start=Start(after=timedelta(hours=1)))
    near = Reason.of("unknown-database", name="ordres", nearest="orders")
    assert await world.ask(typed) == AskAgain(near, replace(typed, database="orders"))
    # What is copied in haste starts nothing.
    emergency = replace(typed, start=None, emergency=True)
    assert await world.ask(emergency) == AskAgain(near)
    nobody = Reason.of("unknown-database", name="zzz", nearest="")
    assert await world.ask(RequestSwitchover("zzz")) == AskAgain(nobody)
    assert await world.store.operations(open_only=False) == []


@pytest.mark.parametrize(
    "words",
    [
        {"node": "sessions"},
        {"shard": "Sessions."},
        {"node": "sw-7k3m9q."},
        {"reason": "SW-7K3M9Q failed"},
        {"node": "orders"},
        {"reason": "sessions hangs"},
    ],
)
async def test_who_names_another_database_or_an_operation_besides_has_nothing_to_copy(
    words: dict[str, str],
) -> None:
    """What is like a name may be a word for the opposite; not so where only the reason names a database."""
    world = World()
    world.configure(orders=POLICY, sessions=POLICY)
    typed = replace(RequestSwitchover("ordres"), **words)  # type: ignore[arg-type]
    problem = Reason.of("unknown-database", name="ordres", nearest="orders")
    harmless = words in ({"node": "orders"}, {"reason": "sessions hangs"})
    assert await world.ask(typed) == AskAgain(
        problem, replace(typed, database="orders") if harmless else None
    )


async def test_a_request_in_another_channel_than_configured_is_not_taken() -> None:
    world = World()
    world.catalogue.current = replace(world.catalogue.current, channels=frozenset({"C-OPS"}))
    assert await world.told(ORDERS, channel="C-ELSE") == "wrong-channel"
    assert await world.told(ORDERS, channel="C-OPS") == "None"


async def test_a_request_where_nobody_else_sees_the_card_is_not_taken() -> None:
    world = World(stricter(break_glass=(ASKER,)))
    for command in (ORDERS, replace(ORDERS, emergency=True)):
        assert await world.told(command, channel="D-BOT") == "wrong-channel"
    assert isinstance(await world.ask(replace(ORDERS, dry_run=True), channel="D-BOT"), ShowPlan)


@pytest.mark.parametrize(
    ("user", "requesters", "told"),
    [
        (GUEST, ("*",), "deny-not-a-member"),
        (UserId("U-NOBODY"), ("*",), "deny-not-a-member"),
        (EVE, ("S-DBA",), "deny-not-a-requester"),
        (ANN, ("S-DBA",), "None"),
        (EVE, ("*",), "None"),
    ],
)
async def test_only_members_whom_the_policy_lists_may_request(
    user: UserId, requesters: tuple[str, ...], told: str
) -> None:
    world = World(stricter(requesters=requesters))
    assert await world.told(ORDERS, user) == told


async def test_a_second_request_for_the_same_database_names_the_operation_that_holds_it() -> None:
    world = World()
    await world.planned()
    answer = await world.ask(ORDERS, ANN)
    assert isinstance(answer, Tell)
    assert (answer.text.code, answer.text["holder"]) == ("locked", ID)


async def test_of_two_requests_in_the_same_moment_one_is_told_of_the_other() -> None:
    world = World()
    first, second = await world.receive(ORDERS), await world.receive(ORDERS, ANN)

    async def meanwhile() -> None:
        await world.desk.work(first)

    world.cloud.capabilities = replace(CLOUD, candidate=CandidateRule.OPTIONAL)
    world.people.meanwhile[ANN] = meanwhile
    await world.desk.work(second)
    assert len(await world.store.operations(open_only=True)) == 1
    assert isinstance(world.store.answers[-1].answer, Tell)
    assert world.store.answers[-1].answer.text.code == "locked"


async def test_the_lock_decides_where_the_look_before_it_saw_nothing() -> None:
    world = World()
    first, second = await world.receive(ORDERS), await world.receive(RequestSwitchover("orders"), ANN)
    world.cloud.shows(replace(reading(A), nodes=reading(A).nodes[:2]))

    async def meanwhile() -> None:
        await world.desk.work(first)

    world.cloud.while_reading = meanwhile
    await world.desk.work(second)
    assert [op.id for op in await world.store.operations(open_only=False)] == [ID]
    assert isinstance(world.store.answers[-1].answer, Tell)
    assert world.store.answers[-1].answer.text["holder"] == ID


async def test_a_database_is_free_again_after_the_end() -> None:
    world = World()
    await world.planned()
    await world.click(Action.CANCEL, ASKER)
    assert await world.told(ORDERS) == "None"


async def test_several_fitting_nodes_are_offered_and_there_is_no_operation_yet() -> None:
    world = World()
    answer = await world.ask(RequestSwitchover("orders", reason="upgrade"))
    assert isinstance(answer, ChooseNode)
    assert [node.id for node in answer.nodes] == [B, C]
    choice = answer.request.choice
    assert answer.request == RequestSwitchover("orders", reason="upgrade", choice=choice)
    assert choice is not None
    assert choice.asked_at == world.clock.now()
    assert await world.store.operations(open_only=False) == []


@pytest.mark.parametrize("seen", [Unavailable("503"), replace(reading(A), nodes=reading(A).nodes[:2])])
async def test_without_a_choice_to_make_the_request_is_taken(seen: object) -> None:
    world = World()
    world.cloud.topology = [seen]  # type: ignore[list-item]
    assert await world.ask(RequestSwitchover("orders")) is None
    assert await world.status() is Status.PLANNING


async def test_a_dry_run_shows_the_plan_and_leaves_nothing_behind() -> None:
    world = World()
    answer = await world.ask(replace(ORDERS, dry_run=True))
    assert isinstance(answer, ShowPlan)
    assert (answer.outcome, answer.candidate, answer.topology) == (Outcome.CLEAN, B, reading(A))
    assert await world.store.operations(open_only=False) == []
    assert [reply.answer for reply in world.store.answers] == [answer]
    assert len(world.store.disk.messages) == 1
    op = await world.planned()  # nothing is locked
    assert isinstance(await world.ask(replace(ORDERS, dry_run=True)), ShowPlan)
    assert await world.store.operations(open_only=False) == [op]


async def test_a_dry_run_says_that_the_database_is_locked_as_a_request_would() -> None:
    world = World()
    op = await world.submitted_with(OutcomeUnknown("lost"))
    answer = await world.ask(replace(ORDERS, dry_run=True))
    assert isinstance(answer, ShowPlan)
    locked = Reason.of("locked", database="orders", holder=op.id)
    assert (answer.outcome, answer.detail) == (Outcome.REFUSED, locked)
    assert answer.checks
    await world.ask(Halt("storm"), ANN)
    answer = await world.ask(replace(ORDERS, dry_run=True))
    assert isinstance(answer, ShowPlan)
    assert answer.detail is not None
    assert answer.detail.code == "halted-by"


async def test_a_dry_run_of_a_shard_is_not_locked_by_another() -> None:
    world = World()
    assert await world.ask(replace(ORDERS, shard="sh-1")) is None
    world.cloud.shards = [replace(reading(A), shard=shard) for shard in ("sh-1", "sh-2")]
    for shard, locked in (("sh-1", True), ("sh-2", False)):
        world.cloud.shows(replace(reading(A), shard=shard))
        answer = await world.ask(replace(ORDERS, shard=shard, dry_run=True))
        assert isinstance(answer, ShowPlan)
        assert (answer.detail is not None and answer.detail.code == "locked") is locked


async def test_a_dry_run_for_later_says_when() -> None:
    world = World()
    later = replace(ORDERS, dry_run=True, start=Start(after=timedelta(hours=2)))
    answer = await world.ask(later)
    assert isinstance(answer, ShowPlan)
    assert answer.start_at == world.clock.now() + timedelta(hours=2)


async def test_a_dry_run_that_can_not_read_says_why() -> None:
    world = World()
    world.cloud.shows(Refused("no such cluster", code="1400", request_id="r-1"))
    answer = await world.ask(replace(ORDERS, dry_run=True))
    assert isinstance(answer, Tell)
    assert answer.text.code == "not-plannable"
    assert answer.detail is not None
    said = nested([Reason.of("cloud-said", said="no such cluster")])
    assert answer.detail == Reason.of("provider-said", message=said, error="1400 r-1")


# --- clicks ---


@pytest.mark.parametrize(
    ("user", "told"),
    [
        (EVE, "deny-not-an-approver"),
        (ASKER, "deny-own-request"),
        (GUEST, "deny-not-a-member"),
        (UserId("U-NOBODY"), "deny-not-a-member"),
    ],
)
async def test_whoever_may_not_approve_is_told_why_and_does_not_count(user: UserId, told: str) -> None:
    world = World()
    await world.planned()
    assert await world.click(Action.APPROVE, user) == told
    assert (await world.op()).approvals == ()


async def test_a_person_of_another_workspace_may_approve_nothing() -> None:
    world = World()
    await world.planned()
    item = await world.receive(Act(Action.APPROVE, ID), ANN)
    await world.desk.work(replace(item, origin=replace(item.origin, team="T-OTHER")))
    assert (await world.op()).approvals == ()


async def test_the_same_person_counts_once() -> None:
    world = World()
    await world.planned()
    assert await world.click(Action.APPROVE, ANN) == "None"
    assert await world.click(Action.APPROVE, ANN) == "deny-approved-already"
    assert (await world.op()).approved_by == (ANN,)


async def test_the_requester_counts_where_the_policy_in_force_says_so() -> None:
    world = World()
    await world.planned()
    world.configure(orders=stricter(self_approval=True, approvals=1))
    assert await world.click(Action.APPROVE, ASKER) == "None"
    assert await world.status() is Status.RECHECKING


async def test_an_approval_after_the_expiry_is_told_so_even_before_the_tick_saw_it() -> None:
    world = World()
    await world.planned()
    await world.clock.sleep(30 * 60)
    assert await world.click(Action.APPROVE, ANN) == "approval-expired"
    assert await world.status() is Status.AWAITING_APPROVAL


async def test_two_approvers_in_the_same_moment_both_count() -> None:
    world = World()
    await world.planned()

    async def meanwhile() -> None:
        assert await world.click(Action.APPROVE, BOB) == "None"

    world.people.meanwhile[ANN] = meanwhile
    assert await world.click(Action.APPROVE, ANN) == "None"
    assert (await world.op()).approved_by == (BOB, ANN)
    assert await world.status() is Status.RECHECKING


async def test_a_double_click_in_the_same_moment_counts_once() -> None:
    world = World()
    await world.planned()

    async def meanwhile() -> None:
        assert await world.click(Action.APPROVE, ANN) == "None"

    world.people.meanwhile[ANN] = meanwhile
    assert await world.click(Action.APPROVE, ANN) == "deny-approved-already"
    assert (await world.op()).approved_by == (ANN,)


async def test_a_click_that_is_always_overtaken_is_worked_on_again_later() -> None:
    world = World(stricter(approvals=99, approvers=("*",)))
    crowd = [UserId(f"U-{number}") for number in range(9)]
    world.people.persons.update(dict.fromkeys(crowd, True))
    await world.planned()

    async def next_one() -> None:
        if crowd:
            world.people.meanwhile[ANN] = next_one
            assert await world.click(Action.APPROVE, crowd.pop()) == "None"

    item = await world.receive(Act(Action.APPROVE, ID), ANN)
    world.people.meanwhile[ANN] = next_one
    await world.desk.work(item)
    assert ANN not in (await world.op()).approved_by
    assert item.id in world.store.unfinished()


async def test_a_button_of_an_unknown_operation_costs_a_sentence() -> None:
    assert await World().click(Action.APPROVE, ANN, "SW-NONE") == "unknown-operation"


async def test_a_button_of_a_database_that_nothing_is_known_of_costs_a_sentence() -> None:
    world = World()
    await world.planned()
    world.catalogue.current = Catalogue({"other": world.database("other", POLICY)})
    assert await world.click(Action.APPROVE, ANN) == "database-removed"


async def test_a_click_is_judged_by_the_configuration_that_came_while_slack_was_asked() -> None:
    world = World()
    await world.planned()

    async def reloaded() -> None:
        world.configure(orders=replace(POLICY, approvers=(BOB,)))

    world.people.meanwhile[ANN] = reloaded
    assert await world.click(Action.APPROVE, ANN) == "deny-not-an-approver"
    assert (await world.op()).approvals == ()


async def test_a_click_made_while_a_database_was_out_of_the_configuration_is_judged_by_what_it_says_now() -> (
    None
):
    world = World()
    await world.planned()
    there = world.catalogue.current.databases["orders"]
    world.catalogue.current = Catalogue({}, retired={"orders": there})

    async def back() -> None:
        world.configure(orders=replace(POLICY, approvals=1))

    world.people.meanwhile[ANN] = back
    assert await world.click(Action.APPROVE, ANN) == "None"
    (approval,) = (await world.op()).approvals
    assert (await world.op()).needed == 1
    assert approval.by == ANN


@pytest.mark.parametrize(
    ("action", "user", "end"),
    [
        (Action.REJECT, ANN, Status.REJECTED),
        (Action.CANCEL, ASKER, Status.CANCELLED),
        (Action.CANCEL, ANN, Status.CANCELLED),
    ],
)
async def test_a_request_can_be_rejected_or_withdrawn_before_it_is_sent(
    action: Action, user: UserId, end: Status
) -> None:
    world = World()
    await world.planned()
    assert await world.click(action, user) == "None"
    assert (await world.status(), (await world.op()).decided_by) == (end, user)


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (Action.REJECT, "deny-not-an-approver"),
        (Action.CANCEL, "deny-not-requester-nor-approver"),
        (Action.ACKNOWLEDGE, "deny-not-an-approver"),
        (Action.CHECK_AGAIN, "nothing-to-check-yet"),
    ],
)
async def test_somebody_else_may_only_have_it_checked_again(action: Action, told: str) -> None:
    world = World()
    await world.planned()
    assert await world.click(action, EVE) == told
    assert await world.status() is Status.AWAITING_APPROVAL


async def test_who_types_that_a_request_is_withdrawn_is_told_so_and_whoever_presses_sees_it_on_the_card() -> (
    None
):
    world = World()
    await world.planned()
    told = await world.ask(Act(Action.CANCEL, ID, typed=True), channel="C-ELSEWHERE")
    assert told == Tell(Reason.of("cancelled-now", id=ID, database="orders"))
    assert await world.status() is Status.CANCELLED
    assert await world.told(Act(Action.CANCEL, ID, typed=True)) == "already-decided"
    op = await world.requested()
    assert await world.click(Action.CANCEL, ASKER, op.id) == "None"


async def in_status(status: Status) -> World:
    """A world whose operation has come as far as this."""
    world = World()
    match status:
        case Status.PLANNING:
            await world.requested()
        case Status.AWAITING_APPROVAL:
            await world.planned()
        case Status.RECHECKING:
            await world.approved()
        case Status.RUNNING:
            await world.submitted_with(JOB)
        case Status.IN_DOUBT:
            await world.submitted_with(OutcomeUnknown("lost"))
        case Status.VERIFYING:
            await world.submitted_with(JOB)
            world.cloud.finishes(JOB)
            await world.tick(2)
        case Status.NEEDS_ATTENTION:
            await world.submitted_with(OutcomeUnknown("lost"))
            world.cloud.trace = evidence(searched=False)
            await world.tick(130)
        case Status.SUCCEEDED:
            await world.submitted_with(JOB)
            world.cloud.finishes(JOB)
            world.cloud.shows(reading(B))
            await world.tick(2)
            await world.tick()
        case _:
            await world.planned()
            await world.click(Action.CANCEL, ASKER)
    assert await world.status() is status
    return world


NOTHING_TO = {
    Action.SWITCH_BACK: "nothing-to-switch-back",
    Action.REPLAN: "nothing-to-replan",
    Action.REVIEW: "nothing-to-review",
}
OF_AN_END = set(NOTHING_TO)
STALE = {
    Status.PLANNING: {
        Action.APPROVE: "not-ready-for-approval",
        Action.ACKNOWLEDGE: "too-late",
    },
    Status.AWAITING_APPROVAL: {Action.ACKNOWLEDGE: "too-late"},
    Status.RECHECKING: {Action.APPROVE: "too-late", Action.ACKNOWLEDGE: "too-late"},
    Status.IN_DOUBT: dict.fromkeys(set(Action) - OF_AN_END - {Action.CHECK_AGAIN}, "too-late") | NOTHING_TO,
    Status.RUNNING: dict.fromkeys(set(Action) - OF_AN_END - {Action.CHECK_AGAIN}, "too-late") | NOTHING_TO,
    Status.VERIFYING: dict.fromkeys(set(Action) - OF_AN_END - {Action.CHECK_AGAIN}, "too-late") | NOTHING_TO,
    Status.NEEDS_ATTENTION: dict.fromkeys({Action.APPROVE, Action.REJECT, Action.CANCEL}, "too-late"),
    Status.SUCCEEDED: dict.fromkeys(set(Action) - OF_AN_END, "already-decided")
    | {action: told for action, told in NOTHING_TO.items() if action is not Action.SWITCH_BACK},
    Status.CANCELLED: dict.fromkeys(set(Action) - OF_AN_END, "already-decided") | NOTHING_TO,
}


@pytest.mark.parametrize("status", list(STALE))
async def test_a_stale_button_costs_a_sentence_and_changes_nothing(status: Status) -> None:
    world = await in_status(status)
    before = await world.op()
    for action, told in STALE[status].items():
        assert await world.click(action, ANN) == told
    assert await world.op() == before


async def test_a_stale_approve_button_tells_a_guest_nothing_of_the_state() -> None:
    world = await in_status(Status.RUNNING)
    assert await world.click(Action.APPROVE, GUEST) == "deny-not-a-member"


async def test_what_needs_attention_is_closed_by_an_approver_who_takes_over() -> None:
    world = await in_status(Status.NEEDS_ATTENTION)
    assert await world.click(Action.ACKNOWLEDGE, EVE) == "deny-not-an-approver"
    assert await world.click(Action.ACKNOWLEDGE, ANN) == "None"
    assert await world.status() is Status.CLOSED
    assert world.thread()[-1] == "reply-closed"


async def test_what_waits_for_its_start_is_not_looked_at_before() -> None:
    world = World()
    assert await world.ask(replace(ORDERS, start=Start(after=timedelta(minutes=10)))) is None
    await world.tick()
    for who in (ANN, BOB):
        assert await world.click(Action.APPROVE, who) == "None"
    assert await world.status() is Status.SCHEDULED
    due_at = world.store.due_at(ID)
    told = Reason.of("nothing-to-check-yet", id=ID, status="scheduled")
    assert await world.ask(Act(Action.CHECK_AGAIN, ID), EVE) == Tell(told)
    assert world.store.due_at(ID) == due_at


async def test_checking_again_while_the_request_is_under_way_calls_nothing_in_doubt() -> None:
    world = World()
    await world.approved()

    async def impatient() -> None:
        assert await world.click(Action.CHECK_AGAIN, EVE) == "nothing-to-check-yet"
        await world.tick(1)

    world.cloud.meanwhile, world.cloud.answers = impatient, [JOB]
    await world.tick()
    assert "submission_uncertain" not in await world.history()
    assert await world.status() is Status.RUNNING


# --- the inbox ---


@pytest.mark.parametrize(
    "command", [ORDERS, Act(Action.APPROVE, ID), Act(Action.CANCEL, ID), Act(Action.REJECT, ID), ShowStatus()]
)
async def test_an_item_that_is_worked_on_twice_has_one_effect_and_one_answer(command: Command) -> None:
    world = World()
    if isinstance(command, Act):
        await world.planned()
    item = await world.receive(command, ANN)
    await world.desk.work(item)
    operations, answers = await world.store.operations(open_only=False), list(world.store.answers)
    await world.desk.work(item)
    assert await world.store.operations(open_only=False) == operations
    assert world.store.answers == answers
    assert world.store.unfinished() == []


@pytest.mark.parametrize("command", [ORDERS, Act(Action.APPROVE, ID), ListDatabases()])
async def test_who_can_not_be_found_out_is_asked_again_and_then_told_so(command: Command) -> None:
    world = World()
    if isinstance(command, Act):
        await world.planned()
    before = await world.store.operations(open_only=False)
    world.people.available = False
    item = await world.receive(command, ANN)
    for attempt in range(1, 5):
        assert world.store.answers == []
        await world.desk.work(replace(item, attempts=attempt))
    (reply,) = world.store.answers
    assert isinstance(reply.answer, Tell)
    assert reply.answer.text.code == "who-unknown"
    assert await world.store.operations(open_only=False) == before
    assert world.store.unfinished() == []


async def test_a_directory_that_answers_again_in_time_lets_the_request_through() -> None:
    world = World()
    world.people.available = False
    assert await world.ask(ORDERS) is None
    world.people.available = True
    await world.clock.sleep(1)
    (item,) = await world.store.claim_inbox(world.clock.now(), world.clock.now(), 10)
    await world.desk.work(item)
    assert (item.attempts, await world.status()) == (2, Status.PLANNING)


async def test_a_defect_is_tried_again_and_then_told_with_a_number_to_ask_about() -> None:
    world = World()
    world.cloud.shows(RuntimeError("a defect"))
    item = await world.receive(replace(ORDERS, dry_run=True))
    for attempt in range(1, 5):
        await world.desk.work(replace(item, attempts=attempt))
    (reply,) = world.store.answers
    assert isinstance(reply.answer, Tell)
    assert (reply.answer.text.code, reply.answer.text["id"]) == ("internal-error", f"in-{item.id}")


async def test_an_item_survives_a_store_that_is_gone() -> None:
    world = World()
    item = await world.receive(ORDERS)
    world.store.disk.trouble = "the database is gone"
    with pytest.raises(StoreUnavailable):
        await world.desk.work(item)
    assert await world.store.operations(open_only=False) == []
    world.store.disk.trouble = ""
    await world.desk.work(item)
    assert len(await world.store.operations(open_only=False)) == 1


# --- a card that can't be posted ---


def card(op: Operation | None, kind: MessageKind = MessageKind.CARD) -> Message:
    return Message(
        id=1,
        kind=kind,
        key="card",
        operation=op,
        status="planning",
        say=None,
        to=None,
        answer=None,
        channel="C-OPS",
        thread=None,
        ts="",
        uncertain=False,
        posted_version=0,
        attempts=1,
        created_at=World().clock.now(),
        claimed_until=World().clock.now(),
    )


async def test_a_request_whose_card_can_not_be_posted_is_withdrawn_and_its_asker_told() -> None:
    world = World()
    op = await world.planned()
    woken = world.woken
    withdrawn = await world.desk.undeliverable(card(op), "not_in_channel")
    assert withdrawn == await world.op()
    assert (await world.status(), await world.why()) == (Status.CANCELLED, "cancelled-undeliverable")
    assert world.thread() == ["reply-cancelled"], "which the publisher takes to a direct message"
    assert world.store.answers == []
    assert world.woken > woken


async def test_what_is_sent_already_is_not_withdrawn_for_a_card() -> None:
    world = World()
    op = await world.submitted_with(JOB)
    assert await world.desk.undeliverable(card(op), "not_in_channel") == await world.op()
    assert await world.status() is Status.RUNNING
    assert world.store.answers == []


async def test_a_card_that_an_event_overtook_is_withdrawn_all_the_same() -> None:
    world = World()
    op = await world.planned()

    async def overtaken() -> None:
        await world.click(Action.APPROVE, ANN)

    world.store.after_load = overtaken
    await world.desk.undeliverable(card(op), "not_in_channel")
    assert await world.status() is Status.CANCELLED


async def test_a_card_that_events_overtake_again_and_again_is_not_withdrawn_yet() -> None:
    world = World()
    op = await world.planned()

    async def overtaken() -> None:
        world.store.before_commit = overtaken
        raise Stale

    world.store.before_commit = overtaken
    with pytest.raises(Stale):
        await world.desk.undeliverable(card(op), "not_in_channel")


async def test_other_messages_that_can_not_be_posted_withdraw_nothing() -> None:
    world = World()
    op = await world.planned()
    await world.desk.undeliverable(card(op, MessageKind.REPLY), "gone")
    await world.desk.undeliverable(card(None, MessageKind.ANSWER), "gone")
    await world.desk.undeliverable(card(replace(op, id=type(op.id)("SW-GONE"))), "gone")
    assert await world.status() is Status.AWAITING_APPROVAL


# --- showing ---


@pytest.mark.parametrize("command", [ListDatabases(), ShowStatus(), ShowHistory(), ShowHelp()])
async def test_a_guest_is_shown_nothing(command: Command) -> None:
    assert await World().told(command, GUEST) == "deny-not-a-member"


async def test_the_list_names_each_primary_or_why_it_is_not_known() -> None:
    world = World()
    world.configure(orders=POLICY, sessions=POLICY, unnamed=POLICY, headless=POLICY)
    op = await world.planned()
    nameless = replace(reading(C), nodes=tuple(replace(node, name="") for node in reading(C).nodes))
    world.cloud.shows(reading(), reading(A), Unavailable("503"), nameless)
    answer = await world.ask(ListDatabases(), EVE)
    assert isinstance(answer, ShowDatabases)
    assert [
        (line.name, line.primary, line.problem and line.problem.code, line.operation)
        for line in answer.databases
    ] == [
        ("headless", "", None, ""),
        ("orders", "db-a (n-a)", None, op.id),
        ("sessions", "", "provider-said", ""),
        ("unnamed", "n-c", None, ""),
    ]


async def test_the_list_names_the_primary_of_each_shard_and_what_is_under_way_there() -> None:
    world = World()
    world.configure(events=POLICY)
    for shard in ("s-1", "two", "gone"):
        assert await world.ask(RequestSwitchover("events", "n-b", shard)) is None
    under_way = {op.shard: op.id for op in await world.store.operations(open_only=True)}
    looked = world.cloud.readings
    world.cloud.shards = (
        replace(reading(A), shard="s-1", shard_name="one"),
        replace(reading(), shard="s-2", shard_name="two"),
        replace(reading(B), shard="s-3"),
    )
    answer = await world.ask(ListDatabases(), EVE)
    assert isinstance(answer, ShowDatabases)
    (line,) = answer.databases
    assert (line.name, line.primary, line.problem, line.operation) == ("events", "", None, under_way["gone"])
    assert line.shards == (
        ShardLine("s-1", "one", "db-a (n-a)", under_way["s-1"]),
        ShardLine("s-2", "two", "", under_way["two"]),
        ShardLine("s-3", "", "db-b (n-b)", ""),
    )
    assert world.cloud.readings == looked


async def test_a_shard_on_which_nothing_is_under_way_does_not_show_what_is_on_the_database() -> None:
    world = World()
    world.configure(events=POLICY)
    op = await world.requested("events")
    world.cloud.shards = (replace(reading(A), shard="s-1"), replace(reading(A), shard="s-2"))
    answer = await world.ask(ListDatabases(), EVE)
    assert isinstance(answer, ShowDatabases)
    (line,) = answer.databases
    assert (line.operation, [shard.operation for shard in line.shards]) == (op.id, ["", ""])


async def test_the_past_is_shown_in_pages_and_what_is_open_takes_no_place_in_them() -> None:
    world = World()
    world.configure(orders=POLICY, sessions=POLICY)
    ended = []
    for _ in range(LISTED + 2):
        op = await world.planned("sessions")
        await world.click(Action.CANCEL, ASKER, op.id)
        ended.append(op.id)
        await world.clock.sleep(1)
    for name in ("orders", "sessions"):
        await world.requested(name)

    async def page(command: ShowHistory) -> tuple[list[str], tuple[int, int, int, int]]:
        shown = await world.ask(command, EVE)
        assert isinstance(shown, ShowOperations)
        return [op.id for op in shown.operations], (shown.page, shown.pages, shown.total, shown.beyond)

    newest = ended[::-1]
    assert await page(ShowHistory()) == (newest[:LISTED], (1, 2, LISTED + 2, 0))
    assert await page(ShowHistory("sessions", 2)) == (newest[LISTED:], (2, 2, LISTED + 2, 0))
    assert await page(ShowHistory(None, 9)) == (newest[LISTED:], (2, 2, LISTED + 2, 9)), "the last"
    assert await page(ShowHistory("orders")) == ([], (1, 1, 0, 0))


def configured_and_frozen(world: World) -> Reason:
    """``orders``, ``sessions`` under a policy that a configured freeze binds now, and that freeze."""
    window = Reason.of("frozen", reason="trading", until="2026-03-02T18:00+00:00")
    strict = replace(POLICY, name="strict")
    sessions = replace(world.database("sessions", strict), frozen=lambda _now: window)
    orders = world.database("orders", POLICY)
    world.catalogue.current = Catalogue({"orders": orders, "sessions": sessions})
    return Reason.of("frozen-policy", policy="strict", until=window["until"], reason="trading")


async def test_status_tells_what_stops_new_submissions_and_whom() -> None:
    world = World()
    op = await world.planned()
    assert await world.ask(ShowStatus()) == ShowOperations((op,))
    window = configured_and_frozen(world)
    for hold in (Freeze("orders", "audit"), Halt("fire")):
        assert isinstance(await world.ask(hold, ANN), Tell)
    halted, frozen = (each.sentence() for each in reversed(await world.store.holds(world.clock.now())))
    assert (halted.code, frozen.code) == ("halted-by", "frozen-by-hand")
    for name, held in (
        (None, (halted, frozen, window)),
        ("orders", (halted, frozen)),
        ("sessions", (halted, window)),
        (op.id, (frozen,)),
    ):
        shown = await world.ask(ShowStatus(name), EVE)
        assert isinstance(shown, ShowOperations)
        assert shown.held == held
    whole = await world.ask(ShowStatus(op.id), EVE)
    assert isinstance(whole, ShowOperations)
    assert whole.hold is not None
    assert whole.hold.sentence() == halted, "said with its status"
    listed = await world.ask(ListDatabases(), EVE)
    assert isinstance(listed, ShowDatabases)
    assert listed.held == (halted,)
    assert [line.frozen for line in listed.databases] == [
        Reason.of("list-frozen", until=None, by=ANN, reason="audit"),
        Reason.of("list-frozen", reason="trading", until=window["until"]),
    ]


@pytest.mark.parametrize(
    ("hours", "reason", "until"),
    [
        (8, "trading", "2026-03-02T18:00+00:00"),
        (10, "audit", "2026-03-02T19:00:00+00:00"),
        (None, "audit", ""),
    ],
)
async def test_of_two_freezes_of_a_database_the_list_tells_the_one_that_ends_later(
    hours: int | None, reason: str, until: str
) -> None:
    """By hand, nine hours before the configured one ends."""
    world = World()
    configured_and_frozen(world)
    duration = None if hours is None else timedelta(hours=hours)
    assert isinstance(await world.ask(Freeze("sessions", "audit", duration), ANN), Tell)
    listed = await world.ask(ListDatabases("sessions"), EVE)
    assert isinstance(listed, ShowDatabases)
    (line,) = listed.databases
    assert line.frozen is not None
    assert (line.frozen["reason"], line.frozen["until"]) == (reason, until)


async def test_nothing_is_said_to_be_held_by_what_does_not_hold_it() -> None:
    """Neither what is sent or over, nor an emergency by a freeze."""
    world = World()
    sent = await world.submitted_with(JOB)
    policy = stricter(break_glass=(ANN,))
    world.configure(orders=policy, sessions=policy)
    over = await world.requested("sessions")
    await world.click(Action.CANCEL, ASKER, over.id)
    assert isinstance(await world.ask(Freeze("all", "audit"), ANN), Tell)
    assert await world.ask(RequestSwitchover("sessions", B, reason="fire", emergency=True), ANN) is None
    (urgent,) = await world.store.operations(open_only=True, database="sessions")
    assert (await world.status(sent.id), await world.status(over.id)) == (Status.RUNNING, Status.CANCELLED)
    for name in (sent.id, over.id, urgent.id):
        shown = await world.ask(ShowStatus(name), EVE)
        assert isinstance(shown, ShowOperations)
        assert shown.held == ()


async def test_status_shows_what_is_open_one_database_or_one_operation() -> None:
    world = World()
    world.configure(orders=POLICY, sessions=POLICY)
    first = await world.planned()
    await world.click(Action.CANCEL, ASKER)
    second = await world.planned("sessions")
    for name, expected in ((None, [second.id]), ("orders", []), ("sessions", [second.id])):
        answer = await world.ask(ShowStatus(name), EVE)
        assert isinstance(answer, ShowOperations)
        assert [op.id for op in answer.operations] == expected
    one = await world.ask(ShowStatus(first.id.lower()), EVE)
    assert isinstance(one, ShowOperations)
    assert [op.id for op in one.operations] == [first.id]
    assert await world.told(ShowStatus("ordres"), EVE) == "unknown-database"


async def test_status_tells_which_of_what_is_open_is_held() -> None:
    world = World()
    world.configure(orders=POLICY, sessions=POLICY)
    await world.planned()
    held = await world.planned("sessions")
    await world.ask(Freeze("sessions", "audit"), ANN)
    for name, stopped in ((None, (held.id,)), ("sessions", (held.id,)), ("orders", ())):
        answer = await world.ask(ShowStatus(name), EVE)
        assert isinstance(answer, ShowOperations)
        assert answer.stopped == stopped


@pytest.mark.parametrize("ask", [ShowStatus, ShowHistory, partial(Act, Action.CANCEL)])
async def test_an_unknown_operation_is_called_one_and_the_nearest_is_named(
    ask: Callable[[str], Command],
) -> None:
    """One character mistyped, or two in the wrong order; nothing where none is like it."""
    world = World()
    op = await world.planned()
    assert op.id == "SW-000001"
    for typed, nearest in (("SW-000007", op.id), ("SW-000010", op.id), ("SW-7K3M9Q", "")):
        (text,) = [answer.text for answer in [await world.ask(ask(typed))] if isinstance(answer, Tell)]
        assert text == Reason.of("unknown-operation", id=typed, nearest=nearest)


async def test_history_of_an_id_is_that_operation() -> None:
    world = World()
    op = await world.planned()
    answer = await world.ask(ShowHistory("sw-000001"), EVE)
    assert isinstance(answer, ShowOperations)
    assert [each.id for each in answer.operations] == [op.id]


async def test_a_large_catalogue_is_listed_in_pages_and_only_those_are_read() -> None:
    """The same order every time; for a page that there is not the last one is shown, and that is said."""
    world = World()
    world.configure(**{f"db{number:04}": POLICY for number in range(5000)})

    async def listed(part: str = "", page: int = 1) -> ShowDatabases:
        answer = await world.ask(ListDatabases(part, page), EVE)
        assert isinstance(answer, ShowDatabases)
        return answer

    first, last = await listed(), await listed(page=9999)
    assert [line.name for line in first.databases] == [f"db{number:04}" for number in range(LISTED)]
    assert (first.page, first.pages, first.total) == (1, 250, 5000)
    assert (last.page, [line.name for line in last.databases][-1]) == (250, "db4999")
    assert (first.beyond, (await listed(page=250)).beyond, last.beyond) == (0, 0, 9999)
    assert world.cloud.readings == 3 * LISTED
    some = await listed("DB42", 2)
    assert (some.databases[0].name, some.total, some.pages) == ("db4220", 100, 5)
    assert await world.told(ListDatabases("ordres"), EVE) == "list-none"


async def test_databases_are_listed_by_their_descriptions_too() -> None:
    world = World()
    orders = replace(world.database("orders", POLICY), description="Money, MySQL Plus")
    world.catalogue.current = Catalogue({"orders": orders, "users": world.database("users", POLICY)})
    answer = await world.ask(ListDatabases("money"), EVE)
    assert isinstance(answer, ShowDatabases)
    assert [line.name for line in answer.databases] == ["orders"]


async def test_history_shows_what_has_ended() -> None:
    world = World()
    world.configure(orders=POLICY, sessions=POLICY)
    first = await world.planned()
    await world.click(Action.CANCEL, ASKER)
    await world.planned("sessions")
    for name, expected in ((None, [first.id]), ("orders", [first.id]), ("sessions", [])):
        answer = await world.ask(ShowHistory(name), EVE)
        assert isinstance(answer, ShowOperations)
        assert answer.past
        assert [op.id for op in answer.operations] == expected
    assert await world.told(ShowHistory("ordres"), EVE) == "unknown-database"


@pytest.mark.parametrize(
    ("text", "databases"),
    [
        ("swich", ()),
        ("swich sessions, or <http://orders|orders>", ("sessions", "orders")),
        ("ordres not sesions", ("orders",)),
        ("“orders” orders", ("orders",)),
        ("?", ()),
    ],
)
async def test_help_is_given_back_to_be_shown_with_the_databases_it_may_be_about(
    text: str, databases: tuple[str, ...]
) -> None:
    """Those that are named, and the one that the first word is like."""
    world = World()
    world.configure(orders=POLICY, sessions=POLICY)
    assert await world.ask(ShowHelp(text)) == ShowHelp(text, databases)
    assert await world.ask(ShowHelp()) == ShowHelp()


async def test_an_operation_of_another_job_is_not_confused_with_this_one() -> None:
    world = World()
    world.configure(orders=POLICY, sessions=POLICY)
    await world.submitted_with(JobId("j-1"))
    second = await world.approved("sessions")
    world.cloud.answers = [JobId("j-2")]
    await world.tick()
    assert ((await world.op()).job_id, (await world.op(second.id)).job_id) == ("j-1", "j-2")


async def test_what_belongs_to_no_database_any_more_can_still_be_closed_by_an_approver() -> None:
    world = World()
    await world.submitted_with(JobId("j-1"))
    await world.tick(Limits().deadline.total_seconds() + 1)
    assert await world.status() is Status.NEEDS_ATTENTION
    world.catalogue.current = Catalogue({"other": world.database("other", POLICY)})
    assert await world.click(Action.ACKNOWLEDGE, EVE) == "deny-no-approver-at-all"
    assert await world.click(Action.ACKNOWLEDGE, ANN) == "None"
    assert await world.status() is Status.CLOSED


def test_the_nearest_database_is_found_whatever_its_capitals() -> None:
    world = World()
    assert Catalogue({"Orders": world.database("Orders", POLICY)}).nearest("oders") == "Orders"
