"""People who talk under faults, and the checker that compares what they saw with what the store holds.

They are written for the contract alone: resend what is not acked with its key, in order; pull on a gap, on a hint and
after a reconnect. They share no code with the server.
"""

from __future__ import annotations

import asyncio
import http.client
import random
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import websockets

from tests.e2e.clients import HttpError, Socket, User

Row = tuple[int, str, str, str]
"""A stored message: seq, sender, key, content."""

RETRY_S = 0.05
IN_FLIGHT = 4
ACKS_S = 60
SEEN_S = 30
GRACE_S = 0.5

LOST = (OSError, http.client.HTTPException, websockets.WebSocketException, AssertionError, TimeoutError, HttpError)
"""What a connection or a request can end in while parts of the server are dead."""


class Talker:
    """A user who sends numbered messages to one conversation and follows it.

    Attributes:
        sent: the keys, in sending order.
        acked: the ack by key, as first received.
        ack_times: when those came, in s of the loop's clock.
        seen: what it knows of the conversation: key and content by seq.
        doubles: seqs that were given with different entries.
        connections: how often it connected.
        cuts: how many connections were ended from the other side.
        last_loss: what the latest connection, or attempt at one, ended in.
    """

    def __init__(self, user: User, conversation: str) -> None:
        self.user = user
        self.conversation = conversation
        self.sent: list[str] = []
        self.acked: dict[str, dict[str, Any]] = {}
        self.ack_times: list[float] = []
        self.seen: dict[int, tuple[str, str]] = {}
        self.doubles: list[str] = []
        self.connections = 0
        self.cuts = 0
        self.last_loss: Exception | None = None
        # set by every packet, and by the loss of the connection
        self.news = asyncio.Event()
        self._answered: set[str] = set()
        self._pull_wanted = False
        self._stopping = False
        self._socket: Socket | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to talk."""
        self._task = asyncio.create_task(self._talk())
        self._task.add_done_callback(lambda _: self.news.set())

    async def wait_acks(self, count: int) -> None:
        """Wait until so many messages are acked in all."""
        assert self._task is not None
        deadline = asyncio.get_running_loop().time() + ACKS_S
        while len(self.acked) < count:
            if self._task.done():
                self._task.result()  # raises what it ended with
                raise AssertionError(f"{self.user.name} has stopped talking")
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), deadline - asyncio.get_running_loop().time())
            except TimeoutError:
                raise AssertionError(
                    f"{self.user.name} waits for acks of {self._unacked} on connection {self.connections}, "
                    f"answered are {sorted(self._answered)}; the last loss was {self.last_loss!r}"
                ) from None

    async def follow(self) -> None:
        """Connect and catch up without saying anything."""
        self._socket = await Socket.open(self.user, on_packet=self._take)
        self.connections += 1
        await self.pull()

    async def stop(self) -> None:
        """Send nothing new; wait until everything sent is acked. The connection stays."""
        self._stopping = True
        assert self._task is not None
        await self._task

    async def close(self) -> None:
        """Disconnect."""
        if self._socket is not None:
            await self._socket.close()

    # ------------------------------------------------------------ talking

    @property
    def _unacked(self) -> list[str]:
        return [key for key in self.sent if key not in self.acked]

    async def _talk(self) -> None:
        while self._unacked or not self._stopping:
            try:
                await self._session()
            except LOST as lost:
                self.last_loss = lost
                self.cuts += self._socket is not None and self._socket.closed.is_set()
                await self.close()
                await asyncio.sleep(RETRY_S)

    async def _session(self) -> None:
        """One connection: catch up, resend what is not acked, go on until it is lost or all is said and acked."""
        self._socket = await Socket.open(self.user, on_packet=self._take)
        self.connections += 1
        await self.pull()
        while self._unacked or not self._stopping:
            while len(self._unacked) < IN_FLIGHT and not self._stopping:
                self.sent.append(f"{self.user.name}-{len(self.sent)}")
            self._answered.clear()
            batch = self._unacked
            for key in batch:
                await self._socket.chat_nowait(self.conversation, f"text of {key}", key)
            await self._wait(self._socket, lambda batch=batch: self._answered.issuperset(batch))  # type: ignore[misc]
            if self._pull_wanted:
                await self.pull()

    async def _wait(self, socket: Socket, done: Callable[[], bool]) -> None:
        """Wait until something is so, or the connection is lost."""
        closed = asyncio.create_task(socket.closed.wait())
        closed.add_done_callback(lambda _: self.news.set())
        try:
            async with asyncio.timeout(30):
                while not done():
                    if socket.closed.is_set():
                        raise AssertionError("the connection is lost")
                    self.news.clear()
                    await self.news.wait()
        finally:
            closed.cancel()

    # ------------------------------------------------------------ following

    def _take(self, packet: dict[str, Any]) -> None:
        if "ack" in packet:
            self._take_ack(packet["ack"])
        elif packet.get("push", {}).get("sessionId") == self.conversation:
            self._learn(packet["push"])
            self._pull_wanted |= self._has_gap()
        elif "syncHint" in packet:
            self._pull_wanted = True
        self.news.set()

    def _take_ack(self, ack: dict[str, Any]) -> None:
        """Note an answer; after a retryable refusal the key is sent again."""
        key = ack["clientMsgId"]
        self._answered.add(key)
        if not ack.get("code"):
            if key not in self.acked:
                self.ack_times.append(asyncio.get_running_loop().time())
            self.acked.setdefault(key, ack)
            self._learn({**ack, "content": f"text of {key}"})
        elif not ack.get("retry"):
            raise RuntimeError(f"refused for good: {ack}")

    def _has_gap(self) -> bool:
        return bool(self.seen) and max(self.seen) != len(self.seen)

    def _learn(self, push: dict[str, Any]) -> None:
        seq = int(push["seqId"])
        entry = (push.get("clientMsgId", ""), push.get("content", ""))
        if self.seen.setdefault(seq, entry) != entry:
            self.doubles.append(f"seq {seq}: {self.seen[seq]} and {entry}")

    async def pull(self) -> None:
        """Fetch what is missing, from the first gap on."""
        self._pull_wanted = False
        while True:
            known = 0
            while known + 1 in self.seen:
                known += 1
            page = await self.user.get(f"/conversations/{self.conversation}/messages?begin={known + 1}&limit=500")
            for message in page["messages"]:
                self._learn(
                    {"seqId": message["seq"], "clientMsgId": message["client_msg_id"], "content": message["content"]}
                )
            if len(page["messages"]) < 500:
                return

    async def wait_seen(self, head: int) -> None:
        """Wait until it knows every entry up to `head`, without reconnecting: by pushes, gaps and hints alone.

        A gap is also what its own acks leave open, once the pushes before them have had their time.
        """
        deadline = asyncio.get_running_loop().time() + SEEN_S
        while len(self.seen) < head:
            if self._pull_wanted:
                await self.pull()
                continue
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), GRACE_S)
            except TimeoutError:
                self._pull_wanted = self._has_gap()
                if self._pull_wanted or asyncio.get_running_loop().time() < deadline:
                    continue
                missing = sorted(set(range(1, head + 1)) - self.seen.keys())
                raise AssertionError(
                    f"{self.user.name} was never told of {missing} of {head} on connection {self.connections} "
                    f"to {self.user.url}; the last loss was {self.last_loss!r}"
                ) from None


async def meet_and_talk(one: str, other: str, pairs: int) -> list[Talker]:
    """Register pairs of users, the two of a pair at different addresses, and let them talk."""
    talkers = []
    for _ in range(pairs):
        suffix = secrets.token_hex(3)
        ann, bob = await User.register(one, f"ann{suffix}"), await User.register(other, f"bob{suffix}")
        conversation = (await ann.post("/conversations", user_id=bob.name))["conversation_id"]
        talkers += [Talker(ann, conversation), Talker(bob, conversation)]
    for talker in talkers:
        talker.start()
    return talkers


async def some_more_acks(talkers: list[Talker], count: int) -> None:
    """Wait until every talker got this many acks more."""
    goals = [len(talker.acked) + count for talker in talkers]
    await asyncio.gather(*(talker.wait_acks(goal) for talker, goal in zip(talkers, goals, strict=True)))


async def talk_through(talkers: list[Talker], rounds: int, most: int, fault: Callable[[], Awaitable[None]]) -> None:
    """Let a fault happen so many times, each after a random number of acks up to `most`, and let talking go on."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(rounds):
        await some_more_acks(talkers, rng.randrange(5, most))
        await fault()
    await some_more_acks(talkers, 10)


