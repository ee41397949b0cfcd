"""What the page is like: on a phone, in Chinese, by keyboard, for assistive technology; and what it costs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Response, expect

from tests.web.conftest import Visit
from tests.web.person import PASSWORD, Person, note

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
MAX_JS_KIB = 300


async def check_accessible(person: Person, view: str) -> None:
    """Let axe look at the view when nothing moves any more; nothing serious may be found."""
    await person.at_rest()
    await person.page.evaluate(AXE.read_text())
    found = await person.page.evaluate("axe.run({ resultTypes: ['violations'] })")
    bad = [
        (one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    assert bad == [], f"{view}: {json.dumps(bad, indent=1)}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(visit: Visit, scheme: str) -> None:
    ann = await visit("ann", registered=False, color_scheme=scheme)
    await ann.page.get_by_role("heading", name="Welcome back").wait_for()
    await check_accessible(ann, "login")
    await ann.shoot(f"login-{scheme}")
    await ann.register()
    await check_accessible(ann, "no chats")
    bob = await visit("bob")
    await ann.make_group("Orchestra", bob.title)
    await ann.say("hello")
    await bob.open("Orchestra")
    await bob.say("good evening")
    await expect(ann.message("good evening")).to_be_visible()
    await check_accessible(ann, "chat")
    await ann.shoot(f"chat-{scheme}")
    await ann.page.get_by_role("button", name="Details").click()
    await ann.page.get_by_role("heading", name="Members").wait_for()
    await check_accessible(ann, "group")
    await ann.shoot(f"group-{scheme}")
    await ann.page.get_by_role("button", name="New chat").click()
    await ann.page.get_by_role("menuitem", name="New group").click()
    await ann.page.get_by_role("dialog").get_by_label("Group name").wait_for()
    await check_accessible(ann, "new group")
    await ann.page.keyboard.press("Escape")
    await ann.page.get_by_role("link", name="Contacts").click()
    await ann.page.get_by_label("Find people").fill(bob.title)
    await ann.page.get_by_role("link", name=bob.title).click()
    await ann.page.get_by_role("button", name="Add friend").wait_for()
    await check_accessible(ann, "contacts")
    await ann.shoot(f"contacts-{scheme}")
    await ann.page.get_by_role("link", name="Settings").click()
    for section in ("Profile", "Appearance", "Notifications", "Devices", "Password", "Blocked people"):
        await ann.page.get_by_role("link", name=section).click()
        await ann.page.get_by_role("heading", name=section, level=1).wait_for()
        await check_accessible(ann, section)
    await ann.shoot(f"settings-{scheme}")


async def test_a_phone_shows_one_thing_at_a_time(visit: Visit) -> None:
    ann, bob = await visit("ann", **PHONE), await visit("bob")
    await bob.find(ann.title)
    await bob.say("are you there?")
    await expect(ann.item(bob.title)).to_contain_text("are you there?")
    await ann.shoot("phone-list")
    await ann.item(bob.title).tap()
    await expect(ann.message("are you there?")).to_be_visible()
    await expect(ann.item(bob.title)).to_be_hidden()
    await ann.say("yes")
    await expect(bob.message("yes")).to_be_visible()
    await ann.shoot("phone-chat")
    await ann.page.get_by_role("button", name="Details").tap()
    await expect(ann.box).to_be_hidden()
    await ann.page.get_by_role("button", name="Back").last.tap()
    await ann.box.wait_for()
    await ann.page.get_by_role("button", name="Back").tap()
    await expect(ann.item(bob.title)).to_be_visible()
    wide = await ann.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide


async def test_chinese_is_whole(visit: Visit) -> None:
    ann = await visit("ann", registered=False, locale="zh-CN")
    await expect(ann.page.get_by_role("heading", name="欢迎回来")).to_be_visible()
    await expect(ann.page.locator("html")).to_have_attribute("lang", "zh-CN")
    await ann.page.get_by_role("link", name="注册").click()
    await ann.page.get_by_label("用户名").fill(ann.name)
    await ann.page.get_by_label("密码", exact=True).fill(PASSWORD)
    await ann.page.get_by_role("button", name="注册").click()
    await ann.page.get_by_role("link", name="设置").click()
    await ann.page.get_by_role("link", name="外观").click()
    await ann.shoot("chinese")
    latin = await ann.page.evaluate("document.body.innerText.match(/[A-Za-z]{3,}/g)")
    assert {word for word in latin if word.lower() not in ann.name} <= {"English"}
    await ann.page.get_by_text("English").click()
    await expect(ann.page.get_by_role("heading", name="Settings", exact=True)).to_be_visible()
    await expect(ann.page.locator("html")).to_have_attribute("lang", "en")


async def tab_to(person: Person, name: str) -> None:
    """Press Tab until something of this name has the focus."""
    for _ in range(60):
        await person.page.keyboard.press("Tab")
        focused = await person.page.evaluate(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
        )
        if name in focused:
            return
    raise AssertionError(f"Tab never comes to {name!r}")


async def test_the_keyboard_is_enough(visit: Visit) -> None:
    bob = await visit("bob")
    ann = await visit("ann", registered=False)
    keyboard = ann.page.keyboard
    await ann.page.get_by_role("link", name="Create account").focus()
    await keyboard.press("Enter")
    await ann.page.get_by_role("heading", name="Create your account").wait_for()
    await ann.page.get_by_label("Username").focus()
    await keyboard.type(ann.name)
    await keyboard.press("Tab")
    await keyboard.type(ann.title)
    await keyboard.press("Tab")
    await keyboard.type(PASSWORD)
    await keyboard.press("Enter")
    await ann.page.get_by_role("heading", name="No chats yet").wait_for()

    await keyboard.press("Control+K")
    await keyboard.type(bob.title)
    await ann.page.get_by_role("button", name=bob.title).wait_for()
    await tab_to(ann, bob.title)
    await keyboard.press("Enter")
    await expect(ann.box).to_be_focused()
    await keyboard.type("first line")
    await keyboard.press("Shift+Enter")
    await keyboard.type("second line")
    await keyboard.press("Enter")
    await expect(bob.item(ann.title)).to_contain_text("first line second line")

    await tab_to(ann, "Details")
    await keyboard.press("Enter")
    await ann.page.get_by_role("complementary").get_by_role("button", name="Block").wait_for()
    await tab_to(ann, "Block")
    await keyboard.press("Enter")
    await ann.page.get_by_role("dialog").wait_for()
    await keyboard.press("Escape")
    await expect(ann.page.get_by_role("dialog")).to_be_hidden()
    focused = await ann.page.evaluate("document.activeElement.textContent")
    assert focused == "Block"


async def test_the_first_load_is_light_and_quick(visit: Visit) -> None:
    ann = await visit("ann")
    await ann.page.goto("about:blank")
    sizes: list[int] = []

    async def weigh(response: Response) -> None:
        if response.url.endswith(".js"):
            assert response.headers.get("content-encoding") == "gzip", response.url
            sizes.append(int(response.headers["content-length"]))

    page = await (await ann.context.browser.new_context(storage_state=await ann.context.storage_state())).new_page()  # type: ignore[union-attr]
    page.on("response", weigh)
    await page.goto(f"{ann.url}/app/")
    await page.get_by_role("heading", name="No chats yet").wait_for()
    interactive = await page.evaluate("performance.now()")
    await page.wait_for_load_state("networkidle")
    await page.context.close()
    note("JavaScript of the first load, gzip", sum(sizes) / 1024, "KiB")
    note("from nothing to the list of chats", interactive, "ms")
    assert sum(sizes) <= MAX_JS_KIB * 1000
