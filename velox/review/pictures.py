"""Small pictures of the images that wait, and which of them show nearly the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from velox.base.errors import BadImage
from velox.images.near import Sketches
from velox.images.thumbnail import thumbnail
from velox.review.alike import numbered, sketched
from velox.stores.review_interface import Verdicts

PIXELS = 320
# Of the pictures that were made last; some 10 kB each.
KEPT = 4000
BYTES = 64 * 1024 * 1024
# Pixels decoded at their full size at most, as for the live page.
MOST_DECODED = 8_000_000
TURN_TIMEOUT_S = 10.0


class Pictures:
    """Makes pictures, one at a time, and remembers the latest. Safe to share between threads.

    Args:
        store: where the images are.
        max_pixels: pixels above which an image gets no picture.
    """

    def __init__(self, store: Verdicts, *, max_pixels: int) -> None:
        self._store = store
        self._max_pixels = max_pixels
        self._made: OrderedDict[str, bytes | None] = OrderedDict()
        self._bytes = 0
        self._sketches: dict[str, Sketches | None] = {}
        self._turn = threading.Lock()

    def picture(self, identity: str) -> bytes | None:
        """The picture of an image as a JPEG.

        Returns:
            None where there is no such image, or none that can be shown.

        Raises:
            TimeoutError: when too many pictures are being asked for.
            StoreUnavailable: when the store cannot be read.
        """
        if not self._turn.acquire(timeout=TURN_TIMEOUT_S):
            raise TimeoutError("too many pictures are asked for at once")
        try:
            return self._picture(identity)
        finally:
            self._turn.release()

    def look(self, ids: Sequence[str], most: int) -> int:
        """Look at images, so that it is known which of them are nearly the same.

        One thread calls this and `groups`.

        Args:
            ids: of them; what is known of others is forgotten.
            most: not yet known that are looked at.

        Returns:
            How many were.
        """
        for gone in self._sketches.keys() - set(ids):
            del self._sketches[gone]
        new = [each for each in ids if each not in self._sketches][:most]
        for each in new:
            with self._turn:
                picture = self._picture(each)
            self._sketches[each] = sketched(picture, max_pixels=PIXELS * PIXELS)
        return len(new)

    def groups(self, ids: Sequence[str]) -> list[int]:
        """The same number for those of these images that are known to be nearly the same."""
        return numbered([self._sketches.get(each) for each in ids])

    def _picture(self, identity: str) -> bytes | None:
        if identity in self._made:
            self._made.move_to_end(identity)
            return self._made[identity]
        image = self._store.image(identity)
        if image is None:
            return None
        made = self._thumbnail(image)
        self._made[identity] = made
        self._bytes += len(made or b"")
        while len(self._made) > KEPT or self._bytes > BYTES:
            self._bytes -= len(self._made.popitem(last=False)[1] or b"")
        return made

    def _thumbnail(self, image: bytes) -> bytes | None:
        try:
            return thumbnail(
                image,
                longest=PIXELS,
                max_pixels=self._max_pixels,
                max_whole=min(self._max_pixels, MOST_DECODED),
            )
        except BadImage:
            return None
