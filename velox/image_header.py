"""What an image file says of itself: format, width and height, read without decoding a pixel.

Sizes are known before the decoder allocates anything, so a decompression bomb costs a few bytes.
The formats are those that OpenCV reads.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

UNKNOWN_EXTENSION = ".bin"

# Start-of-frame markers of JPEG; C4, C8 and CC in that range are tables (ITU T.81, table B.1).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_JPEG_END = b"\xff\xd9"


class Header(NamedTuple):
    """What the first bytes of an image say.

    Attributes:
        extension: of a file of this format, with its dot.
        width, height: in pixels, before any rotation that the file asks for.
        complete: False if the end of the image is known to be missing.
    """

    extension: str
    width: int
    height: int
    complete: bool = True


def read(data: bytes) -> Header | None:
    """Read the header of an encoded image; None if it is in no known format or cut short."""
    for magic, reader in _READERS:
        if magic.match(data):
            try:
                return reader(data)
            except (struct.error, IndexError, ValueError):
                return None
    return None


def extension(data: bytes) -> str:
    """The extension for a file of these bytes, `.bin` if they are no known image."""
    header = read(data)
    return header.extension if header else UNKNOWN_EXTENSION


def _jpeg(data: bytes) -> Header | None:
    at = 2
    while True:
        at = data.index(b"\xff", at)
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            # A thumbnail inside the metadata has an end of its own, before the frame.
            complete = data.rfind(_JPEG_END, at) > 0
            return Header(".jpg", width, height, complete)
        if marker not in _JPEG_WITHOUT_LENGTH:
            (length,) = struct.unpack_from(">H", data, at)
            at += max(2, length)


def _png(data: bytes) -> Header:
    width, height = struct.unpack_from(">II", data, 16)
    return Header(".png", width, height, data.rfind(b"IEND", 24) > 0)


def _webp(data: bytes) -> Header | None:
    (length,) = struct.unpack_from("<I", data, 4)
    complete = len(data) >= length + 8
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header(".webp", width & 0x3FFF, height & 0x3FFF, complete)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header(".webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, complete)
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return Header(".webp", width, height, complete)
    return None


def _gif(data: bytes) -> Header:
    return Header(".gif", *struct.unpack_from("<HH", data, 6))


def _bmp(data: bytes) -> Header:
    (size,) = struct.unpack_from("<I", data, 14)
    if size == 12:
        return Header(".bmp", *struct.unpack_from("<HH", data, 18))
    width, height = struct.unpack_from("<ii", data, 18)
    return Header(".bmp", abs(width), abs(height))


def _tiff(data: bytes) -> Header | None:
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    sizes: dict[int, int] = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag in (256, 257):
            (sizes[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, entry + 8)
    return Header(".tiff", sizes[256], sizes[257]) if len(sizes) == 2 else None


def _jpeg2000(data: bytes) -> Header:
    at = data.index(b"ihdr") + 4
    height, width = struct.unpack_from(">II", data, at)
    return Header(".jp2", width, height)


def _jpeg2000_codestream(data: bytes) -> Header:
    right, bottom, left, top = struct.unpack_from(">IIII", data, 8)
    return Header(".j2k", right - left, bottom - top)


def _avif(data: bytes) -> Header:
    """The largest of the file's images: an AVIF may hold thumbnails and planes beside it."""
    sizes = [struct.unpack_from(">II", data, found.end() + 4) for found in _ISPE.finditer(data)]
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return Header(".avif", width, height)


def _pnm(data: bytes) -> Header | None:
    found = _PNM.match(data)
    return Header(".pnm", int(found[1]), int(found[2])) if found else None


def _pfm(data: bytes) -> Header | None:
    found = _PFM.match(data)
    return Header(".pfm", int(found[1]), int(found[2])) if found else None


def _pam(data: bytes) -> Header:
    fields = dict(line.split(None, 1) for line in data[:512].split(b"\n") if b" " in line)
    return Header(".pam", int(fields.get(b"WIDTH", b"?")), int(fields.get(b"HEIGHT", b"?")))


def _sun_raster(data: bytes) -> Header:
    return Header(".ras", *struct.unpack_from(">II", data, 4))


def _radiance(data: bytes) -> Header | None:
    found = _RADIANCE_SIZE.search(data[:65_536])
    return Header(".hdr", int(found[2]), int(found[1])) if found else None


_ISPE = re.compile(b"ispe")
_SPACE = rb"(?:\s+|#[^\n]*\n)+"
_PNM = re.compile(rb"P[1-6]" + _SPACE + rb"([0-9]{1,9})" + _SPACE + rb"([0-9]{1,9})\s")
_PFM = re.compile(rb"P[Ff]\s+([0-9]{1,9})\s+([0-9]{1,9})\s")
_RADIANCE_SIZE = re.compile(rb"\n-Y ([0-9]{1,9}) \+X ([0-9]{1,9})\n")

_READERS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], Header | None]], ...] = tuple(
    (re.compile(magic, re.DOTALL), reader)
    for magic, reader in (
        (rb"\xff\xd8\xff", _jpeg),
        (rb"\x89PNG\r\n\x1a\n....IHDR", _png),
        (rb"RIFF....WEBP", _webp),
        (rb"GIF8[79]a", _gif),
        (rb"BM", _bmp),
        (rb"II\*\0|MM\0\*", _tiff),
        (rb"\0\0\0\x0cjP  \r\n\x87\n", _jpeg2000),
        (rb"\xff\x4f\xff\x51", _jpeg2000_codestream),
        (rb"....ftyp(?:avif|avis)", _avif),
        (rb"P7\n", _pam),
        (rb"P[1-6]\s", _pnm),
        (rb"P[Ff]\s", _pfm),
        (rb"\x59\xa6\x6a\x95", _sun_raster),
        (rb"#\?(?:RADIANCE|RGBE)\n", _radiance),
    )
)
