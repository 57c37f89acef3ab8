"""The size of an AVIF image: what the container says, and what the video frames inside it say.

The two may differ: the decoder makes the frames whole and then scales them, so a file that claims
100 x 100 pixels can cost gigabytes. Formats: ISO/IEC 14496-12 (boxes), ISO/IEC 23008-12 (items),
AV1 bitstream specification 5.3 to 5.5 (sequence header).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

_ISPE = re.compile(b"ispe")
# AV1 Codec ISO Media File Format Binding 2.3.3: after its marker and a byte, whether there are more
# than 8 bits, and whether these are 12.
_AV1C = re.compile(b"av1C\x81.(.)", re.DOTALL)
# Files of these kinds hold their frames elsewhere than in the items.
_REFUSED = frozenset({b"moov", b"mini"})
_SEQUENCE_HEADER = 1
_LONGEST_SEQUENCE_HEADER = 128
# An image has few; without a bound, one record could keep the reader busy for minutes.
_MOST_ITEMS, _MOST_PARTS = 1000, 100


def largest(data: bytes) -> tuple[int, int]:
    """Width and height of the file's largest image, whether shown, hidden or a plane of another.

    Raises:
        ValueError, KeyError, IndexError, struct.error: when the file is not of the plain form.
    """
    return max(_sizes(data), key=lambda size: size[0] * size[1])


def bits(data: bytes) -> int:
    """Of a colour; of several images in the file, the most."""
    found = (each[1][0] >> 5 & 3 for each in _AV1C.finditer(data))
    return {0: 8, 1: 8, 2: 10, 3: 12}[max(found, default=0)]


def _sizes(data: bytes) -> Iterator[tuple[int, int]]:
    for found in _ISPE.finditer(data):
        yield struct.unpack_from(">II", data, found.end() + 4)
    whole = memoryview(data)
    for start, end in _items(data):
        yield from _sequence_sizes(whole[start:end])


def _boxes(data: bytes, at: int, end: int) -> dict[bytes, tuple[int, int]]:
    """Where the content of each box begins and ends, by its type; no type may come twice."""
    found: dict[bytes, tuple[int, int]] = {}
    for _ in range(_MOST_PARTS):
        if at == end:
            return found
        length, kind = struct.unpack_from(">I4s", data, at)
        content = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, content)
            content += 8
        stop = at + length if length else end
        if kind in found or kind in _REFUSED or not content <= stop <= end:
            raise ValueError
        found[kind] = (content, stop)
        at = stop
    raise ValueError


def _items(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each item begins and ends."""
    start, end = _boxes(data, 0, len(data))[b"meta"]
    meta = _boxes(data, start + 4, end)
    at, _ = meta[b"iloc"]
    version, sizes = data[at], struct.unpack_from(">BB", data, at + 4)
    offset_size, length_size = sizes[0] >> 4, sizes[0] & 15
    base_size, index_size = sizes[1] >> 4, sizes[1] & 15 if version else 0
    number_size = 4 if version == 2 else 2
    at += 6

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(data[at - size : at], "big")

    count = number(number_size)
    if count > _MOST_ITEMS:
        raise ValueError
    for _ in range(count):
        number(number_size)
        within_idat = version > 0 and number(2) & 15
        number(2)
        base = number(base_size) + (meta[b"idat"][0] if within_idat else 0)
        if number(2) != 1:
            raise ValueError
        number(index_size)
        begin = base + number(offset_size)
        yield begin, begin + number(length_size) or len(data)


def _sequence_sizes(item: memoryview) -> Iterator[tuple[int, int]]:
    """The largest frame that each sequence header of an item allows."""
    at = 0
    for _ in range(_MOST_PARTS):
        if at >= len(item):
            return
        header = item[at]
        at += 2 if header & 4 else 1
        length = len(item) - at
        if header & 2:
            length = 0
            for shift in range(0, 56, 7):
                byte = item[at]
                at += 1
                length |= (byte & 127) << shift
                if byte < 128:
                    break
        if header >> 3 & 15 == _SEQUENCE_HEADER:
            yield _frame_size(item[at : at + min(length, _LONGEST_SEQUENCE_HEADER)])
        at += length
    raise ValueError


def _frame_size(sequence_header: memoryview) -> tuple[int, int]:
    bits = int.from_bytes(sequence_header, "big")
    left = 8 * len(sequence_header)

    def read(count: int) -> int:
        nonlocal left
        left -= count
        if left < 0:
            raise ValueError
        return bits >> left & ((1 << count) - 1)

    read(4)
    if read(1):
        read(5)
    else:
        if read(1):
            raise ValueError  # timing of frames: this is a film
        delays = read(1)
        for _ in range(read(5) + 1):
            read(12)
            if read(5) > 7:
                read(1)
            if delays and read(1):
                read(4)
    width_bits, height_bits = read(4) + 1, read(4) + 1
    return read(width_bits) + 1, read(height_bits) + 1
