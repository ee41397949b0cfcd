"""The list of chats: what is first, what is quiet, what is found; and what tells of news while nobody looks."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import Page, expect

from tests.web.conftest import Visit
from tests.web.person import Person

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

HIDDEN = """
Object.defineProperty(document, "visibilityState", { get: () => (window.__looked ? "visible" : "hidden") });
window.__looked = true;
"""
"""A headless browser shows every page all the time, so the page's word for it is replaced."""

NOTIFICATIONS = """
window.__told = [];
window.Notification = class extends EventTarget {
  static permission = "default";
  static async requestPermission() { return (this.permission = "granted"); }
  constructor(title, { body, tag }) {
    super();
    // Before anything is allowed, a browser shows nothing.
    if (window.Notification.permission !== "granted") return;
    window.__told.push({ title, body, tag, click: () => this.dispatchEvent(new Event("click")) });
  }
  close() {}
};
"""
"""A headless browser has nobody to ask and nowhere to show one."""

TOLD = "window.__told.map(({ title, body }) => `${title}: ${body}`)"


async def order(person: Person) -> list[str]:
    """Return the titles of the list, from its top."""
    links = person.page.get_by_role("navigation", name="Chats").get_by_role("link")
    texts = await links.evaluate_all("all => all.map((one) => one.querySelector('[class*=title]').textContent)")
    return list(texts)


async def choose(person: Person, title: str, action: str) -> None:
    """Open the menu of a chat in the list and choose from it."""
    await person.item(title).hover()
    await person.page.get_by_role("navigation", name="Chats").get_by_role("button", name=f"Actions for {title}").click()
    await person.page.get_by_role("menuitem", name=action, exact=True).click()
    await person.at_rest()


async def test_chats_are_pinned_muted_and_marked_as_read(visit: Visit) -> None:
    ann, bob, cleo = await visit("ann"), await visit("bob"), await visit("cleo")
    for other in (bob, cleo):
        await other.find(ann.title)
        await other.say("good morning")
        await expect(ann.unread(other.title, 1)).to_be_visible()
    await expect(ann.page).to_have_title("(2) Resonance")
    assert await order(ann) == [cleo.title, bob.title]

    await choose(ann, bob.title, "Pin")
    await expect(ann.item(bob.title).get_by_role("img", name="Pinned")).to_be_visible()
    await choose(ann, cleo.title, "Mute notifications")
    await expect(ann.item(cleo.title).get_by_role("img", name="Muted")).to_be_visible()
    await expect(ann.page).to_have_title("(1) Resonance")
    await cleo.say("are you up?")
    await expect(ann.unread(cleo.title, 2)).to_be_visible()
    assert await order(ann) == [bob.title, cleo.title]

    await choose(ann, bob.title, "Mark as read")
    await expect(ann.unread(bob.title, 1)).to_be_hidden()
    await expect(ann.page).to_have_title("Resonance")
    await expect(bob.state("good morning", "Read")).to_be_visible()

    await ann.page.reload()
    await expect(ann.unread(cleo.title, 2)).to_be_visible()
    assert await order(ann) == [bob.title, cleo.title]
    await choose(ann, bob.title, "Unpin")
    await expect(ann.item(bob.title).get_by_role("img", name="Pinned")).to_be_hidden()
    assert await order(ann) == [cleo.title, bob.title]


