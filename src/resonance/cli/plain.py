"""How commands fail: a plain sentence on standard error and exit code 1, no traceback for what people can mend."""

from __future__ import annotations

import errno
from typing import NoReturn

import typer
from typer.core import TyperGroup

from resonance.domain.errors import ServiceError

FAILED = 1


class PlainGroup(TyperGroup):
    """A group of commands that turns refusals and the machine's errors into one line; mistakes of ours stay visible."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # typer's own context, as typer gives it
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            message = explain(error)
            if message is None:
                raise
            fail(message)


def fail(message: str) -> NoReturn:
    """Say on standard error why the command failed and end with exit code 1."""
    typer.secho(message, fg=typer.colors.RED, err=True)
    raise typer.Exit(FAILED)


def explain(error: Exception) -> str | None:
    """Return an error in words for the person at the terminal; None for one that only its traceback explains."""
    from resonance.logic.secret import SecretError

    if isinstance(error, ServiceError):
        return error.message
    if isinstance(error, SecretError):
        return str(error)
    if not isinstance(error, OSError):
        return None
    if error.errno == errno.EADDRINUSE:
        return f"{error.strerror}: stop what listens there, or choose another port (0 takes any free one)"
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
