"""`im.repo.v1`, as GoChat's logic and gateways write by it: with the service secret, in one process and in four."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from argon2 import PasswordHasher

from tests.e2e.dialects.client import PASSWORD
from tests.e2e.dialects.gochat_client import GoChatClient
from tests.e2e.dialects.gochat_services import Services, people, refused
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "services of another system know it"
ENVIRONMENT = {
    "RESONANCE_DIALECTS__GRPC_LISTEN": "127.0.0.1:0",
    "RESONANCE_RPC__SECRET": SECRET,
    "RESONANCE_ACCOUNTS__ATTEMPTS_PER_ACCOUNT": "3",
}
USERS, MESSAGES = "im.repo.v1.UserService", "im.repo.v1.MessageService"
GROUPS, ONLINE = "im.repo.v1.GroupService", "im.repo.v1.OnlineStatusService"
WAIT_S = 20


def address(deployment: Deployment) -> str:
    """Return where logic serves GoChat's names."""
    return deployment.logic.addresses["grpc" if deployment.topology == "serve" else "logic"]


@pytest_asyncio.fixture(loop_scope="module")
async def repo(deployment: Deployment) -> AsyncIterator[Services]:
    """A service that knows the secret."""
    async with grpc.aio.insecure_channel(address(deployment)) as channel:
        yield Services(channel, SECRET)


async def pair(deployment: Deployment) -> tuple[GoChatClient, GoChatClient, str]:
    ann, bob = await people(deployment, "ann", "bob")
    return ann, bob, await ann.open_single(bob.name)


def saved(repo: Services, sender: GoChatClient, conversation: str, content: str = "saved", **fields: Any) -> Any:
    wish: dict[str, Any] = {"sender_id": sender.name, "conversation_id": conversation, "content": content}
    wish["message_type"] = 1
    return repo.call(f"{MESSAGES}/SaveMessage", **wish | fields)


def unique() -> str:
    return secrets.token_hex(8)


# ---------------------------------------------------------------- messages


async def test_saving_is_sending(deployment: Deployment, repo: Services) -> None:
    ann, bob, chat = await pair(deployment)
    hint = (await repo.call(f"{MESSAGES}/GenerateSeqID", conversation_id=chat)).seq_id
    assert hint == 1
    key, extra = unique(), '{"a":1}'
    wish = {"message_id": "77", "seq_id": 4711, "client_msg_id": key, "extra": extra, "message_type": 2}
    message = (await saved(repo, ann, chat, "a picture", **wish)).message
    assert (message.seq_id, message.sender_id, message.message_type, message.extra) == (1, ann.name, 2, extra)
    assert message.id != "77", "the id is ours"
    heard = await bob.wait_content("a picture")
    assert (heard.message_id, heard.seq, heard.sender) == (int(message.id), 1, ann.name)
    assert (await saved(repo, ann, chat, "a picture", **wish)).message == message, "one key, one message"
    other = saved(repo, ann, chat, "another", client_msg_id=key)
    await refused(other, grpc.StatusCode.ALREADY_EXISTS)
    assert (await repo.call(f"{MESSAGES}/GetMessage", message_id=message.id)).message == message
    assert (await repo.call(f"{MESSAGES}/GenerateSeqID", conversation_id=chat)).seq_id == 2
    assert [one.content for one in await bob.history(chat)] == ["a picture"]


async def test_the_newest_messages_of_many_conversations_fit_an_answer(deployment: Deployment, repo: Services) -> None:
    """Four MiB are what gRPC's clients take; as many as fit are told, the first ones whole."""
    ann, _, chat = await pair(deployment)
    _, _, other = await pair(deployment)
    await asyncio.gather(*(saved(repo, ann, chat, "x" * 32_000, message_type=3) for _ in range(49)))
    wish = {"owner_id": ann.name, "name": "a group", "group_id": f"g{unique()}"}
    group = "sg_" + (await repo.call(f"{GROUPS}/CreateGroup", **wish)).group.id
    for _ in range(2):
        await asyncio.gather(*(saved(repo, ann, group, "y" * 32_000, message_type=3) for _ in range(30)))
    wanted = [chat, group, other]
    latest = await repo.call(f"{MESSAGES}/GetLatestMessages", conversation_ids=wanted, limit_per_conversation=50)
    told = {one.key: [message.seq_id for message in one.value.messages] for one in latest.conversation_messages}
    assert told[chat] == list(range(49, 0, -1))
    assert 40 < len(told[group]) < 50
    assert told[group][0] == 62 - 1, "the newest first"
    assert other not in told


