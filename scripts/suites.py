"""Run every suite, one after the other, and say at the end what ran and what did not.

A suite whose outside parts are missing is reported as not run, with what it needs; with CI=true that is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

KAFKA = ("kafka_2*.jar", "maven; then make engines")
"""Kafka is no Debian package: its jars are in a cache of ours, which Maven fills."""

SIDE_BY_SIDE = ("-n", "2", "--dist", "worksteal")
"""Two tests at a time, also where they mostly wait. Each worker has a stretch of its own, so that what a module starts
for its tests is hardly ever started by both; who is done first takes over half of what the other has left."""


@dataclass(frozen=True)
class Suite:
    """A folder of tests, or what is marked in it, and the programs it needs.

    Attributes:
        path: the folder, or a script that tests something pytest cannot.
        needs: programs, each with the Debian package that has it.
    """

    name: str
    path: str
    needs: tuple[tuple[str, str], ...] = ()
    marked: str = "not postgres and not mariadb and not etcd and not redis and not kafka and not cluster"

    @property
    def command(self) -> list[str]:
        """What runs it."""
        if self.path.endswith(".py"):
            return [sys.executable, self.path, "test"]
        return [sys.executable, "-m", "pytest", "-q", *SIDE_BY_SIDE, "-m", self.marked, self.path]


SUITES = (
    Suite("unit", "tests/unit"),
    Suite("contract", "tests/contract"),
    Suite("integration", "tests/integration"),
    Suite("end to end", "tests/e2e"),
    Suite("faults", "tests/faults", needs=(("strace", "strace"),)),
    Suite("web client", "scripts/web.py"),
    Suite("browser", "tests/web", needs=(("chromium-headless-shell", "chromium-headless-shell"),)),
    Suite("PostgreSQL", "tests", needs=(("initdb", "postgresql"),), marked="postgres"),
    Suite("MariaDB", "tests", needs=(("mariadbd", "mariadb-server"), ("openssl", "openssl")), marked="mariadb"),
    Suite(
        "cluster",
        "tests/faults",
        needs=(
            ("initdb", "postgresql"),
            ("etcd", "etcd-server"),
            ("redis-server", "redis-server"),
            ("java", "default-jre-headless"),
            KAFKA,
        ),
        marked="cluster",
    ),
    Suite("etcd", "tests", needs=(("etcd", "etcd-server"), ("openssl", "openssl")), marked="etcd"),
    Suite(
        "Redis",
        "tests",
        needs=(("redis-server", "redis-server"), ("openssl", "openssl")),
        marked="redis and not cluster",
    ),
    Suite("Kafka", "tests", needs=(("java", "default-jre-headless"), KAFKA), marked="kafka"),
)


def found(program: str) -> bool:
    """Say whether a program is there; Debian keeps those of database servers out of the PATH."""
    if program.endswith(".jar"):
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return any((cache / "resonance" / "kafka").glob(program))
    folders = ["/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    return any(shutil.which(program, path=path) for path in (None, os.pathsep.join(folders)))


def main() -> int:
    """Run the suites; return 1 when one failed, or could not run where it must."""
    strict = os.environ.get("CI") == "true"
    lines: list[str] = []
    failed = False
    for suite in SUITES:
        missing = {program: package for program, package in suite.needs if not found(program)}
        if missing:
            failed |= strict
            lines.append(
                f"{suite.name}: not run; needs {', '.join(missing)} (apt-get install {' '.join(missing.values())})"
            )
            continue
        print(f"== {suite.name}", flush=True)
        began = time.monotonic()
        code = subprocess.run(suite.command, check=False).returncode
        failed |= code != 0
        lines.append(f"{suite.name}: {'passed' if code == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s")
    print("\n".join(["", *lines]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
