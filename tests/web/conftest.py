"""One browser per module, a server per module, and a context per person."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.e2e.servers import Deployment
from tests.web.person import SCREENSHOTS, Person

CHROMIUM = shutil.which("chromium-headless-shell") or "/usr/bin/chromium-headless-shell"
FLAGS = ["--disable-background-networking", "--disable-component-update", "--no-default-browser-check"]

FAILED = pytest.StashKey[bool]()

Visit = Callable[..., Awaitable[Person]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here need the browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.web)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium without its windows, and without anything that it does of its own accord."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    """A server in one process."""
    running = Deployment("serve", tmp_path_factory.mktemp("web"))
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know how the test went."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser, deployment: Deployment, request: pytest.FixtureRequest) -> AsyncIterator[Visit]:
    """How somebody opens the page: `await visit("ann")` is registered, `await visit("ann", registered=False)` is not.

    Names get a suffix, so that tests of a module share a server and nobody else.
    """
    visitors: list[Person] = []
    suffix = secrets.token_hex(2)

    async def open_page(name: str, *, registered: bool = True, url: str = "", **options: Any) -> Person:
        person = await Person.visit(browser, url or deployment.url, f"{name}{suffix}", **options)
        visitors.append(person)
        if registered:
            await person.register()
        return person

    yield open_page
    if request.node.stash.get(FAILED, False):
        for person in visitors:
            if person.page.is_closed():
                continue
            await person.page.screenshot(path=SCREENSHOTS / f"failed-{request.node.name}-{person.name[:-4]}.png")
    for person in visitors:
        await person.close()
