"""The live page: what the consumer is finding, in a browser.

Its texts come from records that anybody may have sent. The page puts them on the screen as text,
its policy lets no script run but its own, and it loads nothing from anywhere else.
"""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from velox.monitoring.health import Health
from velox.monitoring.live.matches import LatestMatches
from velox.monitoring.live.state import LiveState
from velox.monitoring.metrics import Metrics
from velox.monitoring.server import TEXT, Answer, Route

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
FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/live.css": ("page.css", "text/css; charset=utf-8"),
    "/live.js": ("page.js", "text/javascript; charset=utf-8"),
    "/live.svg": ("page.svg", "image/svg+xml"),
}
BUSY = Answer(HTTPStatus.SERVICE_UNAVAILABLE, TEXT, b"busy\n", {**HEADERS, "Retry-After": "1"})
GONE = Answer(HTTPStatus.NOT_FOUND, TEXT, b"no such picture\n", HEADERS)


class LivePage:
    """The page's parts, read from this process's own metrics.

    Args:
        metrics, health: what the page shows.
        max_pixels: pixels above which an image gets no thumbnail.
    """

    def __init__(self, metrics: Metrics, health: Health, *, max_pixels: int) -> None:
        self.matches = LatestMatches(max_pixels=max_pixels)
        self._state = LiveState(metrics=metrics, health=health, matches=self.matches)
        self._state.start()

    def routes(self) -> dict[str, Route]:
        """What the page is made of, by path."""
        return {
            **{path: _file(*file) for path, file in FILES.items()},
            "/live.json": lambda _query: _ok("application/json", self._state.json),
            "/live.jpg": self._thumbnail,
        }

    def _thumbnail(self, key: str) -> Answer:
        """The picture of one match, which the query string names."""
        try:
            picture = self.matches.thumbnail(key)
        except TimeoutError:
            return BUSY
        return _ok("image/jpeg", picture) if picture is not None else GONE

    def close(self) -> None:
        """Read no more."""
        self._state.close()


def _file(name: str, kind: str) -> Route:
    body = Path(__file__).with_name(name).read_bytes()
    return lambda _query: _ok(kind, body)


def _ok(kind: str, body: bytes) -> Answer:
    return Answer(HTTPStatus.OK, kind, body, HEADERS)
