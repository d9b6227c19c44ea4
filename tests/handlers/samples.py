"""Operations to render: one of every status, made by hand, and hostile ones made by hypothesis."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from bot.core.answers import (
    Answer,
    AskAgain,
    ChooseNode,
    DatabaseLine,
    ShardLine,
    ShowDatabases,
    ShowOperations,
    ShowPlan,
    Tell,
)
from bot.core.commands import RequestSwitchover, ShowHelp
from bot.core.events import Choice, LastSwitchover, Place, UsualTime
from bot.core.holds import Hold, HoldKind
from bot.core.home import Board, DatabaseTile, Reading
from bot.core.machine import Say
from bot.core.model import (
    Call,
    Job,
    JobId,
    JobState,
    Node,
    NodeId,
    OperationId,
    Plan,
    Reason,
    Role,
    Topology,
    UserId,
    nested,
)
from bot.core.operation import ENDS, UNSENT, Approval, Operation, Status
from bot.core.preflight import OVERRIDABLE, Check, Outcome
from bot.core.schedule import Start
from handlers import texts as catalogue
from handlers.texts import codes, variables

NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
OLD, NEW = NodeId("cln-1"), NodeId("cln-2")

NODES = (
    Node(OLD, "mysql-1", "10.0.0.1", Role.PRIMARY, healthy=True, lag=None),
    Node(NEW, "mysql-2", "10.0.0.2", Role.REPLICA, healthy=True, lag=timedelta(seconds=0.5)),
    Node(NodeId("cln-3"), "", "", Role.READ_ONLY, healthy=None),
)
HALT = Hold(HoldKind.HALT, "all", NOW, None, "fire", UserId("U0AAAAAAA"))
READING = Topology(NODES, idle=True, obstacle="", state="active", read_at=NOW - timedelta(seconds=4))
MOVED = replace(
    READING,
    nodes=(replace(NODES[0], role=Role.REPLICA), replace(NODES[1], role=Role.PRIMARY), NODES[2]),
    read_at=NOW,
)
PLAN = Plan(
    database="orders",
    shard=None,
    candidate=NEW,
    primary=OLD,
    members=READING.members,
    call=Call("RunClusterCustomService assignmaster on cl-ouhutv70, candidate cln-2", "Clients reconnect."),
)
CHECKS = (
    Check("cluster_ready", passed=True, detail=Reason.of("check-cluster-ready", state="active")),
    Check(
        "candidate_lag",
        passed=False,
        detail=Reason.of("check-lag-too-long", node="mysql-2 (cln-2)", lag=48, limit=30),
    ),
)
UNWELL = Reason.of("check-unhealthy", node="mysql-2 (cln-2)")
LAST = LastSwitchover(OperationId("SW-000001"), NOW - timedelta(days=9), before=NEW, after=OLD)
REQUESTED = Operation(
    id=OperationId("SW-7K3M9Q"),
    status=Status.PLANNING,
    version=1,
    since=NOW,
    database="orders",
    shard=None,
    asked="mysql-2",
    reason="disk of mysql-1 is failing",
    requested_by=UserId("U0REQUESTER"),
    team="T1",
    place=Place("C1"),
    requested_at=NOW - timedelta(seconds=42),
)
PLANNED = replace(
    REQUESTED,
    plan=PLAN,
    topology=READING,
    checks=CHECKS[:1],
    needed=2,
    approvers=("S0123ABCD", "U0456EFGH"),
    approvals=(Approval(UserId("U0456EFGH"), NOW),),
    expires_at=NOW + timedelta(minutes=30),
    last=LAST,
    usual=UsualTime(timedelta(seconds=184), 5),
    primary_now=OLD,
    checked_at=READING.read_at,
)


def sample(status: Status) -> Operation:
    """An ordinary operation in this status."""
    op = replace(REQUESTED if status is Status.PLANNING else PLANNED, status=status)
    if status is Status.SCHEDULED:
        op = replace(op, start_at=NOW + timedelta(hours=1), zone="Asia/Shanghai")
    if status not in UNSENT and status not in ENDS - {Status.SUCCEEDED, Status.FAILED, Status.CLOSED}:
        op = replace(op, submissions=(NOW,))
    if status in (Status.RUNNING, Status.VERIFYING, Status.SUCCEEDED, Status.NEEDS_ATTENTION, Status.FAILED):
        op = replace(op, job_id=JobId("j-xyz"), job=Job(JobId("j-xyz"), JobState.RUNNING, "working"))
    details = {
        Status.REFUSED: CHECKS[1].detail,
        Status.NOT_NEEDED: Reason.of("not-needed-already-primary", node="mysql-2 (cln-2)"),
        Status.IN_DOUBT: Reason.of("lost-answer", message="no answer within 10 s"),
        Status.NEEDS_ATTENTION: Reason.of("roles-unchanged-though-done", primary=OLD),
        Status.FAILED: Reason.of("provider-said", message="quota exceeded", error="2400"),
        Status.CANCELLED: Reason.of("cancelled-undeliverable"),
    }
    op = replace(op, detail=details.get(status))
    if status is Status.SUCCEEDED:
        op = replace(op, primary_now=NEW, topology=MOVED)
    if status in (Status.REJECTED, Status.CLOSED):
        op = replace(op, decided_by=UserId("U0456EFGH"))
    return replace(op, ended_at=NOW) if status in ENDS else op


def emergency(status: Status) -> Operation:
    """The same without approvals, with a check overridden; its review is owed once it is over."""
    unwell = Check("candidate_healthy", passed=False, detail=UNWELL, overridden=True)
    op = replace(
        sample(status),
        emergency=True,
        needed=0,
        approvals=(),
        checks=(CHECKS[0], unwell),
        overrides=(unwell.name,),
    )
    return op if op.plan is None else replace(op, plan=replace(op.plan, overrides=op.overrides))


# --- hostile ones --------------------------------------------------------------------------------------

HOSTILE = (
    "<!channel>",
    "<!here|x>",
    "<@U1>",
    "<#C1|general>",
    "<http://x|y>",
    "*b*",
    "_i_",
    "~s~",
    "`c`",
    "```c```",
    "&lt;!channel&gt;",
    ":fire:",
    ":fire",
    "@here",
    "#general",
    "https://example.com/a_b_",
    "> quoted",
    "\u202egnp.exe",
    "line\nbreak",
    "{ $x }",
    "<!date^1^{date}|x>",
)

words = st.one_of(
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from(HOSTILE), max_size=8).map("".join),
    st.text(max_size=40),
    st.sampled_from(["&", "<", "*", "a", "_", "é", "😀", "\u2028"]).map(lambda one: one * 1000),
)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2036, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - made aware here
users = st.one_of(st.sampled_from(["U0AAAAAAA", "W0BBBBBBB"]), words).map(UserId)
entries = st.one_of(st.just("*"), st.just("S0123ABCD"), users)
lags = st.none() | st.timedeltas(timedelta(0), timedelta(days=400))


overrides = st.lists(st.sampled_from(OVERRIDABLE), unique=True).map(tuple)
zones = st.sampled_from(["", "UTC", "Asia/Shanghai", "Asia/Kathmandu", "America"]) | words
unfit = st.lists(
    st.builds(
        Reason,
        st.sampled_from(["unfit-unhealthy", "unfit-lag-too-long", "unfit-not-a-replica"]),
        st.tuples(words, words, words, words).map(
            lambda filled: tuple(zip(("node", "lag", "limit", "role"), filled, strict=True))
        ),
    ),
    max_size=5,
).map(lambda some: nested(some * 20))


instants = words | moments.map(datetime.isoformat)
_FILLINGS = {"when": instants, "until": instants, "nodes": words | unfit}
_PARTS = (*catalogue._NESTED, *(f"{family}-" for family in catalogue._FAMILIES.values()), "length-")
SENTENCES = {code for code in codes() if not code.startswith(_PARTS)} | {"looked-again"}
"""What is said by itself. The others are only ever filled into one of these, and may come to no word at all."""


@st.composite
def reasons(draw: st.DrawFn, of: Collection[str] = SENTENCES) -> Reason:
    """Any sentence of the catalogue, or another of these messages, with anything filled in."""
    code = draw(st.sampled_from(sorted(of)))
    needed, optional = variables(code)
    chosen = sorted(needed) + [name for name in sorted(optional) if draw(st.booleans())]
    return Reason(code, tuple((name, draw(_FILLINGS.get(name, words))) for name in chosen))


nodes = st.builds(
    Node,
    id=words.map(NodeId),
    name=words,
    address=words,
    role=st.sampled_from(Role),
    healthy=st.none() | st.booleans(),
    lag=lags,
)
topologies = st.builds(
    Topology,
    nodes=st.one_of(
        st.lists(nodes, max_size=4).map(tuple),
        nodes.map(
            lambda node: tuple(replace(node, id=NodeId(f"{number}{node.id}")) for number in range(100))
        ),
    ),
    idle=st.booleans(),
    obstacle=words,
    state=words,
    read_at=moments,
    shard_name=words,
)
checks = st.lists(
    st.builds(
        Check,
        name=words,
        passed=st.booleans(),
        detail=reasons() | st.just(CHECKS[0].detail),
        overridden=st.booleans(),
    ),
    max_size=6,
).map(tuple)
jobs = st.builds(Job, id=words.map(JobId), state=st.sampled_from(JobState), word=words, detail=words)
plans = st.builds(
    Plan,
    database=words,
    shard=st.none() | words,
    candidate=st.none() | words.map(NodeId),
    primary=st.none() | words.map(NodeId),
    members=st.just(()),
    call=st.builds(Call, summary=words, warning=words),
)
operations = st.builds(
    Operation,
    id=st.just(OperationId("SW-7K3M9Q")),
    status=st.sampled_from(Status),
    version=st.just(3),
    since=moments,
    database=words,
    shard=st.none() | words,
    asked=st.none() | words,
    reason=words,
    requested_by=users,
    team=st.just("T1"),
    place=st.just(Place("C1")),
    requested_at=moments,
    plan=st.none() | plans,
    topology=st.none() | topologies,
    checks=checks,
    needed=st.integers(0, 5),
    approvers=st.lists(entries, max_size=60).map(tuple),
    approvals=st.lists(st.builds(Approval, by=users, at=moments), max_size=40).map(tuple),
    expires_at=st.none() | moments,
    start_at=st.none() | moments,
    submissions=st.lists(moments, max_size=3).map(tuple),
    job_id=st.none() | words.map(JobId),
    job=st.none() | jobs,
    primary_now=st.none() | words.map(NodeId),
    decided_by=st.none() | users,
    detail=st.none() | reasons(),
    ended_at=st.none() | moments,
    zone=zones,
    emergency=st.booleans(),
    overrides=overrides,
    follows=st.none() | st.just(OperationId("SW-000001")),
    back_of=st.none() | st.just(OperationId("SW-000001")),
    last=st.none()
    | st.builds(
        LastSwitchover, id=st.just(OperationId("SW-000001")), ended_at=moments, before=words, after=words
    ),
    usual=st.none()
    | st.builds(UsualTime, time=st.timedeltas(timedelta(-9), timedelta(days=999)), of=st.integers(1, 5)),
    reviewed_by=st.none() | users,
    reviewed_at=st.none() | moments,
    checked_at=st.none() | moments,
    checked_since=st.booleans(),
)
held = st.lists(reasons(), max_size=6).map(tuple)
ends = st.sampled_from(sorted(ENDS)).map(lambda end: f"reply-{end.replace('_', '-')}")
filled = words.map(lambda word: tuple((name, word) for name in ("database", "now", "seconds", "by")))
says = st.builds(Say, text=reasons() | st.builds(Reason, ends, filled), detail=st.none() | reasons())
requests = st.builds(
    RequestSwitchover,
    database=words,
    shard=st.none() | words,
    reason=words,
    start=st.none() | moments.map(lambda at: Start(at=at)),
    emergency=st.booleans(),
    overrides=overrides,
    choice=st.builds(Choice, delivery=st.integers(0, 2**63 - 1), asked_at=moments),
)
shards = st.builds(ShardLine, id=words, name=words, primary=words, operation=words)
answers: st.SearchStrategy[Answer] = st.one_of(
    st.builds(ShowHelp, text=words, databases=st.none() | st.lists(words, max_size=2).map(tuple)),
    st.builds(Tell, text=reasons(), detail=st.none() | reasons()),
    st.builds(AskAgain, problem=reasons(), nearest=st.none() | requests),
    st.builds(
        ChooseNode,
        request=requests,
        nodes=topologies.map(lambda topology: topology.nodes),
    ),
    st.builds(
        ShowPlan,
        database=words,
        shard=st.none() | words,
        outcome=st.sampled_from(Outcome),
        candidate=st.none() | words,
        checks=checks,
        detail=st.none() | reasons(),
        topology=topologies,
    ),
    st.builds(
        ShowDatabases,
        databases=st.lists(
            st.builds(
                DatabaseLine,
                name=words,
                description=words,
                primary=words,
                problem=st.none() | reasons(),
                operation=words,
                shards=st.lists(shards, max_size=3).map(lambda some: tuple(some * 10)),
                frozen=st.none() | reasons(),
            ),
            max_size=60,
        ).map(tuple),
        held=held,
    ),
    st.builds(
        ShowOperations,
        operations=st.lists(operations, max_size=3).map(lambda some: tuple(some * 25)),
        name=words | st.just("SW-7K3M9Q"),
        past=st.booleans(),
        held=held,
        to_review=st.lists(operations, max_size=1).map(lambda few: tuple(few * 9)),
    ),
)


# --- Home tabs -----------------------------------------------------------------------------------------


def board(*under_way: Operation, past: tuple[Operation, ...] = (), databases: int = 3) -> Board:
    """An ordinary one: a database that is well, one that can't be read, and one that never was."""
    unwell = replace(NODES[1], healthy=False)
    readings = [
        Reading((READING,)),
        Reading((replace(READING, read_at=NOW - timedelta(hours=1)),), Reason.of("provider-throttled", message="x")),
        None,
        Reading(tuple(
            replace(READING, shard=f"g-{one}", shard_name=f"shard-{one}", nodes=(NODES[0], unwell)) for one in (1, 2)
        )),
    ]  # fmt: skip
    names = ["orders", "billing", "users", "events", *(f"db-{number:04}" for number in range(4, databases))]
    tiles = [
        DatabaseTile(
            name,
            readings[number] if number < len(readings) else readings[0],
            tuple(op.id for op in under_way if op.database == name),
        )
        for number, name in enumerate(names[:databases])
    ]
    return Board(NOW, 9, tuple(tiles[:30]), databases, under_way, past)


