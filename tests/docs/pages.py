"""README.md and the pages of docs/: what they say, and what they tell a user to type."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
# What a user reads; the other documents are for those who change Velox.
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
DOCUMENTS = (*sorted(ROOT.glob("*.md")), *PAGES[1:])
BLOCK = re.compile(r"^(<!-- run -->\n)?```(\w+)\n(.*?)^```$", re.M | re.S)


def text() -> str:
    """All pages, one after the other."""
    return "\n".join(page.read_text() for page in PAGES)


def without_code(document: Path) -> str:
    """A document's text without its code blocks."""
    return re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)


def typed(language: str) -> list[str]:
    """The lines of the pages' code blocks of a language, each once.

    Lines that are continued are one; comments are left out.
    """
    blocks = "".join(body for _, name, body in BLOCK.findall(text()) if name == language)
    lines = re.sub(r"(^|  +)#.*", "", blocks.replace("\\\n", ""), flags=re.M).splitlines()
    return list(dict.fromkeys(line for line in lines if line.strip()))
