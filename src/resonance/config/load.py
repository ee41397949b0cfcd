"""Loading: all sources merged by key, then checked once.

Later wins: resonance.yaml < resonance.{env}.yaml < {role}.yaml < {role}.{env}.yaml < .env < environment variables <
command line. `resonance serve` is every role in one process and reads gateway.yaml as its role's file, because that is
the file which seed 001 documents.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from resonance.config.errors import ConfigError
from resonance.config.keys import Key, find
from resonance.config.settings import Settings
from resonance.config.sources import ENV_VARIABLE, Found, Setting, read_dotenv, read_options, read_variables, read_yaml

Role = Literal["serve", "gateway", "logic", "repo", "task"]

_ENV = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that holds.

    Attributes:
        written: what was written for each key that was set anywhere, and where, by dotted key.
        files: the files that were read, the weakest first.
    """

    settings: Settings
    env: str
    written: dict[str, Setting]
    files: list[Path]

    @property
    def sources(self) -> dict[str, str]:
        """Where each key that was set anywhere got its value from, by dotted key."""
        return {name: setting.source for name, setting in self.written.items()}


def load(
    role: Role = "serve",
    *,
    folder: Path | None = None,
    env: str | None = None,
    options: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Loaded:
    """Read, merge and check the configuration of a role.

    Args:
        folder: where the files are; by default the current folder.
        env: which `{name}.{env}.yaml` files count; by default RESONANCE_ENV, else `dev`.
        options: command-line options by dotted key.

    Raises:
        ConfigError: with everything that is wrong, not only the first.
    """
    if folder is not None and not folder.is_dir():
        raise ConfigError([f"{folder} is no folder (--config names the folder that holds resonance.yaml)"])
    dotenv_file = (folder or Path()) / ".env"
    dotenv, problems = read_dotenv(dotenv_file) if dotenv_file.is_file() else ({}, [])
    env = env or environ.get(ENV_VARIABLE) or dotenv.get(ENV_VARIABLE) or "dev"
    if not _ENV.fullmatch(env):
        raise ConfigError([f"{env!r} cannot name an environment: a-z, 0-9, _ and - are allowed, as in dev or prod"])

    files = [path for path in _files(role, folder or Path(), env) if path.is_file()]
    found = Found({}, problems)
    for path in files:
        found.take(read_yaml(path))
    found.take(read_variables(dotenv, str(dotenv_file)))
    found.take(read_variables(environ, "environment"))
    found.take(read_options(options or {}))
    return Loaded(check(found), env, found.settings, [*files, dotenv_file] if dotenv_file.is_file() else files)


def _files(role: Role, folder: Path, env: str) -> Iterator[Path]:
    for name in ("resonance", "gateway" if role == "serve" else role):
        yield folder / f"{name}.yaml"
        yield folder / f"{name}.{env}.yaml"


def check(found: Found) -> Settings:
    """Return the settings that all sources together make. Raises ConfigError with everything that is wrong."""
    try:
        settings = Settings.model_validate(_nested(found.settings))
    except ValidationError as error:
        wrong = [_explain(item["loc"], item["msg"], found.settings) for item in error.errors(include_url=False)]
        raise ConfigError(found.problems + wrong) from None
    if found.problems:
        raise ConfigError(found.problems)
    return settings


def _nested(settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Return the tree that `Settings` validates; entries of a mapping join its default ones."""
    tree: dict[str, Any] = {}
    for name, setting in settings.items():
        key = find(name)
        if key is not None and key.shape == "mapping" and isinstance(key.default, dict):
            tree.setdefault(key.name, dict(key.default))[name.removeprefix(f"{key.name}.")] = setting.value
            continue
        *path, leaf = name.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[leaf] = setting.value
    return tree


def _explain(location: tuple[int | str, ...], message: str, settings: Mapping[str, Setting]) -> str:
    """Say which key is wrong, what was written, where, and what is allowed."""
    names = [".".join(map(str, location[:length])) for length in range(len(location), 0, -1)]
    for name in names:
        key = find(name)
        if key is not None and name in settings:
            setting = settings[name]
            return f"{name}: {_shown(key, setting)} is not allowed ({setting.source}); allowed: {key.allowed}"
    section = names[0]
    causes = [setting.source for name, setting in settings.items() if name.startswith(f"{section}.")]
    return f"{section}: {message.removeprefix('Value error, ')} ({'; '.join(causes)})"


def _shown(key: Key, setting: Setting) -> str:
    if key.secret:
        return "a value that is not shown"
    return ", ".join(setting.value) if isinstance(setting.value, list) else repr(setting.value)