readings = st.builds(
    Reading,
    topologies=st.lists(topologies, max_size=1).map(tuple)
    | st.lists(topologies, min_size=1, max_size=2).map(
        lambda few: tuple(replace(few[0], shard=f"shard {number}") for number in range(100))
    ),
    problem=st.none() | reasons(),
)
tiles = st.builds(
    DatabaseTile,
    name=words,
    reading=st.none() | readings,
    operations=st.lists(st.just(OperationId("SW-7K3M9Q")), max_size=9).map(tuple),
)
holds = st.builds(
    Hold,
    kind=st.sampled_from(HoldKind),
    scope=words,
    since=moments,
    until=st.none() | moments,
    reason=words,
    by=users,
)
frozen = st.tuples(words, st.builds(Reason, st.just("frozen"), st.tuples(words, words).map(
    lambda filled: tuple(zip(("reason", "until"), filled, strict=True))
)))  # fmt: skip
boards = st.builds(
    Board,
    at=moments,
    seq=st.integers(0, 9),
    databases=st.lists(tiles, max_size=1).map(lambda few: tuple(few * 30)),
    total=st.integers(30, 5000),
    under_way=st.lists(operations, max_size=1).map(lambda few: tuple(few * 20)),
    past=st.lists(operations, max_size=1).map(lambda few: tuple(few * 20)),
    to_review=st.lists(operations, max_size=1).map(lambda few: tuple(few * 20)),
    holds=st.lists(holds, max_size=1).map(lambda few: tuple(few * 8)),
    frozen=st.lists(frozen, max_size=1).map(lambda few: tuple(few * 8)),
)
