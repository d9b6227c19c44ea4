"""Cards and replies: true, whole without their blocks, inert, and within Slack's limits."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.commands import Action
from bot.core.events import UsualTime
from bot.core.holds import Hold, HoldKind
from bot.core.machine import Say
from bot.core.model import Call, Job, JobId, JobState, OperationId, Reason, Role, UserId
from bot.core.operation import ENDS, Operation, Status
from bot.core.preflight import OVERRIDABLE
from handlers.blocks import metadata
from handlers.card import actions, announcement, card, direct, notice, picture, reply
from handlers.picture import COLUMNS
from handlers.texts import LOCALES, Texts
from providers.huawei_dds.provider import FORCED
from tests.handlers import samples
from tests.handlers.block_kit import alive, buttons, problems
from tests.handlers.samples import (
    CHECKS,
    HOSTILE,
    NEW,
    NOW,
    OLD,
    PLAN,
    READING,
    emergency,
    moments,
    operations,
    sample,
    says,
)

TEXTS = Texts()
TONGUES = st.sampled_from([Texts(locale) for locale in LOCALES])
EVERY = pytest.mark.parametrize("status", Status)

BUTTONS = {
    Status.PLANNING: ["cancel"],
    Status.AWAITING_APPROVAL: ["approve", "reject", "cancel"],
    Status.SCHEDULED: ["cancel"],
    Status.RECHECKING: ["cancel"],
    Status.IN_DOUBT: ["check_again"],
    Status.NEEDS_ATTENTION: ["check_again", "acknowledge"],
    Status.SUCCEEDED: ["switch_back"],
    Status.REFUSED: ["replan"],
    Status.EXPIRED: ["replan"],
    Status.FAILED: ["replan"],
}
CONFIRMED = {"approve", "reject", "cancel", "acknowledge", "switch_back", "review"}
relaxed = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


@EVERY
def test_a_card_is_whole_without_its_blocks(status: Status) -> None:
    """The first line is the status in words, the second what moves; the rest says who, why and what."""
    text = card(sample(status), TEXTS, now=NOW).text
    first, second = text.split("\n")[:2]
    head = TEXTS.text(f"status-{status.replace('_', '-')}", count=1, needed=2, differs="yes")
    assert (first, second.startswith("orders")) == (head, True)
    for fact in ("mysql-2", "disk of mysql-1 is failing", "SW-7K3M9Q", "<@U0REQUESTER>"):
        assert fact in text


@EVERY
def test_a_card_offers_what_can_be_done_now_and_nothing_else(status: Status) -> None:
    """The contract's ``action_id``s; a value is the operation's id."""
    shown = buttons(card(sample(status), TEXTS, now=NOW))
    assert [button["action_id"] for button in shown] == BUTTONS.get(status, [])
    assert {button["value"] for button in shown} <= {"SW-7K3M9Q"}


@EVERY
def test_what_cannot_be_taken_back_is_asked_twice(status: Status) -> None:
    """A look and a plan that needs approvals again have no dialogue, all else has one."""
    asked = {
        button["action_id"] for button in buttons(card(sample(status), TEXTS, now=NOW)) if "confirm" in button
    }
    assert asked == CONFIRMED & set(BUTTONS.get(status, []))


@pytest.mark.parametrize("status", [Status.REFUSED, Status.EXPIRED, Status.FAILED])
def test_asking_an_emergency_again_says_that_it_becomes_an_ordinary_request(status: Status) -> None:
    """On the button, and once more before it counts."""
    shown = buttons(card(emergency(status), TEXTS, now=NOW))
    (again,) = [button for button in shown if button["action_id"] == "replan"]
    assert again["text"]["text"] == "Plan again, with approvals"
    assert "ordinary request for orders: it needs approvals" in again["confirm"]["text"]["text"]


def test_what_is_read_before_anything_is_sent_says_how_long_it_is_tried() -> None:
    """Whoever sees it for longer than a moment wonders why."""
    said = "Where the cloud does not answer, it is asked again for a minute; then this ends, and nothing is sent."
    for status in Status:
        reads = status in {Status.PLANNING, Status.RECHECKING}
        assert (said in card(sample(status), TEXTS, now=NOW).text) == reads
    tried = replace(sample(Status.RECHECKING), submissions=(NOW,))
    assert said not in card(tried, TEXTS, now=NOW).text
    awaits = Reason.of("calls-awaited", message="the account's budget of 60 calls is used up")
    waiting = card(replace(sample(Status.RECHECKING), detail=awaits), TEXTS, now=NOW).text
    assert said not in waiting
    assert "goes on by itself" in waiting
    assert "by itself" not in card(replace(sample(Status.EXPIRED), detail=awaits), TEXTS, now=NOW).text


def test_an_expired_approval_is_not_offered() -> None:
    """Even when the expiry is not recorded yet."""
    op = sample(Status.AWAITING_APPROVAL)
    assert op.expires_at is not None
    assert actions(op, op.expires_at) == (Action.REJECT, Action.CANCEL)
    assert Action.APPROVE in actions(op, op.expires_at - timedelta(seconds=1))


def test_what_is_held_says_so_first_with_who_until_when_and_why_and_can_not_be_approved() -> None:
    """All else can still be done: it may be rejected or withdrawn."""
    op = sample(Status.AWAITING_APPROVAL)
    freeze = Hold(HoldKind.FREEZE, "all", NOW, NOW + timedelta(hours=2), "month end", UserId("U0EVE"))
    made = card(op, TEXTS, hold=freeze, now=NOW)
    assert made.text.startswith("⏸ Held, can't be approved for now: 1 of 2 so far\n")
    assert "\nFrozen (all databases) until 2026-11-22 05:30:00 UTC by <@U0EVE>: month end." in made.text
    assert "month end" in str(made.blocks[0])
    assert [button["action_id"] for button in buttons(made)] == ["reject", "cancel"]
    halt = replace(freeze, kind=HoldKind.HALT, until=None)
    assert "Halted by <@U0EVE>" in card(op, TEXTS, hold=halt, now=NOW).text


def test_what_a_hold_has_ended_says_what_that_was_and_not_what_to_do_about_it() -> None:
    """That was said in the thread, at its time; the hold may be gone for long."""
    for kind, until in ((HoldKind.HALT, None), (HoldKind.FREEZE, None), (HoldKind.FREEZE, NOW)):
        why = Hold(kind, "all", NOW, until, "month end", UserId("U0EVE")).sentence()
        shown = card(replace(sample(Status.REFUSED), detail=why), TEXTS, now=NOW).text.splitlines()
        (told,) = [each for each in shown if "month end" in each]
        assert "U0EVE" in told
        assert told.endswith((": month end.", "In force since 2026-11-22 03:30:00 UTC."))
        then = reply(sample(Status.REFUSED), Say(Reason.of("reply-refused", database="orders"), why), TEXTS)
        assert "until an approver" in then.text or "an approver lifts it" in then.text


def test_a_call_for_a_person_that_comes_late_calls_nobody() -> None:
    """And does not say that the database is locked, which it is not any more."""
    say = Say(
        Reason.of("reply-needs-attention", by="U0ASKER", approvers="S0DBA"), Reason.of("roles-unreadable")
    )
    for status in (Status.SUCCEEDED, Status.FAILED, Status.CLOSED):
        told = reply(sample(status), say, TEXTS)
        assert told.text == (
            "⚠ A person was called to look at this database. That is over: the operation has ended since, and"
            " its card says how."
        )
        assert buttons(told) == []


def test_only_in_the_thread_are_others_called() -> None:
    """A mention reaches nobody else in a direct message, and in the audit channel it would be one more."""
    op = sample(Status.NEEDS_ATTENTION)
    say = Say(Reason.of("reply-needs-attention", by="U0ASKER", approvers="S0DBA,U0BOB"))
    assert "<!subteam^S0DBA>, <@U0BOB>: a person must look" in reply(op, say, TEXTS).text
    for alone in (direct(op, say, TEXTS), notice(op, say, TEXTS)):
        assert alone.text.startswith("⚠ <@U0ASKER>: a person must look at this database: ")


def test_who_lifted_one_hold_of_two_is_mentioned() -> None:
    held = Reason.of("reply-held", database="orders", when=None, lifted="U0BOB")
    assert reply(sample(Status.AWAITING_APPROVAL), Say(held), TEXTS).text == (
        "⏸ <@U0BOB> lifted a freeze or a halt, but another one is in force."
        " This switchover of orders may not start yet, and can't be approved until that is over."
    )


def test_what_is_held_at_its_start_says_that_it_will_be_refused_then() -> None:
    halt = Hold(HoldKind.HALT, "all", NOW, None, "which primary?", UserId("U0EVE"))
    made = card(sample(Status.SCHEDULED), TEXTS, hold=halt, now=NOW)
    assert made.text.startswith("⏸ Approved, and held: ends as refused if that is still so at its start\n")
    assert "which primary?" in made.text
    assert [button["action_id"] for button in buttons(made)] == ["cancel"]


def test_an_awaiting_card_says_who_has_approved_and_who_still_may() -> None:
    """With groups and people called by their ids."""
    op = replace(sample(Status.AWAITING_APPROVAL), approvers=("S0123ABCD", "*"))
    text = card(op, TEXTS, now=NOW).text
    assert "Approvals: 1 of 2, by <@U0456EFGH>" in text
    assert "Still needed: 1. May approve: <!subteam^S0123ABCD>, any full member" in text
    assert "Approval is possible until 2026-11-22 04:00:00 UTC" in text


def test_nobody_is_called_once_it_is_decided() -> None:
    """The list of possible approvers goes with the buttons."""
    assert all("subteam" not in card(sample(status), TEXTS, now=NOW).text for status in ENDS)


def test_a_card_shows_the_nodes_and_how_old_the_reading_is() -> None:
    """The age only where somebody may still act on it."""
    fresh = card(sample(Status.AWAITING_APPROVAL), TEXTS, now=NOW).text
    assert "mysql-2 (10.0.0.2): replica, healthy, lag 0.5 s" in fresh
    assert "cln-3: read-only member, health not reported" in fresh
    assert "min before" not in fresh
    late = NOW + timedelta(minutes=9)
    assert ", 9 min before" in card(sample(Status.AWAITING_APPROVAL), TEXTS, now=late).text
    assert "min before" not in card(sample(Status.SUCCEEDED), TEXTS, now=late).text


def test_a_running_card_shows_the_job_and_the_providers_word() -> None:
    """Its job id, or that there is none."""
    assert "Job: j-xyz\nThe provider says: working\n" in card(sample(Status.RUNNING), TEXTS, now=NOW).text
    jobless = replace(sample(Status.RUNNING), job_id=None, job=None)
    assert "gives no job id" in card(jobless, TEXTS, now=NOW).text
    failed = Job(JobId("j"), JobState.FAILED, "failed", "disk full")
    assert (
        "The provider says: failed (disk full)"
        in card(replace(sample(Status.RUNNING), job=failed), TEXTS, now=NOW).text
    )


def test_a_cloud_that_chooses_is_named_until_it_has_chosen() -> None:
    """Then the node that won is."""
    op = sample(Status.RUNNING)
    assert op.plan is not None
    chosen = replace(op.checks[0], detail=Reason.of("check-cloud-will-choose"))
    op = replace(op, plan=replace(op.plan, candidate=None), checks=(chosen,))
    assert " to a node the cloud chooses" in card(op, TEXTS, now=NOW).text
    done = replace(op, status=Status.SUCCEEDED, primary_now=NEW)
    assert "from mysql-1 (10.0.0.1) to mysql-2 (10.0.0.2)" in card(done, TEXTS, now=NOW).text


def test_a_primary_that_stays_does_not_move() -> None:
    """``not_needed``, and a request that named nobody who fits."""
    op = sample(Status.NOT_NEEDED)
    assert op.plan is not None
    same = replace(op, plan=replace(op.plan, primary=NEW))
    assert "orders: mysql-2 (10.0.0.2)\n" in card(same, TEXTS, now=NOW).text
    nobody = replace(op, asked=None, plan=replace(op.plan, candidate=None))
    assert "orders: mysql-1 (10.0.0.1)\n" in card(nobody, TEXTS, now=NOW).text
    unknown = replace(op, plan=replace(op.plan, primary=None))
    assert "orders: from unknown primary to mysql-2 (10.0.0.2)\n" in card(unknown, TEXTS, now=NOW).text


def test_an_end_says_how_it_ended() -> None:
    """When, after how long, and who is primary."""
    op = replace(sample(Status.SUCCEEDED), ended_at=NOW + timedelta(seconds=14))
    text = card(op, TEXTS, now=NOW).text
    assert "Primary: mysql-2 (10.0.0.2), as read 2026-11-22 03:30:00 UTC" in text
    assert "Ended 2026-11-22 03:30:14 UTC, after 14 s" in text


# --- the picture -----------------------------------------------------------------------------------------


def drawing(op: Operation, texts: Texts = TEXTS) -> str:
    """What is drawn, without its frame; "" where nothing is."""
    made = [block["text"]["text"] for block in card(op, texts, now=NOW).blocks if "elements" not in block]
    return next((text[3:-3] for text in made if text.startswith("```")), "")


@EVERY
def test_one_look_tells_which_node_is_primary_now(status: Status) -> None:
    """A full circle, and the word; an arrow as long as the roles are on their way, or have moved."""
    drawn = drawing(sample(status))
    moving = ["↓"] if status not in ENDS or status is Status.SUCCEEDED else []
    before, after = ["● mysql-1  primary", "○ mysql-2  replica"]
    if status is Status.SUCCEEDED:
        before, after = "○ mysql-1  replica", "● mysql-2  primary"
    op = sample(status)
    title = "orders · before the start" if op.read_before_start else "orders"
    assert drawn.splitlines() == ([] if not drawn else [title, before, *moving, after])
    assert bool(drawn) == (status is not Status.PLANNING)


def test_whoever_else_became_primary_is_drawn() -> None:
    """Neither the old nor the new one, but a third."""
    third = replace(READING.nodes[2], role=Role.PRIMARY)
    nodes = (replace(READING.nodes[0], role=Role.REPLICA), READING.nodes[1], third)
    op = replace(sample(Status.NEEDS_ATTENTION), topology=replace(READING, nodes=nodes))
    assert drawing(op).splitlines()[1:] == [
        *("○ mysql-1  replica", "↓", "○ mysql-2  replica", "● cln-3    primary"),
    ]


def test_what_is_not_known_is_drawn_as_such() -> None:
    """No primary, two of them, a node that is gone, and one that the cloud will choose."""
    op = sample(Status.RUNNING)
    assert op.plan is not None
    nobody = replace(op, plan=replace(op.plan, primary=None))
    assert drawing(nobody).splitlines()[1:] == [
        *("? unknown primary", "↓", "○ mysql-2  replica", "● mysql-1  primary"),
    ]
    both = tuple(replace(node, role=Role.PRIMARY) for node in READING.nodes[:2])
    two = replace(op, topology=replace(READING, nodes=both), primary_now=None, checked_at=None)
    assert drawing(two).splitlines()[1:] == ["● mysql-1  primary", "↓", "● mysql-2  primary"]
    assert "Primary: not known, as read" in card(two, TEXTS, now=NOW).text
    gone = replace(op, topology=replace(READING, nodes=READING.nodes[:1]))
    assert drawing(gone).splitlines()[1:] == ["● mysql-1  primary", "↓", "? cln-2    unknown role"]
    chosen = replace(op.checks[0], detail=Reason.of("check-cloud-will-choose"))
    cloud = replace(op, plan=replace(op.plan, candidate=None), checks=(chosen,))
    assert drawing(cloud).splitlines()[1:] == ["● mysql-1  primary", "↓", "○ a node the cloud chooses"]
    stays = replace(op, status=Status.NOT_NEEDED, plan=replace(op.plan, primary=OLD, candidate=OLD))
    assert drawing(stays).splitlines()[1:] == ["● mysql-1  primary"]


def test_who_the_cloud_chose_is_drawn_once_it_has_succeeded() -> None:
    """As the words say; until then what is read may be the old primary, and after another end nobody was taken."""
    chosen = replace(CHECKS[0], detail=Reason.of("check-cloud-will-choose"))
    for status in (Status.SUCCEEDED, Status.VERIFYING, Status.FAILED):
        op = replace(sample(status), plan=replace(PLAN, candidate=None), checks=(chosen,), primary_now=NEW)
        op = replace(op, asked=None, topology=samples.MOVED)
        took = status is Status.SUCCEEDED
        assert op.becomes_primary == (NEW if took else None)
        assert ("○ a node the cloud chooses" in drawing(op).splitlines()) is not took
        assert ("a node the cloud chooses" in picture(op, TEXTS)) is not took
        assert "● mysql-2  primary" in drawing(op).splitlines()


def test_long_names_are_cut_so_that_the_roles_stand_below_each_other() -> None:
    """Also of characters that are two columns wide."""
    names = ("orders-production-shanghai-primary-1", "订单数据库生产环境上海二号节点")
    nodes = tuple(replace(node, name=name) for node, name in zip(READING.nodes, names, strict=False))
    op = replace(sample(Status.RUNNING), topology=replace(READING, nodes=nodes))
    assert drawing(op).splitlines()[1:] == [
        *("● orders-production-sh…  primary", "↓", "○ 订单数据库生产环境上…  replica"),
    ]


@relaxed
@given(operations, TONGUES)
def test_every_picture_fits_a_phone(op: Operation, texts: Texts) -> None:
    """Whatever the nodes are called: 32 columns, and every line has its own mark."""
    for row in drawing(op, texts).splitlines():
        seen = unescape(row).replace("\u2060", "")
        assert sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in seen) <= COLUMNS


# --- time ------------------------------------------------------------------------------------------------


def test_a_card_says_when_to_expect_the_end() -> None:
    """From what this database took before, as a time that stays true without an update."""
    running = card(sample(Status.RUNNING), TEXTS, now=NOW)
    assert (
        "Sent to the provider 2026-11-22 03:30:00 UTC\n"
        "Usually takes about 3 min (median of the last 5), so it should be done by about 03:34 UTC\n"
    ) in running.text
    assert f"<!date^{int(NOW.timestamp()) + 184 + 59}^{{time}}|03:34 UTC>" in str(running.blocks)
    assert running == card(sample(Status.RUNNING), TEXTS, now=NOW + timedelta(seconds=50))
    waiting = card(sample(Status.AWAITING_APPROVAL), TEXTS, now=NOW).text
    assert "Usually takes about 3 min (median of the last 5)\n" in waiting
    assert "Sent" not in waiting


def test_a_usual_time_is_told_as_exactly_as_it_is_known() -> None:
    """Of one it is the last; where none is known nothing is said, nor where it is over or nobody knows."""
    op = sample(Status.RUNNING)

    def said(seconds: float, of: int = 2) -> str:
        text = card(replace(op, usual=UsualTime(timedelta(seconds=seconds), of)), TEXTS, now=NOW).text
        return next(row for row in text.splitlines() if "about" in row).split(", so")[0].split(" (")[0]

    assert said(47, 1) == "Last time it took about 45 s"
    assert [said(seconds) for seconds in (5.4, 93, 150, 3599, 5400)] == [
        f"Usually takes about {length}" for length in ("5 s", "1 min 35 s", "2 min", "1 h", "1 h 30 min")
    ]
    assert "about" not in card(replace(op, usual=None), TEXTS, now=NOW).text
    for status in (Status.IN_DOUBT, Status.NEEDS_ATTENTION, *ENDS):
        assert "about" not in card(sample(status), TEXTS, now=NOW).text


def test_what_is_in_doubt_says_when_a_person_is_asked() -> None:
    """And that nothing else can be asked of the database until then."""
    why = Reason.of("restarted-while-starting", until="2026-11-22T03:45:00+00:00")
    said = (
        "If nothing proves what became of it, a person is asked to look, not before 2026-11-22 03:45:00 UTC;"
        " while the cloud is at work it may be later. Until then orders stays locked."
    )
    for status in (Status.IN_DOUBT, Status.RUNNING, Status.NEEDS_ATTENTION):
        text = card(replace(sample(status), detail=why), TEXTS, now=NOW).text
        assert (said in text) is (status is Status.IN_DOUBT)


def test_who_approves_a_forced_promotion_is_told_so_where_they_confirm() -> None:
    """On a phone the card's own warning is off the screen by then."""
    op = sample(Status.AWAITING_APPROVAL)
    assert op.plan is not None
    forced = replace(op, plan=replace(op.plan, call=Call("POST nodes/n2/primary", FORCED)))
    for each, expected in ((op, False), (forced, True)):
        text = buttons(card(each, TEXTS, now=NOW))[0]["confirm"]["text"]["text"]
        assert ("promoted by force, which may fail where it lags" in text) is expected
        assert ("for a moment" in text) is not expected


