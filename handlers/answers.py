"""What one person is told and nobody else sees, and the choice of a node that may come back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

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
from bot.core.commands import ListDatabases, RequestSwitchover, ShowHelp, ShowHistory
from bot.core.events import Choice
from bot.core.model import Node, Reason, Target
from bot.core.operation import Operation, Status
from bot.core.preflight import OVERRIDABLE, Check, Outcome
from handlers.blocks import (
    MAX_BUTTON_VALUE,
    MAX_CONFIRM,
    MAX_MESSAGE_TEXT,
    MAX_WORDS,
    Block,
    Rendered,
    button,
    call_lines,
    check_lines,
    confirmation,
    fit,
    fitting,
    gathered,
    line,
    node_label,
    node_line,
    node_lines,
    rendered,
    section,
    sentence,
    shard_label,
    words,
)
from handlers.card import needed, picture, summary
from handlers.clauses import checks_meant, moment_meant, start_clauses
from handlers.form import open_button
from handlers.grammar import (
    COMMAND,
    Misunderstood,
    as_text,
    is_pressed,
    nearest_form,
    parse,
    usage,
)
from handlers.mrkdwn import NAME, clip, link, literal, moment, user
from handlers.texts import Texts
from handlers.words import Problem, storable

CHOOSE_NODE = "choose_node"
MENTION = f"@{NAME}"
"""What stands in place of the command inside threads, where slash commands do not work."""
LONG_AGO = Choice(0, datetime.min.replace(tzinfo=UTC))
"""What a chooser that does not say when it was asked for is of: too old for whoever judges it."""

MAX_CHOICES = 20
MAX_LINES = 40
MAX_SPACED = 40
"""So many databases have a section each: a message has fifty blocks."""
MAX_HELD = 3
MAX_TO_REVIEW = 5
MAX_WHY = 40


def answer(told: Answer, texts: Texts, *, command: str = COMMAND) -> Rendered:
    """An answer as a message.

    Args:
        told: What the service answered.
        texts: The catalogue, in the reader's language.
        command: The slash command, or the mention in its place, as the help shows it.
    """
    match told:
        case Tell():
            said = [sentence(texts, told.text)]
            return rendered([said + ([sentence(texts, told.detail)] if told.detail else [])], texts)
        case AskAgain():
            return _ask_again(told, texts, command)
        case ChooseNode():
            return _choose(told, texts)
        case ShowPlan():
            return _plan(told, texts)
        case ShowDatabases():
            return _databases(told, texts, command)
        case ShowOperations():
            return _operations(told, texts, command)
        case ShowHelp():
            parsed = parse(told.text, command=command, databases=told.databases)
            if isinstance(parsed, Misunderstood):
                return misunderstood(parsed, texts)
            return help_text(texts, command=command, form=not told.text)


def _ask_again(told: AskAgain, texts: Texts, command: str) -> Rendered:
    """Which name is missing or odd, and the whole command to type instead."""
    lines = [sentence(texts, told.problem)]
    if told.nearest is not None:
        lines.append(line(texts, "ask-again", command=f"{command} {as_text(told.nearest)}"))
    elif told.problem.code == "unknown-database" and is_pressed(told.problem["name"]):
        lines.append(line(texts, "on-the-card", word=told.problem["name"]))
    elif form := _form_meant(told.problem):
        lines.append(line(texts, "misunderstood-nearest", nearest=f"{command} {form}"))
    lines.append(texts.text("misunderstood-nothing-done"))
    return rendered([lines], texts)


def _form_meant(problem: Reason) -> str:
    """The form meant by a word that was taken for a database's name, and is like no such name; "" for none."""
    unknown = problem.code == "unknown-database" and not problem["nearest"]
    return nearest_form(problem["name"]) if unknown else ""


def misunderstood(problem: Misunderstood, texts: Texts) -> Rendered:
    """What was understood, what was not, and the nearest valid command."""
    lines = [sentence(texts, problem.problem)]
    if problem.understood:
        lines.append(line(texts, "misunderstood-understood", understood=problem.understood))
    near = "misunderstood-example" if problem.example else "misunderstood-nearest"
    code = "misunderstood-help" if problem.nearest.endswith(" help") else near
    # Whole: where it is made it is kept so short that there is room for it.
    lines.append(texts.text(code, nearest=literal(problem.nearest, len(problem.nearest))))
    lines.append(texts.text("misunderstood-nothing-done"))
    return rendered([lines], texts)


