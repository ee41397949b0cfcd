"""Groups: who comes, who may write, who owns them, and how they end."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.web.conftest import Visit
from tests.web.person import Person

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


async def details(person: Person) -> Locator:
    """Open the page of the open group."""
    await person.page.get_by_role("button", name="Details").click()
    aside = person.page.get_by_role("complementary", name="Details")
    await aside.get_by_role("heading", name="Members").wait_for()
    return aside


async def switch(person: Person, aside: Locator, label: str) -> None:
    """Turn one of the group's settings."""
    await aside.get_by_role("button", name="Edit group").click()
    dialog = person.page.get_by_role("dialog")
    await dialog.get_by_role("switch", name=label).click()
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_be_hidden()


async def add(person: Person, aside: Locator, other: Person) -> None:
    """Add somebody who is found by the search."""
    await aside.get_by_role("button", name="Add people").click()
    dialog = person.page.get_by_role("dialog")
    await dialog.get_by_label("Name or username").fill(other.title)
    await dialog.get_by_role("button", name=other.title, pressed=False).click()
    await expect(dialog.get_by_text("1 person")).to_be_visible()
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(dialog).to_be_hidden()
    await expect(aside.get_by_role("link", name=other.title)).to_be_visible()


async def test_whoever_is_added_sees_what_the_group_shows_them(visit: Visit) -> None:
    ann, bob, cleo = await visit("ann"), await visit("bob"), await visit("cleo")
    await ann.make_group("Orchestra")
    await ann.say("before anybody came")
    await expect(ann.state("before anybody came", "Sent")).to_be_visible()
    aside = await details(ann)
    await add(ann, aside, bob)
    await ann.say("hello bob")
    await bob.open("Orchestra")
    await expect(bob.message("hello bob")).to_be_visible()
    await expect(bob.history.get_by_text(f"{ann.title} added you")).to_be_visible()
    await expect(bob.message("before anybody came")).to_have_count(0)
    contents = [row["content"] for row in await bob.stored("messages") if row["type"] == "text"]
    assert contents == ["hello bob"]

    await switch(ann, aside, "New members see earlier messages")
    await add(ann, aside, cleo)
    await cleo.open("Orchestra")
    await expect(cleo.message("before anybody came")).to_be_visible()
    await expect(cleo.message("hello bob")).to_be_visible()


async def test_only_admins_write_where_the_group_says_so(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.make_group("Announcements", bob.title)
    await bob.open("Announcements")
    await bob.box.fill("kept for later")
    aside = await details(ann)
    await switch(ann, aside, "Only admins may write")
    await expect(bob.page.get_by_text("Only admins may write here.")).to_be_visible()
    await expect(bob.box).to_be_hidden()
    await ann.say("heard by all")
    await expect(bob.message("heard by all")).to_be_visible()
    await switch(ann, aside, "Only admins may write")
    await expect(bob.box).to_have_value("kept for later")
    await bob.box.press("Enter")
    await expect(ann.message("kept for later")).to_be_visible()


async def test_a_group_gets_another_owner_and_ends(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.make_group("Quartet", bob.title)
    await bob.open("Quartet")
    aside = await details(ann)
    await expect(aside.get_by_role("button", name="Leave group")).to_be_hidden()
    await aside.get_by_role("button", name=f"Actions for {bob.title}").click()
    await ann.page.get_by_role("menuitem", name="Make owner").click()
    await ann.page.get_by_role("dialog").get_by_role("button", name="Make owner").click()
    await expect(aside.get_by_role("link", name=bob.title)).to_contain_text("Owner")
    await expect(aside.get_by_role("button", name="Dissolve group")).to_be_hidden()
    await expect(bob.history.get_by_text(f"{ann.title} made you the owner")).to_be_visible()

    own = await details(bob)
    await own.get_by_role("button", name="Dissolve group").click()
    await bob.page.get_by_role("dialog").get_by_role("button", name="Dissolve group").click()
    for person in (ann, bob):
        await expect(person.page.get_by_text("This group was dissolved.")).to_be_visible()
        await expect(person.box).to_be_hidden()
    await expect(ann.history.get_by_text(f"{bob.title} dissolved the group")).to_be_visible()


async def readers(person: Person, text: str) -> list[str]:
    """Return who has read an own message, as its menu tells."""
    line = person.history.locator("[data-own=true]", has_text=text)
    await line.hover()
    await line.get_by_role("button", name="Message actions").click()
    await person.page.get_by_role("menuitem", name="Read by").click()
    dialog = person.page.get_by_role("dialog", name="Read by")
    await dialog.get_by_role("link").first.wait_for()
    names = await dialog.get_by_role("link").locator("[class*=title]").all_text_contents()
    await dialog.get_by_role("button", name="Close").click()
    await expect(dialog).to_be_hidden()
    return list(names)


async def test_who_has_read_is_told_by_name(visit: Visit) -> None:
    ann, bob, cleo = await visit("ann"), await visit("bob"), await visit("cleo")
    await ann.make_group("Readers", bob.title, cleo.title)
    await ann.say("who reads this?")
    await bob.open("Readers")
    await expect(ann.state("who reads this?", "Read by 1")).to_be_visible()
    assert await readers(ann, "who reads this?") == [bob.title]
    await cleo.open("Readers")
    await expect(ann.state("who reads this?", "Read by 2")).to_be_visible()
    assert sorted(await readers(ann, "who reads this?")) == [bob.title, cleo.title]
