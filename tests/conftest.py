"""What holds for every test."""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

import structlog
from hypothesis import settings
from structlog.dev import ConsoleRenderer

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=40)
settings.load_profile("untimed")

# httpcore asks for it several times for each request. Where it is not installed, the whole path is searched each time.
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # how Python has it that there is no such module

# Failures that tests mean are logged by the hundred. A picture of one with all its values takes a tenth of a second.
ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback

MEMORY = Path("/dev/shm")  # noqa: S108  # where systems that have it keep files in memory
ROOM = 2 << 30
"""How many bytes must be free there: a run takes less than a quarter of it."""


def keep_files_in_memory() -> None:
    """Has temporary files made in memory, if there is room for them and nobody has said where they go.

    Tests kill processes, not machines, so nothing needs a disk. A database made for a test, hundreds of files for
    PostgreSQL, costs its server a fifth there of what it costs on a disk, and a commit waits for nothing.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK | os.X_OK):
        return
    if os.statvfs(MEMORY).f_flag & os.ST_NOEXEC or shutil.disk_usage(MEMORY).free < ROOM:
        return
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None  # it may have been asked for already


keep_files_in_memory()


def pytest_collection_finish() -> None:
    """What was collected stays: the garbage collector need not look at hundreds of megabytes again and again."""
    gc.collect()
    gc.freeze()
