"""The console script's way in, and ``python -m bot``: from here on an interrupt ends it without a word."""

from __future__ import annotations

import sys

INTERRUPTED = 1  # that of every error; ``bot.exits`` is not here yet


def main() -> int:
    """Runs one command. What it needs is imported here, as that takes long enough to be interrupted."""
    try:
        from bot import cli  # noqa: PLC0415

        return cli.main()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
