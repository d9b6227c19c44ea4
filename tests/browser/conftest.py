"""A real browser, one for each worker, and sandboxes with the real bot for it to look at."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from bot.sandbox.page.app import page_app
from bot.sandbox.page.sandbox import Sandbox
from bot.sandbox.server import serve
from tests.browser.visits import PATIENCE, PROGRAM, Visit
from tests.missing import missing
from tests.sandbox.page.quick import quick_clouds
from tests.warm import start as warm

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of a worker share its browser, and so its loop."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.timeout(240))


def path_of_chromium() -> str:
    """Where Chromium is; the test is skipped where there is none, and fails in CI."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing(f"no Chromium: install one of {', '.join(NAMES)}")
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser of this worker."""
    path = path_of_chromium()
    # As root it has no sandbox of its own to offer.
    arguments = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=path, args=arguments)
        yield browser
        await browser.close()


@contextlib.asynccontextmanager
async def visiting(chromium: Browser, sandbox: Sandbox) -> AsyncIterator[Visit]:
    """The page of a sandbox, served until the block ends."""
    async with sandbox.running(), serve(page_app(sandbox)) as url:
        visit = Visit(sandbox, url, chromium)
        try:
            yield visit
        finally:
            sandbox.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lasting(chromium: Browser) -> AsyncIterator[Visit]:
    """The sandbox of this worker. Each test that uses it takes a database that no other one takes."""
    async with visiting(chromium, Sandbox(quick_clouds, starter=warm, program=PROGRAM)) as visit:
        yield visit


@pytest_asyncio.fixture(loop_scope="session")
async def visit(lasting: Visit) -> AsyncIterator[Visit]:
    """A visit to the sandbox of this worker, for tests that break nothing."""
    own = Visit(lasting.sandbox, lasting.url, lasting.chromium)
    yield own
    await own.leave()


@pytest_asyncio.fixture(loop_scope="session")
async def own_visit(chromium: Browser) -> AsyncIterator[Visit]:
    """A visit to a new sandbox, for tests that break things in it."""
    async with visiting(chromium, Sandbox(quick_clouds, starter=warm)) as own:
        yield own
        await own.leave()


@pytest_asyncio.fixture(loop_scope="session")
async def watched_visit(chromium: Browser) -> AsyncIterator[Visit]:
    """A visit to a new sandbox whose clouds take the time that they take on the page."""
    async with visiting(chromium, Sandbox()) as own:
        yield own
        await own.leave()
