"""The live page: what the consumer is finding, in a browser."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from velox.monitoring.health import Health
from velox.monitoring.live.matches import LatestMatches
from velox.monitoring.live.state import LiveState
from velox.monitoring.metrics import Metrics
from velox.monitoring.pages import HEADERS, file_answer, shared_files
from velox.monitoring.server import TEXT, Answer, Route

FILES = {"/": "page.html", "/live.css": "page.css", "/live.js": "page.js"}
_HERE = Path(__file__).parent
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
        parts = {path: file_answer(_HERE / name) for path, name in FILES.items()}
        return {
            **{path: _always(each) for path, each in (shared_files() | parts).items()},
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


def _always(answer: Answer) -> Route:
    return lambda _query: answer


def _ok(kind: str, body: bytes) -> Answer:
    return Answer(HTTPStatus.OK, kind, body, HEADERS)
