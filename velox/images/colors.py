"""Whatever numbers a file holds as 8 bits of blue, green and red."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from velox.base.errors import UndecodableImage
from velox.images.header import Header, Reading
from velox.images.preprocessing import OF_IMAGE, Color, Preprocessing

Numbers = NDArray[Any]
Pixels = NDArray[np.uint8]

# So many pixels are worked on at a time: what is in between stays small and near.
_STRIP_PIXELS = 32_768
_WHITE, _BLACK = 255, (0, 0, 0)
# Radiance says what 1 is, and that there is more (G. Ward, "Real Pixels"); what is brighter is
# white. Other formats say nothing of what their numbers mean.
_BRIGHTER_THAN_WHITE = ".hdr"
# Bytes of an integer that float32 holds without rounding.
_EXACT_IN_32_BITS = 2


def colors(image: Numbers, header: Header, preprocessing: Preprocessing) -> Pixels:
    """Make 8 bits of three colours of what OpenCV has read unchanged.

    Args:
        image: [height, width] or [height, width, channels] of any type: grey, grey and alpha,
            three colours, or these and alpha.
        header: of the file.
        preprocessing: its `background` and `value_range` say how.

    Returns:
        uint8 BGR [height, width, 3].

    Raises:
        UndecodableImage: when nothing says which of its numbers are black and white.
    """
    reading = header.reading
    if image.ndim == 2:
        image = image[..., np.newaxis]
    if reading.transparent is not None:
        image = _with_alpha(image, reading.transparent)
    if image.shape[2] in (2, 4) and preprocessing.background is None:
        image = image[..., :-1]
    black, white = _range(image, header, preprocessing)
    common = image.dtype == np.uint8 and white == _WHITE and not (reading.inverted or reading.rgb)
    if common and _is_opaque(image):
        return _three(image)
    make: Callable[[Any, Color | None], Pixels]
    make = partial(_whatever, reading=reading, black=black, white=white)
    if common and image.shape[2] == 4:
        make = _common
    height, width = image.shape[:2]
    made = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // width)
    for top, left in product(range(0, height, rows), range(0, width, _STRIP_PIXELS)):
        part = np.s_[top : top + rows, left : left + _STRIP_PIXELS]
        made[part] = make(image[part], preprocessing.background)
    return made


def _is_opaque(image: Pixels) -> bool:
    return image.shape[2] in (1, 3) or int(image[..., -1].min()) == _WHITE


def _three(image: Pixels) -> Pixels:
    """The colours of what has 8 bits."""
    if image.shape[2] <= 2:
        return np.asarray(cv2.cvtColor(image[..., :1], cv2.COLOR_GRAY2BGR), np.uint8)
    return np.ascontiguousarray(image[..., :3])


def _common(strip: Pixels, background: Color | None) -> Pixels:
    """Four channels of 8 bits; to one of 255 as `_whatever` has it, and several times as fast."""
    alpha = cv2.cvtColor(cv2.extractChannel(strip, 3), cv2.COLOR_GRAY2BGR)
    clear = np.arange(_WHITE, -1, -1)[:, np.newaxis] * np.array((background or _BLACK)[::-1])
    behind = cv2.LUT(alpha, np.rint(clear / _WHITE).astype(np.uint8)[np.newaxis])
    seen = cv2.multiply(cv2.cvtColor(strip, cv2.COLOR_BGRA2BGR), alpha, scale=1 / _WHITE)
    return np.asarray(cv2.add(seen, behind), np.uint8)


def _whatever(
    strip: Numbers, background: Color | None, *, reading: Reading, black: float, white: float
) -> Pixels:
    """Any numbers of one to four channels."""
    if reading.inverted:
        black, white = white, black
    values = _scaled(strip[..., : 1 if strip.shape[2] <= 2 else 3], black, white)
    if reading.rgb:
        values = values[..., ::-1]
    if strip.shape[2] in (2, 4) and background is not None:
        share = strip[..., -1:] * np.float32(1 / _peak(strip.dtype, reading.white))
        behind = np.array(background[::-1], np.float32)
        values = behind + share * (values - behind)
    return np.asarray(np.clip(np.rint(values), 0, _WHITE), np.uint8)


def _with_alpha(grey: Numbers, transparent: int) -> Numbers:
    alpha = np.where(grey == transparent, 0, np.iinfo(grey.dtype).max).astype(grey.dtype)
    return np.concatenate((grey, alpha), axis=2)


def _peak(kind: np.dtype[Any], white: int) -> int:
    """The greatest number of a type, which for those with a point is 1."""
    return white or (1 if kind.kind == "f" else int(np.iinfo(kind).max))


def _ends(kind: np.dtype[Any]) -> tuple[int, int]:
    return int(np.iinfo(kind).min), int(np.iinfo(kind).max)


def _scaled(values: Numbers, black: float, white: float) -> NDArray[np.floating[Any]]:
    scale = 255 / (white - black)
    if values.dtype.itemsize <= _EXACT_IN_32_BITS:
        return (values.astype(np.float32) - np.float32(black)) * np.float32(scale)
    return (values.astype(np.float64) - black) * scale


def _range(image: Numbers, header: Header, preprocessing: Preprocessing) -> tuple[float, float]:
    """The numbers that become 0 and 255."""
    kind = image.dtype
    if kind == np.uint8:
        return 0, _peak(kind, header.reading.white)
    if preprocessing.value_range == OF_IMAGE:
        return _own_range(image, header)
    if kind == np.uint16:
        return 0, _peak(kind, header.reading.white)
    if header.extension == _BRIGHTER_THAN_WHITE:
        return 0, 1
    least, greatest = _own_range(image, header)
    if kind.kind == "f" and least >= 0 and greatest <= 1:
        return 0, 1
    raise UndecodableImage(
        f"the {header.extension} image has numbers of the type {kind} from {least:g} to "
        f"{greatest:g}, and nothing says which are black and white; train with VALUE_RANGE=image "
        "to take the darkest and the brightest of each image"
    )


def _own_range(image: Numbers, header: Header) -> tuple[float, float]:
    """Of what can be seen; without a copy of it, which would be as large as the image."""
    seen: Numbers = np.ones((1, 1, 1), np.bool_)
    if image.shape[2] in (2, 4):
        image, seen = image[..., :-1], image[..., -1:] > 0
        if not seen.any():
            return 0, 1
    lowest, highest = (-np.inf, np.inf) if image.dtype.kind == "f" else _ends(image.dtype)
    least = float(image.min(where=seen, initial=highest))
    greatest = float(image.max(where=seen, initial=lowest))
    if not (np.isfinite(least) and np.isfinite(greatest)):
        raise UndecodableImage(f"the {header.extension} image has values that are no numbers")
    return least, greatest if greatest > least else least + 1