@pytest.mark.parametrize("bad", ["\0", "a\nb", "x" * 161])
async def test_what_can_be_no_conversation_is_not_looked_for(deployment: Deployment, repo: Services, bad: str) -> None:
    """A store may fail on it: PostgreSQL knows no NUL."""
    (ann,) = await people(deployment, "ann")
    pointers, one = "im.repo.v1.ConversationService", {"conversation_id": bad}
    calls: list[tuple[str, dict[str, Any]]] = [
        (f"{MESSAGES}/GenerateSeqID", one),
        (f"{MESSAGES}/GetConversationMessages", one),
        (f"{MESSAGES}/GetLatestMessages", {"conversation_ids": [bad]}),
        (f"{GROUPS}/GetGroup", {"group_id": bad}),
        (f"{pointers}/UpdateReadPointer", {"user_id": ann.name} | one),
        (f"{pointers}/GetUnreadCount", {"user_id": ann.name} | one),
        (f"{pointers}/GetReadPointer", {"user_id": ann.name} | one),
        (f"{pointers}/BatchGetUnreadCounts", {"user_id": ann.name, "conversation_ids": [bad]}),
    ]
    for method, fields in calls:
        await refused(repo.call(method, **fields), grpc.StatusCode.INVALID_ARGUMENT)


@pytest.mark.parametrize(
    "method", ["im.repo.v1.UserService/GetUsers", f"{ONLINE}/GetUsersOnlineStatus", f"{GROUPS}/GetMembersOnlineStatus"]
)
async def test_no_request_names_users_without_end(repo: Services, method: str) -> None:
    wanted = [f"u{number}" for number in range(10_001)]
    await refused(repo.call(method, user_ids=wanted), grpc.StatusCode.INVALID_ARGUMENT)
    await repo.call(method, user_ids=wanted[:100])


async def test_a_client_and_a_service_share_keys(deployment: Deployment, repo: Services) -> None:
    ann, bob, chat = await pair(deployment)
    key = unique()
    sent = await ann.send(chat, "hello", key)
    assert (await saved(repo, ann, chat, "hello", client_msg_id=key)).message.id == str(sent.message_id)
    assert [one.content for one in await bob.history(chat)] == ["hello"]


async def test_without_a_key_the_callers_own_id_is_one(deployment: Deployment, repo: Services) -> None:
    ann, bob, chat = await pair(deployment)
    own = str(secrets.randbits(62))
    first, again = [(await saved(repo, ann, chat, message_id=own)).message for _ in range(2)]
    assert first == again
    await saved(repo, ann, chat, client_msg_id=own)
    await saved(repo, ann, chat)
    await saved(repo, ann, chat)
    assert len(await bob.history(chat)) == 4, "a key is no id, and what has neither is new each time"


async def test_keys_are_looked_up(deployment: Deployment, repo: Services) -> None:
    ann, bob, chat = await pair(deployment)
    key, check = unique(), f"{MESSAGES}/CheckMessageIdempotency"
    assert not (await repo.call(check, client_msg_id=key, ttl_seconds=60)).exists
    message = (await saved(repo, ann, chat, client_msg_id=key)).message
    assert not (await repo.call(check, client_msg_id=key, ttl_seconds=60)).exists, "whose it is only saving can tell"
    assert not (await repo.call(check, client_msg_id=key, sender_id=bob.name)).exists
    theirs = (await saved(repo, bob, chat, client_msg_id=key)).message
    assert theirs.id != message.id, "a key is its sender's"
    for sender, one in ((ann, message), (bob, theirs)):
        found = await repo.call(check, client_msg_id=key, sender_id=sender.name)
        assert (found.exists, found.existing_message_id) == (True, one.id)


