"""The latest matches, kept for people to look at: a few a second, a bounded number of bytes."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from velox.base.errors import BadImage
from velox.base.records import Detection, Record
from velox.images.thumbnail import thumbnail

SHOWN = 24
# A picture stays for a while after it has left the page, as a browser may be just about to ask.
KEPT = 2 * SHOWN
# A person follows no more; the others of a fast stream are counted, not shown.
PER_SECOND = 4.0
BYTES = 32 * 1024 * 1024
THUMBNAIL_PIXELS = 320
# Pixels decoded for a thumbnail at most: memory that the pipeline does not have to share.
MOST_DECODED = 8_000_000
# While one picture is made the next ones wait: looking takes at most one core from the pipeline.
TURN_TIMEOUT_S = 3.0


@dataclass(slots=True, eq=False)
class Match:
    """One match on show.

    Attributes:
        key: names it in an address; no other match of any process has it.
        detection: what was stored.
        image: the encoded image as it came, until its thumbnail is made.
        thumbnail: a JPEG, once somebody has asked for it.
    """

    key: str
    detection: Detection
    image: bytes | None
    thumbnail: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes that it holds on to."""
        return len(self.image or b"") + len(self.thumbnail or b"")


class LatestMatches:
    """A ring of matches. Safe to share between threads.

    The store stage only hands over references; pictures are made when a browser asks, one at a
    time.

    Args:
        max_pixels: pixels above which an image gets no thumbnail.
        clock: monotonic seconds.
    """

    def __init__(self, *, max_pixels: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_pixels = max_pixels
        self._clock = clock
        self._matches: deque[Match] = deque(maxlen=KEPT)
        self._bytes = 0
        self._run = secrets.token_hex(4)
        self._number = 0
        self._allowed = float(SHOWN)
        self._refilled = clock()
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def add(self, matches: Sequence[tuple[Detection, Record]]) -> None:
        """Take the last of these matches, as many as the pace allows."""
        with self._lock:
            now = self._clock()
            self._allowed = min(SHOWN, self._allowed + PER_SECOND * (now - self._refilled))
            self._refilled = now
            taken = matches[max(0, len(matches) - int(self._allowed)) :]
            self._allowed -= len(taken)
            for detection, record in taken:
                self._number += 1
                self._put(Match(f"{self._run}-{self._number}", detection, record.value))

    def _put(self, match: Match) -> None:
        if len(self._matches) == KEPT:
            self._bytes -= self._matches.popleft().size
        self._matches.append(match)
        self._bytes += match.size
        while self._bytes > BYTES:
            self._bytes -= self._matches.popleft().size

    def newest_first(self) -> list[Match]:
        """The matches on show."""
        with self._lock:
            return list(reversed(self._matches))[:SHOWN]

    def thumbnail(self, key: str) -> bytes | None:
        """A match's picture as a JPEG, made at the first call.

        Returns:
            None when the match is not on show any more or its image cannot be shown.

        Raises:
            TimeoutError: when too many pictures are being asked for.
        """
        if not self._turn.acquire(timeout=TURN_TIMEOUT_S):
            raise TimeoutError("too many pictures are asked for at once")
        try:
            with self._lock:
                match = next((each for each in self._matches if each.key == key), None)
            if match is None:
                return None
            if match.thumbnail is None and match.image is not None:
                self._make(match, match.image)
            return match.thumbnail
        finally:
            self._turn.release()

    def _make(self, match: Match, image: bytes) -> None:
        """Put a thumbnail in the place of the image."""
        try:
            small = thumbnail(
                image,
                longest=THUMBNAIL_PIXELS,
                max_pixels=self._max_pixels,
                max_whole=min(self._max_pixels, MOST_DECODED),
            )
        except BadImage:
            small = None
        with self._lock:
            before = match.size
            match.thumbnail, match.image = small, None
            if match in self._matches:
                self._bytes += match.size - before
