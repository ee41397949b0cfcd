"""/groups: groups, by the ids of their conversations. (Their members: `members`.)"""

from __future__ import annotations

from fastapi import APIRouter, Response

from resonance.domain.errors import invalid
from resonance.domain.model import ConversationKind, NewGroup, User
from resonance.domain.windows import History
from resonance.gateway.dialects.gochat import bodies
from resonance.gateway.dialects.gochat.context import MAX_CONVERSATIONS, router_at
from resonance.gateway.dialects.gochat.envelope import answer
from resonance.gateway.dialects.gochat.tables import conversation_item, group_info
from resonance.gateway.http.context import AccountsOf, CallerOf, ContextOf, ConversationsOf
from resonance.gateway.http.listing import conversation_views

router: APIRouter = router_at("/groups")


@router.get("")
async def group_list(caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Return the caller's groups, the latest changed first."""
    views = await conversation_views(conversations, caller, MAX_CONVERSATIONS)
    return answer([group_info(view) for view in views if view.conversation.kind is ConversationKind.GROUP])


@router.post("")
async def make_group(
    body: bodies.Group, caller: CallerOf, accounts: AccountsOf, conversations: ConversationsOf, context: ContextOf
) -> Response:
    """Make a group of those members that exist: this client offers people that a server need not have (5.2.6)."""
    if not body.members:
        raise invalid("members", "a group needs another member")
    named = list(dict.fromkeys(body.members))
    known: list[User] = []
    for begin in range(0, len(named), 100):
        known += await accounts.users(caller, named[begin : begin + 100])
    others = tuple(user.id for user in known if user.id != caller.user_id)
    made = NewGroup(body.group_name.strip(), members=others, history=History[context.settings.groups.history.upper()])
    view = await conversations.create_group(caller, made)
    return answer({"conversation": conversation_item(view), "group": group_info(view)}, 201)


@router.get("/{group_id}")
async def get(group_id: str, caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Return a group, to its members."""
    return answer(group_info(await conversations.get(caller, group_id)))
