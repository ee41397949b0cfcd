"""Signals as the messages of `resonance.signal.v1`, and back."""

from __future__ import annotations

from resonance._proto.signal.v1 import signal_pb2 as pb
from resonance.domain import signals as domain


def to_proto(signal: domain.Signal) -> pb.Signal:
    """Return a signal as its message."""
    match signal:
        case domain.Presence(user_id, online, last_seen_at):
            return pb.Signal(presence=pb.Presence(user_id=user_id, online=online, last_seen_at=last_seen_at))
        case domain.Typing(conversation_id, user_id):
            return pb.Signal(typing=pb.Typing(conversation_id=conversation_id, user_id=user_id))
        case domain.Receipt(conversation_id, user_id, read_seq):
            receipt = pb.Receipt(conversation_id=conversation_id, user_id=user_id, read_seq=read_seq)
            return pb.Signal(receipt=receipt)
        case domain.ConversationChanged(conversation_id, action, actor, user_ids, version):
            change = pb.ConversationChanged(
                conversation_id=conversation_id, action=action, actor=actor, user_ids=user_ids, version=version
            )
            return pb.Signal(conversation_changed=change)
        case domain.FriendChanged(action, user_id, message):
            return pb.Signal(friend_changed=pb.FriendChanged(action=action, user_id=user_id, message=message))
        case domain.ProfileChanged(user_id):
            return pb.Signal(profile_changed=pb.ProfileChanged(user_id=user_id))


def from_proto(message: pb.Signal) -> domain.Signal | None:
    """Return what a message says, or None for a kind that only a newer peer knows."""
    match message.WhichOneof("kind"):
        case "presence":
            presence = message.presence
            return domain.Presence(presence.user_id, presence.online, presence.last_seen_at)
        case "typing":
            return domain.Typing(message.typing.conversation_id, message.typing.user_id)
        case "receipt":
            receipt = message.receipt
            return domain.Receipt(receipt.conversation_id, receipt.user_id, receipt.read_seq)
        case "conversation_changed":
            change = message.conversation_changed
            return domain.ConversationChanged(
                change.conversation_id, change.action, change.actor, tuple(change.user_ids), change.version
            )
        case "friend_changed":
            friend = message.friend_changed
            return domain.FriendChanged(friend.action, friend.user_id, friend.message)
        case "profile_changed":
            return domain.ProfileChanged(message.profile_changed.user_id)
        case _:
            return None
