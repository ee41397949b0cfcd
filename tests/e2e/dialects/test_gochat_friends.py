"""GoChat's own web client adds friends and has no screen to accept one (wire.md, 5.2.6): what that comes to where the
other side has to accept, and strangers may not write to each other.
"""

from __future__ import annotations

import pytest

from tests.e2e.dialects.client import Refused
from tests.e2e.dialects.gochat_client import GoChatClient
from tests.e2e.dialects.scenarios import clients
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVIRONMENT = {"RESONANCE_FRIENDS__STRANGERS": "false"}


async def test_two_who_add_each_other_are_friends(deployment: Deployment) -> None:
    ann, bob = await clients(GoChatClient, deployment.url, "ann", "bob")
    asked = await ann.call("POST", "/friends", {"friendId": bob.name})
    assert (asked["status"], asked["conversation"]) == ("pending", None)
    assert (await bob.wait_frame("friend.request.received"))["userId"] == ann.name
    assert await bob.call("GET", "/friends") == await ann.call("GET", "/friends") == []
    assert await bob.conversations() == {}, "nobody gets a conversation with a stranger against their will"

    added = await bob.call("POST", "/friends", {"friendId": ann.name})
    conversation = added["conversation"]["conversationId"]
    assert added["status"] == "accepted"
    for one, other in ((ann, bob), (bob, ann)):
        assert (await one.wait_frame("friend-online", userId=other.name))["online"] is True
        assert [friend["userId"] for friend in await one.call("GET", "/friends")] == [other.name]
        assert list(await one.conversations()) == [conversation]
    await ann.send(conversation, "friends now")
    await bob.wait_content("friends now")
    with pytest.raises(Refused) as refused:
        await ann.call("POST", "/friends", {"friendId": bob.name})
    assert refused.value.code == 409


async def test_adding_somebody_who_has_blocked_one_looks_like_waiting(deployment: Deployment) -> None:
    ann, bob = await clients(GoChatClient, deployment.url, "ann", "bob")
    await (await bob.native()).request("PUT", f"/blocks/{ann.name}")
    asked = await ann.call("POST", "/friends", {"friendId": bob.name})
    assert (asked["status"], asked["conversation"]) == ("pending", None)
