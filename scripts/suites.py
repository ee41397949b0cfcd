"""Run every suite, one after the other, and say at the end what ran and what did not.

A suite whose outside parts are missing is reported as not run, with what it needs; with CI=true that is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

KAFKA = ("kafka_2*.jar", "maven; then make engines")
"""Kafka is no Debian package: its jars are in a cache of ours, which Maven fills."""


@dataclass(frozen=True)
class Suite:
    """A folder of tests, or what is marked in it, the programs it needs, and whether its tests may run side by side.

    Attributes:
        path: the folder, or a script that tests something pytest cannot.
        needs: programs, each with the Debian package that has it.
    """

    name: str
    path: str
    needs: tuple[tuple[str, str], ...] = ()
    workers: int = 2
    marked: str = "not postgres and not mariadb and not etcd and not redis and not kafka and not cluster"

    @property
    def command(self) -> list[str]:
        """What runs it."""
        if self.path.endswith(".py"):
            return [sys.executable, self.path, "test"]
        workers = ["-n", str(self.workers)] if self.workers else []
        return [sys.executable, "-m", "pytest", "-q", *workers, "-m", self.marked, self.path]


SUITES = (
    Suite("unit", "tests/unit"),
    Suite("contract", "tests/contract"),
    Suite("integration", "tests/integration"),
    Suite("end to end", "tests/e2e"),
    Suite("faults", "tests/faults", needs=(("strace", "strace"),), workers=0),
    Suite("web client", "scripts/web.py"),
    Suite("browser", "tests/web", needs=(("chromium", "chromium"),), workers=0),
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
        workers=0,
        marked="cluster",
    ),
    Suite("etcd", "tests", needs=(("etcd", "etcd-server"), ("openssl", "openssl")), marked="etcd"),
    Suite(
        "Redis",
        "tests",
        needs=(("redis-server", "redis-server"), ("openssl", "openssl")),
        marked="redis and not cluster",
    ),
    Suite("Kafka", "tests", needs=(("java", "default-jre-headless"), KAFKA), workers=0, marked="kafka"),
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
        code = subprocess.run(suite.command, check=False).returncode
        failed |= code != 0
        lines.append(f"{suite.name}: {'passed' if code == 0 else 'FAILED'}")
    print("\n".join(["", *lines]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
