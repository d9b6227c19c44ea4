"""Rows that this version of the code can't read: each fails alone, is named in the log, and is tried again seldom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import Row, Table, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Unreadable

T = TypeVar("T")

PAUSE = timedelta(minutes=10)
"""Until the next try, by this process or by one of a version that can read it."""

log = structlog.get_logger()


def sort_out(
    table: Table, rows: Iterable[Row[Any]], read: Callable[[Row[Any]], T]
) -> tuple[list[T], list[Any]]:
    """What the rows say, in their order, and the ids of those that can't be read."""
    values: list[T] = []
    unreadable: list[Any] = []
    for row in rows:
        try:
            values.append(read(row))
        except Unreadable as error:
            # A traceback would say no more.
            log.error("row_unreadable", table=table.name, row=str(row.id), reason=str(error))  # noqa: TRY400
            unreadable.append(row.id)
    return values, unreadable


async def claimed(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Row[Any]],
    read: Callable[[Row[Any]], T],
    now: datetime,
    **mark: Any,
) -> list[T]:
    """What the claimed rows say; those that can't be read stay claimed for a while, with a mark if there is one."""
    values, unreadable = sort_out(table, rows, read)
    if unreadable:
        await connection.execute(
            update(table).where(table.c.id.in_(unreadable)).values(due_at=now + PAUSE, **mark)
        )
    return values
