"""Resonance's protobuf messages, built from the numbers of its contract: nothing of the server's protos.

`string` fields are written as `name=number`, others as `type name=number`. What logic's services are asked differs from
what a client asks by the same name: those messages are called `Logic…` here.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

MESSAGES = """
Pulse
ChatRequest: session_id=3 from_username=4 to_username=5 content=6 type=7, int64 timestamp=8
SessionMeta: name=1, int32 type=2
PushMessage: int64 msg_id=1, int64 seq_id=2, session_id=3 from_username=4 to_username=5 content=6 type=7, int64 timestamp=8, SessionMeta session_meta=10
Ack: ref_seq=1, int64 msg_id=2, int64 seq_id=3, session_id=4 error=5
WsPacket: seq=1, Pulse pulse=10, ChatRequest chat=11, PushMessage push=12, Ack ack=13
User: username=1 nickname=2 avatar_url=3
LoginRequest: username=1 password=2
LoginResponse: access_token=1, User user=2
RegisterRequest: username=1 password=2 nickname=3
RegisterResponse: access_token=1, User user=2
LogoutRequest: access_token=1
LogoutResponse: bool success=1
SessionInfo: session_id=1 name=2, int32 type=3, avatar_url=4, int64 unread_count=5, int64 last_read_seq=6, PushMessage last_message=7
GetSessionListRequest: access_token=1
GetSessionListResponse: repeated SessionInfo sessions=1
CreateSessionRequest: access_token=1, repeated string members=2, name=3, int32 type=4
CreateSessionResponse: session_id=1
GetHistoryMessagesRequest: access_token=1 session_id=2, int64 limit=3, int64 before_seq=4
GetHistoryMessagesResponse: repeated PushMessage messages=1
GetRecentMessagesRequest: access_token=1 session_id=2, int64 limit=3, int64 before_seq=4
GetRecentMessagesResponse: repeated PushMessage messages=1
ContactInfo: username=1 nickname=2 avatar_url=3
GetContactListRequest: access_token=1
GetContactListResponse: repeated ContactInfo contacts=1
SearchUserRequest: access_token=1 query=2
SearchUserResponse: repeated ContactInfo users=1
UpdateReadPositionRequest: access_token=1 session_id=2, int64 seq_id=3
UpdateReadPositionResponse: int64 unread_count=1
PullInboxDeltaRequest: access_token=1, int64 cursor_id=2, int64 limit=3
InboxEvent: int64 inbox_id=1, PushMessage message=2
PullInboxDeltaResponse: repeated InboxEvent events=1, int64 next_cursor_id=2, bool has_more=3
SendMessageRequest: session_id=3 from_username=4 to_username=5 content=6 type=7, int64 timestamp=8
SendMessageResponse: int64 msg_id=1, int64 seq_id=2, error=3
PushMessageRequest: to_username=1, PushMessage message=2
PushMessageResponse: int64 msg_id=1, int64 seq_id=2, error=3
PushRequest: repeated string to_usernames=1, PushMessage message=2
PushResponse: int64 msg_id=1, error=2, repeated string failed_usernames=3
UserOnline: username=1 remote_ip=2, int64 timestamp=3
UserOffline: username=1, int64 timestamp=2
SyncStateRequest: int64 seq_id=1, gateway_id=2, UserOnline online=3, UserOffline offline=4
SyncStateResponse: int64 seq_id=1, error=2
SyncStatusRequest: int64 seq_id=1, gateway_id=2, repeated UserOnline online_batch=3, repeated UserOffline offline_batch=4
SyncStatusResponse: int64 seq_id=1, error=2
ValidateTokenRequest: access_token=1
ValidateTokenResponse: bool valid=1, User user=2, username=3
LogicGetSessionListRequest: username=1
LogicCreateSessionRequest: creator_username=1, repeated string members=2, name=3, int32 type=4
LogicGetRecentMessagesRequest: session_id=1, int64 limit=2, int64 before_seq=3
LogicGetHistoryMessagesRequest: username=1 session_id=2, int64 limit=3, int64 before_seq=4
LogicGetContactListRequest: username=1
LogicSearchUserRequest: query=1
LogicUpdateReadPositionRequest: session_id=1, int64 seq_id=2, username=3
LogicPullInboxDeltaRequest: username=1, int64 cursor_id=2, int64 limit=3
"""  # noqa: E501

_TYPES = {
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
}
_FIELD = re.compile(r"(?P<repeated>repeated )?(?:(?P<type>\w+) )?(?P<name>\w+)=(?P<number>\d+)")


def build(messages: str) -> dict[str, Any]:
    """Return a class for each message of a contract that is written like `MESSAGES`."""
    file = descriptor_pb2.FileDescriptorProto(name="seed.proto", package="seed", syntax="proto3")
    for line in messages.strip().splitlines():
        name, _, fields = line.partition(":")
        message = file.message_type.add(name=name)
        for match in _FIELD.finditer(fields):
            _add(message, match)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = [message.name for message in file.message_type]
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"seed.{name}")) for name in names}


def _add(message: descriptor_pb2.DescriptorProto, match: re.Match[str]) -> None:
    kind = match["type"] or "string"
    field = message.field.add(name=match["name"], number=int(match["number"]))
    field.label = field.LABEL_REPEATED if match["repeated"] else field.LABEL_OPTIONAL
    if kind in _TYPES:
        field.type = _TYPES[kind]
    else:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".seed.{kind}"


CLASSES = build(MESSAGES)


def make(name: str, /, **fields: Any) -> Any:
    """Return a message."""
    return CLASSES[name](**fields)