def test_a_few_seconds_are_not_counted() -> None:
    """Neither as none, nor as five, nor with an end that is over when it is read."""
    op = sample(Status.RUNNING)
    for seconds in (0, 0.3, 4.9):
        few = card(replace(op, usual=UsualTime(timedelta(seconds=seconds), 2)), TEXTS, now=NOW).text
        assert "Usually takes a few seconds (median of the last 2)\n" in few
    last = card(replace(op, usual=UsualTime(timedelta(seconds=2), 1)), TEXTS, now=NOW).text
    assert "Last time it took a few seconds\n" in last
    at_once = card(replace(sample(Status.SUCCEEDED), ended_at=NOW), TEXTS, now=NOW).text
    assert ", after less than a second\n" in at_once


# --- what was read when ----------------------------------------------------------------------------------


def test_what_was_checked_before_the_start_is_headed_so() -> None:
    """With the time of the reading; while nothing is sent it is no more than that time."""
    waiting = card(sample(Status.AWAITING_APPROVAL), TEXTS, now=NOW)
    assert "Checks, as of 2026-11-22 03:29:56 UTC\n✓" in waiting.text
    for status in (Status.RUNNING, Status.SUCCEEDED, Status.FAILED):
        made = card(sample(status), TEXTS, now=NOW)
        assert "Checks before the start, as of 2026-11-22 03:29:56 UTC\n✓" in made.text
        assert f"as of <!date^{int(READING.read_at.timestamp())}^" in str(made.blocks)
    unknown = replace(sample(Status.SUCCEEDED), checked_at=None)
    assert "Checks before the start\n✓" in card(unknown, TEXTS, now=NOW).text


