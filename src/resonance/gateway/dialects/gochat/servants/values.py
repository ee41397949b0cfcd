"""GoChat's protobuf messages from the core's values."""

from __future__ import annotations

import time

from resonance._proto.im.logic.v1 import common_pb2, conversation_pb2, group_pb2
from resonance._proto.im.repo.v1 import repo_pb2
from resonance.domain.ids import group_conversation_id
from resonance.domain.model import Conversation, ConversationView, Entry, Member, User
from resonance.gateway.dialects.gochat.tables import ROLES, WORLD_NAME, extra, kind_number, words

GROUP_PREFIX = "sg_"


def group_conversation(group_id: str) -> str:
    """Return the conversation of a group that is named by its own id or by that of its conversation."""
    return group_id if group_id.startswith(GROUP_PREFIX) else group_conversation_id(group_id)


def group_id_of(conversation_id: str) -> str:
    """Return a group's own id."""
    return conversation_id.removeprefix(GROUP_PREFIX)


def ends_at(expires_in: int) -> int:
    """Return the time (seconds) at which something of this life ends."""
    return int(time.time()) + expires_in


def user(found: User) -> common_pb2.User:
    """Return a user."""
    return common_pb2.User(
        id=found.id,
        username=found.id,
        nickname=found.nickname,
        avatar_url=found.avatar,
        created_at=found.created_at // 1000,
        updated_at=found.updated_at // 1000,
    )


def repo_user(found: User) -> repo_pb2.User:
    """Return a user as repo tells of one: the fields are the same."""
    return repo_pb2.User.FromString(user(found).SerializeToString())


def message(entry: Entry) -> common_pb2.Message:
    """Return a message; the sender is told by id alone."""
    return common_pb2.Message(
        id=str(entry.message_id),
        conversation_id=entry.conversation_id,
        sender_id=entry.sender,
        type=common_pb2.MessageType.ValueType(kind_number(entry.kind)),
        content=words(entry),
        seq_id=entry.seq,
        created_at=entry.created_at // 1000,
        sender=common_pb2.User(id=entry.sender, username=entry.sender),
        extra=extra(entry),
    )


def repo_message(entry: Entry) -> repo_pb2.Message:
    """Return a message as repo tells of one."""
    return repo_pb2.Message(
        id=str(entry.message_id),
        conversation_id=entry.conversation_id,
        sender_id=entry.sender,
        message_type=kind_number(entry.kind),
        content=words(entry),
        seq_id=entry.seq,
        created_at=entry.created_at // 1000,
        updated_at=entry.created_at // 1000,
        extra=extra(entry),
    )


def conversation(view: ConversationView) -> conversation_pb2.Conversation:
    """Return a conversation as its caller sees it; a single one is called and looks like the other member."""
    one, peer = view.conversation, view.peer
    name = one.name if one.kind.name != "OPEN" else WORLD_NAME
    return conversation_pb2.Conversation(
        id=one.id,
        type=common_pb2.ConversationType.ValueType(int(one.kind)),
        name=peer.nickname or peer.id if peer else name,
        avatar_url=peer.avatar if peer else one.avatar,
        last_message=message(view.last_entry) if view.last_entry else None,
        unread_count=view.unread,
        updated_at=one.updated_at // 1000,
        member_count=one.member_count,
        user_role=role(view.member),
    )


def group(one: Conversation) -> group_pb2.Group:
    """Return a group."""
    return group_pb2.Group(
        id=group_id_of(one.id),
        name=one.name,
        avatar_url=one.avatar,
        description=one.introduction,
        owner_id=one.owner,
        member_count=one.member_count,
        created_at=one.created_at // 1000,
        updated_at=one.updated_at // 1000,
    )


def role(member: Member) -> group_pb2.GroupMemberRole.ValueType:
    """Return a member's role; that of who is none any more is unspecified."""
    return group_pb2.GroupMemberRole.ValueType(ROLES[member.role] if member.active else 0)


def group_member(member: Member, profile: User | None) -> group_pb2.GroupMember:
    """Return a member with the profile."""
    return group_pb2.GroupMember(
        user_id=member.user_id,
        group_id=group_id_of(member.conversation_id),
        role=role(member),
        joined_at=member.joined_at // 1000,
        user=user(profile) if profile else None,
    )
