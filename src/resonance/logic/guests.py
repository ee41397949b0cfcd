"""What guests may not do, whichever door they come by: one table, held where logic's services are put together.

A guest takes part where it is: in everybody's conversation, and where others brought it in. It reads, sends, marks,
leaves, blocks. It makes nothing, looks for nobody, and changes neither itself nor a group (GoChat's rule, wire.md 3.3).
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Caller, UserKind
from resonance.ports.store import Store
from resonance.services import LogicServices

REFUSED: dict[str, frozenset[str]] = {
    "accounts": frozenset({"search", "update_profile"}),
    "friends": frozenset({"request", "decide", "requests", "remove"}),
    "conversations": frozenset(
        {
            "open_single",
            "create_group",
            "join",
            "decide_join",
            "add_members",
            "set_role",
            "transfer",
            "update_group",
            "dissolve",
        }
    ),
}
"""By service, the methods that guests are refused. Sending is not among them: only a first message, which opens a
conversation, is held to the same (`first_contact`)."""


async def check_no_guest(store: Store, user_id: str) -> None:
    """Return unless this account is a guest's, by the store's word: callers of gRPC show no token.

    Raises:
        ServiceError: ROLE_INSUFFICIENT.
    """
    users = await store.users([user_id])
    if users and users[0].kind is UserKind.GUEST:
        raise ServiceError(Code.ROLE_INSUFFICIENT, "a guest has to register before doing this")


def refuse_guests(services: LogicServices, store: Store) -> LogicServices:
    """Return the services, with what guests may not do refused to them."""
    for service, methods in REFUSED.items():
        target = getattr(services, service)
        for name in methods:
            setattr(target, name, _for_others(getattr(target, name), store))
    return services


def _for_others(method: Callable[..., Awaitable[Any]], store: Store) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(method)
    async def checked(caller: Caller, *args: Any, **kwargs: Any) -> Any:
        await check_no_guest(store, caller.user_id)
        return await method(caller, *args, **kwargs)

    return checked