def help_text(texts: Texts, *, command: str = COMMAND, form: bool = False) -> Rendered:
    """The usage, from the table that parses; under a button for the ``form`` where that was wished for."""
    lines = [line(texts, "help-line", usage=form, about=texts.text(about)) for form, about in usage(command)]
    checks = texts.text("help-checks", checks=", ".join(OVERRIDABLE))
    ways = line(texts, "help-ways", command=command, mention=f"{MENTION} DATABASE …")
    notes = [texts.text("help-names"), texts.text("help-times"), checks, ways]
    groups = [[texts.text("help-head")], lines, notes]
    made = rendered(groups, texts)
    if not form:
        return made
    head = f"{made.text}\n{texts.text('form-open-head')}"
    return Rendered(head, [made.blocks[0], open_button(texts), *made.blocks[1:]])


# --- the chooser ---------------------------------------------------------------------------------------


def parse_choice(value: str) -> RequestSwitchover | None:
    """The request that a chooser's button stands for, as if typed; None if it is none of ours.

    Anybody can send any value: what comes out is a request like any other and is judged like one.
    """
    if len(value) > MAX_BUTTON_VALUE:
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return _chosen(_LATER | found) if isinstance(found, dict) else None


# A chooser that an earlier version posted stands for a request all the same: the bot answers every click.
_LATER = {
    "start": "",
    "emergency": False,
    "overrides": "",
    "follows": "",
    "delivery": LONG_AGO.delivery,
    "asked_at": LONG_AGO.asked_at.isoformat(),
}
_CARRIED = {"database", "shard", "node", "reason", *_LATER}


def _chosen(found: dict[str, object]) -> RequestSwitchover | None:
    """What ``_choice`` wrote, if it did."""
    if set(found) != _CARRIED:
        return None
    choice = _of_chooser(found)
    emergency = found["emergency"]
    texts = [found[key] for key in ("database", "shard", "node", "reason", "start", "overrides", "follows")]
    if choice is None or not isinstance(emergency, bool) or not all(isinstance(text, str) for text in texts):
        return None
    database, shard, node, reason, start, overrides, follows = (storable(str(text)) for text in texts)
    if not database.strip() or not node.strip() or (emergency and not reason.strip()):
        return None
    try:
        return RequestSwitchover(
            database,
            node=node,
            shard=shard or None,
            reason=reason,
            start=moment_meant(start) if start else None,
            emergency=emergency,
            overrides=checks_meant(overrides) if overrides else (),
            follows=follows,
            choice=choice,
        )
    except Problem:
        return None


def _of_chooser(found: Mapping[str, object]) -> Choice | None:
    """Which chooser it was."""
    delivery, asked_at = found["delivery"], found["asked_at"]
    if type(delivery) is not int or not isinstance(asked_at, str):
        return None
    try:
        at = datetime.fromisoformat(asked_at)
    except ValueError:
        return None
    return None if at.tzinfo is None else Choice(delivery, at)


