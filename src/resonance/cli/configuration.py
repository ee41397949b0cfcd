"""`resonance config`: what is configured, from where, and what could be."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from resonance.cli.options import Env, Folder, load_options
from resonance.cli.plain import PlainGroup

app = typer.Typer(
    cls=PlainGroup, no_args_is_help=True, rich_markup_mode=None, help="Check and explain the configuration."
)


class RoleName(StrEnum):
    """Whose configuration is meant."""

    SERVE = "serve"
    GATEWAY = "gateway"
    LOGIC = "logic"
    REPO = "repo"
    TASK = "task"


@app.command()
def check(
    config: Folder = None,
    env: Env = None,
    role: Annotated[RoleName, typer.Option(help="Whose configuration.")] = RoleName.SERVE,
) -> None:
    """Check the configuration and show what is in effect.

    Every key is printed with its value; those that were set also with the file and line, or the variable, that set
    them, and those that may change while the server runs with the word live. Secrets are not shown. Exits
    with 1 when something is wrong, naming all of it.

    \b
    Examples:
      resonance config check
      resonance config check --role logic --env prod --config /etc/resonance
    """
    from rich.console import Console
    from rich.text import Text

    from resonance.config.show import check_lines
    from resonance.gateway import dialects

    loaded = load_options(role.value, config, env)
    dialects.enabled(loaded.settings)  # which there are, only the gateway knows
    console = Console(highlight=False, soft_wrap=True)
    files = ", ".join(str(path) for path in loaded.files) or "none"
    console.print(Text(f"# environment {loaded.env}; files: {files}", style="dim"))
    for name, value, source, live in check_lines(loaded):
        line = Text(f"{name}: {value}", style="bold" if source else "dim")
        remark = "; ".join(filter(None, [source, "live" if live else ""]))
        console.print(line.append(f"  # {remark}", style="cyan") if remark else line)


@app.command()
def default() -> None:
    """Print a configuration file with every key, its default and its meaning.

    \b
    Example:
      resonance config default > resonance.yaml
    """
    from resonance.config.show import default_yaml

    typer.echo(default_yaml(), nl=False)


@app.command()
def docs(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file instead.")] = None,
) -> None:
    """Print the documentation of every key as Markdown.

    \b
    Example:
      resonance config docs --output docs/configuration.md
    """
    from resonance.config.show import docs_markdown

    if output is None:
        typer.echo(docs_markdown(), nl=False)
    else:
        output.write_text(docs_markdown(), encoding="utf-8")
