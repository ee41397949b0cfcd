"""The network goes and comes, the server is killed: what was written arrives once, and the page says how it is."""

from __future__ import annotations

import pytest
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import expect

from tests.e2e.servers import Deployment
from tests.faults.proxy import Proxy
from tests.web.conftest import Visit
from tests.web.person import Person

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

MESSAGES = 200


async def behind(deployment: Deployment) -> Proxy:
    """Return a wire between a browser and the server that the test can cut."""
    proxy = Proxy(lambda: deployment.url.rpartition("/")[2])
    await proxy.start()
    return proxy


async def read_all(person: Person, last: str) -> list[str]:
    """Scroll through the open conversation from where it is to its end; return the others' texts in their order."""
    texts: list[str] = []
    await person.settled()
    await person.history.focus()
    await person.page.keyboard.press("Home")
    await expect(person.history.get_by_text("This is the very beginning")).to_be_visible()
    await person.settled()
    while True:
        shown = await person.history.locator("[data-own=false] [data-state] > span:first-child").all_text_contents()
        texts += [text for text in shown if text not in texts]
        if last in shown:
            return texts
        await person.history.evaluate("e => e.scrollBy(0, e.clientHeight / 2)")
        await person.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )


async def test_who_was_offline_gets_exactly_what_was_said(visit: Visit, deployment: Deployment) -> None:
    proxy = await behind(deployment)
    try:
        ann = await visit("ann")
        bob = await visit("bob", url=f"http://{proxy.address}")
        await ann.find(bob.title)
        await ann.say("before")
        await expect(bob.item(ann.title)).to_contain_text("before")

        await proxy.stop()
        await bob.context.set_offline(True)
        await expect(bob.page.get_by_text("You are offline.")).to_be_visible()
        await bob.shoot("offline")
        for number in range(MESSAGES):
            await ann.say(f"message {number}")
        await expect(ann.state(f"message {MESSAGES - 1}", "Sent")).to_be_visible()

        await bob.context.set_offline(False)
        await proxy.start()
        await expect(bob.unread(ann.title, MESSAGES + 1)).to_be_visible()
        wanted = ["before", *(f"message {number}" for number in range(MESSAGES))]
        await bob.open(ann.title)
        await expect(bob.history.get_by_text("New messages")).to_be_visible()
        assert await read_all(bob, wanted[-1]) == wanted
        assert [row["content"] for row in await bob.stored("messages")] == wanted
        await expect(bob.page.get_by_text("You are offline.")).to_be_hidden()
    finally:
        await proxy.stop()


async def test_a_killed_server_comes_back_under_an_open_page(visit: Visit, deployment: Deployment) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.say("before")
    await bob.open(ann.title)
    await expect(bob.message("before")).to_be_visible()
    await expect(ann.state("before", "Read")).to_be_visible()

    await deployment.processes["serve"].kill()
    await expect(ann.page.get_by_text("Connection lost. Trying again…")).to_be_visible()
    for number in range(3):
        await ann.say(f"meanwhile {number}")
    await expect(ann.state("meanwhile 2", "Sending")).to_be_visible()
    await expect(ann.page.get_by_text("3 messages wait to be sent.")).to_be_visible()
    await ann.shoot("server-gone")
    with pytest.raises(PlaywrightError, match="ERR_CONNECTION_REFUSED"):
        await ann.page.reload()
    await deployment.processes["serve"].start()
    await ann.page.goto(f"{ann.url}/app/")
    await ann.open(bob.title)
    await expect(ann.state("meanwhile 2", "Read")).to_be_visible()
    await bob.page.get_by_role("button", name="Connect now").or_(bob.message("meanwhile 2")).first.wait_for()
    for number in range(3):
        await expect(bob.message(f"meanwhile {number}")).to_have_count(1)
    texts = [row["content"] for row in await bob.stored("messages")]
    assert texts == ["before", "meanwhile 0", "meanwhile 1", "meanwhile 2"]


async def test_a_reload_shows_the_history_before_the_server_says_anything(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.find(bob.title)
    await ann.say("kept")
    await expect(ann.state("kept", "Sent")).to_be_visible()
    await ann.page.route("**/api/**", lambda route: route.abort())
    await ann.page.route_web_socket("**/ws**", lambda socket: socket.close())
    await ann.page.reload()
    await expect(ann.message("kept")).to_be_visible()
    await ann.say("queued")
    await expect(ann.state("queued", "Sending")).to_be_visible()


async def test_a_token_is_renewed_unseen(visit: Visit) -> None:
    ann = await visit("ann")
    before = await ann.page.evaluate("JSON.parse(localStorage['resonance.session'])")
    await ann.page.evaluate(
        """() => {
             const session = JSON.parse(localStorage["resonance.session"]);
             localStorage["resonance.session"] = JSON.stringify({ ...session, expiresAt: Date.now() - 1000 });
           }"""
    )
    await ann.page.reload()
    await expect(ann.page.get_by_role("heading", name="No chats yet")).to_be_visible()
    after = await ann.page.evaluate("JSON.parse(localStorage['resonance.session'])")
    assert after["accessToken"] != before["accessToken"]


async def test_no_token_is_in_any_address(visit: Visit) -> None:
    ann = await visit("ann")
    await expect(ann.page.get_by_role("heading", name="No chats yet")).to_be_visible()
    session = await ann.page.evaluate("JSON.parse(localStorage['resonance.session'])")
    assert any(url.startswith("ws") for url in ann.urls)
    for url in ann.urls:
        assert session["accessToken"] not in url
        assert session["refreshToken"] not in url
