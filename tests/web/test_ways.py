"""Addresses, the way back, and what is there before the page is."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.web.conftest import Visit

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


async def test_addresses_lead_where_they_say(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.say("found again")
    await expect(ann.state("found again", "Sent")).to_be_visible()
    chat = ann.page.url
    assert re.fullmatch(rf"{ann.url}/app/c/[^/]+", chat)

    await ann.page.get_by_role("link", name="Settings").click()
    await ann.page.get_by_role("link", name="Devices").click()
    await ann.page.go_back()
    await ann.page.go_back()
    await expect(ann.message("found again")).to_be_visible()
    await ann.page.go_forward()
    await expect(ann.page.get_by_role("heading", name="Settings", exact=True).first).to_be_visible()

    other = await ann.new_page()
    await other.goto(chat)
    await expect(other.get_by_role("log").get_by_text("found again", exact=True)).to_be_visible()
    await other.goto(f"{ann.url}/app/c/nowhere")
    await expect(other.get_by_role("heading", name="No such chat")).to_be_visible()
    await other.goto(f"{ann.url}/app/no/such/page")
    await expect(other.get_by_role("heading", name="Pick a chat")).to_be_visible()
    await expect(other).to_have_url(f"{ann.url}/app/")


async def test_the_theme_is_there_before_the_page_is(visit: Visit) -> None:
    ann = await visit("ann", color_scheme="light")
    root = ann.page.locator("html")
    await expect(root).to_have_attribute("data-mantine-color-scheme", "light")
    await ann.page.get_by_role("link", name="Settings").click()
    await ann.page.get_by_role("link", name="Appearance").click()
    await ann.page.get_by_text("Dark", exact=True).click()
    await expect(root).to_have_attribute("data-mantine-color-scheme", "dark")

    # the app itself never comes: what is shown then was there before it
    await ann.page.route("**/assets/*.js", lambda route: route.abort())
    await ann.page.reload(wait_until="domcontentloaded")
    await expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    await expect(ann.page.locator("#root")).to_be_empty()
    await ann.page.unroute("**/assets/*.js")

    await ann.page.reload()
    await ann.page.get_by_text("System", exact=True).click()
    await expect(root).to_have_attribute("data-mantine-color-scheme", "light")
    await ann.page.emulate_media(color_scheme="dark")
    await expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
