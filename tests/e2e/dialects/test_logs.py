"""What the log says of each message (N21): where it went, as which seq, or why not; one trace along the way."""

from __future__ import annotations

import pytest

from tests.e2e.dialects.client import Client, Refused
from tests.e2e.dialects.gochat_client import GoChatClient
from tests.e2e.dialects.nexo_client import NexoClient
from tests.e2e.dialects.resonance_client import ResonanceClient
from tests.e2e.dialects.scenarios import clients
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVIRONMENT = {"RESONANCE_OBSERVABILITY__LOG__LEVEL": "debug", "RESONANCE_FRIENDS__POLICY": "instant"}


@pytest.mark.parametrize("kind", [NexoClient, GoChatClient, ResonanceClient])
async def test_messages_are_logged_with_their_context(deployment: Deployment, kind: type[Client]) -> None:
    ann, bob, eve = await clients(kind, deployment.url, "ann", "bob", "eve")
    conversation = await ann.open_single(bob.name)
    group = await ann.create_group("trip", [bob.name])
    sent = await ann.send(conversation, "a secret of ours", f"k-{ann.name}")
    with pytest.raises(Refused):
        await eve.send(group, "let me in", f"k-{eve.name}")
    log = deployment.logic
    line = await log.wait_log(lambda one: one["event"] == "message sent" and one["user"] == ann.name)
    assert (line["conversation"], line["seq"], line["message_id"]) == (conversation, 1, sent.message_id)
    assert (line["level"], len(line["trace_id"])) == ("debug", 32)
    refused = await log.wait_log(lambda one: one["event"] == "message refused" and one["user"] == eve.name)
    assert (refused["conversation"], refused["code"], "seq" in refused) == (group, "not_member", False)
    assert refused["error"], "why, in words"
    assert not [one for one in log.log if "a secret of ours" in str(one)], "contents are nobody's business"
