"""The load of 1:1 chats: saturated or at an offered rate."""

from __future__ import annotations

import asyncio
import secrets
from itertools import cycle
from time import perf_counter

from resonance._proto.gateway.v1.packet_pb2 import WsPacket
from resonance.cli.benchmark.checks import Faults, check_pair
from resonance.cli.benchmark.jobs import TEXT, Outcome, PairsJob
from resonance.cli.benchmark.packets import ChatFrames, key_of, number_of
from resonance.cli.benchmark.peer import Peer

TICK = 0.001
"""Seconds between two looks at what is due at an offered rate."""
DRAIN = 60.0
"""Seconds that the last acks and pushes may take."""
KEPT = 3
"""Conversations whose history is compared key by key."""


class Side:
    """One of the two in a conversation.

    Attributes:
        sent: when each message was sent (or due), by its number; its place in the list is in its key.
        keys: the key of each message.
        acked: the seq of each message, 0 while it has none.
        pushed: the seqs pushed to this side, in the order of arrival.
    """

    def __init__(self, peer: Peer, frames: ChatFrames, nonce: int) -> None:
        self.peer = peer
        self.other: Side = self
        self.sent: list[float] = []
        self.keys: list[bytes] = []
        self.acked: list[int] = []
        self.pushed: list[int] = []
        self._frames = frames
        self._nonce = nonce

    def send(self, at: float) -> None:
        """Send the next message, which was due at `at`."""
        key = key_of(self._nonce, len(self.sent))
        self.sent.append(at)
        self.keys.append(key)
        self.acked.append(0)
        self.peer.write(self._frames.frame(key))


class Pairs:
    """Runs a `PairsJob`."""

    def __init__(self, job: PairsJob) -> None:
        self._job = job
        self._outcome = Outcome()
        self._faults = Faults()
        self._sides: list[Side] = []
        self._open = 0
        self._until = 0.0
        # Messages sent, and acks and pushes that came.
        self._sent = self._acks = self._pushes = 0
        self._done = asyncio.Event()

    async def connect(self) -> None:
        """Open all connections."""
        nonce = secrets.randbits(24) << 24
        for name, *tokens in self._job.pairs:
            frames = ChatFrames(name, TEXT)
            for token in tokens:
                number = len(self._sides)
                side = Side(Peer(number, self._handle), frames, nonce + self._job.first + number)
                self._sides.append(side)
                await side.peer.open(self._job.url, token)
        for left, right in zip(self._sides[::2], self._sides[1::2], strict=True):
            left.other, right.other = right, left

    async def run(self) -> Outcome:
        """Send, wait for everything that is due, check, and return what was seen."""
        begin = perf_counter()
        self._until = begin + self._job.seconds
        if self._job.rate:
            await self._offer(begin)
        else:
            for side in self._sides:
                for _ in range(self._job.in_flight):
                    self._send(side, begin)
            await asyncio.sleep(self._job.seconds)
        self._finish()
        try:
            await asyncio.wait_for(self._done.wait(), DRAIN)
        except TimeoutError:
            self._faults.add(f"{self._sent} sent, {self._acks} acks and {self._pushes} pushes came in {DRAIN:.0f} s")
        self._outcome.seconds = perf_counter() - begin
        self._check()
        return self._outcome

    def close(self) -> None:
        """Close all connections."""
        for side in self._sides:
            side.peer.close()

    async def _offer(self, begin: float) -> None:
        """Send at fixed times, so that a slow server does not slow the offer down."""
        sides = cycle(self._sides)
        total = int(self._job.rate * self._job.seconds)
        while self._sent < total:
            due = min(total, int((perf_counter() - begin) * self._job.rate) + 1)
            while self._sent < due:
                self._send(next(sides), begin + self._sent / self._job.rate)
            await asyncio.sleep(TICK)

    def _send(self, side: Side, at: float) -> None:
        self._sent += 1
        side.send(at)

    def _handle(self, peer: Peer, packet: WsPacket) -> None:
        now = perf_counter()
        side = self._sides[peer.number]
        if packet.HasField("push"):
            push = packet.push
            side.pushed.append(push.seq_id)
            self._outcome.deliveries.append((now - side.other.sent[number_of(push.client_msg_id)]) * 1000)
            self._pushes += 1
        elif packet.HasField("ack"):
            self._ack(side, packet, now)
        elif packet.HasField("fault"):
            self._faults.add(f"fault {packet.fault.code}: {packet.fault.message}")
        if now >= self._until:
            self._finish()

    def _ack(self, side: Side, packet: WsPacket, now: float) -> None:
        ack = packet.ack
        self._acks += 1
        if ack.code:
            self._faults.add(f"refused: {ack.code}: {ack.error}")
        number = number_of(ack.ref_seq)
        if side.acked[number]:
            self._faults.add(f"{ack.ref_seq} was acked twice")
        side.acked[number] = ack.seq_id
        self._outcome.acks.append((now - side.sent[number]) * 1000)
        if not self._job.rate and now < self._until:
            self._send(side, now)

    def _finish(self) -> None:
        """See whether everything has come."""
        if self._acks >= self._sent and self._pushes >= self._sent and perf_counter() >= self._until:
            self._done.set()

    def _check(self) -> None:
        outcome = self._outcome
        for index, (name, *_) in enumerate(self._job.pairs):
            left, right = self._sides[2 * index], self._sides[2 * index + 1]
            check_pair(self._faults, name, (left.acked, right.acked), (left.pushed, right.pushed))
            outcome.heads[name] = max([0, *left.acked, *right.acked])
            if index < KEPT:
                both = [*zip(left.acked, left.keys, strict=True), *zip(right.acked, right.keys, strict=True)]
                outcome.keys[name] = {seq: key.decode() for seq, key in both}
        for side in self._sides:
            if side.peer.lost is not None:
                self._faults.add(f"connection {side.peer.number} was lost with {side.peer.lost}")
        outcome.messages, outcome.frames = self._acks, self._pushes
        outcome.faults, outcome.texts = self._faults.count, self._faults.texts
