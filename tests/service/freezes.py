"""A configured freeze that is in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.core.model import Reason
from tests.service.world import World

FROZEN = Reason.of("frozen", reason="trading hours", until="17:00")


def freeze(world: World, *, on: bool = True) -> None:
    current = world.catalogue.current

    def frozen(_now: datetime) -> Reason | None:
        return FROZEN if on else None

    databases = {name: replace(each, frozen=frozen) for name, each in current.databases.items()}
    world.catalogue.current = replace(current, databases=databases)
