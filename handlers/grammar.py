"""What people type after the command. One table, ``FORMS``, both parses it and yields the help."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import NoReturn

from bot.core import durations
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
    ShowHome,
    ShowStatus,
    Unfreeze,
)
from bot.core.holds import ALL
from bot.core.model import Reason
from bot.core.names import named_in, names_operation, nearest
from handlers import clauses as c
from handlers.words import Problem, Words, bare, escape, quoted, storable, unescape

COMMAND = "/switchover"
MAX_TEXT = 4000
MAX_SUGGESTED = 800
"""Characters of a suggestion: it is shown whole, or not at all, also where each of them has to be escaped."""
MOST_MENDED = 3
"""What has more mistakes than that is no command that somebody mistyped, and each takes several guesses."""


@dataclass(frozen=True, slots=True)
class Help:
    """Show the usage."""


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """A text that is no command.

    Attributes:
        understood: The part that made sense, as a command; "" if none did.
        problem: What did not.
        nearest: A valid command that comes closest. It is only a suggestion: nothing was done.
        example: It has another time than was typed, which was none: it shows how times are written.
        taken: The first word, where all depends on whether it is a database's name, and that is not known here.
    """

    understood: str
    problem: Reason
    nearest: str
    example: bool = False
    taken: str = ""


Parsed = Command | Help | Misunderstood


# --- the table -----------------------------------------------------------------------------------------

Given = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """One line of the grammar and of the help.

    Attributes:
        word: Its first word; "" for the request itself, which begins with the database.
        takes: Its one argument as the help shows it; in brackets: may be left out; "" for none.
        about: The message that says what it does.
        make: The command it stands for.
        clauses: What may follow the argument, in any order.
        instead: What to suggest when the argument is missing or makes no sense.
        example: The whole of it, to show to whoever left out the argument.
    """

    word: str
    takes: str
    about: str
    make: Callable[[str, Given], Command | Help]
    clauses: tuple[c.Clause, ...] = ()
    instead: str = "help"
    example: str = ""

    @property
    def needs_name(self) -> bool:
        return bool(self.takes) and not self.takes.startswith("[")

    @property
    def usage(self) -> str:
        return " ".join(part for part in (self.word, self.takes, c.usage(self.clauses)) if part)


def _request(database: str, given: Given) -> RequestSwitchover:
    return RequestSwitchover(
        database,
        node=given.get("to"),
        shard=given.get("shard"),
        reason=c.reason_meant(given.get("because", "")),
        start=c.start_meant(given),
    )


def _plan(database: str, given: Given) -> RequestSwitchover:
    return replace(_request(database, given), dry_run=True)


def _emergency(database: str, given: Given) -> RequestSwitchover:
    overrides = c.checks_meant(given["override"]) if "override" in given else ()
    return replace(_request(database, given), emergency=True, overrides=overrides)


def _freeze(scope: str, given: Given) -> Freeze:
    duration = c.length_meant(given["for"]) if "for" in given else None
    return Freeze(_scope(scope), c.reason_meant(given["because"]), duration)


def _list(part: str, given: Given) -> ListDatabases:
    return ListDatabases("" if _scope(part) == ALL else part, _page(given))


def _cancel(name: str, _given: Given) -> Act:
    return Act(Action.CANCEL, name, typed=True)


def _history(database: str, given: Given) -> ShowHistory:
    return ShowHistory(database or None, _page(given))


def _page(given: Given) -> int:
    return c.page_meant(given.get(c.PAGE.word, "1"))


def _page_written(page: int) -> Given:
    return {c.PAGE.word: str(page)} if page > 1 else {}


def _scope(name: str) -> str:
    return ALL if name.casefold() == ALL else name


PLANNED = (c.TO, c.SHARD, c.AT, c.IN, c.BECAUSE)
REQUEST = Form("", "DATABASE", "help-request", _request, PLANNED)
FORMS = (
    REQUEST,
    Form("plan", "DATABASE", "help-plan", _plan, PLANNED, instead="list"),
    Form("list", "[PART]", "help-list", _list, (c.PAGE,)),
    Form("status", "[DATABASE|ID]", "help-status", lambda name, _given: _status(name)),
    Form("history", "[DATABASE]", "help-history", _history, (c.PAGE,)),
    Form("cancel", "ID", "help-cancel", _cancel, instead="status", example="cancel SW-7K3M9Q"),
    Form("freeze", "DATABASE|all", "help-freeze", _freeze, (c.FOR, c.WHY)),
    Form("unfreeze", "DATABASE|all", "help-unfreeze", lambda name, _given: Unfreeze(_scope(name))),
    Form("halt", "", "help-halt", lambda _name, given: Halt(c.reason_meant(given["because"])), (c.WHY,)),
    Form("resume", "", "help-resume", lambda _name, _given: Resume()),
    Form("emergency", "DATABASE", "help-emergency", _emergency, (c.TO, c.SHARD, c.OVERRIDE, c.WHY)),
    Form("help", "", "help-help", lambda _name, _given: Help()),
)
_FORMS = {form.word: form for form in FORMS if form.word}
_HELP = frozenset({"?", "\N{FULLWIDTH QUESTION MARK}", "-h", "--help", "—help"})
"""What people type for help elsewhere, also as a keyboard rewrites it. In quotes each may be a name."""
_KEYWORDS = frozenset({*_FORMS, *c.WORDS, *_HELP})
# Words that are no commands, and only lead to the suggestion of one.
_IN_CHINESE = {
    "帮助": "help",
    "状态": "status",
    "列表": "list",
    "历史": "history",
    "试运行": "plan",
    "取消": "cancel",
    "撤回": "cancel",
    "冻结": "freeze",
    "解冻": "unfreeze",
    "暂停": "halt",
    "全面暂停": "halt",
    "恢复": "resume",
    "紧急切换": "emergency",
}
_FILLER = re.compile(
    r"\s*(?:(?:please|switch|switchover|fail|failover|over|promote|move|请|切换|主备切换)\s+)+(?=\S)",
    re.IGNORECASE,
)
_PRESSED = frozenset(
    {
        *("approve", "approved", "reject", "rejected", "review", "reviewed", "acknowledge"),
        *("yes", "no", "ok", "okay", "lgtm", "批准", "同意", "驳回", "拒绝", "复核", "人工接管"),
    }
)
# What people add to say when; no node is meant by it.
_WHEN = frozenset({"now", "asap", "soon", "later", "today", "tonight", "tomorrow", "please"})


def usage(command: str = COMMAND) -> tuple[tuple[str, str], ...]:
    """Every form as people type it, with the code of the message that says what it does."""
    return tuple((f"{command} {form.usage}", form.about) for form in FORMS)


# --- operation ids and names ---------------------------------------------------------------------------

_ID = re.compile(r"SW-([0-9A-HJKMNP-TV-Z]{6})")
_MISREAD = str.maketrans("OIL", "011")


def operation_id(text: str) -> str | None:
    """The id as it was given out, however it was copied: ``sw-7k3moq`` is ``SW-7K3M0Q``; None if it is none."""
    head, dash, tail = text.strip().upper().partition("-")
    found = _ID.fullmatch(f"{head}{dash}{tail.translate(_MISREAD)}")
    return found.group() if found else None


def _id(text: str) -> str:
    return operation_id(text) or text


def _status(name: str) -> ShowStatus:
    return ShowStatus(_id(name) if name else None)


# --- parsing -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Draft:
    """What has been understood so far, with so many mistakes ``mended`` in the text."""

    form: Form | None = None
    name: str = ""
    given: dict[str, str] = field(default_factory=dict)
    mended: int = 0

    @property
    def text(self) -> str:
        """As a command without the slash; "" while there is nothing."""
        if self.form is None:
            return ""
        parts = [self.form.word, quoted(self.name, _KEYWORDS) if self.name else ""]
        parts += [self._clause(clause) for clause in self.form.clauses if clause.word in self.given]
        return " ".join(part for part in parts if part)

    def _clause(self, clause: c.Clause) -> str:
        value = self.given[clause.word]
        if clause.rest:
            return f"{clause.word} {value}"
        return f"{clause.word} {value if clause.settle else quoted(value, _KEYWORDS)}"

    @property
    def unsure(self) -> bool:
        """Whether there is nothing but a first word: no telling whether that is a database's name."""
        return self.form is REQUEST and not self.given

    @property
    def missing(self) -> list[c.Clause]:
        """What it still needs."""
        wanted = self.form.clauses if self.form else ()
        return [clause for clause in wanted if clause.needed and clause.word not in self.given]

    @property
    def suggestion(self) -> str:
        """The same as a whole command, with dots for a reason that only a person knows; "" while it is none."""
        if self.form is None or (self.form.needs_name and not self.name):
            return ""
        return " ".join([self.text, *(f"{clause.word} …" for clause in self.missing)])