def test_a_reading_from_before_the_start_is_not_shown_as_the_present() -> None:
    """Neither in the picture, nor as the primary, nor as the nodes; a later one is."""
    op = sample(Status.VERIFYING)
    before = card(op, TEXTS, now=NOW).text
    assert "Primary before the start: mysql-1 (10.0.0.1), as read 2026-11-22 03:29:56 UTC\n" in before
    assert "Nodes before the start, as read 2026-11-22 03:29:56 UTC\n" in before
    assert "Primary: " not in before
    later = replace(op, topology=replace(READING, read_at=NOW))
    after = card(later, TEXTS, now=NOW).text
    assert "Primary: mysql-1 (10.0.0.1), as read 2026-11-22 03:30:00 UTC\n" in after
    assert "Nodes, as read 2026-11-22 03:30:00 UTC\n" in after
    assert drawing(later).splitlines()[0] == "orders"


def test_what_a_recheck_found_after_a_request_that_was_not_accepted_is_of_no_time_before() -> None:
    """Nothing was started then."""
    sent = replace(sample(Status.REFUSED), submissions=(NOW,))
    assert card(sent, TEXTS, now=NOW).text.count("before the start") == 3
    later = replace(sent, topology=replace(READING, read_at=NOW), checked_at=NOW, checked_since=True)
    after = card(later, TEXTS, now=NOW).text
    assert "before the start" not in after
    assert "Checks, as of 2026-11-22 03:30:00 UTC\n" in after


