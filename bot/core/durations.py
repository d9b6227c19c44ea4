"""How long: what people type and write into files for a length of time, and back. One place for both."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(
    r"(?:([0-9]{1,4})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m(?!s))?(?:([0-9]{1,9})s)?(?:([0-9]{1,9})ms)?"
)
LONGEST = timedelta(days=365)
"""Nothing here is meant to last longer than this."""


def read(text: str) -> timedelta | None:
    """Days, hours, minutes, seconds, milliseconds, largest first ("2d", "1h30m", "500ms"); None for all else.

    How long it may be is the business of whoever asks; see ``LONGEST``.
    """
    found = _DURATION.fullmatch(text)
    if not text or not found:
        return None
    days, hours, minutes, seconds, milliseconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)


def written(length: timedelta) -> str:
    """The same length as ``read`` takes it, down to the millisecond: ``1h30m``."""
    seconds, milliseconds = length.seconds, length.microseconds // 1000
    parts = [
        (length.days, "d"),
        (seconds // 3600, "h"),
        (seconds // 60 % 60, "m"),
        (seconds % 60, "s"),
        (milliseconds, "ms"),
    ]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
