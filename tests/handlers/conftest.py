"""What tests of the whole way to Slack share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storage.backends import Ground, Memory, Sqlite, migrate


@pytest.fixture(params=["memory", pytest.param("sqlite", marks=pytest.mark.slow)])
async def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    """What the bot remembers, in memory; in a file, which takes several times as long, in the long run."""
    if request.param == "memory":
        return Memory()
    file = Sqlite(f"sqlite:///{tmp_path}/switchover.db", tmp_path / "switchover.db")
    await migrate(file.url)
    return file
