"""Somebody with a browser: a context of its own, and whatever went wrong in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, WebSocket, expect

SCREENSHOTS = Path(__file__).parent / "screenshots"
PASSWORD = "correct horse"
NETWORK = re.compile(r"net::ERR_|WebSocket connection to|Failed to load resource")

expect.set_options(timeout=20_000)

WATCH_TASKS = """
window.__longTasks = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.__longTasks.push(entry.duration);
}).observe({ type: "longtask", buffered: true });
"""

READ_DATABASE = """
async ([user, store]) => {
  const open = indexedDB.open(`resonance-${user}`);
  await new Promise((resolve, reject) => { open.onsuccess = resolve; open.onerror = reject; });
  const rows = open.result.transaction(store).objectStore(store).getAll();
  await new Promise((resolve, reject) => { rows.onsuccess = resolve; rows.onerror = reject; });
  open.result.close();
  return rows.result;
}
"""


class Person:
    """A browser's context and a page in it.

    Attributes:
        problems: errors of the console and of scripts, and requests to anywhere else than the server.
        urls: every address that was asked for, WebSockets too.
    """

    def __init__(self, name: str, url: str, context: BrowserContext) -> None:
        self.name = name
        self.url = url
        self.context = context
        self.problems: list[str] = []
        self.urls: list[str] = []
        self._page: Page | None = None

    @classmethod
    async def visit(cls, browser: Browser, url: str, name: str, **options: Any) -> Person:
        """Open the server's front page in a new context; `options` are those of a browser context."""
        viewport = {"width": 1280, "height": 800}
        context = await browser.new_context(**({"viewport": viewport, "locale": "en-US"} | options))
        await context.add_init_script(WATCH_TASKS)
        self = cls(name, url, context)
        self._page = await self.new_page()
        await self.page.goto(url)
        return self

    @property
    def page(self) -> Page:
        """The first page."""
        assert self._page is not None
        return self._page

    @property
    def title(self) -> str:
        """What others see."""
        return self.name.title()

    async def new_page(self) -> Page:
        """Open another tab of the same browser."""
        page = await self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("request", self._requested)
        page.on("websocket", self._connected)
        return page

    def _said(self, message: ConsoleMessage) -> None:
        # What a broken network or a refusal makes the browser say is what some tests are about.
        if message.type in {"error", "warning"} and not NETWORK.search(message.text):
            self.problems.append(f"console: {message.text}")

    def _requested(self, request: Request) -> None:
        self.urls.append(request.url)
        if not request.url.startswith((self.url, "data:")):
            self.problems.append(f"request to another origin: {request.url}")

    def _connected(self, socket: WebSocket) -> None:
        self.urls.append(socket.url)
        if not socket.url.startswith(self.url.replace("http", "ws", 1)):
            self.problems.append(f"WebSocket to another origin: {socket.url}")

    # ------------------------------------------------------------ what people do

    async def register(self) -> None:
        """Make an account and wait until the conversations are shown."""
        await self.page.get_by_role("link", name="Create account").click()
        # Both pages have a field of the same name.
        await self.page.get_by_role("heading", name="Create your account").wait_for()
        await self.page.get_by_label("Username").fill(self.name)
        await self.page.get_by_label("Display name").fill(self.title)
        await self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        await self.page.get_by_role("button", name="Create account").click()
        await self.page.get_by_role("heading", name="Chats", exact=True).wait_for()

    async def log_in(self) -> None:
        """Log in with the account that is there."""
        await self.page.get_by_label("Username").fill(self.name)
        await self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        await self.page.get_by_role("button", name="Log in").click()
        await self.page.get_by_role("heading", name="Chats", exact=True).wait_for()

    async def find(self, title: str) -> None:
        """Begin to talk to somebody who is found by the search."""
        await self.page.get_by_label("Search chats and people").fill(title)
        await self.page.get_by_role("button", name=title).first.click()
        await self.box.wait_for()

    async def open(self, title: str) -> None:
        """Open a conversation of the list."""
        await self.item(title).click()
        await self.page.get_by_role("main").get_by_role("heading", name=title, level=1).wait_for()

    async def say(self, text: str) -> None:
        """Write a message and send it."""
        await self.box.fill(text)
        await self.box.press("Enter")

    async def make_group(self, name: str, *titles: str) -> None:
        """Make a group of people who are found by the search."""
        await self.page.get_by_role("button", name="New chat").first.click()
        await self.page.get_by_role("menuitem", name="New group").click()
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_label("Group name").fill(name)
        for title in titles:
            await dialog.get_by_label("Name or username").fill(title)
            await dialog.get_by_role("button", name=title, pressed=False).click()
        await dialog.get_by_role("button", name="Create group").click()
        await self.box.wait_for()

    async def settled(self) -> None:
        """Wait until the open conversation has come to rest where it was opened."""
        await self.history.evaluate(
            """async (log) => {
                 for (let still = 0, before = ""; still < 10; ) {
                   await new Promise(requestAnimationFrame);
                   const now = `${log.scrollTop} ${log.scrollHeight}`;
                   still = now === before ? still + 1 : 0;
                   before = now;
                 }
               }"""
        )

    async def scroll(self, pixels: int) -> None:
        """Turn the wheel over the open conversation; negative is up."""
        await self.history.hover(position={"x": 20, "y": 200})
        await self.page.mouse.wheel(0, pixels)
        await self.frame()

    # ------------------------------------------------------------ what they see

    @property
    def box(self) -> Locator:
        """Where one writes."""
        return self.page.get_by_label("Write a message")

    @property
    def history(self) -> Locator:
        """The messages of the open conversation."""
        return self.page.get_by_role("log")

    def message(self, text: str) -> Locator:
        """Return the messages with exactly this text."""
        return self.history.get_by_text(text, exact=True)

    def state(self, text: str, name: str) -> Locator:
        """Return the mark of an own message that says how it is with it."""
        return self.history.locator("[data-own=true]", has_text=text).get_by_role("img", name=name)

    def item(self, title: str) -> Locator:
        """Return a conversation of the list."""
        return self.page.get_by_role("navigation", name="Chats").get_by_role("link", name=title)

    def unread(self, title: str, count: int) -> Locator:
        """Return the badge of a conversation in the list."""
        return self.item(title).get_by_role("img", name=f"{count} unread message")

    async def stored(self, store: str, page: Page | None = None) -> list[dict[str, Any]]:
        """Return the rows that the browser's database has."""
        rows: list[dict[str, Any]] = await (page or self.page).evaluate(READ_DATABASE, [self.name, store])
        return rows

    async def longest_task(self) -> float:
        """Return the longest task of the page so far in ms; 0 when none was over 50 ms."""
        return float(await self.page.evaluate("Math.max(0, ...window.__longTasks)"))

    async def frame(self) -> None:
        """Wait until the browser has painted."""
        await self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    async def at_rest(self) -> None:
        """Wait until nothing moves any more: dialogs and menus have come or gone."""
        await expect(self.page.get_by_role("menu")).to_have_count(0)
        # A spinner never ends.
        await self.page.evaluate(
            """async () => {
                 const moving = () => document.getAnimations().filter((one) => one.effect.getTiming().iterations < 1e6);
                 while (moving().length > 0) await Promise.allSettled(moving().map((one) => one.finished));
               }"""
        )
        await self.frame()

    async def shoot(self, name: str) -> None:
        """Make a screenshot into the ignored folder, when nothing moves any more."""
        SCREENSHOTS.mkdir(exist_ok=True)
        await self.at_rest()
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")

    async def close(self) -> None:
        """Close the browser's context, and fail when something went wrong in it."""
        await self.context.close()
        assert self.problems == [], f"{self.name}'s browser: {self.problems}"


def note(name: str, value: float, unit: str) -> None:
    """Keep a measurement beside the screenshots, and show it with `pytest -rP`."""
    SCREENSHOTS.mkdir(exist_ok=True)
    print(f"measured {name}: {value:.1f} {unit}")
    with (SCREENSHOTS / "measured.jsonl").open("a") as file:
        file.write(json.dumps({"what": name, "value": round(value, 1), "unit": unit}) + "\n")
