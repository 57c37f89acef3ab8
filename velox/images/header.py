"""What an image file says of itself: format, width and height, read without decoding a pixel.

Sizes are known before the decoder allocates anything, so a decompression bomb costs a few bytes.
The formats are those that OpenCV reads. A file may be made to show one size here and another to the
decoder: where a format leaves room for that, only its plain form is read, and the rest is refused.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from velox.images import avif, jpeg2000

UNKNOWN_EXTENSION = ".bin"

# Start-of-frame markers of JPEG; C4, C8 and CC in that range are tables (ITU T.81, table B.1).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# FF 00 is no marker but a byte of data, which decoders skip here.
_JPEG_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_PNG_END = b"\0\0\0\0IEND"
_JPEG_END = b"\xff\xd9"
_MOST_SEGMENTS = 1000
# A progressive JPEG has about ten; each takes the decoder through the whole image once more.
# Below so many pixels times bytes no number of scans takes long.
_FREE_WORK = 1_000_000_000
_JPEG_SCAN, _MOST_SCANS = re.compile(rb"\xff\xda"), 100
# Each may unpack to 8 MB, the limit of libpng, whatever its own length.
_PNG_PACKED, _MOST_PACKED = (b"zTXt", b"iTXt", b"iCCP"), 20

# Types and tags of TIFF 6.0, sections 2, 8 and 15.
_TIFF_SHORT, _TIFF_LONG = 3, 4
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_TILE_WIDTH, _TIFF_TILE_HEIGHT = 256, 257, 322, 323
_TIFF_SIZES = frozenset({_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_TILE_WIDTH, _TIFF_TILE_HEIGHT})


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
                header = reader(data)
            except (struct.error, IndexError, KeyError, ValueError):
                return None
            return header if header and header.width > 0 and header.height > 0 else None
    return None


def extension(data: bytes) -> str:
    """The extension for a file of these bytes, `.bin` if they are no known image."""
    header = read(data)
    return header.extension if header else UNKNOWN_EXTENSION


def _jpeg(data: bytes) -> Header | None:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        at = data.index(b"\xff", at)
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            # A thumbnail inside the metadata has an end of its own, before the frame.
            complete = data.rfind(_JPEG_END, at) > 0
            if width * height * len(data) > _FREE_WORK:
                scans = _JPEG_SCAN.finditer(data, at)
                if any(islice(scans, _MOST_SCANS, None)):
                    return None
            return Header(".jpg", width, height, complete)
        if marker not in _JPEG_WITHOUT_LENGTH:
            (length,) = struct.unpack_from(">H", data, at)
            at += max(2, length)
    return None


def _png(data: bytes) -> Header | None:
    """Follows the chunks to their end: OpenCV makes room for whatever length a chunk claims."""
    width, height = struct.unpack_from(">II", data, 16)
    at, packed = 8, 0
    while at + len(_PNG_END) <= len(data) and not data.startswith(_PNG_END, at):
        packed += data.startswith(_PNG_PACKED, at + 4)
        at += 12 + int.from_bytes(data[at : at + 4])
    if packed > _MOST_PACKED:
        return None
    return Header(".png", width, height, at + len(_PNG_END) <= len(data))


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
        tag, kind, values = struct.unpack_from(order + "HHI", data, entry)
        if tag in _TIFF_SIZES:
            if tag in sizes or kind not in (_TIFF_SHORT, _TIFF_LONG) or values != 1:
                return None
            form = order + ("H" if kind == _TIFF_SHORT else "I")
            (sizes[tag],) = struct.unpack_from(form, data, entry + 8)
    # The decoder holds a whole tile, which may be larger than the image.
    width = max(sizes[_TIFF_WIDTH], sizes.get(_TIFF_TILE_WIDTH, 0))
    height = max(sizes[_TIFF_HEIGHT], sizes.get(_TIFF_TILE_HEIGHT, 0))
    return Header(".tiff", width, height)


def _jpeg2000(data: bytes) -> Header:
    return Header(".jp2", *jpeg2000.size_in_boxes(data))


def _jpeg2000_codestream(data: bytes) -> Header:
    return Header(".j2k", *jpeg2000.size_of_codestream(data))


def _avif(data: bytes) -> Header:
    return Header(".avif", *avif.largest(data))


def _pnm(data: bytes) -> Header | None:
    found = _PNM.match(data)
    return Header(".pnm", int(found[1]), int(found[2])) if found else None


def _pfm(data: bytes) -> Header | None:
    found = _PFM.match(data)
    return Header(".pfm", int(found[1]), int(found[2])) if found else None


def _pam(data: bytes) -> Header | None:
    found = _PAM.match(data)
    if not found:
        return None
    fields = [line.split(b" ") for line in found[1].splitlines()]
    if len({field[0] for field in fields}) < len(fields):
        return None
    sizes = {field[0]: int(field[1]) for field in fields if field[0] in (b"WIDTH", b"HEIGHT")}
    return Header(".pam", sizes[b"WIDTH"], sizes[b"HEIGHT"])


def _sun_raster(data: bytes) -> Header:
    return Header(".ras", *struct.unpack_from(">II", data, 4))


def _radiance(data: bytes) -> Header | None:
    found = _RADIANCE.match(data)
    return Header(".hdr", int(found[2]), int(found[1])) if found else None


# Each byte of these can be read in one way only, or the time to refuse one grows without bound.
_SPACE = rb"(?:\s|#[^\r\n]{0,999}[\r\n]){1,999}"
_PNM = re.compile(rb"P[1-6]" + _SPACE + rb"([0-9]{1,9})" + _SPACE + rb"([0-9]{1,9})\s")
_PFM = re.compile(rb"P[Ff]\s([0-9]{1,9})\s([0-9]{1,9})\s")
_PAM = re.compile(
    rb"P7\n((?:(?:WIDTH|HEIGHT|DEPTH|MAXVAL) [0-9]{1,9}\n|TUPLTYPE [A-Z_]{1,99}\n){1,5})ENDHDR\n"
)
_RADIANCE = re.compile(
    rb"#\?(?:RADIANCE|RGBE)\n(?:[^\n]{1,99}\n){0,99}?FORMAT=32-bit_rle_rgbe\n"
    rb"\n-Y ([0-9]{1,9}) \+X ([0-9]{1,9})\n"
)

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
        (re.escape(jpeg2000.CODESTREAM), _jpeg2000_codestream),
        (rb"....ftypavif", _avif),
        (rb"P7\n", _pam),
        (rb"P[1-6]\s", _pnm),
        (rb"P[Ff]\s", _pfm),
        (rb"\x59\xa6\x6a\x95", _sun_raster),
        (rb"#\?(?:RADIANCE|RGBE)\n", _radiance),
    )
)