def parse(text: str, *, command: str = COMMAND, databases: Sequence[str] | None = None) -> Parsed:
    """What a text after the command, or after a mention of the bot, asks for. Never raises.

    Args:
        text: As Slack delivers it: with ``&lt; &gt; &amp;`` escaped.
        command: How the bot is called here, for suggestions.
        databases: Those that the text may be about; None where it is not known which there are.
    """
    text = storable(text)
    if not text.strip():
        return Help()
    if len(text) > MAX_TEXT:
        return Misunderstood("", Reason.of("text-too-long", most=MAX_TEXT), f"{command} help")
    draft = _Draft()
    try:
        return _parse(Words(text), draft)
    except Problem as problem:
        return _misunderstood(problem, draft, text, databases, command)


def _misunderstood(
    problem: Problem, draft: _Draft, text: str, databases: Sequence[str] | None, command: str
) -> Misunderstood:
    reason, suggestion = problem.reason, problem.suggestion or draft.suggestion
    understood = f"{command} {draft.text}" if draft.text else ""
    other = _other_form(text)
    taken = draft.name if draft.unsure and reason.code == "unknown-word" else ""
    if taken and databases is not None and taken not in databases:
        reason = Reason.of("unknown-database", name=taken, nearest=nearest(taken, databases))
        understood, suggestion = "", _about_another(text, databases)
    harmless = _harmless(other or suggestion or "help", text)
    near = harmless if len(escape(harmless)) <= MAX_SUGGESTED else "help"
    unknown = taken if databases is None else ""
    return Misunderstood(understood, reason, f"{command} {near}", problem.example, unknown)


