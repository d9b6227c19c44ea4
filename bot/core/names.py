"""Names that people type, and the ones they probably meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from itertools import chain

LONGEST_COMPARED = 100
MOST_ALIKE = 10
"""So many of the nearest are looked at more closely."""


OPERATION = "SW-"
"""How the ids of operations begin."""
_ID = re.compile(rf"{OPERATION}[0-9A-TV-Z]{{6}}", re.IGNORECASE)
"""An id as it was given out, or misread."""
_WORD = re.compile(r"[\w.-]+")
"""What a database's name may be made of."""
_LATIN = re.compile(r"[a-z0-9_.-]+")
"""What of a word is of the script that most names are of."""
_MARKS = "._-"
"""What of that stands around a name in a sentence, too."""


def words_in(text: str) -> Sequence[str]:
    """What of a text may be names of databases."""
    return _WORD.findall(text)


def named_in(text: str, names: Collection[str]) -> tuple[str, ...]:
    """Those of the names that are in a text, in its order, also in other capitals or with marks around them.

    A word that could be several of them is all of these, unless it is one as it is written.
    """
    by_fold: dict[str, list[str]] = {}
    for known in names:
        by_fold.setdefault(_plain(known), []).append(known)

    def meant(word: str) -> Sequence[str]:
        return [word] if word in names else by_fold.get(_plain(word)) or _amid(word, by_fold)

    return tuple(dict.fromkeys(chain.from_iterable(map(meant, words_in(text)))))


def _amid(word: str, by_fold: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The names in a word of a script that puts no spaces between words; the shorter of two such may be meant, too."""
    if word.isascii():
        return ()
    folded = word.casefold()
    parts = {_plain(part) for part in _LATIN.findall(folded)}
    here = (known for known in by_fold if known in (parts if known.isascii() else folded))
    return [name for known in here for name in by_fold[known]]


def names_operation(text: str) -> bool:
    """Whether the id of an operation is anywhere in a text, whatever stands around it."""
    return _ID.search(text) is not None


def _plain(word: str) -> str:
    return word.strip(_MARKS).casefold()


def nearest(name: str, names: Iterable[str], *, likeness: float = 0.6) -> str:
    """The name that was probably meant, as it is written; "" if none comes close, or several equally so.

    ``likeness``: from 0, where everything is like everything, to 1, where nothing is but itself.
    """
    found = alike(name, names, likeness=likeness)
    return found[0] if len(found) == 1 else ""


def alike(name: str, names: Iterable[str], *, likeness: float = 0.6) -> Sequence[str]:
    """The names that come closest, where any comes close: all that do equally so."""
    by_fold: dict[str, set[str]] = {}
    for known in names:
        by_fold.setdefault(known.casefold(), set()).add(known)
    # Comparing is quadratic, and what is typed may be thousands of characters long.
    meant = name[:LONGEST_COMPARED].casefold()
    close = get_close_matches(meant, by_fold, n=MOST_ALIKE, cutoff=likeness)
    like = {fold: _likeness(meant, fold) for fold in close}
    return [known for fold in close if like[fold] == max(like.values()) for known in by_fold[fold]]


def _likeness(meant: str, fold: str) -> tuple[float, bool]:
    # Who mistypes often has the letters right, and their order wrong.
    return SequenceMatcher(None, fold, meant).ratio(), sorted(fold) == sorted(meant)
