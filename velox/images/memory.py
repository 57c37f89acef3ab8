"""What decoding an image takes of memory, and how much of it is taken at a time."""

from __future__ import annotations

import threading

from velox.images.header import Header

# What an image may take for each pixel of MAX_IMAGE_PIXELS.
BYTES_A_PIXEL = 17
# What decoding and resizing hold at their peak for each pixel, measured in processes of their own
# with OpenCV 5.0 in the costliest form of each format (16 bits, alpha, one strip, animated). All
# others stay below 13.
_MOST_OTHERS = 13
_BYTES_A_PIXEL = {".avif": 21, ".hdr": 16, ".j2k": 22, ".jp2": 22, ".pfm": 38}
# Alpha is a second image of the same size; no AVIF has any without a property of this type.
_AVIF_ALPHA, _BYTES_A_PIXEL_WITH_ALPHA = b"auxC", 40
# Of an image's own numbers, where its header does not say: four of 8 bits. Then three of the
# colours that are made of them, and three while these are turned.
_BYTES_OF_NUMBERS, _COLORS_AND_TURNED = 4, 6
# The result and what is in between, for each pixel of the result.
BYTES_A_RESULT_PIXEL = 12

# Above this an image is decoded alone; 8 million pixels of most formats.
LARGE_BYTES = 8_000_000 * _MOST_OTHERS
# Those below it share so much.
SHARED_BYTES = 4 * LARGE_BYTES
# Below this there is no waiting: all threads together take less of it than one large image.
SMALL_BYTES = 4_000_000


def needed(header: Header, data: bytes, *, unchanged: bool = False) -> int:
    """Bytes that it takes at most to decode an image and to resize it, without the result.

    Args:
        header: of the image.
        data: the image.
        unchanged: whether its own numbers are taken, see `velox.images.reading`.
    """
    each = _BYTES_A_PIXEL.get(header.extension, _MOST_OTHERS)
    if unchanged:
        # A file may be one strip, which is held beside the image that is made of it.
        numbers = header.reading.bytes_a_pixel or _BYTES_OF_NUMBERS
        each = max(each, 2 * numbers + _COLORS_AND_TURNED)
    if header.extension == ".avif" and _AVIF_ALPHA in data:
        each = _BYTES_A_PIXEL_WITH_ALPHA
    return each * header.width * header.height


class Gate:
    """Lets so many bytes through at a time, and what is larger than that alone.

    Args:
        shared: bytes for all.
        large: bytes from which on one goes alone.
    """

    def __init__(self, shared: int = SHARED_BYTES, large: int = LARGE_BYTES) -> None:
        self._shared = shared
        self._large = large
        self._free = shared
        self._waiting = 0
        self._changed = threading.Condition()

    def enter(self, need: int) -> int:
        """Wait for so many bytes and take them; returns what `leave` is to be given."""
        if need < SMALL_BYTES:
            return 0
        taken = need if need <= self._large else self._shared
        with self._changed:
            while self._free < taken:
                self._waiting += 1
                self._changed.wait()
                self._waiting -= 1
            self._free -= taken
        return taken

    def enter_alone(self) -> int:
        """Take all there is: nobody else is inside but with small images."""
        return self.enter(self._shared)

    def leave(self, taken: int) -> None:
        """Give back."""
        if not taken:
            return
        with self._changed:
            self._free += taken
            if self._waiting:
                self._changed.notify_all()
