"""The starter of the test server leaves nothing behind, however its process dies."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.storage import postgres

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from tests.storage import postgres
with postgres.server() as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


@pytest.mark.usefixtures("postgres_server")
async def test_the_server_stops_when_the_process_that_started_it_is_killed() -> None:
    if postgres.binaries() is None:
        pytest.skip("the server is somebody else's, and this starter is not used")
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stderr is not None
    url = (await holder.stdout.readline()).decode().strip()
    await (await asyncpg.connect(url)).close()
    holder.kill()
    await holder.wait()
    await holder.stderr.read()  # ends when the guard, which has the other end, is done
    with pytest.raises(OSError, match=r"refused|failed"):
        await asyncpg.connect(url)