def choice_value(choose: ChooseNode, node: Node) -> str | None:
    """What a chooser's button carries, there being no operation yet; None if the names are too long for it.

    A reason that is too long loses its end: the names decide what is done, the reason only tells why.
    """
    reason = choose.request.reason
    while len(value := _choice(choose.request, node, reason)) > MAX_BUTTON_VALUE:
        if not reason:
            return None
        over = len(value) - MAX_BUTTON_VALUE
        # An escaped character takes up to six; too little is cut rather than too much.
        reason = clip(reason, max(1, len(reason) - max(1, over // 6))) if len(reason) > 1 else ""
    return value


def _choice(request: RequestSwitchover, node: Node, reason: str) -> str:
    choice = request.choice or LONG_AGO
    carried = {
        "database": request.database,
        "shard": request.shard or "",
        "node": node.id,
        "reason": reason,
        "start": start_clauses(request.start).get("at", ""),
        "emergency": request.emergency,
        "overrides": ",".join(request.overrides),
        "follows": request.follows,
        "delivery": choice.delivery,
        "asked_at": choice.asked_at.isoformat(),
    }
    return json.dumps(carried, ensure_ascii=False, separators=(",", ":"))


def _choose(choose: ChooseNode, texts: Texts) -> Rendered:
    request = choose.request
    head = line(
        texts,
        "choose-head",
        database=Target(request.database, request.shard),
        emergency="yes" if request.emergency else "",
        when=request.start.at.isoformat() if request.start and request.start.at else "",
    )
    offered = choose.nodes[:MAX_CHOICES]
    lines = [node_line(node, texts) for node in offered]
    # One section a node: within its block a button's action_id is unique, as Slack wants it.
    choices = [
        section([text], texts, _choose_button(choose, node, texts))
        for node, text in zip(offered, lines, strict=True)
    ]
    first = section([head], texts)
    shown = fitting(choices, MAX_WORDS - words(first))
    hidden = len(choose.nodes) - shown
    more = [texts.text("choose-more", count=hidden)] if hidden > 0 else []
    blocks = [first, *choices[:shown], *(section([text], texts) for text in more)]
    return Rendered(rendered([[head], lines[:shown], more], texts).text, blocks)


def _choose_button(choose: ChooseNode, node: Node, texts: Texts) -> Block | None:
    value = choice_value(choose, node)
    if value is None:
        return None
    text = line(
        texts,
        "confirm-choose-node-text",
        most=MAX_CONFIRM,
        database=Target(choose.request.database, choose.request.shard),
        node=node.name or node.id,
    )
    # One press is an emergency here, so it is asked once more as on a card.
    confirm = confirmation("choose-node", text, texts) if choose.request.emergency else None
    return button(texts.text("choose-this"), action_id=CHOOSE_NODE, value=value, confirm=confirm)


# --- the rest ------------------------------------------------------------------------------------------


def _plan(plan: ShowPlan, texts: Texts) -> Rendered:
    if plan.detail is not None and plan.detail.code == "check-name-one":
        return _plan_to_choose(plan, plan.detail, texts)
    code = {
        Outcome.CLEAN: "plan-clean",
        Outcome.REFUSED: "plan-refused",
        Outcome.NOT_NEEDED: "plan-not-needed",
    }[plan.outcome]
    start = moment(plan.start_at) if plan.start_at is not None else ""
    head = [texts.text(code, database=literal(plan.label), start=start)]
    if plan.detail is not None:
        head.append(sentence(texts, plan.detail, topology=plan.topology))
    node = plan.topology.node(plan.candidate)
    if node is not None and plan.outcome is Outcome.CLEAN:
        head.append(texts.text("plan-candidate", node=node_label(plan.topology, node.id, texts)))
    if plan.outcome is Outcome.CLEAN:
        chosen = "" if node is None else node_label(plan.topology, node.id, texts)
        head += call_lines(plan.call, texts, node=chosen)
    return rendered([head, *_found(plan, plan.checks, texts)], texts)


def _found(plan: ShowPlan, checks: Sequence[Check], texts: Texts) -> list[list[str]]:
    """What the dry run looked at."""
    read_at = plan.topology.read_at
    return [
        check_lines(checks, texts, read_at=read_at, told=plan.detail),
        node_lines(plan.topology, texts, now=None),
    ]


def _plan_to_choose(plan: ShowPlan, choices: Reason, texts: Texts) -> Rendered:
    # Nothing stands in the way: a request is answered with the chooser.
    head = line(texts, "plan-choose", database=plan.label, known=dict(choices.params).get("known"))
    checks = [check for check in plan.checks if check.detail != choices]
    return rendered([[head], *_found(plan, checks, texts)], texts)


def _databases(told: ShowDatabases, texts: Texts, command: str) -> Rendered:
    databases = told.databases
    if not databases:
        return rendered([[texts.text("list-empty")]], texts)
    # Every database of a page has its line; its shards have what is left of the room.
    sharded = sum(bool(database.shards) for database in databases)
    room = (MAX_LINES - len(databases)) // max(1, sharded) - 1
    entries = [_database(database, texts, max(1, room)) for database in databases]
    page = told.page if told.pages > 1 else ""
    head = line(
        texts, "list-head", count=told.total or len(databases), part=told.part, page=page, pages=told.pages
    )
    following = as_text(ListDatabases(told.part, told.page + 1)) if told.page < told.pages else ""
    groups, hidden = _spaced(entries, MAX_LINES + len(databases))
    more = [texts.text("card-more", count=hidden)] if hidden else []
    more += [line(texts, "list-next", command=f"{command} {following}")] if following else []
    first = [*_no_such_page(told.beyond, texts), head]
    return rendered([_held(told.held, texts), first, *groups, more], texts)


def _no_such_page(beyond: int, texts: Texts) -> list[str]:
    return [line(texts, "list-no-page", page=beyond)] if beyond else []


def _held(reasons: Sequence[Reason], texts: Texts) -> list[str]:
    """What stops new submissions, before all else."""
    shown = [f"⏸ {sentence(texts, reason, most=500)}" for reason in reasons[:MAX_HELD]]
    hidden = len(reasons) - MAX_HELD
    return shown if hidden <= 0 else [*shown, texts.text("card-more", count=hidden)]


def _spaced(entries: Sequence[list[str]], most: int) -> tuple[list[list[str]], int]:
    """The same distance between all of them, so that no database seems to be a shard of the one before it."""
    return ([*entries], 0) if len(entries) <= MAX_SPACED else gathered(entries, most)


def _database(database: DatabaseLine, texts: Texts, most: int) -> list[str]:
    """A line, and one more for each of its shards, of which at most so many are shown."""
    problem = sentence(texts, database.problem, most=200) if database.problem else ""
    head = texts.text(
        "list-line",
        name=literal(database.name, 40),
        shards=len(database.shards) or "",
        primary=literal(database.primary, 80),
        operation=literal(database.operation, 20),
        description=literal(database.description, 80),
        frozen=sentence(texts, database.frozen, most=200) if database.frozen else "",
        problem=problem,
    )
    shown = [_shard(shard, texts) for shard in database.shards[:most]]
    hidden = len(database.shards) - len(shown)
    return [head, *shown, *([texts.text("list-shards-more", count=hidden)] if hidden else [])]


def _shard(shard: ShardLine, texts: Texts) -> str:
    return texts.text(
        "list-shard",
        shard=shard_label(shard.id, shard.name, texts, room=40),
        primary=literal(shard.primary, 80),
        operation=literal(shard.operation, 20),
    )


def _operations(shown: ShowOperations, texts: Texts, command: str) -> Rendered:
    named, held = literal(shown.name, 80), _held(shown.held, texts)
    owed = _to_review(shown.to_review, texts)
    if not shown.operations:
        code = "operations-none-past" if shown.past else "operations-none-open"
        return rendered([held, [texts.text(code, name=named)], owed], texts)
    if len(shown.operations) == 1 and shown.operations[0].id == shown.name:
        # One operation asked for by its id: all that its card says, with the buttons for what needs a person.
        (op,) = shown.operations
        made = summary(op, texts, hold=shown.hold, now=None)
        return _under(held, Rendered(made.text, [*made.blocks, *needed(op, texts)]), texts)
    head = [*_no_such_page(shown.beyond, texts), _head(shown, texts)]
    entries = [
        [operation_line(op, texts, held=op.id in shown.stopped, past=shown.past)] for op in shown.operations
    ]
    groups, hidden = gathered(entries, MAX_LINES)
    more = [texts.text("card-more", count=hidden)] if hidden else []
    if shown.page < shown.pages:
        following = as_text(ShowHistory(shown.name or None, shown.page + 1))
        more.append(line(texts, "list-next", command=f"{command} {following}"))
    return rendered([held, head, *groups, more, owed], texts)


def _to_review(owed: Sequence[Operation], texts: Texts) -> list[str]:
    if not owed:
        return []
    hidden = len(owed) - MAX_TO_REVIEW
    more = [texts.text("card-more", count=hidden)] if hidden > 0 else []
    head = texts.text("operations-to-review")
    return [head, *(operation_line(op, texts) for op in owed[:MAX_TO_REVIEW]), *more]


def _head(shown: ShowOperations, texts: Texts) -> str:
    name = literal(shown.name, 80)
    if not shown.past:
        return texts.text("operations-open", name=name)
    page = shown.page if shown.pages > 1 else ""
    return texts.text("operations-past", name=name, page=page, pages=shown.pages, count=shown.total)


def _under(first: list[str], made: Rendered, texts: Texts) -> Rendered:
    """A message with lines before it."""
    above = rendered([first], texts)
    lines = [*above.text.splitlines(), *made.text.splitlines()]
    return Rendered(fit(lines, MAX_MESSAGE_TEXT, texts), [*above.blocks, *made.blocks])


def operation_line(
    op: Operation, texts: Texts, *, address: str = "", held: bool = False, past: bool = False
) -> str:
    """An operation in one line.

    Args:
        op: The operation.
        texts: The catalogue.
        address: Where its card is, if known: its id leads there.
        held: Something keeps it from what it waits for.
        past: It is looked back at, so that it matters why it was asked for.
    """
    return texts.text(
        "operation-line",
        id=link(address, op.id) if address else op.id,
        moves=picture(op, texts, room=20),
        status=op.status,
        start=moment(op.start_at) if op.status is Status.SCHEDULED and op.start_at else "",
        emergency="yes" if op.emergency else "",
        by=user(op.requested_by),
        when=moment(op.requested_at),
        review="yes" if op.review_owed else "",
        held="yes" if held else "",
        reason=literal(op.reason, MAX_WHY) if past else "",
    )
