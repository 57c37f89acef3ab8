"""What the first directory of a TIFF file says: its size, its kind of numbers, and what follows.

Sources: TIFF 6.0, sections 2, 8, 15 and 19; for files with 64-bit offsets, the BigTIFF design of
libtiff (https://libtiff.gitlab.io/libtiff/specification/bigtiff.html).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

# The type of a value, and how it is read.
_FORMS = {3: "H", 4: "I", 16: "Q"}
_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 322, 323
_SIZES = frozenset({_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT})
_BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT = 258, 262, 277, 339
_OTHERS = frozenset({_BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT})
_UNSIGNED, _UNDEFINED = 1, 4


class Directory(NamedTuple):
    """The first directory of a file.

    Attributes:
        width, height: in pixels, those of a tile where that is larger: the decoder holds it whole.
        bits: of a sample.
        samples: of a pixel.
        unsigned: whether samples are unsigned integers.
        white_is_zero: whether the smallest sample is the brightest.
        several: whether another directory follows.
    """

    width: int
    height: int
    bits: int
    samples: int
    unsigned: bool
    white_is_zero: bool
    several: bool


class _Layout(NamedTuple):
    """How a kind of file counts: the format of an offset, and the bytes of counts and entries."""

    order: str
    offset: str
    first: int
    number: str
    entry: int


def first_directory(data: bytes) -> Directory:
    """Read the first directory.

    Raises:
        ValueError, KeyError, struct.error: when the file is not of the plain form.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    layout = _Layout(order, "Q", 8, "Q", 20) if big else _Layout(order, "I", 4, "H", 12)
    (at,) = struct.unpack_from(order + layout.offset, data, layout.first)
    (count,) = struct.unpack_from(order + layout.number, data, at)
    at += struct.calcsize(order + layout.number)
    end = at + layout.entry * count
    (following,) = struct.unpack_from(order + layout.offset, data, end)
    values: dict[int, int] = {}
    for tag, value in _values(data, at, end, layout):
        if tag in values:
            raise ValueError
        values[tag] = value
    return Directory(
        width=max(values[_WIDTH], values.get(_TILE_WIDTH, 0)),
        height=max(values[_HEIGHT], values.get(_TILE_HEIGHT, 0)),
        bits=values.get(_BITS, 1),
        samples=values.get(_SAMPLES, 1),
        unsigned=values.get(_SAMPLE_FORMAT, _UNSIGNED) in (_UNSIGNED, _UNDEFINED),
        white_is_zero=values.get(_PHOTOMETRIC) == 0,
        several=following != 0,
    )


def _values(data: bytes, at: int, end: int, layout: _Layout) -> Iterator[tuple[int, int]]:
    """The entries that count, with the first of their values."""
    head = layout.order + "HH" + layout.offset
    room = struct.calcsize(layout.order + layout.offset)
    for entry in range(at, end, layout.entry):
        tag, kind, values = struct.unpack_from(head, data, entry)
        if tag not in _SIZES and tag not in _OTHERS:
            continue
        if tag in _SIZES and values != 1:
            raise ValueError
        form = layout.order + _FORMS[kind]
        place = entry + struct.calcsize(head)
        if struct.calcsize(form) * values > room:
            (place,) = struct.unpack_from(layout.order + layout.offset, data, place)
        yield tag, struct.unpack_from(form, data, place)[0]
