"""What holds for every test."""

from __future__ import annotations

import gc
import importlib.util
import sys

from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=40)
settings.load_profile("untimed")

# httpcore asks for it several times for each request. Where it is not installed, the whole path is searched each time.
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # how Python has it that there is no such module


def pytest_collection_finish() -> None:
    """What was collected stays: the garbage collector need not look at hundreds of megabytes again and again."""
    gc.collect()
    gc.freeze()
