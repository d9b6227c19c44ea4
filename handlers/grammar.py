"""What people type after the command. One table, ``FORMS``, both parses it and yields the help."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import NoReturn

from bot.core.commands import (
    Act,
    Action,
    Command,
    ListDatabases,
    RequestSwitchover,
    ShowHistory,
    ShowStatus,
)
from bot.core.model import Reason

COMMAND = "/switchover"
MAX_TEXT = 4000


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
    """

    understood: str
    problem: Reason
    nearest: str


Parsed = Command | Help | Misunderstood


# --- the table -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clause:
    """A word and its value after DATABASE; with ``rest`` the value is everything that follows, literally."""

    word: str
    value: str
    rest: bool = False

    @property
    def usage(self) -> str:
        return f"[{self.word} {self.value}{'…' if self.rest else ''}]"


CLAUSES = (Clause("to", "NODE"), Clause("shard", "GROUP"), Clause("because", "REASON", rest=True))


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
    """

    word: str
    takes: str
    about: str
    make: Callable[[str, Mapping[str, str]], Command | Help]
    clauses: tuple[Clause, ...] = ()
    instead: str = "help"

    @property
    def needs_name(self) -> bool:
        return bool(self.takes) and not self.takes.startswith("[")

    @property
    def usage(self) -> str:
        return " ".join(part for part in (self.word, self.takes, *(c.usage for c in self.clauses)) if part)


def _request(database: str, clauses: Mapping[str, str]) -> RequestSwitchover:
    return RequestSwitchover(
        database,
        node=clauses.get("to"),
        shard=clauses.get("shard"),
        reason=clauses.get("because", ""),
    )


REQUEST = Form("", "DATABASE", "help-request", _request, CLAUSES)
FORMS = (
    REQUEST,
    Form(
        "plan",
        "DATABASE",
        "help-plan",
        lambda database, clauses: replace(_request(database, clauses), dry_run=True),
        CLAUSES,
        instead="list",
    ),
    Form("list", "", "help-list", lambda _name, _clauses: ListDatabases()),
    Form("status", "[DATABASE|ID]", "help-status", lambda name, _clauses: _status(name)),
    Form("history", "[DATABASE]", "help-history", lambda name, _clauses: ShowHistory(name or None)),
    Form(
        "cancel", "ID", "help-cancel", lambda name, _clauses: Act(Action.CANCEL, _id(name)), instead="status"
    ),
    Form("help", "", "help-help", lambda _name, _clauses: Help()),
)
_FORMS = {form.word: form for form in FORMS if form.word}
_CLAUSES = {clause.word: clause for clause in CLAUSES}

# Words of a later version: known, so that nobody waits for something that will not happen. What to suggest
# instead must be harmless: whoever asks for a later start is not offered one now.
LATER_FORMS = {"freeze": "help", "unfreeze": "help", "halt": "help", "resume": "help", "emergency": "help"}
LATER_CLAUSES = frozenset({"at", "in"})
_KEYWORDS = frozenset({*_FORMS, *_CLAUSES, *LATER_FORMS, *LATER_CLAUSES})


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


# --- words ---------------------------------------------------------------------------------------------

_OPENING, _CLOSING = '"“”„', '"“”'
_WORD = re.compile(rf"\s*(?:[{_OPENING}](?P<quoted>[^{_OPENING}]*)[{_CLOSING}](?=\s|$)|(?P<bare>\S+))")
_LINK = re.compile(r"<(?:https?://|mailto:)[^<>|]*\|([^<>|]*)>|<(https?://[^<>|]*)>")
_MENTION = re.compile(r"<[@#!]")
_ESCAPED = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}


def unescape(text: str) -> str:
    """Undoes Slack's escapes, once: ``&amp;lt;`` was typed as ``&lt;``."""
    return re.sub("&(?:lt|gt|amp);", lambda found: _ESCAPED[found.group()], text)


