"""Encoded bytes to a fixed-size image, or a named reason why not."""

from __future__ import annotations

import time
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from velox.base.errors import ImageTooLarge, OutOfMemory, UndecodableImage
from velox.images import header as image_header
from velox.images.cropping import Crop
from velox.images.fitting import fitted
from velox.images.foreign import sent_instead
from velox.images.memory import BYTES_A_PIXEL, BYTES_A_RESULT_PIXEL, Gate, needed
from velox.images.preprocessing import Preprocessing
from velox.images.reading import check_kind, comes_as_rgb, is_unchanged, read_colors

# Small images are not refused for what their format takes.
_FREE_PIXELS = 1_000_000

# Looks at a lack of memory: others of the process may give some back meanwhile.
_ATTEMPTS_ALONE = 3
_BETWEEN_ATTEMPTS_S = 0.5
# OpenCV's Error::Code, core/base.hpp.
_NO_MEMORY = -4

gate = Gate()
PLAIN = Preprocessing()


@cache
def quieten() -> None:
    """Let OpenCV print nothing of its own in this process: it has a line for every odd image."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def one_core_an_image() -> None:
    """Let OpenCV start no threads of its own in this process: images are decoded side by side."""
    cv2.setNumThreads(1)


def decode(
    data: bytes | None,
    *,
    size: int,
    max_pixels: int,
    preprocessing: Preprocessing = PLAIN,
    out: NDArray[np.uint8] | None = None,
    crop: Crop | None = None,
) -> NDArray[np.uint8]:
    """Decode one image and make a square of it, as a model expects it.

    It is turned as its EXIF data or, of an AVIF, its container ask for.

    Args:
        data: an encoded image in any format that OpenCV reads.
        size: height and width of the result in pixels.
        max_pixels: pixels above which the image is refused before anything is decoded.
        preprocessing: what the model was trained with.
        out: uint8 [size, size, 3] that takes the result, a row of a batch; None for a new one.
        crop: the part of it that is looked at, cut out before all else; None for the whole.

    Returns:
        uint8 RGB [size, size, 3]; it is `out` where that is given.

    Raises:
        UndecodableImage: when the bytes are missing, not an image, cut short, or of a kind that
            would be read wrongly or is not wanted.
        ImageTooLarge: when the image claims more than `max_pixels`, or takes more memory to decode
            than most formats do at so many.
        OutOfMemory: when the process has no memory for it, not even with nothing else decoding.
    """
    quieten()
    if not data:
        raise UndecodableImage("the record has no value" if data is None else "the value is empty")
    header = image_header.read(data)
    if header is None:
        instead = sent_instead(data)
        raise UndecodableImage(
            f"the {len(data)} bytes are in no known image format"
            + (f", but {instead}" if instead else "")
        )
    need = needed(header, data, unchanged=is_unchanged(header, preprocessing))
    check_size(header, need, max_pixels)
    need += BYTES_A_RESULT_PIXEL * size * size
    if not header.complete:
        raise UndecodableImage(f"the {header.extension} image is cut short")
    check_kind(header, data, preprocessing)
    if out is None:
        out = np.empty((size, size, 3), np.uint8)
    taken = gate.enter(need)
    try:
        return _decoded(data, header, preprocessing, out, crop)
    except (UndecodableImage, OutOfMemory):
        pass
    finally:
        gate.leave(taken)
    return _decoded_alone(data, header, need, preprocessing, out, crop)


def check_size(header: image_header.Header, need: int, max_pixels: int) -> None:
    """Refuse an image by its header.

    Args:
        header: of the image.
        need: bytes that it takes, see `decode_memory.needed`.
        max_pixels: pixels above which it is refused.

    Raises:
        ImageTooLarge: when it is.
    """
    if header.width * header.height > max_pixels:
        raise ImageTooLarge(
            f"{header.width} x {header.height} pixels are more than MAX_IMAGE_PIXELS={max_pixels}"
        )
    if need > BYTES_A_PIXEL * max(max_pixels, _FREE_PIXELS):
        raise ImageTooLarge(
            f"to decode {header.width} x {header.height} pixels of {header.extension} takes {need} "
            f"bytes, more than {BYTES_A_PIXEL} for each pixel of MAX_IMAGE_PIXELS={max_pixels}"
        )


def _decoded(
    data: bytes,
    header: image_header.Header,
    preprocessing: Preprocessing,
    out: NDArray[np.uint8],
    crop: Crop | None,
) -> NDArray[np.uint8]:
    reason, size, rgb = "", len(out), comes_as_rgb(header)
    try:
        image = read_colors(data, header, size, preprocessing, rgb=rgb, crop=crop)
        if image is not None:
            if crop is not None:
                image = crop.of(image)
            if not rgb:
                square = fitted(image, size, preprocessing)
                cv2.cvtColor(square, cv2.COLOR_BGR2RGB, out)
            elif (square := fitted(image, size, preprocessing, rgb=True, out=out)) is not out:
                out[:] = square
            return out
    except MemoryError as error:
        raise OutOfMemory(str(error)) from error
    except cv2.error as error:
        if getattr(error, "code", 0) == _NO_MEMORY or "bad_alloc" in str(error):
            raise OutOfMemory(str(error)) from error
        reason = ": " + (getattr(error, "err", "") or "unknown").splitlines()[0]
    raise UndecodableImage(f"the {header.extension} image cannot be decoded{reason}")


def _decoded_alone(
    data: bytes,
    header: image_header.Header,
    need: int,
    preprocessing: Preprocessing,
    out: NDArray[np.uint8],
    crop: Crop | None,
) -> NDArray[np.uint8]:
    """Tell an image that cannot be decoded from a process without memory.

    A decoder that gets no memory fails as for a damaged image, so what failed is decoded once more
    with nothing beside it, and is at fault only where its memory could be had.
    """
    taken = gate.enter_alone()
    try:
        for attempt in range(_ATTEMPTS_ALONE):
            if attempt:
                time.sleep(_BETWEEN_ATTEMPTS_S)
            try:
                return _decoded(data, header, preprocessing, out, crop)
            except UndecodableImage:
                if _can_be_had(need):
                    raise
            except OutOfMemory:
                continue
    finally:
        gate.leave(taken)
    raise OutOfMemory(
        f"no memory to decode an image of {header.width} x {header.height} pixels, which takes "
        f"up to {need} bytes; raise the memory limit or lower MAX_IMAGE_PIXELS"
    )


def _can_be_had(need: int) -> bool:
    try:
        np.empty(need, np.uint8)
    except MemoryError:
        return False
    return True
