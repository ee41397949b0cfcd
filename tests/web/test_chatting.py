"""People chat: two of them, a group, and somebody with two tabs."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.web.conftest import Visit
from tests.web.person import note

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


async def test_two_people_talk(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.say("hello <b>bob</b>")
    await expect(ann.state("hello", "Sent")).to_be_visible()
    await expect(bob.unread(ann.title, 1)).to_be_visible()
    await expect(bob.page).to_have_title("(1) Resonance")

    await bob.open(ann.title)
    await expect(bob.message("hello <b>bob</b>")).to_be_visible()
    await expect(bob.history.get_by_text("New messages")).to_be_visible()
    await expect(ann.state("hello", "Read")).to_be_visible()
    await expect(bob.unread(ann.title, 1)).to_be_hidden()
    await expect(bob.page).to_have_title("Resonance")

    await bob.box.press_sequentially("I am")
    await expect(ann.page.get_by_role("main").get_by_text("typing…")).to_be_visible()
    await bob.say("I am here: https://example.org/a")
    await expect(ann.history.get_by_role("link", name="https://example.org/a")).to_have_attribute(
        "rel", "noopener noreferrer nofollow"
    )
    await expect(ann.page.get_by_role("main").get_by_text("typing…")).to_be_hidden()
    await ann.shoot("chat")


async def test_a_message_is_seen_at_once(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.say("warm")
    await bob.open(ann.title)
    await expect(bob.message("warm")).to_be_visible()
    times = []
    for number in range(15):
        # Both pages read the same clock, and the observer runs before the browser paints.
        seen = asyncio.create_task(
            bob.page.evaluate(
                """(text) => new Promise((resolve) => {
                     const texts = () => [...document.querySelectorAll("[role=log] span")].map((e) => e.textContent);
                     const observer = new MutationObserver(() => {
                       if (!texts().includes(text)) return;
                       observer.disconnect();
                       resolve(performance.timeOrigin + performance.now());
                     });
                     observer.observe(document.body, { childList: true, subtree: true, characterData: true });
                   })""",
                f"message {number}",
            )
        )
        await ann.box.fill(f"message {number}")
        sent = await ann.page.evaluate(
            """() => {
                 const box = document.activeElement;
                 box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
                 return performance.timeOrigin + performance.now();
               }"""
        )
        times.append(await seen - sent)
    times.sort()
    note("sending to seeing, median", times[len(times) // 2], "ms")
    note("sending to seeing, worst of 15", times[-1], "ms")


async def test_a_group_of_three(visit: Visit) -> None:
    ann, bob, cleo = await visit("ann"), await visit("bob"), await visit("cleo", color_scheme="dark")
    await ann.make_group("Orchestra", bob.title, cleo.title)
    await ann.say("welcome")
    for other in (bob, cleo):
        await other.open("Orchestra")
        await expect(other.message("welcome")).to_be_visible()
        await expect(other.history.get_by_text(f"{ann.title} created the group")).to_be_visible()
    await expect(ann.state("welcome", "Read by 2")).to_be_visible()
    await cleo.say("thanks")
    await expect(bob.message("thanks")).to_be_visible()
    await expect(bob.history.get_by_text(cleo.title)).to_be_visible()
    await cleo.shoot("group-dark")

    await ann.page.get_by_role("button", name="Details").click()
    aside = ann.page.get_by_role("complementary", name="Details")
    await aside.get_by_role("button", name=f"Actions for {bob.title}").click()
    await ann.page.get_by_role("menuitem", name="Make admin").click()
    await expect(aside.get_by_role("link", name=bob.title).get_by_text("Admin")).to_be_visible()
    await ann.shoot("group-details")

    await aside.get_by_role("button", name="Edit group").click()
    dialog = ann.page.get_by_role("dialog")
    await dialog.get_by_label("Name", exact=True).fill("Choir")
    await dialog.get_by_role("button", name="Save").click()
    await expect(bob.history.get_by_text(f"{ann.title} named the group “Choir”")).to_be_visible()

    await aside.get_by_role("button", name=f"Actions for {cleo.title}").click()
    await ann.page.get_by_role("menuitem", name="Mute for 10 minutes").click()
    await expect(cleo.page.get_by_text("You are muted until")).to_be_visible()

    await aside.get_by_role("button", name=f"Actions for {cleo.title}").click()
    await ann.page.get_by_role("menuitem", name="Remove from group").click()
    await ann.page.get_by_role("dialog").get_by_role("button", name="Remove from group").click()
    await expect(cleo.page.get_by_text("You are no longer in this group")).to_be_visible()
    await expect(cleo.message("welcome")).to_be_visible()
    await ann.say("without cleo")
    await expect(bob.message("without cleo")).to_be_visible()
    await expect(cleo.message("without cleo")).to_have_count(0)


async def test_two_tabs_agree(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.say("one")
    await bob.open(ann.title)
    first, second = bob.page, await bob.new_page()
    await second.goto(f"{bob.url}/app/")
    item = second.get_by_role("navigation", name="Chats").get_by_role("link", name=ann.title)
    await expect(item).to_contain_text("one")
    await second.bring_to_front()
    await ann.say("two")
    await expect(item).to_contain_text("two")
    await item.click()
    await second.get_by_label("Write a message").fill("three")
    await second.keyboard.press("Enter")
    await expect(first.get_by_role("log").get_by_text("three", exact=True)).to_have_count(1)
    await expect(second.get_by_role("log").get_by_text("three", exact=True)).to_have_count(1)
    await expect(bob.state("three", "Sending")).to_have_count(0)  # until then it is with what waits to be sent
    assert [row["content"] for row in await bob.stored("messages")] == ["one", "two", "three"]

    await second.get_by_role("link", name="Settings").click()
    await second.get_by_role("button", name="Log out").click()
    await second.get_by_role("dialog").get_by_role("button", name="Log out").click()
    for page in (first, second):
        await expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    databases = await first.evaluate("indexedDB.databases().then((all) => all.map((one) => one.name))")
    assert f"resonance-{bob.name}" not in databases


async def test_a_draft_is_kept(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.box.fill("not yet")
    await ann.page.reload()
    await expect(ann.item(bob.title)).to_contain_text("Draft: not yet")
    await expect(ann.box).to_have_value("not yet")


async def test_a_refused_message_can_be_sent_again(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.say("first")
    await bob.open(ann.title)
    await bob.page.get_by_role("button", name="Details").click()
    await bob.page.get_by_role("button", name="Block").click()
    await bob.page.get_by_role("dialog").get_by_role("button", name="Block").click()
    await expect(bob.page.get_by_text("You blocked this person.")).to_be_visible()

    await ann.say("second")
    failure = ann.history.get_by_role("alert")
    await expect(failure).to_contain_text("does not accept messages from you")
    await bob.page.get_by_role("button", name="Unblock").first.click()
    await bob.box.wait_for()
    await failure.get_by_role("button", name="Send again").click()
    await expect(failure).to_be_hidden()
    await expect(bob.message("second")).to_have_count(1)


HIDDEN = """
window.__shown = [];
window.Notification = class extends EventTarget {
  static permission = "granted";
  constructor(title, { body }) { super(); window.__shown.push(`${title}: ${body}`); }
};
Object.defineProperty(document, "visibilityState", { get: () => "hidden" });
"""


async def test_a_hidden_tab_notifies_unless_another_is_looked_at(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await bob.page.evaluate("localStorage['resonance-notifications'] = 'on'")
    hidden = await bob.new_page()
    await hidden.add_init_script(HIDDEN)
    await hidden.goto(f"{bob.url}/app/")
    item = hidden.get_by_role("navigation", name="Chats").get_by_role("link", name=ann.title)
    await ann.find(bob.title)
    await ann.say("looked at")
    await expect(item).to_contain_text("looked at")
    # It has asked by now whether another is looked at, and answers come in turn.
    await hidden.evaluate("navigator.locks.query()")
    await bob.page.close()
    await ann.say("not looked at")
    await hidden.wait_for_function("() => window.__shown.length > 0")
    assert await hidden.evaluate("window.__shown") == [f"{ann.title}: not looked at"]
