"""Ties a process that a test starts to that of pytest: however that ends, it is killed."""

from __future__ import annotations

import ctypes
import signal

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def tether() -> None:
    """To be run in the new process before its program, as ``preexec_fn``."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