def _about_another(text: str, databases: Sequence[str]) -> str:
    """What is suggested where the first word is no database's name.

    The command that it would be with the name that this word is like, but no emergency: its database was not typed.
    Where it is like none, a dry run of the one database named before any reason, as what was typed may have meant the
    opposite of a switchover. "" where neither is there, or where it is like one name, and others are named besides
    or an operation is anywhere.
    """
    first, *rest = text.split(maxsplit=1)
    left = " ".join(rest)
    before, *_ = re.split(rf"\b{c.BECAUSE.word}\s", text, maxsplit=1, flags=re.IGNORECASE)
    near = nearest(first, databases)
    named = {*named_in(before, databases)} - {near}
    if not near:
        return _text("plan", named.pop()) if len(named) == 1 else ""
    if named or names_operation(text):
        return ""
    found = parse(f"{near} {left}", command="")
    if isinstance(found, Misunderstood):
        # What is an example of a start would read as if it had been typed.
        suggestion = "help" if found.example else found.nearest.strip()
    else:
        suggestion = "help" if isinstance(found, Help) else as_text(found)
    # A name with something in front of it or behind it is no name that was mistyped.
    dry = near.casefold() in first.casefold() or suggestion == "help" or suggestion.startswith("emergency ")
    return _text("plan", near) if dry else suggestion


def _parse(words: Words, draft: _Draft) -> Command | Help:
    form = _FORMS.get("help" if words.keyword() in _HELP else words.keyword())
    if form is not None:
        words.take()
    draft.form = form = form or REQUEST
    _argument(words, form, draft)
    while words.more() and form.word != "help":
        _clause(words, form, draft)
    if draft.missing:
        raise Problem(Reason.of("missing-clause", word=form.word, clause=draft.missing[0].usage))
    return form.make(draft.name, draft.given)


def _argument(words: Words, form: Form, draft: _Draft) -> None:
    if not form.takes or (not form.needs_name and words.keyword() in {one.word for one in form.clauses}):
        return
    # A clause's word where the database should be: `plan to mysql-2`. In quotes it would be a name.
    if not words.more() or (form.needs_name and words.keyword() in c.WORDS):
        if form is REQUEST:
            raise Problem(Reason.of("name-first", word=words.keyword(), value=form.takes), form.instead)
        if form.needs_name:
            code = "missing-id" if form.takes == "ID" else "missing-value"
            missing = Reason.of(code, word=form.word, value=form.takes)
            raise Problem(missing, form.example or form.instead, example=bool(form.example))
        return
    name = words.take()
    if not name.strip():
        raise Problem(Reason.of("empty-name", value=form.takes.strip("[]")), form.instead)
    if form.takes == "ID" and operation_id(name) is None:
        raise Problem(Reason.of("not-an-id", text=name), form.instead)
    draft.name = _id(name) if form.takes == "ID" else name