def storable(text: str) -> str:
    """Without what no database takes: NUL, and halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


class _ProblemError(Exception):
    def __init__(self, reason: Reason, suggestion: str | None = None) -> None:
        super().__init__(reason.code)
        self.reason = reason
        self.suggestion = suggestion


@dataclass(slots=True)
class _Words:
    """The text, taken word by word; ``because`` ends the words and takes what is left as it is."""

    text: str
    at: int = 0
    quoted: bool = False  # whether the last word taken was in quotes

    def keyword(self) -> str:
        """The next word if it is bare, lower-cased; "" at the end or before something in quotes."""
        found = _WORD.match(self.text, self.at)
        return found["bare"].casefold() if found and found["bare"] else ""

    def more(self) -> bool:
        return _WORD.match(self.text, self.at) is not None

    def take(self) -> str:
        """The next word as a name: without quotes, links and escapes."""
        found = _WORD.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        self.quoted = found["quoted"] is not None
        raw = found["quoted"] if self.quoted else found["bare"]
        if _MENTION.search(raw):
            raise _ProblemError(Reason.of("mention-in-name", text=unescape(raw)))
        if found["bare"] and raw[0] in _OPENING:
            raise _ProblemError(Reason.of("quote-not-closed", text=unescape(raw)))
        # Slack makes links of host names by itself; what was typed is the label.
        return unescape(_LINK.sub(lambda link: link[1] or link[2] or "", raw))

    def rest(self) -> str:
        left, self.at = self.text[self.at :], len(self.text)
        return unescape(left).strip()


# --- parsing -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Draft:
    """What has been understood so far."""

    form: Form | None = None
    name: str = ""
    clauses: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """As a command without the slash; "" while there is nothing."""
        if self.form is None:
            return ""
        parts = [self.form.word, _quoted(self.name) if self.name else ""]
        parts += [f"{word} {_quoted(self.clauses[word])}" for word in ("to", "shard") if word in self.clauses]
        parts += [f"because {self.clauses['because']}"] if "because" in self.clauses else []
        return " ".join(part for part in parts if part)

    @property
    def whole(self) -> bool:
        """Whether it would be a command as it stands."""
        return self.form is not None and (bool(self.name) or not self.form.needs_name)


def parse(text: str, *, command: str = COMMAND) -> Parsed:
    """What a text after the command, or after a mention of the bot, asks for. Never raises.

    Args:
        text: As Slack delivers it: with ``&lt; &gt; &amp;`` escaped.
        command: How the bot is called here, for suggestions.
    """
    text = storable(text)
    if not text.strip():
        return Help()
    if len(text) > MAX_TEXT:
        return Misunderstood("", Reason.of("text-too-long", most=MAX_TEXT), f"{command} help")
    draft = _Draft()
    try:
        return _parse(_Words(text), draft)
    except _ProblemError as problem:
        suggestion = problem.suggestion or (draft.text if draft.whole else "") or "help"
        understood = f"{command} {draft.text}" if draft.text else ""
        return Misunderstood(understood, problem.reason, f"{command} {suggestion}")


def _parse(words: _Words, draft: _Draft) -> Command | Help:
    first = words.keyword()
    if first in LATER_FORMS:
        raise _ProblemError(Reason.of("not-offered-yet", word=first), LATER_FORMS[first])
    form = _FORMS.get(first)
    if form is not None:
        words.take()
    draft.form = form = form or REQUEST
    _argument(words, form, draft)
    while words.more() and form.word != "help":
        _clause(words, form, draft)
    return form.make(draft.name, draft.clauses)


def _argument(words: _Words, form: Form, draft: _Draft) -> None:
    if not form.takes:
        return
    # A clause's word where the database should be: `plan to mysql-2`. In quotes it would be a name.
    if not words.more() or (form.needs_name and words.keyword() in _CLAUSES):
        if form.needs_name:
            word = form.word or words.keyword()
            raise _ProblemError(Reason.of("missing-value", word=word, value=form.takes), form.instead)
        return
    name = words.take()
    if not name.strip():
        raise _ProblemError(Reason.of("empty-name", value=form.takes.strip("[]")), form.instead)
    if form.takes == "ID" and operation_id(name) is None:
        raise _ProblemError(Reason.of("not-an-id", text=name), form.instead)
    draft.name = name


def _clause(words: _Words, form: Form, draft: _Draft) -> None:
    word = words.keyword()
    clause = next((c for c in form.clauses if c.word == word), None)
    if form.clauses and word in LATER_CLAUSES:
        dry_run = _Draft(_FORMS["plan"], draft.name, draft.clauses).text
        raise _ProblemError(Reason.of("not-offered-yet", word=word), dry_run)
    if clause is None:
        _unknown(words, form, draft)
    if word in draft.clauses:
        raise _ProblemError(Reason.of("duplicate-clause", word=word))
    words.take()
    draft.clauses[word] = _value(words, clause)


def _value(words: _Words, clause: Clause) -> str:
    missing = Reason.of("missing-value", word=clause.word, value=clause.value)
    if clause.rest:
        value = words.rest()
    else:
        if words.keyword() in _CLAUSES:
            raise _ProblemError(missing)
        value = _name(words)
    if not value.strip():
        raise _ProblemError(missing)
    return value


def _name(words: _Words) -> str:
    """One name in quotes, or all the words up to the next clause: the bot itself writes names like `node 2`."""
    parts = [words.take()]
    while not words.quoted and words.keyword() and not _ends_name(words.keyword()):
        parts.append(words.take())
    return " ".join(parts)


def _ends_name(keyword: str) -> bool:
    # A mistyped `because` is explained rather than taken, with all that follows it, for a part of the name.
    return keyword in {*_CLAUSES, *LATER_CLAUSES} or bool(get_close_matches(keyword, ["because"], cutoff=0.8))


def _unknown(words: _Words, form: Form, draft: _Draft) -> NoReturn:
    keyword, word = words.keyword(), words.take()
    left = words.text[words.at :].strip()
    meant = get_close_matches(keyword, [clause.word for clause in form.clauses], n=1, cutoff=0.5)
    # Either a clause's word was mistyped, or `to` was forgotten.
    guesses = [f"{meant[0]} {left}"] if meant else []
    guesses += [f"to {_escape(_quoted(word))} {left}"] if form.clauses else []
    for guess in guesses:
        again = parse(f"{_escape(draft.text)} {guess}")
        if isinstance(again, RequestSwitchover):
            raise _ProblemError(Reason.of("unknown-word", text=word), as_text(again))
    raise _ProblemError(Reason.of("unknown-word", text=word))


# --- back to text --------------------------------------------------------------------------------------


def as_text(request: RequestSwitchover) -> str:
    """A request as somebody would type it, without the command."""
    named = {"to": request.node, "shard": request.shard, "because": request.reason}
    form = _FORMS["plan"] if request.dry_run else REQUEST
    return _Draft(form, request.database, {word: value for word, value in named.items() if value}).text


def _quoted(name: str) -> str:
    spaces = re.search(r"\s", name) is not None
    if spaces and name[:1] not in _OPENING and any(mark in name for mark in _OPENING):
        return name  # nothing in quotes holds quotes, but words without may: `5"disk 2`
    plain = not spaces and name[:1] not in _OPENING and name.casefold() not in _KEYWORDS
    return name if plain else f'"{name}"'


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
