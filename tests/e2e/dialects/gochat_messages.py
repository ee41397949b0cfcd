"""GoChat's protobuf messages of generation A, built from the numbers of its contract (wire.md 3.2.5): nothing of the
server's protos. Enums are numbers, maps are lists of entries: the same on the wire.

`resonance_messages` says how they are written.
"""

from __future__ import annotations

from tests.e2e.dialects.resonance_messages import build

LOGIC = build(
    """
User: id=1 username=2 nickname=3 avatar_url=4, int64 created_at=5, int64 updated_at=6
Message: id=1 conversation_id=2 sender_id=3, int32 type=4, content=5, int64 seq_id=6, int64 created_at=7, User sender=8, extra=9
LoginRequest: username=1 password=2 client_info=3
LoginResponse: access_token=1 refresh_token=2, int64 expires_in=3, User user=4
RegisterRequest: username=1 password=2 nickname=3 avatar_url=4
RegisterResponse: User user=1
GuestLoginRequest: nickname=1 client_info=2
GuestLoginResponse: access_token=1 refresh_token=2, int64 expires_in=3, User user=4
RefreshTokenRequest: refresh_token=1
RefreshTokenResponse: access_token=1 refresh_token=2, int64 expires_in=3
LogoutRequest: user_id=1 access_token=2
LogoutResponse: bool success=1
ValidateTokenRequest: access_token=1
ValidateTokenResponse: bool valid=1, User user=2, int64 expires_at=3
Conversation: id=1, int32 type=2, name=3 avatar_url=4, Message last_message=5, int64 unread_count=6, int64 updated_at=7, int32 member_count=8, int32 user_role=9
GetConversationsRequest: user_id=1, int32 page=2, int32 page_size=3, int32 type=4
GetConversationsResponse: repeated Conversation conversations=1, int64 total=2, int32 page=3, int32 page_size=4
GetConversationRequest: user_id=1 conversation_id=2
GetConversationResponse: Conversation conversation=1
GetMessagesRequest: user_id=1 conversation_id=2, int64 start_seq_id=3, int64 end_seq_id=4, int32 limit=5, bool ascending=6
GetMessagesResponse: repeated Message messages=1, bool has_more=2, int64 next_seq_id=3
MarkAsReadRequest: user_id=1 conversation_id=2, int64 seq_id=3
MarkAsReadResponse: bool success=1, int64 unread_count=2
GetUnreadCountRequest: user_id=1 conversation_id=2
ConversationUnreadCount: conversation_id=1, int64 unread_count=2
GetUnreadCountResponse: int64 unread_count=1, repeated ConversationUnreadCount conversation_counts=2
Group: id=1 name=2 avatar_url=3 description=4 owner_id=5, int32 member_count=6, int64 created_at=7, int64 updated_at=8
GroupMember: user_id=1 group_id=2, int32 role=3, int64 joined_at=4, User user=5
CreateGroupRequest: creator_id=1 name=2 avatar_url=3 description=4, repeated string member_ids=5
CreateGroupResponse: Group group=1
GetGroupRequest: user_id=1 group_id=2
GetGroupResponse: Group group=1, int32 user_role=2
JoinGroupRequest: user_id=1 group_id=2 reason=3
JoinGroupResponse: bool success=1, Group group=2
LeaveGroupRequest: user_id=1 group_id=2
LeaveGroupResponse: bool success=1
GetGroupMembersRequest: user_id=1 group_id=2, int32 page=3, int32 page_size=4, int32 role_filter=5
GetGroupMembersResponse: repeated GroupMember members=1, int64 total=2, int32 page=3, int32 page_size=4
UpdateGroupRequest: user_id=1 group_id=2 name=3 avatar_url=4 description=5
UpdateGroupResponse: bool success=1, Group group=2
SetMemberRoleRequest: operator_id=1 group_id=2 target_user_id=3, int32 new_role=4
SetMemberRoleResponse: bool success=1
RemoveMemberRequest: operator_id=1 group_id=2 target_user_id=3 reason=4
RemoveMemberResponse: bool success=1
SendMessageRequest: user_id=1 conversation_id=2 content=3, int32 type=4, client_msg_id=5
SendMessageResponse: Message message=1, client_msg_id=2
"""  # noqa: E501
)

