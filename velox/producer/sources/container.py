"""Whether a video file is all there: what its container says of its own length.

A container that was cut still opens, and its number of frames is no measure: with an edit list or a
variable frame rate it differs from what is shown. The sizes that it is built of do not.
Formats: ISO/IEC 14496-12, 4.2 (boxes); RIFF and OpenDML AVI; RFC 8794 and RFC 9559 (Matroska).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

_BOXES = frozenset(
    b"ftyp styp moov moof mdat free skip wide sidx ssix mfra uuid meta pdin prft emsg pnot".split()
)
_MOST_PARTS = 1_000_000
# Some recorders count the eight bytes of the first header twice.
_RIFF_SLACK = 16
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def why_not_whole(path: str) -> str:
    """Why the file cannot be read to its end, in words; empty if nothing says so."""
    try:
        missing = missing_bytes(path)
    except OSError as error:
        return error.strerror or type(error).__name__
    return f"the video is cut short by {missing} bytes" if missing else ""


def missing_bytes(path: str) -> int:
    """How many bytes the file should have after its end; 0 if none, or if nothing says so.

    Raises:
        OSError: when it cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        begin = file.read(12)
        if begin[4:8] in _BOXES:
            return max(0, max(_box_ends(file, size), default=0) - size)
        if begin[:4] == b"RIFF" and begin[8:] == b"AVI ":
            missing = max(_riff_ends(file, size), default=0) - size
            return missing if missing > _RIFF_SLACK else 0
        if begin[:4] == _EBML:
            return max(0, _segment_end(file) - size)
    return 0


def _box_ends(file: BinaryIO, size: int) -> Iterator[int]:
    """Where each box at the top ends; one without a size goes to the end of the file."""
    at = 0
    for _ in range(_MOST_PARTS):
        file.seek(at)
        header = file.read(16)
        if header[4:8] not in _BOXES:
            return
        length = int.from_bytes(header[:4])
        if length == 1:
            length = int.from_bytes(header[8:16])
        if length < 8:
            return
        at += length
        yield at
        if at >= size:
            return


def _riff_ends(file: BinaryIO, size: int) -> Iterator[int]:
    """Where each RIFF chunk ends: the first, and those for what is beyond the first gigabyte."""
    at = 0
    for _ in range(_MOST_PARTS):
        file.seek(at)
        header = file.read(12)
        length = int.from_bytes(header[4:8], "little")
        # A recorder that was killed has not written its size yet.
        if header[:4] != b"RIFF" or length in (0, 0xFFFFFFFF):
            return
        at += 8 + length + length % 2
        yield at
        if at >= size:
            return


def _segment_end(file: BinaryIO) -> int:
    """Where Matroska's segment ends; 0 where it does not say, as in a recording that goes on."""
    file.seek(len(_EBML))
    length = _vint(file)
    file.seek(length or 0, os.SEEK_CUR)
    if length is None or file.read(len(_SEGMENT)) != _SEGMENT:
        return 0
    length = _vint(file)
    return 0 if length is None else file.tell() + length


def _vint(file: BinaryIO) -> int | None:
    """The size of an element, RFC 8794, 4; None where it is unknown or no such number."""
    first = file.read(1)
    more = 8 - first[0].bit_length() if first and first[0] else 8
    rest = file.read(more)
    if more > 7 or len(rest) < more:
        return None
    value = int.from_bytes(first + rest) & ((1 << 7 * (more + 1)) - 1)
    return None if value == (1 << 7 * (more + 1)) - 1 else value
