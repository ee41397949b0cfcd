"""The signing secret: configured, or made at first start and kept in the data folder for this user only."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from pydantic import SecretStr

LEAST_BYTES = 32
FILE_NAME = "secret"


class SecretError(Exception):
    """The signing secret cannot be used; the message tells the operator what to do."""


def load_secret(configured: SecretStr | None, data_dir: Path) -> bytes:
    """Return the secret that tokens are signed with.

    Args:
        configured: `auth.secret`; wins over the file.
        data_dir: holds the file `secret`, which is made (0600) when there is none.

    Raises:
        SecretError: the secret is short, or others than the owner may read its file.
    """
    if configured is not None:
        return _long_enough(configured.get_secret_value().encode(), "auth.secret")
    path = data_dir / FILE_NAME
    if not path.exists():
        _create(path)
    return _read(path)


def _create(path: Path) -> None:
    """Write a new secret under another name and link it: two starts at once agree on one, and a crash leaves none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{FILE_NAME}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        pass  # another process was first: its secret is the one
    finally:
        draft.unlink()


def _read(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SecretError(f"{path} may be read by others (mode {mode:04o}): run chmod 600 {path}")
    return _long_enough(path.read_bytes().strip(), str(path))


def _long_enough(secret: bytes, source: str) -> bytes:
    if len(secret) < LEAST_BYTES:
        raise SecretError(f"the secret in {source} has {len(secret)} bytes: at least {LEAST_BYTES} are needed")
    return secret
