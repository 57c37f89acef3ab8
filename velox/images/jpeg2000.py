"""The size of a JPEG 2000 image, in its plain form: few tiles, no tiny blocks, a small palette.

The decoder (OpenJPEG) makes a structure of some kB for each tile and of some hundred bytes for each
precinct and each block of code, and a plane for each colour of the palette, before it reads any of
the pixels: without these bounds 200 bytes cost gigabytes. Markers: ITU-T T.800, annex A.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

# Start of codestream, then the marker of its size (A.5.1).
CODESTREAM = b"\xff\x4f\xff\x51"
_CODING, _CODING_OF_COMPONENT = 0x52, 0x53
_START_OF_TILE, _START_OF_DATA = 0x90, 0x93
_TILE_PART = re.compile(rb"\xff\x90\0\x0a")
_PALETTE = re.compile(rb"pclr..(.)", re.DOTALL)

_MOST_BOXES = _MOST_SEGMENTS = 1000
_MOST_TILE_PARTS = 20_000
_MOST_COMPONENTS = 4
_FREE_TILES, _PIXELS_A_TILE = 16, 64 * 64
# Exponents of two: of the sides of a block of code both together, and of each side of a precinct.
_LEAST_BLOCK = 8
_LEAST_PRECINCT = 6


class Codestream(NamedTuple):
    """What a codestream says: its size in pixels, its components, and the bits of the first."""

    width: int
    height: int
    components: int
    bits: int


def in_boxes(data: bytes) -> Codestream:
    """The codestream that the first box of type `jp2c` holds.

    Raises:
        ValueError, IndexError, struct.error: when the file is not of the plain form.
    """
    at = 0
    for _ in range(_MOST_BOXES):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"jp2c":
            start = at + (16 if length == 1 else 8)
            if any(found[1][0] > _MOST_COMPONENTS for found in _PALETTE.finditer(data, 0, start)):
                raise ValueError
            return codestream(data, start)
        if length < 8:
            break
        at += length
    raise ValueError


def codestream(data: bytes, start: int = 0) -> Codestream:
    """The codestream that begins there; raises as `in_boxes`."""
    if not data.startswith(CODESTREAM, start):
        raise ValueError
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top, components = (
        struct.unpack_from(">IIIIIIIIH", data, start + 8)
    )
    width, height = right - left, bottom - top
    across = -((tile_left - right) // tile_width) if tile_width else 0
    down = -((tile_top - bottom) // tile_height) if tile_height else 0
    most = _FREE_TILES + width * height // _PIXELS_A_TILE
    if not 0 < across * down <= most or components > _MOST_COMPONENTS:
        raise ValueError
    _check_segments(data, start + 2)
    # No two bytes of coded pixels look like these markers (B.10.1).
    for number, found in enumerate(_TILE_PART.finditer(data, start)):
        if number == _MOST_TILE_PARTS:
            raise ValueError
        _check_segments(data, found.start())
    return Codestream(width, height, components, (data[start + 42] & 127) + 1)


def _check_segments(data: bytes, at: int) -> None:
    """Follow the segments of a header, and refuse those that ask for too many structures."""
    for number in range(_MOST_SEGMENTS):
        mark, marker, length = struct.unpack_from(">BBH", data, at)
        if marker == _START_OF_DATA or (number and marker == _START_OF_TILE):
            return
        if mark != 0xFF or length < 2:
            raise ValueError
        # A.6.1 and A.6.2: what is the same of both begins at another byte.
        if marker == _CODING:
            _check_coding(data[at + 4], data[at + 10 : at + 2 + length])
        elif marker == _CODING_OF_COMPONENT:
            _check_coding(data[at + 5], data[at + 7 : at + 2 + length])
        at += 2 + length
    raise ValueError


def _check_coding(style: int, sizes: bytes) -> None:
    """Refuse small blocks and precincts; `sizes` are two of a block, two bytes, then precincts."""
    if sizes[0] + sizes[1] + 4 < _LEAST_BLOCK:
        raise ValueError
    if style & 1 and any(min(each & 15, each >> 4) < _LEAST_PRECINCT for each in sizes[4:]):
        raise ValueError