def _clause(words: Words, form: Form, draft: _Draft) -> None:
    word = words.keyword()
    clause = next((one for one in form.clauses if one.word == word), None)
    if clause is None:
        _unknown(words, form, draft)
    if word in draft.given:
        raise Problem(Reason.of("duplicate-clause", word=word))
    other = next(
        (one.word for one in form.clauses if clause.says == one.says and one.word in draft.given), ""
    )
    if clause.says and other:
        raise Problem(Reason.of("either-clause", word=word, other=other))
    words.take()
    begun = words.at
    try:
        draft.given[word] = clause.take(words, form.clauses)
    except Problem as problem:
        typed, left = unescape(words.text[begun : words.at]), words.text[words.at :]
        meant = _with_value(draft, clause, clause.near(typed) if clause.near else "", left)
        if clause is c.OVERRIDE and not meant:
            meant = _guessed(draft, left)  # with fewer overrides an emergency does no more than was meant
        shown = None if meant else _with_value(draft, clause, clause.example_for(typed), left)
        raise Problem(problem.reason, meant or shown or problem.suggestion, example=bool(shown)) from None


def _with_value(draft: _Draft, clause: c.Clause, value: str, left: str) -> str | None:
    """The command that it would be with this value; None if there is no value, or it is none."""
    return _guessed(draft, f"{clause.word} {value} {left}") if value else None


def _unknown(words: Words, form: Form, draft: _Draft) -> NoReturn:
    keyword, word = words.keyword(), words.take()
    left = words.text[words.at :].strip()
    known = [clause.word for clause in form.clauses]
    if keyword in c.WORDS:
        raise Problem(Reason.of("clause-elsewhere", word=keyword))
    if draft.unsure and is_pressed(draft.name):
        _pressed(draft, word)
    # Either a clause's word was mistyped, or one was forgotten.
    meant = get_close_matches(keyword, known, n=1, cutoff=0.5)
    guesses = [f"{one} {left}" for one in meant]
    guesses += [f"{one} {escape(word)} {left}" for one in (c.AT.word, c.IN.word, c.FOR.word) if one in known]
    guesses += [f"to {escape(quoted(word, _KEYWORDS))} {left}"] if _may_be_node(words, keyword, known) else []
    guesses += [f"{clause.word} {escape(word)} {left}" for clause in draft.missing]
    near = _behind(draft, keyword, left) if draft.unsure else None
    near = near or next(filter(None, (_guessed(draft, guess) for guess in guesses)), None)
    raise Problem(Reason.of("unknown-word", text=word), near or (form.instead if draft.unsure else None))


def is_pressed(word: str) -> bool:
    """Whether a word is said of what is not typed but pressed, on the card of an operation."""
    return word.casefold() in _PRESSED


def _pressed(draft: _Draft, word: str) -> NoReturn:
    draft.form = None  # it is no database's name
    found = operation_id(word)
    status = _text("status", found) if found else "status"
    raise Problem(Reason.of("on-the-card", word=draft.name), status)


def _behind(draft: _Draft, keyword: str, left: str) -> str | None:
    """The command that it would be with its first two words the other way round: `orders status`."""
    word = _IN_CHINESE.get(keyword, keyword)
    return _typed(f"{word} {escape(draft.text)} {left}") if word in _FORMS else None


def _may_be_node(words: Words, keyword: str, known: Sequence[str]) -> bool:
    """Whether the word just taken may be a node without its ``to``: alone, as no sentence goes on with it."""
    alone = not words.more() or words.keyword() in known
    return c.TO.word in known and alone and keyword not in _WHEN | _PRESSED | {*_FORMS, *_IN_CHINESE}


def _guessed(draft: _Draft, guess: str) -> str | None:
    """The command that it would be with this in place of what was not understood; None if that is none.

    What is wrong besides is mended as well, where it is known how; for a missing reason there are dots.
    """
    if draft.mended >= MOST_MENDED:
        return None
    again = _Draft(mended=draft.mended + 1)
    try:
        _parse(Words(f"{escape(draft.text)} {guess}"), again)
    except Problem as problem:
        if problem.reason.code == "missing-clause":
            return again.suggestion
        return None if problem.example else problem.suggestion
    return again.text


