"""Commands that run a server: everything in one process, or one role."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resonance.cli.options import DataDir, Env, Folder, Host, Port, load_options

if TYPE_CHECKING:
    from resonance.config import Settings
    from resonance.config.load import Role


def serve(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    config: Folder = None,
    env: Env = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="First make the accounts user1 to user4, and print their passwords.")
    ] = False,
) -> None:
    """Start the whole server in one process.

    Nothing has to be set up before: the database and the signing secret are made in the data folder at first start.
    Ctrl-C stops cleanly; a second one ends at once.

    \b
    Examples:
      resonance serve
      resonance serve --demo
      resonance serve --port 0 --data-dir /var/lib/resonance
      RESONANCE_AUTH__ACCESS_TTL=1h resonance serve --env prod
    """
    _run("serve", config, env, data_dir, host, port, demo)


def gateway(
    host: Host = None, port: Port = None, data_dir: DataDir = None, config: Folder = None, env: Env = None
) -> None:
    """Start a gateway: HTTP and WebSocket connections. Needs logic.

    Several gateways share a port on one machine with service.reuse_port; each needs its own service.instance.

    \b
    Examples:
      resonance gateway
      RESONANCE_SERVICE__INSTANCE=1 RESONANCE_SERVICE__REUSE_PORT=true resonance gateway
    """
    _run("gateway", config, env, data_dir, host, port)


def logic(data_dir: DataDir = None, config: Folder = None, env: Env = None) -> None:
    """Start logic: rights, messages, delivery. Needs repo.

    It listens where roles.logic_listen says; gateways find it by `endpoints` or in etcd.

    \b
    Example:
      RESONANCE_ROLES__LOGIC_LISTEN=127.0.0.1:15090 resonance logic
    """
    _run("logic", config, env, data_dir)


def repo(data_dir: DataDir = None, config: Folder = None, env: Env = None) -> None:
    """Start repo: the only owner of the database.

    It listens where roles.repo_listen says, and migrates the database first when it is of an older version.

    \b
    Example:
      resonance repo --data-dir /var/lib/resonance
    """
    _run("repo", config, env, data_dir)


def task(data_dir: DataDir = None, config: Folder = None, env: Env = None) -> None:
    """Start task: work derived from messages.

    Such as fan-out to large groups, receipts and notifications. Needs repo and logic.

    \b
    Example:
      resonance task
    """
    _run("task", config, env, data_dir)


def _run(
    role: Role,
    folder: Path | None,
    env: str | None,
    data_dir: Path | None,
    host: str | None = None,
    port: int | None = None,
    demo: bool = False,
) -> None:
    from resonance import node
    from resonance.cli import demo as demonstration
    from resonance.cli.banner import print_banner
    from resonance.observe.logging import configure
    from resonance.observe.otlp import start_tracing

    loaded = load_options(role, folder, env, data_dir, host, port)
    settings = loaded.settings
    if demo:
        demonstration.make(loaded)
    configure(settings.observability.log, role)
    stop_tracing = start_tracing(settings.observability.trace, _service_name(role, settings))
    try:
        code = node.run(role, loaded, partial(print_banner, role, settings))
    finally:
        stop_tracing()
    raise typer.Exit(code)


def _service_name(role: Role, settings: Settings) -> str:
    """Return the name that the role's spans carry."""
    names = {
        "gateway": settings.service.name,
        "logic": settings.logic_service_name,
        "repo": settings.repo_service_name,
    }
    return names.get(role, f"resonance-{role}")
