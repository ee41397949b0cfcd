"""Generate what a wheel carries and the repository does not: the code of the contracts, and the web client.

An editable installation is left alone: in a clone, the Makefile keeps both up to date.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SCRIPTS = ("proto.py", "web.py")


class Generated(BuildHookInterface[Any]):
    """Runs the scripts that `make run` runs, with the tools of `build-system.requires`."""

    def initialize(self, version: str, _build_data: dict[str, Any]) -> None:
        """Generate before the files of the wheel are collected.

        Raises:
            RuntimeError: a script failed; it has said why.
        """
        if version == "editable":
            return
        root = Path(self.root)
        # the scripts read the package, which is not installed here; the tools may be in a folder of the path, too
        path = os.pathsep.join(filter(None, [str(root / "src"), os.environ.get("PYTHONPATH")]))
        for script in SCRIPTS:
            command = [sys.executable, str(root / "scripts" / script)]
            code = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": path}, check=False).returncode
            if code:
                raise RuntimeError(f"scripts/{script} failed ({code}); the wheel would lack what it generates")
