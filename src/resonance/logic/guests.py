"""What guests may not do, whichever door they come by.

A guest takes part where it is: in everybody's conversation, and where others brought it in. It reads, sends, marks,
leaves, blocks. It makes nothing, looks for nobody, and changes neither itself nor a group (GoChat's rule, wire.md 3.3):
the use cases for that are marked `not_for_guests`. Sending is not, but a first message, which opens a conversation, is
held to the same (`first_contact`).
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, cast

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Caller, UserKind
from resonance.ports.store import Store

UseCase = TypeVar("UseCase", bound=Callable[..., Awaitable[Any]])


class _OnStore(Protocol):
    _store: Store


async def check_no_guest(store: Store, user_id: str) -> None:
    """Return unless this account is a guest's, by the store's word: callers of gRPC show no token.

    Raises:
        ServiceError: ROLE_INSUFFICIENT.
    """
    users = await store.users([user_id])
    if users and users[0].kind is UserKind.GUEST:
        raise ServiceError(Code.ROLE_INSUFFICIENT, "a guest has to register before doing this")


def not_for_guests(method: UseCase) -> UseCase:
    """Refuse a use case, whose first argument is the caller, to guests. Raises ROLE_INSUFFICIENT there."""

    @functools.wraps(method)
    async def checked(self: _OnStore, caller: Caller, *args: Any, **kwargs: Any) -> Any:
        await check_no_guest(self._store, caller.user_id)
        return await method(self, caller, *args, **kwargs)

    return cast("UseCase", checked)