async def test_rights_are_the_cores(deployment: Deployment, repo: Services) -> None:
    ann, bob, chat = await pair(deployment)
    (eve,) = await people(deployment, "eve")
    status = grpc.StatusCode
    await refused(saved(repo, eve, chat), status.NOT_FOUND)
    await refused(saved(repo, ann, "sg_nowhere"), status.NOT_FOUND)
    for wrong in (
        {"message_type": 4},  # the system's
        {"message_type": 99},
        {"content": ""},
        {"extra": "[]"},
        {"sender_id": ""},
        {"sender_id": "a b"},
        {"client_msg_id": "~mine"},
        {"message_id": "x" * 65},
    ):
        await refused(saved(repo, ann, chat, **wrong), status.INVALID_ARGUMENT)
    await refused(saved(repo, ann, chat, content="x" * 5_001), status.RESOURCE_EXHAUSTED)
    group = await ann.create_group("trip", [bob.name])
    await saved(repo, bob, group, "in")
    await repo.call(f"{GROUPS}/RemoveGroupMember", group_id=group, user_id=bob.name)
    await refused(saved(repo, bob, group, "out"), status.PERMISSION_DENIED)
    assert await bob.history(chat) == []


async def test_only_services_write(deployment: Deployment, repo: Services) -> None:
    ann, _, chat = await pair(deployment)
    status = grpc.StatusCode
    await refused(saved(repo, ann, chat, _token=ann.token), status.PERMISSION_DENIED)
    await refused(saved(repo, ann, chat, _token="a guess of the secret"), status.UNAUTHENTICATED)
    calls: list[tuple[str, dict[str, Any]]] = [
        (f"{USERS}/CreateUser", {"username": "x"}),
        (f"{USERS}/VerifyPassword", {"user_id": ann.name, "password": PASSWORD}),
        (f"{MESSAGES}/GetMessage", {"message_id": "1"}),
        (f"{MESSAGES}/GenerateSeqID", {"conversation_id": chat}),
        (f"{MESSAGES}/CheckMessageIdempotency", {"client_msg_id": "k"}),
        (f"{MESSAGES}/DeleteMessage", {"message_id": "1", "operator_id": ann.name}),
        (f"{GROUPS}/CreateGroup", {"owner_id": ann.name, "name": "x"}),
        (f"{GROUPS}/UpdateGroup", {"group_id": "x"}),
        (f"{GROUPS}/AddGroupMember", {"group_id": "x"}),
        (f"{GROUPS}/RemoveGroupMember", {"group_id": "x"}),
        (f"{GROUPS}/UpdateMemberRole", {"group_id": "x"}),
        (f"{GROUPS}/GetMembersOnlineStatus", {"user_ids": [ann.name]}),
        (f"{ONLINE}/SetUserOnline", {"user_id": ann.name, "gateway_id": "g"}),
        (f"{ONLINE}/SetUserOffline", {"user_id": ann.name, "gateway_id": "g"}),
        (f"{ONLINE}/UpdateHeartbeat", {"user_id": ann.name, "gateway_id": "g"}),
        (f"{ONLINE}/CleanupExpiredStatus", {}),
    ]
    for method, fields in calls:
        await refused(repo.call(method, _token=ann.token, **fields), status.PERMISSION_DENIED)


async def test_nothing_is_deleted(deployment: Deployment, repo: Services) -> None:
    ann, bob, chat = await pair(deployment)
    message = (await saved(repo, ann, chat)).message
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await repo.call(f"{MESSAGES}/DeleteMessage", message_id=message.id, operator_id=ann.name)
    assert refusal.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "without holes" in (refusal.value.details() or "")
    assert [one.message_id for one in await bob.history(chat)] == [int(message.id)]


@pytest.mark.parametrize("method", ["GetMessage", "DeleteMessage"])
async def test_ids_that_are_none(repo: Services, method: str) -> None:
    for unknown in ("1", "9223372036854775807", "9999999999999999999"):
        await refused(repo.call(f"{MESSAGES}/{method}", message_id=unknown), grpc.StatusCode.NOT_FOUND)
    for bad in ("", "x", "-1", "1.0", "٣", "9" * 20):
        await refused(repo.call(f"{MESSAGES}/{method}", message_id=bad), grpc.StatusCode.INVALID_ARGUMENT)


