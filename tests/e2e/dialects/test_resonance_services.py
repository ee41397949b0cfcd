"""Services of Resonance's own system call ours by gRPC, by its names and numbers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from itertools import groupby
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio

from tests.e2e.clients import Socket, User, people
from tests.e2e.dialects.client import PASSWORD, WAIT_S, Refused
from tests.e2e.dialects.resonance_client import ResonanceClient, connect_call, message_of
from tests.e2e.dialects.resonance_messages import CLASSES, make
from tests.e2e.dialects.scenarios import clients
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "services of another system know it"
ENVIRONMENT = {
    "RESONANCE_DIALECTS__GRPC_LISTEN": "127.0.0.1:0",
    "RESONANCE_RPC__SECRET": SECRET,
    "RESONANCE_RPC__LEASE": "1",
    "RESONANCE_DIALECTS__RESONANCE_ROOM": "true",
}


class Service:
    """A service of that system: it knows the secret, or has a user's token."""

    def __init__(self, channel: grpc.aio.Channel, credentials: str) -> None:
        self._channel = channel
        self._metadata = (("authorization", f"Bearer {credentials}"),)

    async def call(self, procedure: str, wish: Any, answer: str) -> Any:
        """Make a unary call; raises Refused with gRPC's code."""
        method = self._channel.unary_unary(f"/{procedure}", type(wish).SerializeToString, CLASSES[answer].FromString)
        try:
            return await asyncio.wait_for(method(wish, metadata=self._metadata), WAIT_S)
        except grpc.aio.AioRpcError as refusal:
            raise Refused(refusal.code().name.lower()) from None

    def stream(self, procedure: str, kind: str, answer: str) -> Any:
        """Open a stream in both directions."""
        method = self._channel.stream_stream(
            f"/{procedure}", CLASSES[kind].SerializeToString, CLASSES[answer].FromString
        )
        return method(metadata=self._metadata)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def channels(deployment: Deployment) -> AsyncIterator[dict[str, grpc.aio.Channel]]:
    """A channel to logic and one to the gateway; in one process they are the same."""
    addresses = {
        "logic": deployment.logic.addresses["grpc" if deployment.topology == "serve" else "logic"],
        "gateway": deployment.front.addresses["grpc"],
    }
    opened = {role: grpc.aio.insecure_channel(address) for role, address in addresses.items()}
    yield opened
    for channel in opened.values():
        await channel.close()


@pytest.fixture
def logic(channels: dict[str, grpc.aio.Channel]) -> Service:
    return Service(channels["logic"], SECRET)


@pytest.fixture
def gateway(channels: dict[str, grpc.aio.Channel]) -> Service:
    return Service(channels["gateway"], SECRET)


async def pair(deployment: Deployment) -> tuple[ResonanceClient, ResonanceClient]:
    ann, bob = await clients(ResonanceClient, deployment.url, "ann", "bob")
    return ann, bob


# ---------------------------------------------------------------- AuthService

AUTH = "resonance.logic.v1.AuthService"


async def test_accounts(deployment: Deployment, logic: Service) -> None:
    (ann,) = await clients(ResonanceClient, deployment.url, "ann")
    name = f"{ann.name}x"
    made = await logic.call(
        f"{AUTH}/Register", make("RegisterRequest", username=name, password=PASSWORD, nickname="X"), "RegisterResponse"
    )
    assert (made.user.username, made.user.nickname) == (name, "X")
    logged_in = await logic.call(
        f"{AUTH}/Login", make("LoginRequest", username=name, password=PASSWORD), "LoginResponse"
    )
    valid = await logic.call(
        f"{AUTH}/ValidateToken",
        make("ValidateTokenRequest", access_token=logged_in.access_token),
        "ValidateTokenResponse",
    )
    assert (valid.valid, valid.username, valid.user.nickname) == (True, name, "X")
    invalid = await logic.call(
        f"{AUTH}/ValidateToken", make("ValidateTokenRequest", access_token="x"), "ValidateTokenResponse"
    )
    assert (invalid.valid, invalid.username) == (False, "")
    client = ResonanceClient(deployment.url, name, logged_in.access_token)
    assert set(await client.conversations()) == {"0"}


