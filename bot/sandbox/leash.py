"""``python -m bot.sandbox.leash serve --config FILE`` is ``python -m bot`` with the same arguments, held on a leash.

Its standard input is the leash: whoever started it holds the other end, and writes nothing. When that end is closed
because its holder died, there is no world left to run in: the process ends at once and takes along the folder of
its configuration, where that was made for a sandbox alone. By itself ``switchover serve`` outlives whoever started it.
"""

from __future__ import annotations

import argparse
import os
import runpy
import shutil
import sys
import tempfile
import threading
from pathlib import Path

FOLDER = "switchover-"
"""How the folders of sandboxes are called, among those for temporary files."""


def _hold(folder: Path) -> None:
    os.read(sys.stdin.fileno(), 1)
    # Of a sandbox only: whoever runs this by hand loses nothing.
    if folder.name.startswith(FOLDER) and folder.parent == Path(tempfile.gettempdir()):
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _folder() -> Path:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config", type=Path, required=True)
    found: Path = parser.parse_known_args()[0].config
    return found.parent


if __name__ == "__main__":
    threading.Thread(target=_hold, args=(_folder(),), daemon=True).start()
    runpy.run_module("bot", run_name="__main__", alter_sys=True)
