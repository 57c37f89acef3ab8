"""How an image is turned and mirrored before it is looked at."""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Turn(NamedTuple):
    """First it is turned, then mirrored.

    Attributes:
        quarters: of a whole turn, anticlockwise.
        mirror: `left-right` or `top-bottom`, which are exchanged; empty for neither.
    """

    quarters: int = 0
    mirror: str = ""


_LEFT_RIGHT, _TOP_BOTTOM = "left-right", "top-bottom"
# Of the tag Orientation (CIPA DC-008, Exif 2.32, section 4.6.4).
_OF_EXIF = {
    2: Turn(0, _LEFT_RIGHT),
    3: Turn(2),
    4: Turn(0, _TOP_BOTTOM),
    5: Turn(1, _TOP_BOTTOM),
    6: Turn(3),
    7: Turn(1, _LEFT_RIGHT),
    8: Turn(1),
}
_ORIENTATION, _SHORT = 274, 3

# Of the item properties ImageRotation and ImageMirror, which follow in this order (ISO/IEC
# 23008-12:2022, 6.5.10 and 6.5.12; ISO/IEC 23000-22, 7.3.6.7).
_IROT = re.compile(rb"\0\0\0\x09irot(.)", re.DOTALL)
_IMIR = re.compile(rb"\0\0\0\x09imir(.)", re.DOTALL)


def turned(image: NDArray[np.uint8], turn: Turn) -> NDArray[np.uint8]:
    """Turn and mirror an image uint8 [height, width, channels]."""
    image = np.rot90(image, turn.quarters)
    if turn.mirror:
        image = image[:, ::-1] if turn.mirror == _LEFT_RIGHT else image[::-1]
    return np.ascontiguousarray(image)


def of_exif(exif: bytes) -> Turn:
    """What EXIF data ask for; nothing where they cannot be read."""
    order = "<" if exif[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, entry)
            if tag == _ORIENTATION and kind == _SHORT:
                return _OF_EXIF.get(value, Turn())
    except struct.error:
        pass
    return Turn()


def of_avif(data: bytes) -> Turn | None:
    """What the container asks for; None where it says nothing.

    The properties of all images of a file count, and must not differ.

    Raises:
        ValueError: when they do.
    """
    rotations = {found[1][0] & 3 for found in _IROT.finditer(data)}
    mirrors = {found[1][0] & 1 for found in _IMIR.finditer(data)}
    if not rotations and not mirrors:
        return None
    if len(rotations) > 1 or len(mirrors) > 1:
        raise ValueError
    mirror = {0: _TOP_BOTTOM, 1: _LEFT_RIGHT}[mirrors.pop()] if mirrors else ""
    return Turn(rotations.pop() if rotations else 0, mirror)