async def finish(talkers: list[Talker], read: Callable[[str], Awaitable[list[Row]]]) -> None:
    """Let everybody end and see everything, without reconnecting, and check it against what is stored.

    Args:
        read: returns what is stored of a conversation.
    """
    for talker in talkers:
        await talker.stop()
    for talker in talkers:
        rows = await read(talker.conversation)
        await talker.wait_seen(len(rows))
        check([other for other in talkers if other.conversation == talker.conversation], rows)
    for talker in talkers:
        await talker.close()


def longest_pause(talkers: list[Talker], since: float) -> float:
    """Return the longest time in s that one of them waited for an ack, from a moment of the loop's clock on."""
    pauses = []
    for talker in talkers:
        times = [since, *(time for time in talker.ack_times if time > since)]
        pauses += [later - earlier for earlier, later in pairwise(times)]
    return max(pauses, default=0.0)


@asynccontextmanager
async def noticed(talkers: list[Talker], what: str) -> AsyncIterator[None]:
    """Let a fault happen, and print what it cost: the longest time that anybody waited for an ack, and who was cut."""
    since, connections = asyncio.get_running_loop().time(), [talker.connections for talker in talkers]
    yield
    await some_more_acks(talkers, 2)
    cut = sum(talker.connections > before for talker, before in zip(talkers, connections, strict=True))
    print(f"noticed: {what}: {longest_pause(talkers, since):.2f} s without an ack, {cut} of {len(talkers)} cut off")


