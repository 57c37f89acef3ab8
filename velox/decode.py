"""Encoded bytes to a fixed-size image, or a named reason why not."""

from __future__ import annotations

import math
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
# Up to this ratio the two neighbours in each direction that bilinear sampling takes stand for
# all that a pixel of the result covers.
_LARGEST_BILINEAR_RATIO = 1.2

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
        uint8 RGB [size, size, 3].

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
            # Not IMREAD_COLOR_RGB, which some formats ignore (PAM); of so few pixels it is as fast.
            return np.asarray(cv2.cvtColor(_resized(image, size), cv2.COLOR_BGR2RGB), np.uint8)
    except cv2.error as error:
        reason = (error.err or "unknown").splitlines()[0]
        raise UndecodableImage(
            f"the {header.extension} image cannot be decoded: {reason}"
        ) from error


def _resized(image: cv2.typing.MatLike, size: int) -> cv2.typing.MatLike:
    """Resize to a square so that every pixel of the image counts.

    Bilinear sampling to a whole multiple of the size, then means of whole blocks: for that OpenCV
    has fast code, and the result is closer to an antialiased resize than its own INTER_AREA is.
    """
    height, width = image.shape[:2]
    wide, high = (_whole_factor(side / size) * size for side in (width, height))
    if (height, width) != (high, wide):
        image = cv2.resize(image, (wide, high), interpolation=cv2.INTER_LINEAR)
    if (high, wide) != (size, size):
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return image


def _whole_factor(ratio: float) -> int:
    return max(1, math.ceil(ratio - _LARGEST_BILINEAR_RATIO + 1))


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