def test_verifying_says_what_is_waited_for() -> None:
    """A job that is done, one that has failed, and roles that moved without one."""

    def head(job: Job | None) -> str:
        return card(replace(sample(Status.VERIFYING), job=job), TEXTS, now=NOW).text.splitlines()[0]

    done, failed = (Job(JobId("j"), state, "x") for state in (JobState.DONE, JobState.FAILED))
    assert head(done) == ("▶ Verifying: the job is done; the roles are read until they have really moved")
    assert head(failed) == (
        "▶ Verifying: the job has failed; the roles are read until it is certain that nothing changed"
    )
    assert head(None) == "▶ Verifying: the roles have moved; they are read again to be certain"


def test_what_needs_attention_says_what_a_person_is_to_do() -> None:
    """After what is known; no other card gives orders."""
    text = card(sample(Status.NEEDS_ATTENTION), TEXTS, now=NOW).text.splitlines()
    assert text[0] == "⚠ Needs a person: the outcome is not as approved"
    assert text[2] == "The job is done, but mysql-1 is still primary."
    assert text[3].startswith("What to do: look at this database in the provider's console")
    assert "an approver presses “Acknowledge”" in text[3]
    assert "What to do" not in card(sample(Status.RUNNING), TEXTS, now=NOW).text


DIFFERS = "the outcome is not as approved"
MOVED = "the job failed, but the roles are as approved"
UNPROVEN = "nothing proves that the roles are as approved"


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (Reason.of("roles-unchanged-though-done", primary="n"), DIFFERS),
        (Reason.of("roles-another-primary", primary="n"), DIFFERS),
        (Reason.of("roles-another-though-failed", primary="n"), DIFFERS),
        (Reason.of("roles-moved-though-failed", primary="n"), MOVED),
        (Reason.of("roles-disagree", before="n", now="m"), UNPROVEN),
        (Reason.of("roles-no-single-primary"), UNPROVEN),
        (Reason.of("roles-busy", state="busy"), UNPROVEN),
        (Reason.of("roles-unreadable"), UNPROVEN),
        (Reason.of("deadline-passed", minutes=20), UNPROVEN),
        (Reason.of("doubt-remains", summary=""), UNPROVEN),
    ],
)
def test_a_person_is_called_with_a_sentence_that_is_true(why: Reason, said: str) -> None:
    """What was read to be wrong is not called unproven, nor the other way round; what is right not wrong."""
    op = replace(sample(Status.NEEDS_ATTENTION), detail=why)
    assert card(op, TEXTS, now=NOW).text.startswith(f"⚠ Needs a person: {said}\n")
    told = reply(op, Say(Reason.of("reply-needs-attention"), why), TEXTS).text
    assert told.startswith(f"⚠ A person must look at this database: {said}. ")
    called = Reason.of("reply-needs-attention", by="U0ASKER", approvers="S0DBA,U0BOB")
    assert reply(op, Say(called, why), TEXTS).text.startswith(
        f"⚠ <@U0ASKER>, <!subteam^S0DBA>, <@U0BOB>: a person must look at this database: {said}. "
    )
    unapproved = replace(emergency(Status.NEEDS_ATTENTION), detail=why)
    assert card(unapproved, TEXTS, now=NOW).text.startswith(
        f"⚠ Needs a person: {said.removesuffix('approved')}planned\n"
    )


