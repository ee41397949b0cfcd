"""Commands whose modules are imported only when they are called, because `resonance --help` need not wait for them."""

from __future__ import annotations

from importlib import import_module

import typer

LAZY = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Context settings that hand everything after the command's name on, `--help` included."""


def delegate(module: str, name: str, arguments: list[str]) -> None:
    """Run the function `name` of a module as a command of its own, and end with its exit code."""
    inner = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    inner.command(context_settings={"help_option_names": ["-h", "--help"]})(getattr(import_module(module), name))
    code = typer.main.get_command(inner).main(arguments, prog_name=f"resonance {name}", standalone_mode=False)
    raise typer.Exit(code or 0)


def chat(context: typer.Context) -> None:
    """Log in and talk from the terminal."""
    delegate("resonance.cli.chat", "chat", context.args)


def status(context: typer.Context) -> None:
    """Show the processes of a cluster: role, address, health, connections, lag."""
    delegate("resonance.cli.status", "status", context.args)


def bench(context: typer.Context) -> None:
    """Measure the server on this machine."""
    delegate("resonance.cli.bench", "bench", context.args)