def stored(database: Path, conversation: str) -> list[Row]:
    """Return (seq, sender, key, content) of a conversation, straight from the file."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute(
            "SELECT seq, sender, client_msg_id, content FROM entries WHERE conversation_id = ? ORDER BY seq",
            (conversation,),
        ).fetchall()
    finally:
        connection.close()


def reader(database: Path) -> Callable[[str], Awaitable[list[Row]]]:
    """Return what reads conversations of a file, for `finish`."""
    return lambda conversation: asyncio.to_thread(stored, database, conversation)


def check(talkers: list[Talker], rows: list[Row]) -> None:
    """Compare histories: nothing acked lost, nothing doubled, no hole, no reorder."""
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1)), "a hole, or a seq twice"
    keys = [row[2] for row in rows]
    assert len(set(keys)) == len(keys), "a key is stored twice"
    by_key = {row[2]: row for row in rows}
    for talker in talkers:
        assert not talker.doubles, talker.doubles
        for key, ack in talker.acked.items():
            assert key in by_key, f"{key} was acked and is lost"
            assert by_key[key][0] == int(ack["seqId"]), f"{key} was acked with another seq"
        mine = [row[2] for row in rows if row[1] == talker.user.name]
        assert mine == talker.sent[: len(mine)], f"{talker.user.name}'s messages are out of order"
        for seq, entry in talker.seen.items():
            assert entry == (rows[seq - 1][2], rows[seq - 1][3]), f"{talker.user.name} saw another entry at {seq}"
