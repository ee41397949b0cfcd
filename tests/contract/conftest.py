"""Suites are ordinary modules to pytest: this makes their failing assertions as telling as those of test modules."""

from __future__ import annotations

from pathlib import Path

import pytest

_HERE = Path(__file__).parent
for _path in (*_HERE.glob("*/suite_*.py"), _HERE / "store" / "making.py"):
    pytest.register_assert_rewrite(f"{__package__}.{_path.parent.name}.{_path.stem}")
