"""People of whom one reads what the other writes: each receipt is derived work that has to arrive."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from tests.e2e.clients import Socket, people


class Pair:
    """Ann writes and bob reads; ann is told.

    Attributes:
        written: the last seq.
    """

    def __init__(self, conversation: str, ann: Socket, bob: Socket) -> None:
        self.conversation = conversation
        self.written = 0
        self._ann = ann
        self._bob = bob

    @classmethod
    async def meet(cls, url: str) -> Pair:
        """Register and connect the two."""
        ann, bob = await people(url, "ann", "bob")
        conversation = (await ann.post("/conversations", user_id=bob.name))["conversation_id"]
        return cls(conversation, await Socket.open(ann), await Socket.open(bob))

    async def write(self) -> None:
        """Write something, which is acked and pushed, and read it, which is acked."""
        text = f"message {self.written}"
        self.written = int((await self._ann.chat(self.conversation, text, text))["seqId"])
        await self._bob.wait_push(text)
        ref = f"read{self.written}"
        await self._bob.send({"seq": ref, "read": {"sessionId": self.conversation, "seqId": str(self.written)}})
        await self._bob.wait(lambda packet: packet.get("readAck", {}).get("refSeq") == ref)

    async def wait_told(self, within_s: float = 20) -> None:
        """Wait until ann knows that all is read."""

        def told(packet: dict[str, Any]) -> bool:
            receipt = packet.get("signal", {}).get("receipt", {})
            return receipt.get("conversationId") == self.conversation and int(receipt["readSeq"]) == self.written

        async with asyncio.timeout(within_s):
            while True:
                with contextlib.suppress(TimeoutError):  # the socket is less patient
                    await self._ann.wait(told)
                    return

    async def close(self) -> None:
        """Disconnect both."""
        await self._ann.close()
        await self._bob.close()