async def test_the_search_finds_chats_and_people(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.make_group("String quartet")
    field = ann.page.get_by_label("Search chats and people")
    await field.fill("QUART")
    await expect(ann.page.get_by_role("region", name="Chats").get_by_role("link")).to_have_count(1)
    await field.fill(bob.name[:-1])
    await expect(ann.page.get_by_role("region", name="People").get_by_role("button", name=bob.title)).to_be_visible()
    await field.fill("nobody is called this")
    await expect(ann.page.get_by_text("Nothing found")).to_be_visible()
    await field.press("Escape")
    await expect(field).to_have_value("")
    await expect(ann.item("String quartet")).to_be_visible()


async def allow_notifications(page: Page) -> None:
    """Turn them on where a user does."""
    await page.get_by_role("link", name="Settings").click()
    await page.get_by_role("link", name="Notifications").click()
    await page.get_by_role("switch", name="Show notifications").click()
    await expect(page.get_by_role("switch", name="Show notifications")).to_be_checked()
    await page.get_by_role("link", name="Chats").click()


async def test_a_notification_comes_only_when_nobody_looks(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.context.add_init_script(HIDDEN + NOTIFICATIONS)
    await ann.page.reload()
    await allow_notifications(ann.page)
    await bob.find(ann.title)
    await bob.say("you are looking")
    await expect(ann.unread(bob.title, 1)).to_be_visible()

    await ann.page.evaluate("window.__looked = false; document.dispatchEvent(new Event('visibilitychange'))")
    await bob.say("you are not")
    await ann.page.wait_for_function("() => window.__told.length > 0")
    assert await ann.page.evaluate(TOLD) == [f"{bob.title}: you are not"]
    await ann.page.evaluate("window.__told[0].click()")
    await expect(ann.message("you are not")).to_be_visible()

    await ann.page.evaluate("window.__told = []")
    await choose(ann, bob.title, "Mute notifications")
    await bob.say("quietly")
    await expect(ann.item(bob.title)).to_contain_text("quietly")
    await choose(ann, bob.title, "Unmute notifications")
    await bob.say("loudly")
    await ann.page.wait_for_function("() => window.__told.length > 0")
    assert await ann.page.evaluate(TOLD) == [f"{bob.title}: loudly"]


async def test_a_browser_that_refuses_notifications_is_believed(visit: Visit) -> None:
    ann = await visit("ann")
    await ann.context.add_init_script(NOTIFICATIONS.replace('"granted"', '"denied"'))
    await ann.page.reload()
    await ann.page.get_by_role("link", name="Settings").click()
    await ann.page.get_by_role("link", name="Notifications").click()
    await ann.page.get_by_role("switch", name="Show notifications").click()
    await expect(ann.page.get_by_role("alert")).to_contain_text("The browser refuses notifications")
    await expect(ann.page.get_by_role("switch", name="Show notifications")).not_to_be_checked()


async def test_days_are_told_apart(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.say("the day it was written")
    await expect(ann.state("the day it was written", "Sent")).to_be_visible()
    await expect(ann.history.get_by_text("Today", exact=True)).to_be_visible()
    for days, name in ((1, "Yesterday"), (3, None)):
        now = time.time() + days * 86_400
        await ann.page.clock.set_fixed_time(now)
        await ann.page.reload()
        await expect(ann.message("the day it was written")).to_be_visible()
        await expect(ann.history.get_by_text("Today", exact=True)).to_have_count(0)
        wanted = name or await ann.page.evaluate(
            "new Intl.DateTimeFormat('en', { weekday: 'long', month: 'long', day: 'numeric' })"
            f".format({(now - days * 86_400) * 1000})"
        )
        await expect(ann.history.get_by_text(wanted, exact=True)).to_be_visible()


async def test_emoji_go_where_the_cursor_is(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.box.fill("good night")
    await ann.box.press("Home")
    await ann.page.get_by_role("button", name="Emoji").click()
    picker = ann.page.get_by_role("dialog", name="Emoji")
    await picker.get_by_role("button", name="😀", exact=True).focus()
    await ann.page.keyboard.press("ArrowRight")
    await ann.page.keyboard.press("Enter")
    await expect(picker).to_be_hidden()
    await expect(ann.box).to_have_value("😄good night")
    await expect(ann.box).to_be_focused()
    await ann.page.keyboard.type(" ")
    await ann.box.press("Enter")
    await bob.open(ann.title)
    await expect(bob.message("😄 good night")).to_be_visible()


async def test_what_is_too_long_is_not_sent(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.box.fill("é" * 5_002)
    await expect(ann.page.get_by_text("Too long by 2 characters")).to_be_visible()
    await expect(ann.page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    await ann.box.press("Enter")
    await expect(ann.box).to_have_value("é" * 5_002)
