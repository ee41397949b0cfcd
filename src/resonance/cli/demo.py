"""Accounts to try the server with: those that GoChat's web client offers for groups, whoever there is."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import typer

from resonance.cli.plain import fail
from resonance.cli.users import create_account, with_store

if TYPE_CHECKING:
    from resonance.config.load import Loaded
    from resonance.ports.store import Store

PEOPLE = {"user1": "张三", "user2": "李四", "user3": "王五", "user4": "赵六"}
"""Handles and nicknames."""


def make(loaded: Loaded) -> None:
    """Create those of the accounts that are missing, and print their passwords: nobody can read them later."""
    if loaded.env == "prod":
        fail("--demo makes accounts whose passwords are printed: it is not for production (--env prod)")
    made = with_store(loaded.settings, "start it without --demo", lambda store: _create(store, loaded), create=True)
    for handle, password in made.items():
        typer.echo(f"demo account {handle}, password {password}")


async def _create(store: Store, loaded: Loaded) -> dict[str, str]:
    """Return the passwords of the accounts that were made."""
    known = {user.id for user in await store.users(list(PEOPLE))}
    made = {handle: secrets.token_urlsafe(9) for handle in PEOPLE if handle not in known}
    for handle, password in made.items():
        await create_account(store, loaded.settings, handle, PEOPLE[handle], password)
    return made
