"""What the pages for people have in common: a policy, a look, and files.

Their texts come from records that anybody may have sent. A page puts them on the screen as text,
its policy lets no script run but its own, and it loads nothing from anywhere else.
"""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from velox.monitoring.server import Answer

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# What is shown may be private: no cache keeps it and no other site may embed it.
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HERE = Path(__file__).parent


def file_answer(path: Path) -> Answer:
    """A part of a page, read from its file."""
    return Answer(HTTPStatus.OK, _KINDS[path.suffix], path.read_bytes(), HEADERS)


def shared_files() -> dict[str, Answer]:
    """By the path under which every page finds it: the look and the icon."""
    return {f"/{name}": file_answer(_HERE / name) for name in ("pages.css", "pages.svg")}
