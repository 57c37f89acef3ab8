"""What the README tells a user to type, for tests that type it."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def typed(language: str) -> list[str]:
    """The lines of the README's code blocks of a language: continued ones as one, no comments."""
    blocks = "".join(body for name, body in BLOCK.findall(README.read_text()) if name == language)
    lines = blocks.replace("\\\n", "").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]