async def test_only_services_log_others_in(deployment: Deployment, channels: dict[str, grpc.aio.Channel]) -> None:
    (ann,) = await clients(ResonanceClient, deployment.url, "ann")
    for credentials, code in ((ann.token, "permission_denied"), ("x", "unauthenticated")):
        with pytest.raises(Refused) as refused:
            await Service(channels["logic"], credentials).call(
                f"{AUTH}/Login", make("LoginRequest", username=ann.name, password=PASSWORD), "LoginResponse"
            )
        assert refused.value.code == code


# ---------------------------------------------------------------- SessionService


async def ask(service: Service, procedure: str, /, **fields: Any) -> Any:
    wish = make(f"Logic{procedure}Request", **fields)
    return await service.call(f"resonance.logic.v1.SessionService/{procedure}", wish, f"{procedure}Response")


async def test_sessions(deployment: Deployment, logic: Service) -> None:
    ann, bob = await pair(deployment)
    made = await ask(logic, "CreateSession", creator_username=ann.name, members=[bob.name], name="Trip", type=2)
    pushed = (await bob.wait_packet("push")).push
    assert (pushed.session_id, pushed.session_meta.name, pushed.session_meta.type) == (made.session_id, "Trip", 2)
    await ann.send(made.session_id, "hello")
    listed = await ask(logic, "GetSessionList", username=bob.name)
    by_id = {one.session_id: one for one in listed.sessions}
    trip = by_id[made.session_id]
    assert (trip.name, trip.type, trip.unread_count, trip.last_message.content) == ("Trip", 2, 1, "hello")
    assert (trip.last_message.session_meta.name, trip.last_message.session_meta.type) == ("Trip", 2)
    history = await ask(logic, "GetHistoryMessages", username=bob.name, session_id=made.session_id, limit=1)
    assert [message.content for message in history.messages] == ["hello"]
    for seq, left in ((0, 1), (2, 0), (0, 0)):  # nothing is before seq 1, and the position never goes back
        read = await ask(logic, "UpdateReadPosition", username=bob.name, session_id=made.session_id, seq_id=seq)
        assert read.unread_count == left
    listed = await ask(logic, "GetSessionList", username=bob.name)
    assert [one.last_read_seq for one in listed.sessions if one.session_id == made.session_id] == [2]
    delta = await ask(logic, "PullInboxDelta", username=bob.name)
    told = {event.message.content: event.message.session_meta.name for event in delta.events}
    assert told["hello"] == "Trip"
    found = await ask(logic, "SearchUser", query=ann.name)
    assert [user.username for user in found.users] == [ann.name]
    single = await ask(logic, "CreateSession", creator_username=ann.name, members=[bob.name], type=1)
    assert single.session_id == await ann.open_single(bob.name)
    contacts = await ask(logic, "GetContactList", username=ann.name)
    assert [user.username for user in contacts.contacts] == [bob.name]


async def test_users_ask_for_themselves(
    deployment: Deployment, logic: Service, channels: dict[str, grpc.aio.Channel]
) -> None:
    ann, bob = await pair(deployment)
    session_id = await ann.open_single(bob.name)
    await ann.send(session_id, "hello")
    own = Service(channels["logic"], bob.token)
    history = await ask(own, "GetRecentMessages", session_id=session_id)
    assert [message.content for message in history.messages] == ["hello"]
    with pytest.raises(Refused) as refused:
        await ask(own, "GetSessionList", username=ann.name)
    assert refused.value.code == "permission_denied"
    with pytest.raises(Refused) as refused:  # of whom nobody is named, nobody knows what is visible
        await ask(logic, "GetRecentMessages", session_id=session_id)
    assert refused.value.code == "invalid_argument"


# ---------------------------------------------------------------- PushService

PUSH = "resonance.gateway.v1.PushService"


