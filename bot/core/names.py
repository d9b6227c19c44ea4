"""Names that people type, and the ones they probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher, get_close_matches

LONGEST_COMPARED = 100
MOST_ALIKE = 10
"""So many of the nearest are looked at more closely."""


OPERATION = "SW-"
"""How the ids of operations begin."""
_WORD = re.compile(r"[\w.-]+")
"""What a database's name may be made of."""


def words_in(text: str) -> Sequence[str]:
    """What of a text may be names of databases."""
    return _WORD.findall(text)


def nearest(name: str, names: Iterable[str], *, likeness: float = 0.6) -> str:
    """The name that was probably meant, as it is written; "" if none comes close, or several equally so.

    ``likeness``: from 0, where everything is like everything, to 1, where nothing is but itself.
    """
    by_fold: dict[str, set[str]] = {}
    for known in names:
        by_fold.setdefault(known.casefold(), set()).add(known)
    # Comparing is quadratic, and what is typed may be thousands of characters long.
    meant = name[:LONGEST_COMPARED].casefold()
    close = get_close_matches(meant, by_fold, n=MOST_ALIKE, cutoff=likeness)
    like = {fold: _likeness(meant, fold) for fold in close}
    found = [known for fold in close if like[fold] == max(like.values()) for known in by_fold[fold]]
    return found[0] if len(found) == 1 else ""


def _likeness(meant: str, fold: str) -> tuple[float, bool]:
    # Who mistypes often has the letters right, and their order wrong.
    return SequenceMatcher(None, fold, meant).ratio(), sorted(fold) == sorted(meant)
