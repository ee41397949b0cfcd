"""Our own client and terminal chat, against real servers that are killed under them."""

from __future__ import annotations

import asyncio
import secrets
import sys

import pytest

from resonance.client import Client
from resonance.domain.model import Entry
from tests.e2e.clients import WAIT_S
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse"


async def texts_of(client: Client, count: int) -> list[str]:
    """Return the texts of the next messages of others."""
    got: list[str] = []
    async with asyncio.timeout(WAIT_S * 2):
        async for event in client.events():
            if isinstance(event, Entry) and event.sender != client.user_id:
                got.append(event.content)
                if len(got) == count:
                    break
    return got


async def test_the_client_resends_and_catches_up_over_a_killed_server(deployment: Deployment) -> None:
    ann_name, bob_name = (f"{name}{secrets.token_hex(3)}" for name in ("ann", "bob"))
    async with (
        Client.register(deployment.url, ann_name, PASSWORD) as ann,
        Client.register(deployment.url, bob_name, PASSWORD) as bob,
    ):
        listening = asyncio.create_task(texts_of(bob, 11))
        first = await ann.send(text="hello", to_user=bob_name)
        await deployment.front.kill()
        sending = [asyncio.create_task(ann.send(first.conversation_id, f"meanwhile {number}")) for number in range(10)]
        await deployment.front.start()
        async with asyncio.timeout(WAIT_S * 2):
            sent = await asyncio.gather(*sending)
        assert [one.seq for one in sent] == list(range(2, 12))
        assert await listening == ["hello", *(f"meanwhile {number}" for number in range(10))]
        assert (await bob.mark_read(first.conversation_id)).read_seq == 11


async def test_chat_talks_from_a_script(deployment: Deployment) -> None:
    ann_name, bob_name = (f"{name}{secrets.token_hex(3)}" for name in ("ann", "bob"))
    async with Client.register(deployment.url, bob_name, PASSWORD) as bob:
        listening = asyncio.create_task(texts_of(bob, 1))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "resonance.cli", "chat", "--url", deployment.url, "--user", ann_name, "--register"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(
            process.communicate(f"{PASSWORD}\n/new {bob_name}\nhello from a script\n/quit\n".encode()), WAIT_S * 2
        )
        assert process.returncode == 0, said.decode()
        assert await listening == ["hello from a script"]
