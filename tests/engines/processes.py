"""What servers of the tests' own have in common: a free port, and a user to run as, for they refuse to be root."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def folder_of(user: str) -> Iterator[Path]:
    """Make a folder for a server that root would run as this user, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix=f"resonance-{user}-"))
    if os.getuid() == 0:
        shutil.chown(folder, user, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_user(user: str, command: list[str]) -> list[str]:
    """Return the command as root has to run it; that of anybody else is as it was."""
    switched = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
    return switched if os.getuid() == 0 else command


def make_certificate(folder: Path, user: str = "") -> tuple[Path, Path]:
    """Make a certificate for `localhost` in a folder, as this user if there is one; return its file and its key's."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    command = [*request, *names]
    subprocess.run(as_user(user, command) if user else command, check=True, stdout=-3, stderr=-3)
    return certificate, key


def free_port() -> int:
    """Return a port of loopback that nobody listens on.

    It is none of those that the system hands out by itself, from 32768 on: while a server is down, a connection of
    somebody else's could come to have its port.
    """
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
