"""Who may look into a conversation: the store's word on a caller's membership, for what no version fences."""

from __future__ import annotations

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Caller, ConversationView
from resonance.logic.checks import check_conversation_id
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