def test_why_it_was_refused_is_said_once() -> None:
    """In the list it is only said what the check that said no looked at, and in words."""
    op = replace(sample(Status.REFUSED), checks=CHECKS)
    text = card(op, TEXTS, now=NOW).text
    assert text.count("mysql-2 (cln-2) is 48 s behind") == 1
    assert "✗ The node's lag: as said above\n" in text


@pytest.mark.parametrize("locale", LOCALES)
def test_no_check_has_no_name_in_words(locale: str) -> None:
    texts = Texts(locale)
    for name in ("candidate_known", *OVERRIDABLE):
        assert name not in texts.text("card-check-told", name=name)


def test_what_the_provider_is_asked_is_said_in_words_and_exactly() -> None:
    """The words are the reader's, the call is the one that the approval binds."""
    op = sample(Status.AWAITING_APPROVAL)
    assert op.plan is not None
    exactly = "`RunClusterCustomService assignmaster on cl-ouhutv70, candidate cln-2`"
    english, chinese = (card(op, Texts(locale), now=NOW).text for locale in ("en", "zh-CN"))
    assert f"Request to the provider: make mysql-2 (10.0.0.2) the primary: {exactly}\n" in english
    assert f"发给云平台的请求：把 mysql-2 (10.0.0.2) 提升为主库： {exactly}\n" in chinese  # noqa: RUF001
    chosen = replace(op, plan=replace(op.plan, candidate=None))
    text = card(chosen, TEXTS, now=NOW).text
    assert f"Request to the provider: switch over, to a node that the cloud chooses: {exactly}\n" in text
    odd = replace(op, plan=replace(op.plan, call=Call("a`b <@U1> *c*")))
    assert "`a'b &lt;@U1&gt; *c*`\n" in card(odd, TEXTS, now=NOW).text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_user_typed_is_shown_and_does_nothing(hostile: str) -> None:
    """Wherever it stands."""
    op = replace(
        sample(Status.SCHEDULED), reason=hostile, database=hostile, shard=hostile, asked=hostile, zone=hostile
    )
    assert alive(card(op, TEXTS, now=NOW)) == []