async def test_a_service_pushes_to_many(deployment: Deployment, gateway: Service) -> None:
    ann, bob = await pair(deployment)
    session_id = await ann.open_single(bob.name)
    message = make(
        "PushMessage",
        msg_id=7,
        seq_id=1,
        session_id=session_id,
        from_username=ann.name,
        content="by a service",
        type="image",
        timestamp=1_795_000_000,
    )
    wish = make("PushRequest", to_usernames=[bob.name, "nobody-here", bob.name], message=message)
    answer = await gateway.call(f"{PUSH}/Push", wish, "PushResponse")
    assert (answer.msg_id, list(answer.failed_usernames)) == (7, ["nobody-here"])
    crowd = make("PushRequest", to_usernames=[f"u{number}" for number in range(10_001)], message=message)
    with pytest.raises(Refused, match="invalid_argument"):
        await gateway.call(f"{PUSH}/Push", crowd, "PushResponse")
    assert "nobody-here" in answer.error
    pushed = await bob.wait_content("by a service")
    assert (pushed.message_id, pushed.seq, pushed.sender, pushed.kind) == (7, 1, ann.name, "image")
    ahead = make("PushMessage", msg_id=8, seq_id=5, session_id=session_id, from_username=ann.name, content="ahead")
    await gateway.call(f"{PUSH}/Push", make("PushRequest", to_usernames=[bob.name], message=ahead), "PushResponse")
    await bob.wait_content("ahead")
    await ann.send(session_id, "the real one")
    assert (await bob.wait_content("the real one")).seq == 1, "what a service pushed took nobody's turn"
    assert [one.content for one in bob.received].count("by a service") == 1, "named twice, pushed once"


async def test_a_stream_of_pushes(deployment: Deployment, gateway: Service) -> None:
    ann, bob = await pair(deployment)
    session_id = await ann.open_single(bob.name)
    stream = gateway.stream(f"{PUSH}/PushMessage", "PushMessageRequest", "PushMessageResponse")

    async def push(to: str, seq: int, content: str) -> Any:
        message = make("PushMessage", msg_id=seq, seq_id=seq, session_id=session_id, content=content)
        await stream.write(make("PushMessageRequest", to_username=to, message=message))
        return await asyncio.wait_for(stream.read(), WAIT_S)

    answer = await push(bob.name, 1, "first")
    assert (answer.msg_id, answer.seq_id, answer.error) == (1, 1, "")
    assert "not connected" in (await push("nobody-here", 2, "lost")).error
    assert "seq_id" in (await push(bob.name, 0, "no place")).error
    assert (await push(bob.name, 3, "last")).error == ""
    await bob.wait_content("last")
    assert [message.content for message in bob.received] == ["first", "last"]
    await stream.done_writing()


async def test_users_push_to_nobody(deployment: Deployment, channels: dict[str, grpc.aio.Channel]) -> None:
    ann, bob = await pair(deployment)
    wish = make("PushRequest", to_usernames=[bob.name], message=make("PushMessage", session_id="c", seq_id=1))
    with pytest.raises(Refused) as refused:
        await Service(channels["gateway"], ann.token).call(f"{PUSH}/Push", wish, "PushResponse")
    assert refused.value.code == "permission_denied"
    one = make("PushMessageRequest", to_username=bob.name, message=make("PushMessage", session_id="c", seq_id=1))
    with pytest.raises(Refused) as refused:
        await Service(channels["gateway"], ann.token).call(f"{PUSH}/PushMessage", one, "PushMessageResponse")
    assert refused.value.code == "permission_denied"


# ---------------------------------------------------------------- presence


async def friends(deployment: Deployment) -> tuple[Socket, User]:
    """Return the socket of somebody, and a friend without one."""
    ann, bob = await people(deployment.url, "ann", "bob")
    await ann.post("/friends/requests", user_id=bob.name)
    await bob.request("PUT", f"/friends/requests/{ann.name}", action="accept")
    return await Socket.open(ann), bob


async def wait_told(socket: Socket, whom: User, times: int) -> None:
    """Wait until a socket was told so many times of somebody who came or went: came, went, came, …"""

    def told() -> list[bool]:
        signals = [packet.get("signal", {}).get("presence", {}) for packet in socket.received]
        states = [signal.get("online", False) for signal in signals if signal.get("userId") == whom.name]
        return [state for state, _ in groupby(states)]  # new friends are told once more

    await socket.wait(lambda _: len(told()) >= times)
    assert told() == [n % 2 == 0 for n in range(times)]


