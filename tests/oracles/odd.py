"""Random text of the kinds that encodings disagree about; the same for every cloud."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

# Spaces and what stands for them; what browsers, forms and RFC 3986 each keep; ends of lines; quotes; controls.
RESERVED = " +*~%&=/?#:;,@!$'()[]{}|\\^`\"<>-._\n\r\t\x00\x7f"
# CJK, a wide letter, accents before and after composition, a sign joined by ZWJ, right to left, the last planes.
BEYOND = "青云主节点한ｗé\u0301\u00e9ßİ\u200d\u202e\u00a0\u2028אب😀👩\U0001f468\U0010fffd\ufffd\ue000"
PLAIN = "abcXYZ0189"
LOOKS_ENCODED = ("%20", "%2B", "%7B%22", "+", "&a=b", "=", "a b", '{"node_id":"cln-1"}', "%", "%zz", "")
EARLIEST, SECONDS = datetime(2000, 1, 1, tzinfo=UTC), 4_000_000_000


class Odd:
    """Draws from one seed, and keeps count of the characters drawn."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - it must come out the same every time
        self.seen: Counter[str] = Counter()

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)

    def text(self, *, least: int = 0, most: int = 24) -> str:
        if not least and self.below(8) == 0:
            drawn = self._random.choice(LOOKS_ENCODED)
        else:
            letters = self._random.choice((PLAIN, PLAIN + RESERVED, RESERVED, BEYOND, PLAIN + BEYOND))
            drawn = "".join(self._random.choices(letters, k=self._random.randint(least, most)))
        self.seen.update(drawn)
        return drawn

    def texts(self, *, most: int) -> list[str]:
        return [self.text() for _ in range(self.below(most + 1))]

    def time(self) -> datetime:
        return EARLIEST + timedelta(seconds=self.below(SECONDS), microseconds=self.below(1_000_000))