# --- emergencies ---------------------------------------------------------------------------------------


@EVERY
def test_an_emergency_says_so_before_all_else_and_never_that_it_was_approved(status: Status) -> None:
    """With who it was; and no word of approvals that there were none of."""
    op = emergency(status)
    text = card(op, TEXTS, now=NOW).text
    assert text.split("\n")[1] == "⚠ EMERGENCY by <@U0REQUESTER>, without approvals"
    if status not in (Status.AWAITING_APPROVAL, Status.SCHEDULED):  # where it never is
        assert "pproved" not in text
    assert "EMERGENCY" not in card(sample(status), TEXTS, now=NOW).text


def test_an_overridden_check_is_shown_as_overridden() -> None:
    """Neither as passed nor as what stopped it; and what was allowed to fail is named."""
    text = card(emergency(Status.RUNNING), TEXTS, now=NOW).text
    assert "⚠ Overridden: mysql-2 (cln-2) is not healthy\n" in text, "nobody is told what to wait for"
    assert "✗" not in text
    assert text.count("✓") == 1
    assert text.splitlines()[2] == "Checks that may fail: candidate_healthy"
    over = card(emergency(Status.SUCCEEDED), TEXTS, now=NOW).text
    assert over.splitlines()[2] == "Checks that were allowed to fail: candidate_healthy"


@EVERY
def test_a_review_can_be_given_as_long_as_it_is_owed(status: Status) -> None:
    """Once it is over and something was sent; then the card says who has given it."""
    op = emergency(status)
    shown = [button["action_id"] for button in buttons(card(op, TEXTS, now=NOW))]
    assert ("review" in shown) == op.review_owed
    assert ("A review is owed: somebody other than <@U0REQUESTER>" in card(op, TEXTS, now=NOW).text) == (
        op.review_owed
    )
    done = card(replace(op, reviewed_by=UserId("U0456EFGH"), reviewed_at=NOW), TEXTS, now=NOW)
    assert "review" not in [button["action_id"] for button in buttons(done)]
    assert "Reviewed by <@U0456EFGH>, 2026-11-22 03:30:00 UTC" in done.text
    assert "A review is owed" not in done.text


def test_the_end_of_an_emergency_asks_for_its_review_in_the_thread() -> None:
    """With the button, as long as it is owed; elsewhere it is said, without a button."""
    op = emergency(Status.SUCCEEDED)
    done = Reason.of("reply-succeeded", database="orders", before=OLD, now=NEW, job="j", seconds=14, by=None)
    made = reply(op, Say(done), TEXTS)
    assert made.text == (
        "✔ orders is switched over from mysql-1 to mysql-2. The roles were read twice and are as planned."
        " It took 14 s, job j.\n"
        "⚠ This was done without approvals. Somebody other than <@U0REQUESTER> must review it:"
        " look at why and at what was done, then press “Review”."
    )
    assert [button["value"] for button in buttons(made)] == ["SW-7K3M9Q"]
    besides = notice(op, Say(done), TEXTS)
    assert "a review by somebody other than <@U0REQUESTER> is owed" in besides.text
    assert buttons(besides) == []
    later = replace(op, reviewed_by=UserId("U0456EFGH"), reviewed_at=NOW)
    assert "review" not in reply(later, Say(done), TEXTS).text
    reviewed = notice(later, Say(Reason.of("notice-reviewed", by="U0456EFGH", database="orders")), TEXTS).text
    assert reviewed.startswith(
        "✔ <@U0456EFGH> has reviewed the emergency switchover of orders.\norders: from mysql-1"
    )
    assert "owed" not in reviewed
    assert buttons(reply(op, Say(Reason.of("reply-accepted", job="j")), TEXTS)) == []


# --- what comes after, and later -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "sentence"),
    [("en", "; “Check again” reads jobs and roles at once."), ("zh-CN", "会立即读取任务和角色。")],
)
def test_what_needs_a_person_is_told_with_the_buttons_as_long_as_it_does(locale: str, sentence: str) -> None:
    """Whoever has lost the card finds them all the same; the audit channel is no place to press any."""
    op, say = sample(Status.NEEDS_ATTENTION), Say(Reason.of("reply-needs-attention"))
    texts = Texts(locale)
    in_thread, alone, audited = (told(op, say, texts) for told in (reply, direct, notice))
    assert in_thread.text.count(sentence) == 1
    assert alone.text.startswith(in_thread.text)
    assert f"“status {op.id}”" in alone.text
    assert sentence not in audited.text
    for made, offered in (
        (in_thread, ["check_again", "acknowledge"]),
        (alone, ["check_again", "acknowledge"]),
        (audited, []),
    ):
        assert [button["action_id"] for button in buttons(made)] == offered
    over = replace(op, status=Status.CLOSED)
    assert [buttons(told(over, say, texts)) for told in (reply, direct)] == [[], []]


def test_the_end_of_an_emergency_is_told_alone_with_where_others_review_it() -> None:
    op = emergency(Status.FAILED)
    told = direct(op, Say(Reason.of("reply-failed")), TEXTS)
    assert f"others know only if you tell them. They find the buttons with “status {op.id}”." in told.text
    assert [button["action_id"] for button in buttons(told)] == ["review"]


