"""The tree of commands. Each imports what it needs when it runs, so that help and completion answer at once."""

from __future__ import annotations

from typing import Annotated

import typer

import resonance
from resonance.cli import configuration, lazy, run, storage, users
from resonance.cli.plain import PlainGroup

app = typer.Typer(
    name="resonance",
    cls=PlainGroup,
    no_args_is_help=True,
    rich_markup_mode=None,  # its imports would triple the time that help takes
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Resonance: an instant-messaging server that starts with one command and grows to a cluster.

    Start with `resonance serve`, then `resonance chat` in another terminal.
    """


def version() -> None:
    """Print the version."""
    typer.echo(resonance.__version__)


for _command in (
    run.serve,
    run.gateway,
    run.logic,
    run.repo,
    run.task,
    storage.migrate,
    storage.migrate_store,
    storage.backup,
    storage.restore,
):
    app.command()(_command)
app.add_typer(users.app, name="user")
app.add_typer(configuration.app, name="config")
for _lazy in (lazy.chat, lazy.status, lazy.bench):
    app.command(context_settings=lazy.LAZY)(_lazy)
app.command()(version)
