"""What was said to be committed survives ``kill -9``."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.core.machine import replay
from bot.core.operation import Status
from bot.errors import StoreUnavailable
from bot.ports import AuditHead, Receipt
from tests.storage.backends import Backend, Stores
from tests.storage.values import inbound

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("lines", [pytest.param(1, marks=pytest.mark.slow), 9])
async def test_everything_that_was_printed_is_there_after_a_kill(
    stores: Stores, backend: Backend, lines: int
) -> None:
    script = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.storage.commit_for_ever",
        backend.url,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert script.stdout is not None
    printed = [(await script.stdout.readline()).decode().strip() for _ in range(lines)]
    if not stores.backend.several:
        with pytest.raises(StoreUnavailable, match="another process uses"):
            await stores.open()
    script.kill()
    rest, _ = await script.communicate()
    printed += [line for line in rest.decode().splitlines(keepends=False) if len(line) == len(printed[0])]

    store = await stores.open()
    for op_id in printed:
        op = await store.load(op_id)
        assert op is not None
        assert op.status is Status.RUNNING
        assert replay(await store.events(op_id)) == op
        assert await store.receive(inbound(op_id)) is Receipt.DUPLICATE
    assert isinstance(await store.verify_audit(), AuditHead)
    for op in await store.operations(open_only=False):
        assert replay(await store.events(op.id)) == op