REPO = build(
    """
User: id=1 username=2 nickname=3 avatar_url=4, int64 created_at=5, int64 updated_at=6
GetUserRequest: user_id=1
GetUserResponse: User user=1, bool from_cache=2
GetUsersRequest: repeated string user_ids=1
GetUsersResponse: repeated User users=1, repeated string cached_user_ids=2
UpdateUserRequest: user_id=1 nickname=2 avatar_url=3, repeated string update_mask=4
UpdateUserResponse: User user=1
GetUserByUsernameRequest: username=1
GetUserByUsernameResponse: User user=1
Message: id=1 conversation_id=2 sender_id=3, int32 message_type=4, content=5, int64 seq_id=6, int64 created_at=7, int64 updated_at=8, bool deleted=9, extra=10
GetConversationMessagesRequest: conversation_id=1, int64 start_seq_id=2, int64 end_seq_id=3, int32 limit=4, bool ascending=5
GetConversationMessagesResponse: repeated Message messages=1, bool has_more=2, int64 next_seq_id=3
GetLatestMessagesRequest: repeated string conversation_ids=1, int32 limit_per_conversation=2
LatestMessages: repeated Message messages=1
LatestEntry: key=1, LatestMessages value=2
GetLatestMessagesResponse: repeated LatestEntry conversation_messages=1
Group: id=1 name=2 owner_id=3, int32 member_count=4, avatar_url=5 description=6, int64 created_at=7, int64 updated_at=8
GroupMember: group_id=1 user_id=2, int32 role=3, int64 joined_at=4
GetGroupRequest: group_id=1
GetGroupResponse: Group group=1, bool from_cache=2
GetGroupMembersRequest: group_id=1, int32 offset=2, int32 limit=3, int32 role_filter=4
GetGroupMembersResponse: repeated GroupMember members=1, int64 total=2, bool has_more=3
GetUserConversationsRequest: user_id=1, int32 offset=2, int32 limit=3, int32 type_filter=4
GetUserConversationsResponse: repeated string conversation_ids=1, int64 total=2, bool has_more=3
UpdateReadPointerRequest: user_id=1 conversation_id=2, int64 seq_id=3
UpdateReadPointerResponse: bool success=1, int64 unread_count=2
GetUnreadCountRequest: user_id=1 conversation_id=2
GetUnreadCountResponse: int64 unread_count=1
ReadPointer: user_id=1 conversation_id=2, int64 last_read_seq_id=3, int64 updated_at=4
GetReadPointerRequest: user_id=1 conversation_id=2
GetReadPointerResponse: ReadPointer read_pointer=1
BatchGetUnreadCountsRequest: user_id=1, repeated string conversation_ids=2
UnreadEntry: key=1, int64 value=2
BatchGetUnreadCountsResponse: repeated UnreadEntry unread_counts=1
OnlineStatus: user_id=1, bool is_online=2, gateway_id=3, int64 last_seen=4, client_info=5
CreateUserRequest: username=1 password_hash=2 nickname=3 avatar_url=4
CreateUserResponse: User user=1
VerifyPasswordRequest: user_id=1 password=2
VerifyPasswordResponse: bool valid=1
SaveMessageRequest: message_id=1 conversation_id=2 sender_id=3, int32 message_type=4, content=5, int64 seq_id=6, client_msg_id=7 extra=8
SaveMessageResponse: Message message=1
GetMessageRequest: message_id=1
GetMessageResponse: Message message=1
GenerateSeqIDRequest: conversation_id=1
GenerateSeqIDResponse: int64 seq_id=1
CheckMessageIdempotencyRequest: client_msg_id=1, int64 ttl_seconds=2, sender_id=20
CheckMessageIdempotencyResponse: bool exists=1, existing_message_id=2
DeleteMessageRequest: message_id=1 operator_id=2 reason=3
DeleteMessageResponse: bool success=1
CreateGroupRequest: group_id=1 name=2 owner_id=3 avatar_url=4 description=5
CreateGroupResponse: Group group=1
UpdateGroupRequest: group_id=1 name=2 avatar_url=3 description=4, repeated string update_mask=5
UpdateGroupResponse: Group group=1
AddGroupMemberRequest: group_id=1 user_id=2, int32 role=3
AddGroupMemberResponse: GroupMember member=1
RemoveGroupMemberRequest: group_id=1 user_id=2
RemoveGroupMemberResponse: bool success=1
GetMembersOnlineStatusRequest: repeated string user_ids=1
GetMembersOnlineStatusResponse: repeated OnlineStatus statuses=1
UpdateMemberRoleRequest: group_id=1 user_id=2, int32 new_role=3
UpdateMemberRoleResponse: bool success=1
SetUserOnlineRequest: user_id=1 gateway_id=2 client_info=3
SetUserOnlineResponse: bool success=1, OnlineStatus status=2
SetUserOfflineRequest: user_id=1 gateway_id=2
SetUserOfflineResponse: bool success=1
UpdateHeartbeatRequest: user_id=1 gateway_id=2
UpdateHeartbeatResponse: bool success=1, int64 last_seen=2
CleanupExpiredStatusRequest: int64 expired_before=1, int32 batch_size=2
CleanupExpiredStatusResponse: int64 cleaned_count=1
GetUserOnlineStatusRequest: user_id=1
GetUserOnlineStatusResponse: OnlineStatus status=1
GetUsersOnlineStatusRequest: repeated string user_ids=1
GetUsersOnlineStatusResponse: repeated OnlineStatus statuses=1
"""  # noqa: E501
)

OWN = build(
    """
SystemSignal: signal_type=1 payload=2, int64 timestamp=3, trace_id=4
PushToUsersRequest: repeated string user_ids=1, SystemSignal signal=2
PushToUsersResponse: bool success=1
Friend: user_id=1 friend_id=2, int32 status=3, remarks=4
AddFriendRequest: user_id=1 friend_id=2 remarks=3
AddFriendResponse: bool success=1, Friend friend=2
UpdateFriendStatusRequest: user_id=1 friend_id=2, int32 status=3
UpdateFriendStatusResponse: bool success=1
GetUserFriendsRequest: user_id=1
GetUserFriendsResponse: repeated Friend friends=1
"""
)
