"""Who may look at what: the store's word on a caller's memberships and friendships, for what no version fences."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId, check_conversation_id
from resonance.domain.model import Caller, ConversationView, PresenceState
from resonance.logic.seams import PresenceView
from resonance.ports.store import Store


async def present_view(store: Store, caller: Caller, conversation_id: str) -> ConversationView:
    """Return a conversation that the caller is a member of now.

    Raises:
        ServiceError: CONVERSATION_NOT_FOUND, NOT_MEMBER; MEMBER_INACTIVE for who left or was removed.
    """
    view = await store.conversation(caller.user_id, check_conversation_id(conversation_id))
    if not view.member.active:
        raise ServiceError(Code.MEMBER_INACTIVE, f"you are no longer a member of {conversation_id}")
    return view


async def visible_presence(
    store: Store, presence: PresenceView, caller: Caller, user_ids: Sequence[UserId]
) -> list[PresenceState]:
    """Return the presence of those whose presence the caller may see: their own, and of friends without a block."""
    visible = {edge.friend_id for edge in await store.friend_edges([caller.user_id])} | {caller.user_id}
    return await presence.states([user_id for user_id in user_ids if user_id in visible])