def _understood(text: str) -> Command | None:
    """The command that a text is; None if it is none, or the help."""
    try:
        found = _parse(Words(text), _Draft())
    except Problem:
        return None
    return None if isinstance(found, Help) else found


def _other_form(text: str) -> str:
    """What it would be without what people say besides, or if its first word was another form's, mistyped.

    "" if that makes no sense either.
    """
    first, _, left = text.strip().partition(" ")
    if first.casefold() in _FORMS:
        return ""
    besides = _FILLER.match(text)
    if besides and (meant := _typed(text[besides.end() :])):
        return meant
    near = _nearest_word(first)
    return _typed(f"{near} {left}") if near else ""


def _typed(text: str) -> str:
    """The command or the help that a text asks for, as somebody would type it; "" if it is neither."""
    draft = _Draft()
    try:
        found = _parse(Words(text), draft)
    except Problem:
        return ""
    return "help" if isinstance(found, Help) else draft.text


def _nearest_word(word: str) -> str:
    found = _IN_CHINESE.get(word) or nearest(word, _FORMS, likeness=0.75)
    return found or nearest(word, ("help",), likeness=0.75)  # it does no harm, also where another is as near


def nearest_form(word: str) -> str:
    """The form of which a word, that is no database either, is probably the mistyped first word; "" if of none.

    It is as people type it where nothing has to follow, and else as the help shows it.
    """
    form = _FORMS.get(_nearest_word(word))
    if form is None:
        return ""
    whole = not form.needs_name and not any(clause.needed for clause in form.clauses)
    return form.word if whole else form.usage


def _harmless(suggestion: str, text: str) -> str:
    """A suggestion; whoever asked for a later start, and was not understood, is not offered one now."""
    meant = _understood(escape(suggestion))
    if not isinstance(meant, RequestSwitchover) or meant.dry_run or meant.start or not _later(text):
        return suggestion
    return as_text(replace(meant, dry_run=True, emergency=False, overrides=(), reason=""))


def _later(text: str) -> bool:
    before, _, _ = text.casefold().partition(f" {c.BECAUSE.word} ")
    return any(word in c.LATER for word in bare(before))


# --- back to text --------------------------------------------------------------------------------------


def as_text(command: Command) -> str:
    """A command as somebody would type it, without the slash.

    Raises:
        ValueError: It is only ever clicked.
    """
    match command:
        case RequestSwitchover():
            return _request_text(command)
        case Freeze() | Unfreeze() | Halt() | Resume():
            return _hold_text(command)
        case ListDatabases() | ShowStatus() | ShowHistory() | ShowHelp():
            return _show_text(command)
        case Act(action=Action.CANCEL, operation=operation):
            return _text("cancel", operation)
        case Act():
            raise ValueError(f"{command.action} is a button's")
        case ShowHome():
            raise ValueError("the Home tab is opened with a click")


def _hold_text(command: Freeze | Unfreeze | Halt | Resume) -> str:
    match command:
        case Freeze(scope=scope, reason=reason, duration=duration):
            until = {} if duration is None else {"for": durations.written(duration)}
            return _text("freeze", scope, until | {"because": c.reason_written(reason)})
        case Unfreeze(scope=scope):
            return _text("unfreeze", scope)
        case Halt(reason=reason):
            return _text("halt", "", {"because": c.reason_written(reason)})
        case Resume():
            return _text("resume")


def _show_text(command: ListDatabases | ShowStatus | ShowHistory | ShowHelp) -> str:
    match command:
        case ListDatabases(part=part, page=page):
            return _text("list", part, _page_written(page))
        case ShowStatus(name=name):
            return _text("status", name or "")
        case ShowHistory(database=database, page=page):
            return _text("history", database or "", _page_written(page))
        case ShowHelp(text=text):
            return text or _text("help")


def _request_text(request: RequestSwitchover) -> str:
    named = {"to": request.node, "shard": request.shard, "override": ",".join(request.overrides)}
    given = {word: value for word, value in named.items() if value} | c.start_clauses(request.start)
    given |= {"because": c.reason_written(request.reason)} if request.reason else {}
    word = "plan" if request.dry_run else "emergency" if request.emergency else ""
    return _text(word, request.database, given)


def _text(word: str, name: str = "", given: Given | None = None) -> str:
    return _Draft(_FORMS.get(word, REQUEST), name, dict(given or {})).text
