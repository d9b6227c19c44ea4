"""Ties a process that a test starts to that of pytest: however that ends, it is killed."""

from __future__ import annotations

import ctypes
import signal

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def tether() -> None:
    """To be run in the new process before its program, as ``preexec_fn``.

    It can be interrupted, too, where a shell runs pytest in the background, and so deaf to that.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
