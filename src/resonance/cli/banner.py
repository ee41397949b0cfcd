"""What a server says when it is ready: what to open, where the data is, what to do next."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.markup import escape

import resonance

if TYPE_CHECKING:
    from resonance.config import Settings
    from resonance.config.load import Role


def print_banner(role: Role, settings: Settings, addresses: Mapping[str, str], stream: TextIO | None = None) -> None:
    """Print the addresses that a server listens on, one a line, and what to do next.

    It goes to standard output (logs go to standard error), so that a script can wait for it and read the addresses.

    Args:
        addresses: by name; `http` is the URL of the front door, others are shown as they are.
    """
    console = Console(file=stream or sys.stdout, highlight=False, soft_wrap=True)
    console.print(f"[bold green]Resonance {resonance.__version__}[/] ({role}) is ready")
    for name, address in _lines(role, settings, addresses):
        console.print(f"  {name:<10} {address}", markup=False)
    if role == "serve":
        page = "the web client" if "web" in addresses else "the API docs"
        console.print(f"[dim]Next: open {page}, or run[/] {_program()} chat [dim]in another terminal.[/]")
    console.print("[dim]Ctrl-C stops.[/]")
    console.file.flush()


def _program() -> str:
    """Return how this program was called, which is how another terminal can call it too."""
    called = sys.argv[0]
    found_by_name = Path(called).name != "resonance" or shutil.which("resonance") == called
    return "resonance" if found_by_name else escape(called)


def _lines(role: Role, settings: Settings, addresses: Mapping[str, str]) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    if "web" in addresses:
        lines.append(("web client", addresses["web"]))
    if http := addresses.get("http", "").rstrip("/"):
        lines += [("server", http), ("API docs", f"{http}/docs"), ("WebSocket", f"{http.replace('http', 'ws', 1)}/ws")]
    lines += [(name, address) for name, address in addresses.items() if name not in {"http", "web"}]
    if role in {"serve", "repo"}:
        lines.append(("data", str(settings.data_dir.resolve())))
    return lines