def test_the_way_back_is_a_new_plan_and_says_so() -> None:
    """From where it is to where it was; where the cloud chooses, what can't be promised."""
    op = sample(Status.SUCCEEDED)
    (back,) = buttons(card(op, TEXTS, now=NOW))
    assert back["confirm"]["text"]["text"] == (
        "orders: from mysql-2 back to mysql-1. This makes a new plan, with fresh checks and fresh approvals;"
        " nothing is switched before those."
    )
    assert op.plan is not None
    (back,) = buttons(card(replace(op, plan=replace(op.plan, candidate=None)), TEXTS, now=NOW))
    assert "away from mysql-2" in back["confirm"]["text"]["text"]
    assert "The cloud chooses, and may not choose mysql-1." in back["confirm"]["text"]["text"]


def test_there_is_no_way_back_to_where_nobody_knows_who_was() -> None:
    """The old primary was not known."""
    op = sample(Status.SUCCEEDED)
    assert op.plan is not None
    assert actions(replace(op, plan=replace(op.plan, primary=None)), NOW) == ()


def test_what_a_button_asked_for_says_what_it_follows() -> None:
    """A switch back, with what it can't promise; or the same once more."""
    first = OperationId("SW-000001")
    op = replace(sample(Status.AWAITING_APPROVAL), follows=first)
    fresh = card(op, TEXTS, now=NOW).text
    assert "Fresh plan for SW-000001\nReason: disk of mysql-1 is failing\n" in fresh
    back = replace(op, follows=OperationId("SW-000002"), back_of=first)
    text = card(back, TEXTS, now=NOW).text
    assert "Switch back of SW-000001\n" in text
    assert "Reason:" not in text
    assert "promised" not in text
    assert op.plan is not None
    chosen = replace(back, plan=replace(op.plan, candidate=None))
    assert "so the old one may not get the role back" in card(chosen, TEXTS, now=NOW).text


def test_a_start_is_shown_in_full() -> None:
    """As each reader's clock shows it, and as the requester's does, with the zone."""
    start = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
    op = replace(sample(Status.AWAITING_APPROVAL), start_at=start, zone="Asia/Shanghai")
    made = card(op, TEXTS, now=NOW)
    assert "Start: 2026-11-22 18:00:00 UTC, that is 2026-11-23 02:00 (UTC+08:00, Asia/Shanghai)" in made.text
    assert f"<!date^{int(start.timestamp())}^" in str(made.blocks)
    assert "it starts at 2026-11-23 02:00 (UTC+08:00, Asia/Shanghai)" in str(buttons(made)[0]["confirm"])
    shown = "2026-11-22 18:00:00 UTC, that is 2026-11-23 02:00 (UTC+08:00, Asia/Shanghai)"
    for code, words in (
        ("reply-scheduled", f"is approved. It starts {shown}. Until then it can be cancelled."),
        # The reminder takes nothing back of what was said before.
        ("reply-start-near", f"starts {shown}. Until then it can still be cancelled."),
    ):
        said = reply(op, Say(Reason.of(code, database="orders", when=start.isoformat())), TEXTS)
        assert said.text == f"⏸ The switchover of orders {words}"
        assert f"<!date^{int(start.timestamp())}^" in str(said.blocks)


def test_the_last_switchover_is_shown_to_whoever_decides_about_the_next() -> None:
    """When, from where to where; afterwards it is no news."""
    last = "Last switchover: SW-000001, ended 2026-11-13 03:30:00 UTC, from mysql-2 (10.0.0.2) to mysql-1 (10.0.0.1)"
    assert last in card(sample(Status.AWAITING_APPROVAL), TEXTS, now=NOW).text
    assert "Last switchover" not in card(sample(Status.SUCCEEDED), TEXTS, now=NOW).text


def test_a_dead_card_says_what_changed_and_offers_a_fresh_plan() -> None:
    """By names, not by ids."""
    moved = Reason.of("topology-moved-primary", before=OLD, now=NEW)
    made = card(replace(sample(Status.REFUSED), detail=moved), TEXTS, now=NOW)
    assert "it was mysql-1 and is mysql-2. “Plan again” on the card makes a fresh plan." in made.text
    assert [button["text"]["text"] for button in buttons(made)] == ["Plan again"]


@relaxed
@given(operations, moments, TONGUES)
def test_every_card_is_within_the_limits_and_inert(op: Operation, now: datetime, texts: Texts) -> None:
    """A hundred nodes, names of a thousand characters, markup everywhere."""
    made = card(op, texts, now=now)
    assert problems(made) == []
    assert alive(made) == []
    assert {button["value"] for button in buttons(made)} <= {"SW-7K3M9Q"}


@relaxed
@given(operations, says, TONGUES)
def test_every_reply_is_within_the_limits_and_inert(op: Operation, say: Say, texts: Texts) -> None:
    """Whatever is said of whatever operation."""
    made = reply(op, say, texts)
    assert problems(made) == []
    assert alive(made) == []
    ends = {f"reply-{end.replace('_', '-')}" for end in ENDS}
    asked = ["review"] if op.review_owed and say.text.code in ends else []
    if say.text.code == "reply-needs-attention" and op.status is Status.NEEDS_ATTENTION:
        asked = ["check_again", "acknowledge"]
    for told in (made, direct(op, say, texts)):
        assert [(button["action_id"], button["value"]) for button in buttons(told)] == [
            (action, "SW-7K3M9Q") for action in asked
        ]


@relaxed
@given(operations, says, TONGUES)
def test_every_notice_is_within_the_limits_and_inert(op: Operation, say: Say, texts: Texts) -> None:
    """Of an operation or of none."""
    for made in (notice(op, say, texts), announcement(say, texts)):
        assert problems(made) == []
        assert alive(made) == []
        assert buttons(made) == []
    made = direct(op, say, texts)
    assert (problems(made), alive(made)) == ([], [])


