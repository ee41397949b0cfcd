"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from resonance.config.load import Loaded, Role

Folder = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="DIR",
        help="Folder with resonance.yaml and the others.",
        show_default="the current one",
    ),
]
Env = Annotated[
    str | None,
    typer.Option(
        "--env", "-e", metavar="NAME", help="Which resonance.NAME.yaml counts.", show_default="RESONANCE_ENV, else dev"
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", "-d", metavar="DIR", help="Folder for the database and secrets.", show_default="data"),
]
Host = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Address to listen on; 0.0.0.0 lets other machines in.", show_default="127.0.0.1"
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        "-p",
        min=0,
        max=65535,
        metavar="N",
        help="HTTP and WebSocket port; 0 takes any free one.",
        show_default="8080",
    ),
]


def load_options(
    role: Role,
    folder: Path | None,
    env: str | None,
    data_dir: Path | None = None,
    host: str | None = None,
    port: int | None = None,
) -> Loaded:
    """Load the configuration with what the command line says on top."""
    from resonance.config.load import load

    options = {
        "data_dir": None if data_dir is None else str(data_dir),
        "service.host": host,
        "service.http_port": None if port is None else str(port),
    }
    return load(role, folder=folder, env=env, options=options)
