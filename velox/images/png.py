"""What a PNG says: its size, whether it is whole, what is transparent (PNG, third edition)."""

from __future__ import annotations

import struct
from typing import NamedTuple

_END = b"\0\0\0\0IEND"
# Each may unpack to 8 MB, the limit of libpng, whatever its own length.
_PACKED, _MOST_PACKED = (b"zTXt", b"iTXt", b"iCCP"), 20
_GREY, _COLORS = 0, 2


class Png(NamedTuple):
    """What the chunks say.

    Attributes:
        width, height: in pixels.
        complete: whether the last chunk is there.
        bytes_a_pixel: as OpenCV holds it unchanged.
        transparent: of a grey image, the number that is transparent, if one is; as one of 8 bits,
            to which fewer are scaled, or of 16.
    """

    width: int
    height: int
    complete: bool
    transparent: int | None
    bytes_a_pixel: int


def read(data: bytes) -> Png | None:
    """Follows the chunks to their end: OpenCV makes room for whatever length a chunk claims."""
    width, height = struct.unpack_from(">II", data, 16)
    at, packed = 8, 0
    while at + len(_END) <= len(data) and not data.startswith(_END, at):
        packed += data.startswith(_PACKED, at + 4)
        at += 12 + int.from_bytes(data[at : at + 4])
    if packed > _MOST_PACKED:
        return None
    clear = data.find(b"tRNS", 0, data.find(b"IDAT"))
    transparent = _grey_of_8_or_16_bits(data, clear) if clear > 0 and data[25] == _GREY else None
    numbers = (3 if data[25] == _COLORS and clear < 0 else 4) * (1 + data[24] // 16)
    return Png(width, height, at + len(_END) <= len(data), transparent, numbers)


def _grey_of_8_or_16_bits(data: bytes, chunk: int) -> int:
    bits = data[24]
    (value,) = struct.unpack_from(">H", data, chunk + 4)
    return int(value) * 255 // (2**bits - 1) if bits < 8 else int(value)
