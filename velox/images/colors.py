"""Whatever numbers a file holds as 8 bits of blue, green and red."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from velox.base.errors import UndecodableImage
from velox.images.header import Header
from velox.images.preprocessing import OF_IMAGE, Preprocessing

Numbers = NDArray[Any]
Pixels = NDArray[np.uint8]

# So many pixels are worked on at a time: what is in between stays small and near.
_STRIP_PIXELS = 32_768
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
    if _is_plain(image) and (black, white) == (0, 255) and not (reading.inverted or reading.rgb):
        opaque = image[..., : 1 if image.shape[2] <= 2 else 3]
        if opaque.shape[2] == 1:
            return np.asarray(cv2.cvtColor(opaque, cv2.COLOR_GRAY2BGR), np.uint8)
        return np.ascontiguousarray(opaque)
    if reading.inverted:
        black, white = white, black
    height, width = image.shape[:2]
    made = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = image[top : top + rows]
        values = _scaled(strip[..., : 1 if strip.shape[2] <= 2 else 3], black, white)
        if reading.rgb:
            values = values[..., ::-1]
        if strip.shape[2] in (2, 4) and preprocessing.background is not None:
            share = strip[..., -1:] * np.float32(1 / _peak(image.dtype, reading.white))
            background = np.array(preprocessing.background[::-1], np.float32)
            values = background + share * (values - background)
        np.clip(np.rint(values), 0, 255, out=made[top : top + rows], casting="unsafe")
    return made


def _is_plain(image: Numbers) -> bool:
    """Whether it has 8 bits and nothing of it is transparent."""
    if image.dtype != np.uint8:
        return False
    return image.shape[2] in (1, 3) or int(image[..., -1].min()) == 255


def _with_alpha(grey: Numbers, transparent: int) -> Numbers:
    alpha = np.where(grey == transparent, 0, np.iinfo(grey.dtype).max).astype(grey.dtype)
    return np.concatenate((grey, alpha), axis=2)


def _peak(kind: np.dtype[Any], white: int) -> int:
    """The greatest number of a type, which for those with a point is 1."""
    return white or (1 if kind.kind == "f" else int(np.iinfo(kind).max))


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
    if image.shape[2] in (2, 4):
        seen = image[image[..., -1] > 0][..., :-1]
        image = seen if seen.size else image[..., :-1]
    least, greatest = float(image.min()), float(image.max())
    if not (np.isfinite(least) and np.isfinite(greatest)):
        raise UndecodableImage(f"the {header.extension} image has values that are no numbers")
    return least, greatest if greatest > least else least + 1
