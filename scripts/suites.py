"""Run every suite, one after the other, and say at the end what ran and what did not.

A suite whose outside parts are missing is reported as not run, with what it needs; with CI=true that is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    """A folder of tests, the programs it needs, and whether its tests may run side by side."""

    name: str
    path: str
    needs: tuple[str, ...] = ()
    workers: int = 2


SUITES = (
    Suite("unit", "tests/unit"),
    Suite("contract", "tests/contract"),
    Suite("integration", "tests/integration"),
    Suite("end to end", "tests/e2e"),
    Suite("faults", "tests/faults", needs=("strace",), workers=0),
)


def main() -> int:
    """Run the suites; return 1 when one failed, or could not run where it must."""
    strict = os.environ.get("CI") == "true"
    lines: list[str] = []
    failed = False
    for suite in SUITES:
        missing = [program for program in suite.needs if shutil.which(program) is None]
        if missing:
            failed |= strict
            lines.append(f"{suite.name}: not run; needs {', '.join(missing)} (apt-get install {' '.join(missing)})")
            continue
        print(f"== {suite.name}", flush=True)
        workers = ["-n", str(suite.workers)] if suite.workers else []
        code = subprocess.run([sys.executable, "-m", "pytest", "-q", *workers, suite.path], check=False).returncode
        failed |= code != 0
        lines.append(f"{suite.name}: {'passed' if code == 0 else 'FAILED'}")
    print("\n".join(["", *lines]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
