"""`resonance user`: accounts, straight in the database while no server runs."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from resonance.cli.options import DataDir, Env, Folder, load_options
from resonance.cli.plain import PlainGroup, fail

if TYPE_CHECKING:
    from resonance.config import Settings
    from resonance.domain.model import User
    from resonance.ports.store import Store

T = TypeVar("T")

PAGE = 500

app = typer.Typer(
    cls=PlainGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Manage accounts while no server runs.\n\nA running server does it over HTTP: see its /docs.",
)

Name = Annotated[str, typer.Argument(metavar="USER", help="The user's handle.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]


@app.command()
def add(
    user: Name,
    nickname: Annotated[str, typer.Option(metavar="NAME", help="The name others see.", show_default="the handle")] = "",
    password_stdin: PasswordStdin = False,
    data_dir: DataDir = None,
    config: Folder = None,
    env: Env = None,
) -> None:
    """Create an account; the password is asked for.

    The first account becomes an admin, unless accounts.first_is_admin says otherwise.

    \b
    Examples:
      resonance user add anna --nickname "Anna K."
      pass show chat/anna | resonance user add anna --password-stdin
    """
    settings = load_options("repo", config, env, data_dir).settings
    password = _read_password(password_stdin)
    created = with_store(
        settings,
        "register over HTTP: POST /api/v1/auth/register",
        lambda store: create_account(store, settings, user, nickname, password),
        create=True,
    )
    typer.echo(f"{created.id} created" + (" (admin)" if created.is_admin else ""))


@app.command("list")
def list_users(data_dir: DataDir = None, config: Folder = None, env: Env = None) -> None:
    """List all accounts.

    \b
    Example:
      resonance user list --data-dir /var/lib/resonance
    """
    from rich.console import Console
    from rich.table import Table

    settings = load_options("repo", config, env, data_dir).settings
    users = with_store(settings, "search over HTTP: GET /api/v1/users/search", _all_users)
    table = Table("user", "nickname", "kind", "status", "admin", "created", "last seen", box=None, pad_edge=False)
    for user in users:
        table.add_row(
            user.id,
            user.nickname,
            user.kind.name.lower(),
            user.status.name.lower(),
            "yes" if user.is_admin else "",
            _day(user.created_at),
            _day(user.last_seen_at),
        )
    Console(highlight=False, markup=False, soft_wrap=True).print(table)


@app.command()
def token(
    user: Name,
    platform: Annotated[
        int, typer.Option(min=0, max=5, help="0 unknown, 1 iOS, 2 Android, 3 Windows, 4 macOS, 5 web.")
    ] = 0,
    data_dir: DataDir = None,
    config: Folder = None,
    env: Env = None,
) -> None:
    """Print an access token for a user, as a login would give it.

    It is good for auth.access_ttl and shows up among the user's devices, who can revoke it.

    \b
    Example:
      curl -H "Authorization: Bearer $(resonance user token anna)" http://127.0.0.1:8080/api/v1/sync
    """
    settings = load_options("repo", config, env, data_dir).settings
    typer.echo(
        with_store(
            settings,
            "log in over HTTP: POST /api/v1/auth/login",
            lambda store: _open_device(store, settings, user, platform),
        )
    )


@app.command()
def password(
    user: Name,
    password_stdin: PasswordStdin = False,
    data_dir: DataDir = None,
    config: Folder = None,
    env: Env = None,
) -> None:
    """Give a user a new password, and end all its logins.

    \b
    Example:
      resonance user password anna
    """
    settings = load_options("repo", config, env, data_dir).settings
    wanted = _read_password(password_stdin)
    closed = with_store(
        settings,
        "whoever knows the old one changes it over HTTP: POST /api/v1/auth/password",
        lambda store: _set_password(store, settings, user, wanted),
    )
    typer.echo(f"the password of {user} is changed, {closed} logins ended")


@app.command()
def disable(user: Name, data_dir: DataDir = None, config: Folder = None, env: Env = None) -> None:
    """Disable an account and end all its logins.

    \b
    Example:
      resonance user disable anna
    """
    _set_disabled(user, True, data_dir, config, env)


@app.command()
def enable(user: Name, data_dir: DataDir = None, config: Folder = None, env: Env = None) -> None:
    """Let a disabled account log in again.

    \b
    Example:
      resonance user enable anna
    """
    _set_disabled(user, False, data_dir, config, env)


def _set_disabled(user: str, disabled: bool, data_dir: Path | None, config: Path | None, env: str | None) -> None:
    from resonance.domain.ids import check_handle
    from resonance.domain.model import UserStatus

    settings = load_options("repo", config, env, data_dir).settings
    handle = check_handle(user)
    status = UserStatus.DISABLED if disabled else UserStatus.ACTIVE
    closed = with_store(
        settings,
        f"as an admin, over HTTP: PUT /api/v1/admin/users/{handle}/disabled",
        lambda store: store.set_user_status(handle, status),
    )
    typer.echo(
        f"{handle} {'disabled' if disabled else 'enabled'}" + (f", {len(closed)} logins ended" if closed else "")
    )


# ---------------------------------------------------------------- what the commands do


async def create_account(store: Store, settings: Settings, user: str, nickname: str, password: str) -> User:
    """Create an account as `resonance user add` does. Raises INVALID_ARGUMENT, USER_EXISTS."""
    from resonance.domain.ids import check_new_handle
    from resonance.domain.model import NewUser
    from resonance.logic import checks

    handle = check_new_handle(user)
    name = checks.check_name(nickname or handle, "nickname", checks.MAX_NICKNAME)
    password_hash = await _hash(settings, password)
    return await store.create_user(
        NewUser(handle, name, password_hash, first_is_admin=settings.accounts.first_is_admin)
    )


async def _set_password(store: Store, settings: Settings, user: str, password: str) -> int:
    """Set the password and return how many logins that ended."""
    from resonance.domain.errors import Code, ServiceError
    from resonance.domain.ids import check_handle

    handle = check_handle(user)
    if await store.credentials(handle) is None:
        raise ServiceError(Code.USER_NOT_FOUND, f"there is no user {handle}")
    return len(await store.set_password(handle, await _hash(settings, password), ""))


async def _hash(settings: Settings, password: str) -> str:
    """Return the hash of a new password, or refuse one that is too short or too long."""
    from resonance.logic.passwords import Passwords

    passwords = Passwords(settings.accounts)
    try:
        return await passwords.hash(passwords.check_new(password))
    finally:
        passwords.close()


async def _all_users(store: Store) -> list[User]:
    users: list[User] = []
    while page := await store.list_users(users[-1].id if users else "", PAGE):
        users += page
    return users


async def _open_device(store: Store, settings: Settings, user: str, platform: int) -> str:
    """Record a device without a refresh token and return its access token."""
    from resonance.domain.ids import check_handle
    from resonance.logic.secret import load_secret
    from resonance.logic.tokens import Claims, Signer, TokenKind
    from resonance.ports.store import NewDevice

    secret = load_secret(settings.auth.secret, settings.data_dir)
    now = time.time_ns() // 1_000_000
    expires_at = now + int(settings.auth.access_ttl * 1000)
    opened = await store.open_device(
        NewDevice(
            id=secrets.token_hex(16),
            user_id=check_handle(user),
            platform=platform,
            name="resonance user token",
            refresh_id="",
            expires_at=expires_at,
            newest_wins=platform in settings.accounts.newest_wins,
            max_devices=settings.accounts.max_devices,
        )
    )
    device = opened.device
    claims = Claims(
        device.user_id, device.id, device.platform, TokenKind.ACCESS, secrets.token_hex(16), now, device.expires_at
    )
    return Signer(secret, settings.auth.issuer, lambda: now).sign(claims)


def with_store(settings: Settings, instead: str, work: Callable[[Store], Awaitable[T]], *, create: bool = False) -> T:
    """Run work on the store of a server that is stopped; fail when there is none, unless it is to `create` one.

    Raises:
        ServiceError: STORAGE_UNAVAILABLE when the server runs; the message says what to do `instead`.
    """

    import asyncio

    async def run() -> T:
        async with _open_store(settings, instead, create=create) as store:
            return await work(store)

    return asyncio.run(run())


@asynccontextmanager
async def _open_store(settings: Settings, instead: str, *, create: bool) -> AsyncIterator[Store]:
    from resonance.config.paths import database
    from resonance.domain.errors import Code, ServiceError
    from resonance.observe.logging import configure
    from resonance.stores import make_store

    configure(settings.observability.log, "cli")
    embedded = settings.store.kind == "sqlite"
    path = database(settings)
    if embedded and create:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif embedded and not path.exists():
        fail(f"there is no database at {path}: --data-dir names the folder that holds it")
    store = make_store(settings)
    try:
        await store.start()
    except ServiceError as error:
        way_out = f".\nWhile it runs, {instead}" if embedded else ""
        raise ServiceError(Code.STORAGE_UNAVAILABLE, error.message + way_out) from error
    try:
        yield store
    finally:
        store.close()
        await store.join()


def _read_password(from_stdin: bool) -> str:
    """Return the password from standard input or a prompt: never from the arguments, which others can see."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    elif sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        fail("there is no terminal to ask for the password on: give it with --password-stdin")
    return password


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).date().isoformat() if ms else ""
