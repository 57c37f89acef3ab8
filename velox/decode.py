"""Encoded bytes to a fixed-size image, or a named reason why not."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import cv2
import numpy as np
from numpy.typing import NDArray

from velox import image_header
from velox.errors import ImageTooLarge, UndecodableImage

# Decoding a JPEG at 1/2, 1/4 or 1/8 skips most of the work and averages as it goes.
_REDUCED = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)

# Decoding takes up to 17 bytes a pixel (AVIF). Images larger than this are decoded one at a time,
# so that several in one batch need no more memory than one.
_LARGE_PIXELS = 8_000_000
_large_image = threading.Lock()

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode(data: bytes | None, *, size: int, max_pixels: int) -> NDArray[np.uint8]:
    """Decode one image and resize it to a square; the aspect ratio is not kept.

    A rotation in the file's EXIF data is applied, transparency is dropped, 16 bits become 8, and
    of an animation the first frame counts.

    Args:
        data: an encoded image in any format that OpenCV reads.
        size: height and width of the result in pixels.
        max_pixels: pixels above which the image is refused before anything is decoded.

    Returns:
        uint8 RGB [size, size, 3], a view that is not contiguous.

    Raises:
        UndecodableImage: when the bytes are missing, no image, or not all of one.
        ImageTooLarge: when the image claims more than `max_pixels`.
    """
    if not data:
        raise UndecodableImage("the record has no value" if data is None else "the value is empty")
    header = image_header.read(data)
    if header is None:
        raise UndecodableImage(f"the {len(data)} bytes are in no known image format")
    pixels = header.width * header.height
    if pixels > max_pixels:
        raise ImageTooLarge(
            f"{header.width} x {header.height} pixels are more than MAX_IMAGE_PIXELS={max_pixels}"
        )
    if not header.complete:
        raise UndecodableImage(f"the {header.extension} image is cut short")
    try:
        with _large_image if pixels > _LARGE_PIXELS else nullcontext():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), reduced(header, size))
            if image is None:
                raise UndecodableImage(f"the {header.extension} image cannot be decoded")
            if image.shape[:2] != (size, size):
                image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    except cv2.error as error:
        reason = (error.err or "unknown").splitlines()[0]
        raise UndecodableImage(
            f"the {header.extension} image cannot be decoded: {reason}"
        ) from error
    return np.asarray(image, np.uint8)[:, :, ::-1]


def reduced(header: image_header.Header, size: int) -> int:
    """OpenCV's flag for the smallest scale whose sides are all at least `size` pixels long.

    Only JPEG decoders can reduce; other formats are read at their full size.
    """
    shorter = min(header.width, header.height)
    if header.extension == ".jpg":
        for factor, flag in _REDUCED:
            if shorter >= factor * size:
                return flag
    return cv2.IMREAD_COLOR
