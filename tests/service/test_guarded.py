"""Reads that break are unreadable; submissions and the errors of the port pass as they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from bot.core.model import Call, Plan, Target
from bot.errors import Refused, Unavailable
from bot.ports import Intent
from bot.service.guarded import Guarded
from tests.service.world import World

PLAN = Plan("orders", None, None, None, (), Call("nothing"))


@dataclass
class Broken:
    error: Exception

    def __getattr__(self, name: str) -> object:
        async def broken(*_: object, **__: object) -> None:
            raise self.error

        return broken


def guarded(error: Exception) -> Guarded:
    return Guarded(Broken(error))  # type: ignore[arg-type]  # it breaks whatever is called


@pytest.mark.parametrize("error", [KeyError("node_set"), TypeError("None"), RecursionError()])
async def test_a_read_that_breaks_is_unreadable(error: Exception) -> None:
    provider = guarded(error)
    with pytest.raises(Unavailable, match=type(error).__name__):
        await provider.observe(Target("orders"))
    with pytest.raises(Unavailable):
        await provider.survey("orders")
    with pytest.raises(Unavailable):
        await provider.jobs([])
    with pytest.raises(Unavailable):
        await provider.find_submission(PLAN, datetime.now(UTC))


async def test_what_the_port_allows_passes_as_it_is() -> None:
    with pytest.raises(Refused, match="no such cluster"):
        await guarded(Refused("no such cluster")).observe(Target("orders"))


async def test_a_submission_that_breaks_is_left_to_its_caller() -> None:
    with pytest.raises(KeyError):
        await guarded(KeyError("job_id")).submit(PLAN, Intent(datetime.now(UTC), 0.0))


async def test_everything_else_is_the_providers_own() -> None:
    cloud = World().cloud
    provider = Guarded(cloud)
    assert provider.capabilities == cloud.capabilities
    assert provider.describe(Target("orders"), None) == cloud.describe(Target("orders"), None)
