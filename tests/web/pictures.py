"""Make the README's pictures: a server, some people who talk, and one of them looking at it, by day and by night.

`make pictures` runs it. Emoji need a font: apt-get install fonts-noto-color-emoji.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright, expect

from tests.e2e.clients import Socket, User, call
from tests.e2e.servers import Deployment
from tests.web.conftest import CHROMIUM, FLAGS
from tests.web.person import Person

IMAGES = Path(__file__).parents[2] / "docs" / "images"

NAMES = {"ann": "Ann Lindqvist", "bela": "Béla Kovács", "chen": "陈思远", "dora": "Dora Weiss", "emre": "Emre Aydın"}

TALKS: dict[str, list[tuple[str, str]]] = {
    "Spring concert": [
        ("dora", "The hall confirmed Saturday, doors open at half past six"),
        ("chen", "太好了！我带两把备用琴弓"),
        ("ann", "I'll print the programme tonight. Does anybody still need the second movement?"),
        ("bela", "Yes please, the part with the new fingering"),
        ("emre", "Recording of yesterday's rehearsal: https://music.example.org/rehearsals/2026-04-11"),
        ("emre", "Bar 64 finally sits 🎉"),
        ("dora", "It does! Let's start there on Thursday, then the whole piece once without stopping"),
        ("ann", "👍"),
    ],
    "Carpool": [("emre", "I have three seats from the station"), ("dora", "One for me")],
}
SINGLES = [
    ("chen", "你明天几点到？"),
    ("bela", "Thanks, the scores arrived safely"),
]


async def tell(url: str) -> None:
    """Let the people say what they have to say."""
    users = {name: await User.register(url, name, nickname=nickname) for name, nickname in NAMES.items()}
    sockets = {name: await Socket.open(user) for name, user in users.items()}
    for name, content in SINGLES:
        conversation = (await users[name].post("/conversations", user_id="ann"))["conversation_id"]
        await sockets[name].chat(conversation, content)
    for title, talk in reversed(TALKS.items()):
        members = [name for name in NAMES if name != "ann"]
        group = await users["ann"].post("/groups", name=title, members=members)
        for name, content in talk:
            await sockets[name].chat(group["conversation_id"], content)
        if title == "Spring concert":
            for name in ("bela", "dora", "emre"):
                await users[name].post(f"/conversations/{group['conversation_id']}/read", seq=0)
            await users["ann"].request("PATCH", f"/conversations/{group['conversation_id']}/settings", pinned=True)
    for name in ("dora", "bela"):
        await call(url, "POST", "/api/v1/friends/requests", {"user_id": name}, users["ann"].token)
        await users[name].request("PUT", "/friends/requests/ann", action="accept")
    for name in ("chen", "emre"):
        await sockets[name].close()


async def main() -> None:
    """Write docs/images/chat-light.png and chat-dark.png."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        deployment = Deployment("serve", Path(folder))
        await deployment.start()
        try:
            await tell(deployment.url)
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                for scheme in ("light", "dark"):
                    viewport = {"width": 1200, "height": 720}
                    ann = await Person.visit(browser, deployment.url, "ann", color_scheme=scheme, viewport=viewport)
                    await ann.log_in()
                    await ann.open("Spring concert")
                    await expect(ann.state("👍", "Read by 3")).to_be_visible()
                    await ann.page.mouse.move(1000, 690)
                    await ann.settled()
                    await ann.at_rest()
                    await ann.page.screenshot(path=IMAGES / f"chat-{scheme}.png", animations="disabled")
                    print(f"docs/images/chat-{scheme}.png")
                    await ann.close()
                await browser.close()
        finally:
            await deployment.stop()


if __name__ == "__main__":
    asyncio.run(main())
