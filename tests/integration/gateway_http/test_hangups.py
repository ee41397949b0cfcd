"""Clients that go away in the middle of a request are no mistakes of the server's."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from resonance.gateway.http.middleware.recover import Recover
from resonance.gateway.http.owned import Refusals


async def reads_its_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body by hand, as some dialects do."""
    await Request(scope, receive).body()


async def test_a_body_that_breaks_off_is_no_failure() -> None:
    parts: list[Message] = [{"type": "http.request", "body": b'{"a', "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/x", "query_string": b"", "headers": []}
    with capture_logs() as logged:
        await Recover(reads_its_body, Refusals([]))(scope, receive, send)
    assert (sent, logged) == ([], [])
