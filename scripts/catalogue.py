"""Write the catalogue of errors and close codes as TypeScript: the web client decides by the server's own words."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from resonance.domain.closes import Close
from resonance.domain.content import MAX_TEXT
from resonance.domain.errors import Code


def typescript() -> str:
    """Return the module."""
    codes = {
        code.text: {"status": code.value.status, "retry": code.value.retry, "meaning": code.value.meaning}
        for code in Code
    }
    closes = {
        close.number: {
            "reason": close.value.reason,
            "reconnect": close.value.reconnect,
            "meaning": close.value.meaning,
        }
        for close in Close
    }
    return "\n".join(
        [
            "// Generated from src/resonance/domain by scripts/catalogue.py.",
            f"export const CODES = {json.dumps(codes, ensure_ascii=False, indent=2)} as const;",
            "export type CloseSpec = Readonly<{ reason: string; reconnect: boolean; meaning: string }>;",
            "export const CLOSES: Readonly<Record<number, CloseSpec>> = "
            f"{json.dumps(closes, ensure_ascii=False, indent=2)};",
            f"export const MAX_TEXT = {MAX_TEXT};",
            "",
        ]
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(typescript(), encoding="utf-8")
