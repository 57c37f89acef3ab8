"""What a WebP says: its size, whether it is whole, whether it moves (RFC 9649)."""

from __future__ import annotations

import struct
from typing import NamedTuple

_SIDE = 0x3FFF
_ANIMATED = 2


class Webp(NamedTuple):
    """The size in pixels, whether no end is missing, and whether there are further frames."""

    width: int
    height: int
    complete: bool
    animated: bool = False


def read(data: bytes) -> Webp | None:
    """Read the first chunk."""
    (length,) = struct.unpack_from("<I", data, 4)
    complete = len(data) >= length + 8
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Webp(width & _SIDE, height & _SIDE, complete)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Webp((bits & _SIDE) + 1, (bits >> 14 & _SIDE) + 1, complete)
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return Webp(width, height, complete, bool(data[20] & _ANIMATED))
    return None
