"""Names that people type, and the ones they probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_COMPARED = 100


OPERATION = "SW-"
"""How the ids of operations begin."""


def nearest(name: str, names: Iterable[str], *, likeness: float = 0.6) -> str:
    """The name that was probably meant, as it is written; "" if none comes close.

    ``likeness``: from 0, where everything is like everything, to 1, where nothing is but itself.
    """
    by_fold = {known.casefold(): known for known in names}
    # Comparing is quadratic, and what is typed may be thousands of characters long.
    close = get_close_matches(name[:LONGEST_COMPARED].casefold(), by_fold, n=1, cutoff=likeness)
    return by_fold[close[0]] if close else ""