async def test_callers_who_were_told_the_same_seq(deployment: Deployment, repo: Services) -> None:
    ann, bob, chat = await pair(deployment)

    async def caller(sender: GoChatClient) -> Any:
        hint = (await repo.call(f"{MESSAGES}/GenerateSeqID", conversation_id=chat)).seq_id
        return (await saved(repo, sender, chat, seq_id=hint, client_msg_id=unique())).message

    made = await asyncio.gather(*(caller(sender) for sender in (ann, bob) * 10))
    assert sorted(message.seq_id for message in made) == list(range(1, 21)), "no hole, none twice"


async def test_a_kill_between(deployment: Deployment, repo: Services) -> None:
    """Whoever got no answer saves again under the same key: every message is there once, and each answer was true."""
    ann, _, chat = await pair(deployment)
    keys = [f"{unique()}{number}" for number in range(60)]
    answers: dict[str, str] = {}
    begun = asyncio.Event()

    async def once(key: str) -> None:
        message = (await saved(repo, ann, chat, key, client_msg_id=key)).message
        assert answers.setdefault(key, message.id) == message.id
        begun.set()

    attempts = [asyncio.create_task(once(key)) for key in keys]
    await asyncio.wait_for(begun.wait(), WAIT_S)
    role = "serve" if deployment.topology == "serve" else "repo"
    await deployment.kill_and_restart(role)
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {type(None), grpc.aio.AioRpcError}
    async with grpc.aio.insecure_channel(address(deployment)) as channel:
        after = Services(channel, SECRET)
        for key in keys:
            async with asyncio.timeout(WAIT_S):
                while True:
                    try:
                        message = (await saved(after, ann, chat, key, client_msg_id=key)).message
                        break
                    except grpc.aio.AioRpcError as error:
                        if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                            raise
            assert answers.setdefault(key, message.id) == message.id
        page = await after.call(f"{MESSAGES}/GetConversationMessages", conversation_id=chat, limit=500, ascending=True)
    assert sorted(one.content for one in page.messages) == sorted(keys)
    assert [one.seq_id for one in page.messages] == list(range(1, 61))
    assert {one.content: one.id for one in page.messages} == answers


# ---------------------------------------------------------------- accounts


async def test_an_account_with_a_hash(deployment: Deployment, repo: Services) -> None:
    name, verify = f"zoe{unique()}", f"{USERS}/VerifyPassword"
    hashed = PasswordHasher(time_cost=1, memory_cost=64, parallelism=2).hash(PASSWORD)
    wish = {"username": name, "password_hash": hashed, "nickname": "Zoe", "avatar_url": "https://e.org/z.png"}
    made = (await repo.call(f"{USERS}/CreateUser", **wish)).user
    assert (made.id, made.username, made.nickname, made.avatar_url) == (name, name, "Zoe", "https://e.org/z.png")
    assert (await repo.call(f"{USERS}/GetUser", user_id=name)).user == made
    await refused(repo.call(f"{USERS}/CreateUser", **wish), grpc.StatusCode.ALREADY_EXISTS)
    assert (await repo.call(verify, user_id=name, password=PASSWORD)).valid
    zoe = await GoChatClient.login(deployment.url, name)
    assert [one["conversationId"] for one in await zoe.call("GET", "/conversations")] == ["world"]


@pytest.mark.parametrize(
    "hashed",
    [
        "",
        PASSWORD,
        "$2a$10$" + "x" * 53,
        f"$argon2id$v=19$m=262145,t=1,p=1$c2FsdHNhbHQ${'A' * 43}",
        f"$argon2id$v=19$m=262144,t=5,p=1$c2FsdHNhbHQ${'A' * 43}",
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$x",
    ],
)
async def test_other_hashes_make_no_account(repo: Services, hashed: str) -> None:
    name = f"yan{unique()}"
    made = repo.call(f"{USERS}/CreateUser", username=name, password_hash=hashed)
    await refused(made, grpc.StatusCode.INVALID_ARGUMENT)
    await refused(repo.call(f"{USERS}/GetUser", user_id=name), grpc.StatusCode.NOT_FOUND)


