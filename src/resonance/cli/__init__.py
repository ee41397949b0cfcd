"""The commands: `resonance --help`."""

from __future__ import annotations


def main() -> None:
    """Run the command that the command line names, and exit with its code: 0 done, 1 refused or failed, 2 usage."""
    from resonance.cli.app import app

    app(prog_name="resonance")
