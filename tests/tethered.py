"""Ties a process that a test starts to that of pytest: however that ends, it is killed."""

from __future__ import annotations

import ctypes
import signal

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def tether() -> None:
    """To be run in the new process before its program, as ``preexec_fn``.

    It can be interrupted, too, and hears that its terminal was closed, where pytest runs in the background or under
    nohup, and so is deaf to that.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
