"""Whether a video file is all there: what its container says of its own length.

A container that was cut still opens, and its number of frames is no measure: with an edit list or a
variable frame rate it differs from what is shown. The sizes that it is built of do not.
Formats: ISO/IEC 14496-12, 4.2 (boxes); RIFF and OpenDML AVI; RFC 8794 and RFC 9559 (Matroska);
Advanced Systems Format 01.20.05, 2 (ASF, WMV); Video File Format 10.1, E.3 to E.5 (FLV);
ISO/IEC 13818-1, 2.4.3 (transport stream). A transport stream has no length of its own, so that only
a packet that is cut is noticed.
"""

from __future__ import annotations

import math
import os
import re
import struct
import uuid
from collections.abc import Iterator
from typing import BinaryIO

_BOXES = frozenset(
    b"ftyp styp moov moof mdat free skip wide sidx ssix mfra uuid meta pdin prft emsg pnot".split()
)
_MOST_PARTS = 1_000_000
# Some recorders count the eight bytes of the first header twice.
_RIFF_SLACK = 16
_LARGEST_HEADER = 2**20
# ASF, 10.1: header, data, simple index, index, media object index, timecode index.
_ASF_OBJECTS = frozenset(
    uuid.UUID(each).bytes_le
    for each in (
        "75B22630-668E-11CF-A6D9-00AA0062CE6C",
        "75B22636-668E-11CF-A6D9-00AA0062CE6C",
        "33000890-E5B1-11CF-89F4-00A0C90349CB",
        "D6E229D3-35DA-11D1-9034-00A0C90349BE",
        "FEB103F8-12AD-4C64-840F-2A1D2F7AD48C",
        "3CB73FD0-0C4A-4803-953D-EDF7B6228F0C",
    )
)
_ASF_HEAD = 24
_ASF_PROPERTIES = uuid.UUID("8CABDCA1-A947-11CF-8EE4-00C00C205365").bytes_le
_ASF_FLAGS, _ASF_BROADCAST = 88, 1
_FLV, _TAG_HEAD, _TAG_END = b"FLV\x01", 11, 4
_AUDIO, _VIDEO, _SCRIPT = 8, 9, 18
# A number of FLV's metadata: the length of its name, its name, its type, a double.
_FILE_SIZE = re.compile(rb"\x00\x08filesize\x00(.{8})", re.DOTALL)
# A transport stream's packets on cables, discs and antennas: their size, and the place in each of
# the byte that begins it.
_TS_PACKETS, _TS_SYNC, _TS_LOOKED_AT = ((188, 0), (192, 4), (204, 0)), 0x47, 5
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def why_not_whole(path: str) -> str:
    """Why the file cannot be read to its end, in words; empty if nothing says so."""
    try:
        missing = missing_bytes(path)
    except OSError as error:
        return error.strerror or type(error).__name__
    return f"the video is cut short by at least {missing} bytes" if missing else ""


def missing_bytes(path: str) -> int:
    """How many bytes at least the file should have after its end; 0 if nothing says so.

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
        if begin[:4] == _FLV:
            return max(0, _flv_end(file, size) - size)
        file.seek(0)
        begin = file.read(_TS_LOOKED_AT * _TS_PACKETS[-1][0])
        if begin[:16] in _ASF_OBJECTS:
            return max(0, max(_asf_ends(file, size), default=0) - size)
        return _missing_of_packet(begin, size)


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


def _asf_ends(file: BinaryIO, size: int) -> Iterator[int]:
    """Where each object at the top ends; of a broadcast, the sizes say nothing."""
    at = 0
    for _ in range(_MOST_PARTS):
        file.seek(at)
        header = file.read(_ASF_HEAD)
        length = int.from_bytes(header[16:], "little")
        # A recorder that was killed has not written the size of its data yet.
        if header[:16] not in _ASF_OBJECTS or length < _ASF_HEAD:
            return
        if at == 0:
            content = file.read(min(length, _LARGEST_HEADER))
            properties = content.find(_ASF_PROPERTIES)
            flags = content[properties + _ASF_FLAGS : properties + _ASF_FLAGS + 1]
            if properties < 0 or not flags or flags[0] & _ASF_BROADCAST:
                return
        at += length
        yield at
        if at >= size:
            return


def _flv_end(file: BinaryIO, size: int) -> int:
    """Where a file whose last tag is not whole ends: as its metadata says, at least as that tag.

    What the metadata says alone is no reason: who copied it from another file left it wrong.
    """
    file.seek(5)
    at, said = int.from_bytes(file.read(4)) + _TAG_END, 0.0
    for number in range(_MOST_PARTS):
        file.seek(at)
        tag = file.read(_TAG_HEAD)
        if not tag or tag[0] not in (_AUDIO, _VIDEO, _SCRIPT):
            return 0
        length = int.from_bytes(tag[1:4])
        if number == 0 and (found := _FILE_SIZE.search(file.read(length))):
            (said,) = struct.unpack(">d", found[1])
        at += _TAG_HEAD + length
        if at > size:
            return max(at, int(said) if math.isfinite(said) else 0)
        at += _TAG_END
    return 0


def _missing_of_packet(begin: bytes, size: int) -> int:
    """What the last packet of a transport stream lacks; it knows no other length."""
    for packet, place in _TS_PACKETS:
        if begin[place::packet][:_TS_LOOKED_AT] == bytes([_TS_SYNC]) * _TS_LOOKED_AT:
            return -size % packet
    return 0


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
