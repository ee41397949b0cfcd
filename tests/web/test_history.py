"""A long history: it scrolls, it does not jump, and little of it is in the document."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from playwright.async_api import expect

from tests.e2e.clients import Socket, User
from tests.e2e.servers import Deployment
from tests.web.conftest import Visit
from tests.web.person import PASSWORD, Person, note

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

ENTRIES = 10_000
AT_ONCE = 200
ROWS = 150
"""Lines in the document, at most."""

FIRST_SHOWN = """
(log) => {
  const top = log.getBoundingClientRect().top;
  for (const row of log.querySelectorAll("[data-index]")) {
    const box = row.getBoundingClientRect();
    if (box.bottom > top + 150) return [row.textContent, box.top];
  }
}
"""


async def long_talk(ann: Person, deployment: Deployment, count: int) -> User:
    """Let somebody write to a reader before they open their browser for the first time; return the writer."""
    await User.register(deployment.url, ann.name, password=PASSWORD)
    writer = await User.register(deployment.url, f"writer{secrets.token_hex(3)}", nickname="Writer")
    conversation = (await writer.post("/conversations", user_id=ann.name))["conversation_id"]
    socket = await Socket.open(writer)
    for begin in range(1, count + 1, AT_ONCE):
        for number in range(begin, begin + AT_ONCE):
            words = "and some more words " * (number % 7)
            await socket.chat_nowait(conversation, f"entry {number} {words}")
        await socket.wait(lambda packet: "ack" in packet, count=begin + AT_ONCE - 1)
    await socket.close()
    await ann.log_in()
    await ann.open("Writer")
    await ann.history.get_by_text("entry").first.wait_for()
    await ann.settled()
    return writer


async def test_ten_thousand_messages_scroll(visit: Visit, deployment: Deployment) -> None:
    ann = await visit("ann", registered=False)
    await long_talk(ann, deployment, ENTRIES)
    newest = ann.history.get_by_text(f"entry {ENTRIES} ")
    await ann.page.get_by_role("button", name="Jump to newest").or_(newest).first.wait_for()
    await ann.history.focus()
    await ann.page.keyboard.press("End")
    await expect(newest).to_be_visible()

    await ann.page.evaluate("window.__longTasks = []")
    most = 0
    beginning = ann.history.get_by_text("This is the very beginning")
    async with asyncio.timeout(100):
        while not await beginning.is_visible():
            await ann.scroll(-5000)
            most = max(most, await ann.history.locator("[data-index]").count())
    await expect(ann.message("entry 1 and some more words")).to_be_visible()
    assert most <= ROWS
    assert len(await ann.stored("messages")) == ENTRIES
    note(f"longest task while scrolling through {ENTRIES} messages", await ann.longest_task(), "ms")

    await ann.history.focus()
    await ann.page.keyboard.press("End")
    await expect(newest).to_be_visible()
    await ann.shoot("long-history")


async def test_what_is_loaded_above_moves_nothing(visit: Visit, deployment: Deployment) -> None:
    ann = await visit("ann", registered=False)
    await long_talk(ann, deployment, 1_000)
    await ann.history.focus()
    await ann.page.keyboard.press("End")
    await expect(ann.history.get_by_text("entry 1000 ")).to_be_visible()
    loaded = len(await ann.stored("messages"))
    for _ in range(60):
        await ann.scroll(-400)
        before = await ann.history.evaluate(FIRST_SHOWN)
        # What was asked for at this place comes now.
        await ann.settled()
        after = await ann.history.evaluate(FIRST_SHOWN)
        assert after[0] == before[0]
        assert abs(after[1] - before[1]) <= 2, f"{before} moved to {after}"
    assert len(await ann.stored("messages")) > loaded


async def test_the_tail_is_followed_only_by_who_is_there(visit: Visit, deployment: Deployment) -> None:
    ann = await visit("ann", registered=False)
    writer = await long_talk(ann, deployment, 200)
    await ann.history.focus()
    await ann.page.keyboard.press("End")
    await expect(ann.history.get_by_text("entry 200 ")).to_be_visible()
    conversation = (await writer.post("/conversations", user_id=ann.name))["conversation_id"]
    socket = await Socket.open(writer)
    await socket.chat(conversation, "followed")
    await expect(ann.message("followed")).to_be_in_viewport()

    await ann.scroll(-2000)
    await expect(ann.page.get_by_role("button", name="Jump to newest")).to_be_visible()
    before = await ann.history.evaluate(FIRST_SHOWN)
    await socket.chat(conversation, "not followed")
    await expect(ann.page.get_by_role("button", name="Jump to newest, 1 new")).to_be_visible()
    assert await ann.history.evaluate(FIRST_SHOWN) == before
    await ann.page.get_by_role("button", name="Jump to newest").click()
    await expect(ann.message("not followed")).to_be_in_viewport()
    await socket.close()


async def test_what_nobody_saw_stays_unread(visit: Visit, deployment: Deployment) -> None:
    ann = await visit("ann", registered=False)
    writer = await long_talk(ann, deployment, AT_ONCE)
    await expect(ann.history.get_by_text("New messages")).to_be_in_viewport()
    conversation = (await writer.post("/conversations", user_id=ann.name))["conversation_id"]

    async def read() -> list[int]:
        readers = (await writer.get(f"/conversations/{conversation}/readers?seq=1"))["readers"]
        return [reader["read_seq"] for reader in readers if reader["user_id"] == ann.name]

    await expect(ann.unread("Writer", AT_ONCE)).to_be_visible()
    assert await read() == []
    await ann.history.focus()
    await ann.page.keyboard.press("End")
    await expect(ann.unread("Writer", AT_ONCE)).to_be_hidden()
    async with asyncio.timeout(20):
        while await read() != [AT_ONCE]:
            await ann.frame()


async def test_what_comes_behind_the_details_stays_unread(visit: Visit, deployment: Deployment) -> None:
    ann, bob = await visit("ann", viewport={"width": 390, "height": 844}), await visit("bob")
    await bob.find(ann.title)
    for number in range(40):
        await bob.say(f"seen {number}")
    await expect(bob.state("seen 39", "Sent")).to_be_visible()
    await ann.open(bob.title)
    await ann.history.focus()
    await ann.page.keyboard.press("End")
    await expect(bob.state("seen 39", "Read")).to_be_visible()
    await ann.page.get_by_role("button", name="Details").click()
    await expect(ann.box).to_be_hidden()
    await bob.say("behind")
    await expect(ann.page).to_have_title("(1) Resonance")
    await ann.at_rest()
    await expect(bob.state("behind", "Sent")).to_be_visible()
    await ann.page.get_by_role("button", name="Back").last.click()
    await expect(ann.message("behind")).to_be_in_viewport()
    await expect(bob.state("behind", "Read")).to_be_visible()