async def test_a_gateway_tells_who_is_online_one_by_one(deployment: Deployment, logic: Service) -> None:
    socket, bob = await friends(deployment)
    stream = logic.stream("resonance.logic.v1.GatewayOpsService/SyncState", "SyncStateRequest", "SyncStateResponse")

    async def tell(seq: int, gateway_id: str = "gateway-service-001", **event: Any) -> Any:
        await stream.write(make("SyncStateRequest", seq_id=seq, gateway_id=gateway_id, **event))
        answer = await asyncio.wait_for(stream.read(), WAIT_S)
        assert answer.seq_id == seq
        return answer.error

    assert await tell(1, online=make("UserOnline", username=bob.name, remote_ip="192.0.2.7", timestamp=1)) == ""
    await wait_told(socket, bob, 1)
    assert await tell(2, offline=make("UserOffline", username=bob.name, timestamp=2)) == ""
    await wait_told(socket, bob, 2)
    assert "not a handle" in await tell(3, online=make("UserOnline", username="a b"))
    assert "gateway" in await tell(4, "", online=make("UserOnline", username=bob.name))
    assert await tell(5, online=make("UserOnline", username=bob.name)) == ""
    await wait_told(socket, bob, 3)
    await stream.done_writing()
    await wait_told(socket, bob, 4)  # a lease after the end of the stream


async def test_a_gateway_tells_in_batches(deployment: Deployment, logic: Service) -> None:
    socket, bob = await friends(deployment)

    async def tell(online: Iterable[tuple[str, int]], offline: Iterable[tuple[str, int]]) -> str:
        wish = make(
            "SyncStatusRequest",
            seq_id=5,
            gateway_id="gateway-service-002",
            online_batch=[make("UserOnline", username=user, timestamp=at) for user, at in online],
            offline_batch=[make("UserOffline", username=user, timestamp=at) for user, at in offline],
        )
        answer = await logic.call("resonance.logic.v1.PresenceService/SyncStatus", wish, "SyncStatusResponse")
        assert answer.seq_id == 5
        error: str = answer.error
        return error

    now = int(time.time())
    assert await tell([(bob.name, now)], []) == ""
    await wait_told(socket, bob, 1)
    assert await tell([(bob.name, now + 1)], [(bob.name, now + 2)]) == ""
    await wait_told(socket, bob, 2)
    assert await tell([(bob.name, now + 4)], [(bob.name, now + 3)]) == ""
    await wait_told(socket, bob, 3)
    assert await tell([], [(bob.name, now + 5)]) == ""
    await wait_told(socket, bob, 4)


# ---------------------------------------------------------------- the room


async def test_who_comes_to_the_room_first_has_nothing_unread(deployment: Deployment) -> None:
    ann, _ = await pair(deployment)
    (eve,) = await people(deployment.url, "eve")
    await ann.send("0", "long before")
    here = await ResonanceClient.login(deployment.url, eve.name)
    assert (await here.conversations())["0"].unread == 0
    await ann.send("0", "since then")
    again = await ResonanceClient.login(deployment.url, eve.name)
    assert (await again.conversations())["0"].unread == 1, "only the first time"


async def test_the_room_is_everybodys(deployment: Deployment, logic: Service) -> None:
    ann, bob = await pair(deployment)
    sent = await ann.send("0", "to everybody")
    assert sent.conversation == "0"
    with pytest.raises(Refused, match="there is no conversation"):
        await ann.send("world", "by another name")
    with pytest.raises(Refused, match="not_found"):
        await ann.history("world")
    pushed = await bob.wait_content("to everybody")
    assert (pushed.conversation, pushed.seq) == ("0", sent.seq)
    room = (await bob.conversations())["0"]
    assert (room.kind, room.last) == ("group", "to everybody")
    assert "to everybody" in [message.content for message in await bob.history("0")]
    await bob.mark_read("0", sent.seq)
    assert (await bob.conversations())["0"].unread == 0
    by_service = make("SendMessageRequest", session_id="0", from_username=ann.name, content="by a service")
    answer = await logic.call("resonance.logic.v1.ChatService/SendMessage", by_service, "SendMessageResponse")
    assert answer.error == ""
    await bob.wait_content("by a service")
    delta = await connect_call(deployment.url, "SessionService/PullInboxDelta", bob.token)
    told = [message_of(event.message) for event in delta.events]
    assert [message.content for message in told if message.conversation == "0"][-1] == "by a service"
