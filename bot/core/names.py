"""Names that people type, and the ones they probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_COMPARED = 100


def nearest(name: str, names: Iterable[str]) -> str:
    """The name that was probably meant, as it is written; "" if none comes close."""
    by_fold = {known.casefold(): known for known in names}
    # Comparing is quadratic, and what is typed may be thousands of characters long.
    close = get_close_matches(name[:LONGEST_COMPARED].casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[close[0]] if close else ""