def test_what_is_of_no_operation_is_announced_in_words() -> None:
    """A freeze until when, a halt with what it did not stop, the head of the trail."""

    def said(code: str, **facts: object) -> str:
        return announcement(Say(Reason.of(code, **facts)), TEXTS).text

    until = NOW.isoformat()
    assert said("notice-frozen", scope="all", until=until, by="U0AAAAAAA", reason="audit") == (
        "⏸ <@U0AAAAAAA> froze all databases until 2026-11-22 03:30:00 UTC: audit"
    )
    assert said("notice-frozen", scope="orders", until=None, by="U0AAAAAAA", reason="audit") == (
        "⏸ <@U0AAAAAAA> froze orders until somebody lifts it: audit"
    )
    assert said("notice-accepted-after-all", operation="SW-000001", database="orders", job="j-1") == (
        "⚠ The provider took the request of SW-000001 after all: job j-1. The bot had concluded that it never "
        "arrived, or stopped following it. Look at the roles of orders."
    )
    assert said("notice-unfrozen", scope="orders", by="U0AAAAAAA") == (
        "▶ <@U0AAAAAAA> lifted the freeze of orders."
    )
    assert said("notice-halted", by="U0AAAAAAA", reason="fire", operations="SW-7K3M9Q (orders)") == (
        "■ <@U0AAAAAAA> halted every new switchover: fire."
        " Sent before, so not stopped and still tracked: SW-7K3M9Q (orders)"
    )
    assert said("notice-halted", by="U0AAAAAAA", reason="fire", operations="").endswith("switchover: fire")
    assert said("notice-resumed", by="U0AAAAAAA") == "▶ <@U0AAAAAAA> resumed: switchovers can start again."
    left = said("notice-resumed", by="U0AAAAAAA", names="orders, all")
    assert left == "▶ <@U0AAAAAAA> resumed: the halt is over, but still frozen: orders, all."
    assert said("audit-head", seq=1234, hash="ab" * 32).startswith(
        f"Audit trail: 1234 rows, head {'ab' * 32}."
    )
    assert said("audit-head", seq=1, hash="ab" * 32).startswith("Audit trail: 1 row, head ")


def test_a_reply_names_nodes_and_calls_people() -> None:
    """Not their ids, and not their ids."""
    op = sample(Status.SUCCEEDED)
    done = Reason.of("reply-succeeded", database="orders", before=OLD, now=NEW, job="j", seconds=14, by=None)
    assert reply(op, Say(done), TEXTS).text == (
        "✔ orders is switched over from mysql-1 to mysql-2. The roles were read twice and are as approved."
        " It took 14 s, job j."
    )
    no = Say(Reason.of("reply-rejected", database="orders", by="U0456EFGH"), Reason.of("roles-unreadable"))
    assert reply(op, no, TEXTS).text == (
        "✖ <@U0456EFGH> rejected the switchover of orders. Nothing changed.\nThe roles can't be read."
    )


@pytest.mark.parametrize(
    ("needed", "approvers", "called"),
    [
        (1, "", "1 approval is needed."),
        (1, "S0AAAAAAA", "1 approval is needed from <!subteam^S0AAAAAAA>."),
        (2, "U0456EFGH,S0AAAAAAA", "2 approvals are needed from <@U0456EFGH>, <!subteam^S0AAAAAAA>."),
    ],
)
def test_who_is_to_approve_is_called_and_told_how_many_it_takes(
    needed: int, approvers: str, called: str
) -> None:
    asked = Reason.of("reply-awaiting-approval", database="orders", needed=needed, approvers=approvers)
    made = reply(sample(Status.AWAITING_APPROVAL), Say(asked), TEXTS)
    assert made.text == f"⏸ The plan for orders is ready: {called} The card has the buttons."


@pytest.mark.parametrize(
    ("name", "shown"),
    [("shard-1", "Shard: shard-1 (9f3c)\n"), ("9f3c", "Shard: 9f3c\n"), ("", "Shard: 9f3c\n")],
)
def test_a_shard_with_a_name_is_shown_with_it(name: str, shown: str) -> None:
    """The id alone says little to people."""
    op = replace(
        sample(Status.RUNNING), shard="9f3c", topology=replace(READING, shard="9f3c", shard_name=name)
    )
    assert shown in card(op, TEXTS, now=NOW).text
    assert "Shard: 9f3c\n" in card(replace(op, topology=None), TEXTS, now=NOW).text


def test_a_reason_is_shown_up_to_a_limit() -> None:
    """The rest is in the audit trail."""
    op = replace(sample(Status.AWAITING_APPROVAL), reason="x" * 4000)
    assert f"Reason: {'x' * 498}…" in card(op, TEXTS, now=NOW).text


def test_metadata_is_the_contracts() -> None:
    """Three keys, no more."""
    assert metadata("SW-7K3M9Q", "running", "SW-7K3M9Q:4") == {
        "event_type": "switchover_operation",
        "event_payload": {"operation": "SW-7K3M9Q", "status": "running", "key": "SW-7K3M9Q:4"},
    }


def test_many_nodes_are_counted_where_they_are_not_shown() -> None:
    """Twenty, and how many more."""
    node = READING.nodes[1]
    many = replace(READING, nodes=(node,) * 100)
    assert "… and 80 more" in card(replace(sample(Status.RUNNING), topology=many), TEXTS, now=NOW).text


def test_a_strange_user_id_leaves_its_sentence_room() -> None:
    """It is shown in part, and the sentence stays."""
    said = Say(Reason.of("reply-rejected", database="orders", by="&" * 1000))
    assert reply(sample(Status.REJECTED), said, TEXTS).text.endswith(
        "… rejected the switchover of orders. Nothing changed."
    )
