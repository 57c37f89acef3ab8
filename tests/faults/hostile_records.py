"""Records made to cost more than themselves: by shape, by header, by key, by number, by text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from tests.faults import odd_images
from tests.rig import pictures

Record = dict[str, Any]
# Just below what the broker takes, framing and all.
LARGE = 8_000_000
LARGE_RECORDS = 25
TEXTS = 300
EMPTY = 2000
# The most that MAX_IMAGE_PIXELS allows by default, or nearly so.
WIDE, LOW = 1_000_000, 49
SIDE = 7000


def good(count: int) -> Iterator[Record]:
    for number in range(count):
        yield {"key": f"good-{number}", "value": pictures.encoded(number)}


def images() -> Iterator[Record]:
    """Images that must be classified, whatever their shape."""
    low = _encoded(".png", np.zeros((1, WIDE, 3), np.uint8))
    for copy in range(8):
        yield {"key": f"low-{copy}", "value": low}
    yield {"key": "high", "value": _encoded(".png", np.zeros((WIDE, 1, 3), np.uint8))}
    large = {
        "png wide": _encoded(".png", np.zeros((LOW, WIDE, 3), np.uint8)),
        "png": _encoded(".png", np.zeros((SIDE, SIDE, 3), np.uint8)),
        "jpeg progressive": _encoded(
            ".jpg", np.zeros((SIDE, SIDE, 3), np.uint8), cv2.IMWRITE_JPEG_PROGRESSIVE, 1
        ),
        "gif": _encoded(".gif", np.zeros((SIDE, SIDE, 3), np.uint8)),
        "tiff": _encoded(".tiff", np.zeros((SIDE, SIDE, 4), np.uint16), 278, SIDE),
    }
    for copy in range(2):
        for name, value in large.items():
            yield {"key": f"{name}-{copy}", "value": value}


def headers_and_keys() -> Iterator[Record]:
    """Good images that carry far more than themselves."""
    for number in range(LARGE_RECORDS):
        large = {"exif": b"x" * LARGE}
        yield {"key": f"header-{number}", "value": pictures.encoded(number), "headers": large}
        key = f"{number:03d}".encode() + b"k" * LARGE
        yield {"key": key, "value": pictures.encoded(number)}


NASTY = ("line\nMATCH: forged\n" + "\x1b[2J" * 10 + "x" * 20_000).encode()
NO_TEXT: dict[str, bytes] = {"source": NASTY, "label": b"\xff\xfe" * 100, "": b""}


def texts() -> Iterator[Record]:
    """Good images whose headers are no text, or much of it."""
    for number in range(TEXTS):
        yield {"key": f"text-{number}", "value": pictures.encoded(number), "headers": NO_TEXT}


def no_images() -> Iterator[Record]:
    """Records whose value and headers are texts, and must become dead letters."""
    for number in range(TEXTS):
        yield {"key": f"no-image-{number}", "value": NASTY, "headers": NO_TEXT}


def bombs() -> Iterator[Record]:
    """Records that must become dead letters and cost next to nothing."""
    for copy in range(20):
        yield {"key": f"png-bomb-{copy}", "value": odd_images.png_bomb()}
        yield {"key": f"jpeg-bomb-{copy}", "value": odd_images.jpeg_bomb()}
    for number in range(EMPTY):
        yield {"key": f"empty-{number}", "value": None}


def _encoded(extension: str, image: np.ndarray, *options: int) -> bytes:
    done, data = cv2.imencode(extension, image, options)
    assert done
    return bytes(data)
