"""What the page refuses: code that somebody slips in, other servers, markup in what people write."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.web.conftest import Visit
from tests.web.person import Person

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

MARKUP = '<img src="x" onerror="window.hit = 1"><script>window.hit = 1</script><b>bold</b>'

TRY = """
async (attempt) => {
  const reported = [];
  const listen = (event) => reported.push(event.effectiveDirective);
  document.addEventListener("securitypolicyviolation", listen);
  const add = (tag, fields) => document.body.append(Object.assign(document.createElement(tag), fields));
  // what the debugger itself runs may use eval; what comes after this may not
  await new Promise((done) => setTimeout(done));
  await ({
    script: () => add("script", { textContent: "window.hit = 1" }),
    remote: () => add("script", { src: "http://127.0.0.1:9/x.js" }),
    handler: () => {
      document.body.insertAdjacentHTML("beforeend", "<button id=bait onclick='window.hit = 1'></button>");
      document.getElementById("bait").click();
    },
    eval: () => setTimeout("window.hit = 1"),
    style: () => add("style", { textContent: "body { display: none }" }),
    attribute: () => document.body.insertAdjacentHTML("beforeend", "<i style='color: red'></i>"),
    picture: () => add("img", { src: "http://127.0.0.1:9/x.png" }),
    request: () => fetch("http://127.0.0.1:9/").catch(() => undefined),
    socket: () => { try { new WebSocket("ws://127.0.0.1:9/"); } catch {} },
    frame: () => add("iframe", { src: "http://127.0.0.1:9/" }),
    base: () => add("base", { href: "http://127.0.0.1:9/" }),
    form: () => {
      add("form", { id: "trap", action: "http://127.0.0.1:9/", method: "post" });
      document.getElementById("trap").submit();
    },
  })[attempt]();
  const end = performance.now() + 5000;
  while (reported.length === 0 && performance.now() < end) await new Promise((done) => setTimeout(done, 5));
  document.removeEventListener("securitypolicyviolation", listen);
  return { reported, hit: window.hit, shown: getComputedStyle(document.body).display };
}
"""


@pytest.mark.parametrize(
    ("attempt", "directive"),
    [
        ("script", "script-src-elem"),
        ("remote", "script-src-elem"),
        ("handler", "script-src-attr"),
        ("eval", "script-src"),
        ("style", "style-src-elem"),
        ("attribute", "style-src-attr"),
        ("picture", "img-src"),
        ("request", "connect-src"),
        ("socket", "connect-src"),
        ("frame", "frame-src"),
        ("base", "base-uri"),
        ("form", "form-action"),
    ],
)
async def test_the_browser_refuses_what_is_slipped_in(visit: Visit, attempt: str, directive: str) -> None:
    ann = await visit("ann", registered=False)
    await ann.page.get_by_role("heading", name="Welcome back").wait_for()
    outcome: dict[str, Any] = await ann.page.evaluate(TRY, attempt)
    assert set(outcome["reported"]) == {directive}
    assert outcome.get("hit") is None
    assert outcome["shown"] != "none"
    assert ann.problems, "a violation has to fail a test that does not ask for it"
    ann.problems.clear()


async def expect_text(person: Person, text: str) -> None:
    """Expect what was written to be shown as it was written, and to have become nothing else."""
    await expect(person.page.get_by_text(text).first).to_be_visible()
    made = person.page.locator("#root").locator("script, b, img:not([src^='/app/']), [onerror]")
    assert await made.evaluate_all("all => all.map((one) => one.outerHTML)") == []
    assert await person.page.evaluate("window.hit") is None


async def test_markup_is_text_wherever_people_write(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.make_group(MARKUP[:60], bob.title)
    await ann.say(MARKUP)
    await ann.page.get_by_role("button", name="Details").click()
    await ann.page.get_by_role("button", name="Edit group").click()
    dialog = ann.page.get_by_role("dialog")
    await dialog.get_by_label("About this group").fill(f"about {MARKUP}")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_be_hidden()
    await expect_text(ann, f"about {MARKUP}")
    await expect_text(ann, MARKUP)

    await bob.page.get_by_role("link", name="Settings", exact=True).click()
    await bob.page.get_by_role("link", name="Profile").click()
    await bob.page.get_by_label("Display name").fill("<b>Bob</b>")
    await bob.page.get_by_role("button", name="Save").click()
    await expect(bob.page.get_by_text("Saved")).to_be_visible()
    await ann.page.reload()
    await expect(ann.page.get_by_role("complementary").get_by_role("link", name="<b>Bob</b>")).to_be_visible()
    await expect_text(ann, "<b>Bob</b>")


@pytest.mark.parametrize("text", ["javascript:alert(1)", "data:text/html,<b>x</b>", "file:///etc/passwd", "https://"])
async def test_only_web_addresses_become_links(visit: Visit, text: str) -> None:
    ann = await visit("ann")
    await ann.make_group("Links")
    await ann.say(text)
    await ann.say("https://example.org/")
    await expect(ann.history.get_by_role("link", name="https://example.org/")).to_be_visible()
    await expect(ann.message(text)).to_be_visible()
    await expect(ann.history.get_by_role("link")).to_have_count(1)


async def test_another_page_cannot_frame_the_client(visit: Visit) -> None:
    ann = await visit("ann", registered=False)
    await ann.page.route(
        f"{ann.url}/framing", lambda route: route.fulfill(content_type="text/html", body="<iframe src=/app/></iframe>")
    )
    await ann.page.goto(f"{ann.url}/framing")
    await ann.page.wait_for_load_state("networkidle")
    frame = ann.page.frames[1]
    assert await frame.locator("#root").count() == 0
    assert any("frame" in problem for problem in ann.problems)
    ann.problems.clear()
