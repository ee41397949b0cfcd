"""Unix sockets that only their owner can use."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def prepare(path: Path) -> None:
    """Make a socket's folder, for its owner only, where it is missing, and remove what a dead server left.

    Raises:
        OSError: something else is at the path, or a server that is alive listens there.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(f"{path} is in the way: it is no socket")
    if _alive(path):
        raise OSError(f"a server listens on {path} already")
    path.unlink()


@contextmanager
def private_files() -> Iterator[None]:
    """Make files created inside readable and writable for their owner only, from the first moment on."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)


def _alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True