async def test_guesses_are_throttled(deployment: Deployment, repo: Services) -> None:
    (ann,) = await people(deployment, "ann")
    verify = f"{USERS}/VerifyPassword"
    assert (await repo.call(verify, user_id=ann.name, password=PASSWORD)).valid
    for _ in range(3):
        assert not (await repo.call(verify, user_id=ann.name, password="a guess")).valid
    throttled = repo.call(verify, user_id=ann.name, password=PASSWORD)
    await refused(throttled, grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert not (await repo.call(verify, user_id=f"no{unique()}", password=PASSWORD)).valid
    await refused(repo.call(verify, user_id="a b", password=PASSWORD), grpc.StatusCode.INVALID_ARGUMENT)


# ---------------------------------------------------------------- groups


async def test_groups_are_made_and_changed(deployment: Deployment, repo: Services) -> None:
    ann, bob, cid = await people(deployment, "ann", "bob", "cid")
    own = f"g{unique()}"
    wish = {"group_id": own, "name": "trip", "owner_id": ann.name, "description": "to the sea"}
    group = (await repo.call(f"{GROUPS}/CreateGroup", **wish)).group
    assert (group.id, group.name, group.owner_id, group.member_count) == (own, "trip", ann.name, 1)
    assert (await repo.call(f"{GROUPS}/CreateGroup", **wish)).group == group, "made once"
    taken = repo.call(f"{GROUPS}/CreateGroup", **wish | {"owner_id": bob.name})
    await refused(taken, grpc.StatusCode.ALREADY_EXISTS)
    add = f"{GROUPS}/AddGroupMember"
    for user, role in ((bob, 2), (cid, 0)):
        member = (await repo.call(add, group_id=own, user_id=user.name, role=role)).member
        assert (member.group_id, member.user_id, member.role) == (own, user.name, role or 1)
    changed = await bob.wait_frame("group.member.changed", action="joined")
    assert changed["groupId"] == f"sg_{own}"
    await refused(repo.call(add, group_id=own, user_id="nobody-is", role=1), grpc.StatusCode.NOT_FOUND)
    for role in (3, 9, -1):
        call = repo.call(add, group_id=own, user_id=cid.name, role=role)
        await refused(call, grpc.StatusCode.INVALID_ARGUMENT)
    update = f"{GROUPS}/UpdateGroup"
    group = (await repo.call(update, group_id=own, name="journey", description="", update_mask=["description"])).group
    assert (group.name, group.description) == ("trip", "")
    assert (await repo.call(update, group_id=own, name="journey")).group.name == "journey"
    bad = repo.call(update, group_id=own, update_mask=["owner_id"])
    await refused(bad, grpc.StatusCode.INVALID_ARGUMENT)
    rank = f"{GROUPS}/UpdateMemberRole"
    await refused(repo.call(rank, group_id=own, user_id=bob.name, new_role=7), grpc.StatusCode.INVALID_ARGUMENT)
    assert (await repo.call(rank, group_id=own, user_id=bob.name, new_role=1)).success
    assert (await repo.call(rank, group_id=own, user_id=bob.name, new_role=3)).success
    remove = f"{GROUPS}/RemoveGroupMember"
    assert (await repo.call(remove, group_id=own, user_id=ann.name)).success
    members = (await repo.call(f"{GROUPS}/GetGroupMembers", group_id=own)).members
    assert [(one.user_id, one.role) for one in members] == [(bob.name, 3), (cid.name, 1)]
    states = (await repo.call(f"{GROUPS}/GetMembersOnlineStatus", user_ids=[bob.name, "nobody"])).statuses
    assert [one.is_online for one in states] == [True, False]
    for method in ("UpdateGroup", "AddGroupMember", "RemoveGroupMember"):
        await refused(repo.call(f"{GROUPS}/{method}", group_id="nowhere"), grpc.StatusCode.NOT_FOUND)


# ---------------------------------------------------------------- who is online


async def wait_online(repo: Services, user: str, online: bool) -> Any:
    async with asyncio.timeout(WAIT_S):
        while True:
            status = (await repo.call(f"{ONLINE}/GetUserOnlineStatus", user_id=user)).status
            if status.is_online is online:
                return status


async def test_a_gateway_of_gochat_says_who_is_online(deployment: Deployment, repo: Services) -> None:
    (ann,) = await people(deployment, "ann")
    zoe = await GoChatClient.register(deployment.url, f"zoe{unique()}")  # who never connects
    await ann.call("POST", "/friends/requests", {"targetUserId": zoe.name, "message": ""})
    await zoe.call("PUT", f"/friends/requests/{ann.name}:{zoe.name}", {"action": "accept"})
    at = {"user_id": zoe.name, "gateway_id": f"gw-{unique()}"}
    beat = f"{ONLINE}/UpdateHeartbeat"
    assert not (await repo.call(beat, **at)).success, "not online yet"
    said = await repo.call(f"{ONLINE}/SetUserOnline", client_info="ios", **at)
    assert (said.success, said.status.is_online, said.status.client_info) == (True, True, "ios")
    status = await wait_online(repo, zoe.name, True)
    assert status.gateway_id == at["gateway_id"]
    assert abs(status.last_seen - time.time()) < 60
    await ann.wait_frame("friend.status.changed", userId=zoe.name, online=True)
    kept = await repo.call(beat, **at)
    assert kept.success
    assert kept.last_seen >= status.last_seen
    elsewhere = {"user_id": zoe.name, "gateway_id": f"gw-{unique()}"}
    await repo.call(f"{ONLINE}/SetUserOffline", **elsewhere)
    assert (await repo.call(beat, **at)).success, "another gateway spoke of its own"
    assert (await repo.call(f"{ONLINE}/SetUserOffline", **at)).success
    assert (await wait_online(repo, zoe.name, False)).gateway_id == ""
    await ann.wait_frame("friend.status.changed", userId=zoe.name, online=False)
    assert not (await repo.call(beat, **at)).success


async def test_those_who_are_not_confirmed_are_cleaned_up(deployment: Deployment, repo: Services) -> None:
    gateway, clean = f"gw-{unique()}", f"{ONLINE}/CleanupExpiredStatus"
    users = [f"u{unique()}" for _ in range(3)]
    for user in users:
        await repo.call(f"{ONLINE}/SetUserOnline", user_id=user, gateway_id=gateway)
    assert (await repo.call(clean, expired_before=int(time.time()) - 60)).cleaned_count == 0
    soon = int(time.time()) + 60
    assert (await repo.call(clean, expired_before=soon, batch_size=2)).cleaned_count == 2
    assert (await repo.call(clean, expired_before=soon)).cleaned_count == 1
    for user in users:
        await wait_online(repo, user, False)
    for bad in ({"user_id": "a b", "gateway_id": "g"}, {"user_id": "ann", "gateway_id": ""}):
        for method in ("SetUserOnline", "SetUserOffline", "UpdateHeartbeat"):
            await refused(repo.call(f"{ONLINE}/{method}", **bad), grpc.StatusCode.INVALID_ARGUMENT)


async def test_after_a_restart_of_logic_a_heartbeat_asks_to_be_told_again(deployment: Deployment) -> None:
    at = {"user_id": f"u{unique()}", "gateway_id": f"gw-{unique()}"}
    async with grpc.aio.insecure_channel(address(deployment)) as channel:
        assert (await Services(channel, SECRET).call(f"{ONLINE}/SetUserOnline", **at)).success
    await deployment.kill_and_restart("serve" if deployment.topology == "serve" else "logic")
    async with grpc.aio.insecure_channel(address(deployment)) as channel:
        after = Services(channel, SECRET)
        assert not (await after.call(f"{ONLINE}/UpdateHeartbeat", **at)).success
        await after.call(f"{ONLINE}/SetUserOnline", **at)
        assert (await after.call(f"{ONLINE}/UpdateHeartbeat", **at)).success
        await wait_online(after, at["user_id"], True)
