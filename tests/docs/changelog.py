"""What CHANGELOG.md says of one version; run as a module, it prints it for the release's notes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

FILE = Path(__file__).parents[2] / "CHANGELOG.md"


def notes(version: str, text: str) -> str:
    """The text under `## [version]`.

    Raises:
        LookupError: when there is no such heading, or nothing under it.
    """
    pattern = rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |^\[[^\]]+\]: |\Z)"
    found = re.search(pattern, text, re.M | re.S)
    if not found or not found[1].strip():
        raise LookupError(f"CHANGELOG.md says nothing of {version}")
    return found[1].strip() + "\n"


if __name__ == "__main__":
    print(notes(sys.argv[1], FILE.read_text()), end="")
