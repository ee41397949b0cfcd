"""People: friends, requests, blocks, profiles, devices and passwords."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.web.conftest import Visit
from tests.web.person import PASSWORD

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


async def test_friends_see_each_other_online(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.page.get_by_role("link", name="Contacts").click()
    await ann.page.get_by_label("Find people").fill(bob.title)
    await ann.page.get_by_role("link", name=bob.title).click()
    await ann.page.get_by_role("button", name="Add friend").click()
    dialog = ann.page.get_by_role("dialog")
    await dialog.get_by_label("Introduce yourself").fill("we met")
    await dialog.get_by_role("button", name="Send request").click()
    await expect(ann.page.get_by_text("Friend request sent")).to_be_visible()

    await bob.page.get_by_role("link", name="Contacts").click()
    received = bob.page.get_by_role("region", name="Received")
    await expect(received).to_contain_text("we met")
    await received.get_by_role("button", name="Accept").click()
    await expect(bob.page.get_by_role("region", name="Friends")).to_contain_text(ann.title)
    await expect(bob.page.get_by_test_id("online-dot")).to_be_visible()

    await ann.page.get_by_label("Find people").fill("")
    await ann.page.get_by_role("region", name="Friends").get_by_role("link", name=bob.title).click()
    await expect(ann.page.get_by_role("main").get_by_text("online", exact=True)).to_be_visible()
    await ann.page.get_by_label("Your name for them").fill("Bobby")
    await ann.page.get_by_role("button", name="Save").click()
    await expect(ann.page.get_by_role("region", name="Friends")).to_contain_text("Bobby")
    await ann.shoot("friends")

    await bob.page.goto("about:blank")
    await expect(ann.page.get_by_role("main").get_by_text("last seen")).to_be_visible()
    await ann.page.get_by_role("button", name="Remove friend").click()
    await ann.page.get_by_role("dialog").get_by_role("button", name="Remove friend").click()
    await expect(ann.page.get_by_role("button", name="Add friend")).to_be_visible()


async def test_requests_are_shown_to_both_and_gone_when_declined(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.page.get_by_role("link", name="Contacts").click()
    await ann.page.get_by_label("Find people").fill(bob.title)
    await ann.page.get_by_role("link", name=bob.title).click()
    await ann.page.get_by_role("button", name="Add friend").click()
    await ann.page.get_by_role("dialog").get_by_role("button", name="Send request").click()
    await ann.page.get_by_label("Find people").fill("")
    await expect(ann.page.get_by_role("region", name="Sent")).to_contain_text("Waiting for an answer")
    await bob.page.get_by_role("link", name="Contacts").click()
    received = bob.page.get_by_role("region", name="Received")
    await received.get_by_role("button", name="Decline").click()
    await expect(received).to_be_hidden()


async def test_a_link_is_followed_after_the_login(visit: Visit) -> None:
    ann = await visit("ann")
    await ann.page.get_by_role("link", name="Settings").click()
    await ann.page.get_by_role("button", name="Log out").click()
    await ann.page.get_by_role("dialog").get_by_role("button", name="Log out").click()
    await ann.page.get_by_role("heading", name="Welcome back").wait_for()
    await ann.page.goto(f"{ann.url}/app/settings/devices")
    await ann.page.get_by_role("heading", name="Welcome back").wait_for()
    await ann.page.get_by_label("Username").fill(ann.name)
    await ann.page.get_by_label("Password", exact=True).fill(PASSWORD)
    await ann.page.get_by_role("button", name="Log in").click()
    await expect(ann.page.get_by_role("heading", name="Devices", level=1)).to_be_visible()


async def test_blocks_are_listed_and_undone(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.page.get_by_role("button", name="Details").click()
    await ann.page.get_by_role("button", name="Block").click()
    await ann.page.get_by_role("dialog").get_by_role("button", name="Block").click()
    await expect(ann.page.get_by_text("You blocked this person.")).to_be_visible()
    await ann.page.get_by_role("link", name="Settings").click()
    await ann.page.get_by_role("link", name="Blocked people").click()
    await ann.page.get_by_role("button", name="Unblock").click()
    await expect(ann.page.get_by_text("Nobody is blocked")).to_be_visible()


async def test_a_profile_is_changed_and_seen(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.say("hi")
    await bob.page.get_by_role("link", name="Settings").click()
    await bob.page.get_by_role("link", name="Profile").click()
    await bob.page.get_by_label("Display name").fill("Robert")
    await bob.page.get_by_role("button", name="Save").click()
    await expect(bob.page.get_by_text("Saved")).to_be_visible()
    await ann.page.reload()
    await expect(ann.item("Robert")).to_be_visible()


async def test_devices_end_and_passwords_change(visit: Visit) -> None:
    ann = await visit("ann")
    other = await visit("other", registered=False)
    other.name = ann.name
    await other.log_in()
    await ann.page.get_by_role("link", name="Settings").click()
    await ann.page.get_by_role("link", name="Devices").click()
    await expect(ann.page.get_by_text("This device")).to_have_count(1)
    await ann.page.get_by_role("main").get_by_role("button", name="Log out").click()
    await ann.page.get_by_role("dialog").get_by_role("button", name="Log out").click()
    await expect(other.page.get_by_role("heading", name="Welcome back")).to_be_visible()

    await ann.page.get_by_role("link", name="Password").click()
    await ann.page.get_by_label("Current password").fill("wrong")
    await ann.page.get_by_label("New password").fill("battery staple")
    await ann.page.get_by_role("button", name="Save").click()
    await expect(ann.page.get_by_role("alert")).to_be_visible()
    await ann.page.get_by_label("Current password").fill(PASSWORD)
    await ann.page.get_by_role("button", name="Save").click()
    await expect(ann.page.get_by_text("Password changed")).to_be_visible()
    await other.page.get_by_label("Username").fill(ann.name)
    await other.page.get_by_label("Password", exact=True).fill("battery staple")
    await other.page.get_by_role("button", name="Log in").click()
    await other.page.get_by_role("heading", name="Chats", exact=True).wait_for()


async def test_a_wrong_password_is_told(visit: Visit) -> None:
    ann = await visit("ann", registered=False)
    await ann.page.get_by_role("button", name="Log in").click()
    await expect(ann.page.get_by_text("Enter a username")).to_be_visible()
    await ann.page.get_by_label("Username").fill(ann.name)
    await ann.page.get_by_label("Password", exact=True).fill("wrong")
    await ann.page.get_by_role("button", name="Log in").click()
    await expect(ann.page.get_by_role("alert")).to_contain_text("Username or password is wrong.")


async def test_a_group_is_joined_by_request(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.make_group("Closed")
    await ann.page.get_by_role("button", name="Details").click()
    await ann.page.get_by_role("button", name="Edit group").click()
    dialog = ann.page.get_by_role("dialog")
    await dialog.get_by_role("switch", name="New members need approval").click()
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_be_hidden()
    group = await ann.page.get_by_role("complementary").locator("code").text_content()
    await bob.page.get_by_role("button", name="New chat").first.click()
    await bob.page.get_by_role("menuitem", name="Join a group").click()
    await bob.page.get_by_role("dialog").get_by_label("Group id").fill(group or "")
    await bob.page.get_by_role("dialog").get_by_role("button", name="Join").click()
    await expect(bob.page.get_by_text("You are in as soon as an admin accepts.")).to_be_visible()
    await ann.page.get_by_role("region", name="Requests to join").get_by_role("button", name="Accept").click()
    await expect(bob.item("Closed")).to_be_visible()
    await bob.open("Closed")
    await bob.page.get_by_role("button", name="Details").click()
    await bob.page.get_by_role("button", name="Leave group").click()
    await bob.page.get_by_role("dialog").get_by_role("button", name="Leave group").click()
    await expect(ann.history.get_by_text(f"{bob.title} left")).to_be_visible()


async def test_another_login_in_another_tab_shows_nothing_of_the_one_before(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.page.get_by_role("link", name="Settings").click()
    await ann.page.get_by_role("link", name="Profile").click()
    await expect(ann.page.get_by_label("Display name")).to_have_value(ann.title)
    await ann.page.get_by_role("button", name="Log out").click()
    await expect(ann.page.get_by_role("dialog")).to_be_visible()
    other = await ann.new_page()
    await other.goto(f"{ann.url}/app/icon.svg")
    session = await bob.page.evaluate("localStorage['resonance.session']")
    await other.evaluate("session => { localStorage['resonance.session'] = session; }", session)
    await expect(ann.page.get_by_label("Display name")).to_have_value(bob.title)
    await expect(ann.page.get_by_role("dialog")).to_be_hidden()
