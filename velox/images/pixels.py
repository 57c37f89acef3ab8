"""Encoded bytes to a fixed-size image, or a named reason why not."""

from __future__ import annotations

import math
import time
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from velox.base.errors import ImageTooLarge, OutOfMemory, UndecodableImage
from velox.images import header as image_header
from velox.images.memory import BYTES_A_PIXEL, BYTES_A_RESULT_PIXEL, Gate, needed

# Decoding a JPEG at 1/2, 1/4 or 1/8 skips most of the work and averages as it goes.
_REDUCED = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)
# Up to this ratio the two neighbours in each direction that bilinear sampling takes stand for
# all that a pixel of the result covers.
_LARGEST_BILINEAR_RATIO = 1.2
# Pixels in between, for each pixel of the image and of the result, above which the axes are resized
# one after the other. Images whose sides are both at least as long as the result's stay below.
_MOST_BETWEEN = 3

# Small images are not refused for what their format takes.
_FREE_PIXELS = 1_000_000

# Looks at a lack of memory: others of the process may give some back meanwhile.
_ATTEMPTS_ALONE = 3
_BETWEEN_ATTEMPTS_S = 0.5
# OpenCV's Error::Code, core/base.hpp.
_NO_MEMORY = -4

gate = Gate()


@cache
def quieten() -> None:
    """Let OpenCV print nothing of its own in this process: it has a line for every odd image."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def one_core_an_image() -> None:
    """Let OpenCV start no threads of its own in this process: images are decoded side by side."""
    cv2.setNumThreads(1)


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
        ImageTooLarge: when the image claims more than `max_pixels`, or takes more memory to decode
            than most formats do at so many.
        OutOfMemory: when the process has no memory for it, not even with nothing else decoding.
    """
    quieten()
    if not data:
        raise UndecodableImage("the record has no value" if data is None else "the value is empty")
    header = image_header.read(data)
    if header is None:
        raise UndecodableImage(f"the {len(data)} bytes are in no known image format")
    need = needed(header, data)
    check_size(header, need, max_pixels)
    need += BYTES_A_RESULT_PIXEL * size * size
    if not header.complete:
        raise UndecodableImage(f"the {header.extension} image is cut short")
    taken = gate.enter(need)
    try:
        return _decoded(data, header, size)
    except (UndecodableImage, OutOfMemory):
        pass
    finally:
        gate.leave(taken)
    return _decoded_alone(data, header, size, need)


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
            f"{header.width} x {header.height} pixels of {header.extension} take {need} bytes to "
            f"decode, more than {BYTES_A_PIXEL} for each pixel of MAX_IMAGE_PIXELS={max_pixels}"
        )


def _decoded(data: bytes, header: image_header.Header, size: int) -> NDArray[np.uint8]:
    reason = ""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), reduced(header, size))
        if image is not None:
            # Not IMREAD_COLOR_RGB, which some formats ignore (PAM); of so few pixels it is as fast.
            return np.asarray(cv2.cvtColor(_resized(image, size), cv2.COLOR_BGR2RGB), np.uint8)
    except MemoryError as error:
        raise OutOfMemory(str(error)) from error
    except cv2.error as error:
        if getattr(error, "code", 0) == _NO_MEMORY or "bad_alloc" in str(error):
            raise OutOfMemory(str(error)) from error
        reason = ": " + (getattr(error, "err", "") or "unknown").splitlines()[0]
    raise UndecodableImage(f"the {header.extension} image cannot be decoded{reason}")


def _decoded_alone(
    data: bytes, header: image_header.Header, size: int, need: int
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
                return _decoded(data, header, size)
            except UndecodableImage:
                if _can_be_had(need):
                    raise
            except OutOfMemory:
                continue
    finally:
        gate.leave(taken)
    raise OutOfMemory(
        f"no memory to decode an image of {header.width} x {header.height} pixels, which takes "
        f"{need} bytes at most; raise the memory limit or lower MAX_IMAGE_PIXELS"
    )


def _can_be_had(need: int) -> bool:
    try:
        np.empty(need, np.uint8)
    except MemoryError:
        return False
    return True


def _resized(image: cv2.typing.MatLike, size: int) -> cv2.typing.MatLike:
    """Resize to a square so that every pixel of the image counts.

    Where one axis shrinks and the other grows much, the one that shrinks goes first: else an image
    one pixel high would be made `size` pixels high at its full width.
    """
    height, width = image.shape[:2]
    wide, high = (_whole_multiple(side, size) for side in (width, height))
    if wide * high > _MOST_BETWEEN * (width * height + size * size):
        if width > height:
            # By columns, OpenCV keeps 36 bytes for each of them, more than a low image has itself.
            image = cv2.transpose(_scaled(cv2.transpose(image), height, size))
        else:
            image = _scaled(image, width, size)
    return _scaled(image, size, size)


def _scaled(image: cv2.typing.MatLike, width: int, height: int) -> cv2.typing.MatLike:
    """Resize each axis on its own terms.

    Bilinear sampling to a whole multiple of the size, then means of whole blocks: for that OpenCV
    has fast code, and the result is closer to an antialiased resize than its own INTER_AREA is.
    """
    wide = _whole_multiple(image.shape[1], width)
    high = _whole_multiple(image.shape[0], height)
    if image.shape[:2] != (high, wide):
        image = cv2.resize(image, (wide, high), interpolation=cv2.INTER_LINEAR)
    if (high, wide) != (height, width):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return image


def _whole_multiple(side: int, size: int) -> int:
    """The whole multiple of `size` to sample to, so that the rest are means of whole blocks."""
    return max(1, math.ceil(side / size - _LARGEST_BILINEAR_RATIO + 1)) * size


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
