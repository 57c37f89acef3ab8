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

from velox.images import avif, jpeg2000, netpbm, png, tiff, webp
from velox.images.turning import Turn, of_avif

UNKNOWN_EXTENSION = ".bin"
# Every one that `extension` gives.
EXTENSIONS = (
    *(".jpg", ".png", ".webp", ".gif", ".bmp", ".tiff", ".jp2", ".j2k", ".avif"),
    *(".pnm", ".pfm", ".pam", ".ras", ".hdr", UNKNOWN_EXTENSION),
)

# Start-of-frame markers of JPEG; C4, C8 and CC in that range are tables (ITU T.81, table B.1).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# FF 00 is no marker but a byte of data, which decoders skip here.
_JPEG_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_JPEG_END = b"\xff\xd9"
_MOST_SEGMENTS = 1000
# A progressive JPEG has about ten; each takes the decoder through the whole image once more.
# Below so many pixels times bytes no number of scans takes long.
_FREE_WORK = 1_000_000_000
_JPEG_SCAN, _MOST_SCANS = re.compile(rb"\xff\xda"), 100
_TWO_BYTES, _GREY_AND_ALPHA = 16, 2
_FOUR_OF_16_BITS, _THREE_OF_32_BITS = 8, 12
_LONGEST_BRANDS = 512


class Reading(NamedTuple):
    """What is to be known of an image that OpenCV reads in a way of its own.

    Attributes:
        always: OpenCV's 8 bits of three colours are wrong: its numbers are to be taken as they are.
        white: the number that is white, 0 for the greatest of its type.
        inverted: the smallest number is white.
        rgb: red comes before blue.
        turn: how to turn it, whatever its EXIF data say; None where those count.
        transparent: of a grey PNG, the number that is transparent.
        loses_alpha: it has a transparency that OpenCV does not give.
        unreadable: OpenCV takes it for another image.
        bytes_a_pixel: of the file's numbers, where they may be more than a few.
    """

    always: bool = False
    white: int = 0
    inverted: bool = False
    rgb: bool = False
    turn: Turn | None = None
    transparent: int | None = None
    loses_alpha: bool = False
    unreadable: bool = False
    bytes_a_pixel: int = 0


class Header(NamedTuple):
    """What the first bytes of an image say.

    Attributes:
        extension: of a file of this format, with its dot.
        width, height: in pixels, before any rotation that the file asks for.
        complete: False if the end of the image is known to be missing.
        reading: what OpenCV does not tell or do of it.
    """

    extension: str
    width: int
    height: int
    complete: bool = True
    reading: Reading = Reading()


def read(data: bytes) -> Header | None:
    """Read the header of an encoded image; None if it is in no known format or cut short."""
    for magic, reader in _READERS:
        if magic.match(data):
            try:
                header = reader(data)
            except (struct.error, ArithmeticError, LookupError, ValueError):
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
    found = png.read(data)
    if found is None:
        return None
    reading = Reading(transparent=found.transparent, bytes_a_pixel=found.bytes_a_pixel)
    return Header(".png", found.width, found.height, found.complete, reading)


def _webp(data: bytes) -> Header | None:
    found = webp.read(data)
    return Header(".webp", *found[:3]) if found else None


def _gif(data: bytes) -> Header:
    return Header(".gif", *struct.unpack_from("<HH", data, 6))


def _bmp(data: bytes) -> Header:
    (size,) = struct.unpack_from("<I", data, 14)
    if size == 12:
        return Header(".bmp", *struct.unpack_from("<HH", data, 18))
    width, height = struct.unpack_from("<ii", data, 18)
    return Header(".bmp", abs(width), abs(height))


def _tiff(data: bytes) -> Header:
    found = tiff.first_directory(data)
    return Header(
        ".tiff",
        found.width,
        found.height,
        reading=Reading(
            always=not found.unsigned or found.bits > _TWO_BYTES,
            inverted=found.white_is_zero and found.bits == _TWO_BYTES,
            loses_alpha=found.samples == 2,
            bytes_a_pixel=found.samples * -(-found.bits // 8),
        ),
    )


def _jpeg2000(data: bytes) -> Header:
    return _of_codestream(".jp2", jpeg2000.in_boxes(data))


def _jpeg2000_codestream(data: bytes) -> Header:
    return _of_codestream(".j2k", jpeg2000.codestream(data))


def _of_codestream(extension: str, found: jpeg2000.Codestream) -> Header:
    reading = Reading(
        white=2**found.bits - 1, loses_alpha=found.components == 2, bytes_a_pixel=_FOUR_OF_16_BITS
    )
    return Header(extension, found.width, found.height, reading=reading)


def _avif(data: bytes) -> Header | None:
    (length,) = struct.unpack_from(">I", data)
    if b"avif" not in {data[at : at + 4] for at in range(8, min(length, _LONGEST_BRANDS), 4)}:
        return None
    reading = Reading(
        white=2 ** avif.bits(data) - 1, turn=of_avif(data), bytes_a_pixel=_FOUR_OF_16_BITS
    )
    return Header(".avif", *avif.largest(data), reading=reading)


def _netpbm(data: bytes) -> Header | None:
    found = netpbm.pnm(data)
    if found is None:
        return None
    reading = Reading(always=found.white > 0, white=found.white, bytes_a_pixel=_FOUR_OF_16_BITS)
    return Header(".pnm", *found[:2], reading=reading)


def _pfm(data: bytes) -> Header | None:
    found = netpbm.pfm(data)
    return Header(".pfm", *found[:2], reading=Reading(always=True)) if found else None


def _pam(data: bytes) -> Header | None:
    """What has no kind of tuple is OpenCV's own, which writes blue first as it reads it."""
    found = netpbm.pam(data)
    if found is None:
        return None
    return Header(
        ".pam",
        *found[:2],
        reading=Reading(
            always=found.white > 0 or found.kind != b"" or found.depth == _GREY_AND_ALPHA,
            white=found.white,
            rgb=found.kind.startswith(b"RGB"),
            unreadable=found.kind.startswith(b"BLACKANDWHITE"),
            bytes_a_pixel=_FOUR_OF_16_BITS,
        ),
    )


def _sun_raster(data: bytes) -> Header:
    return Header(".ras", *struct.unpack_from(">II", data, 4))


def _radiance(data: bytes) -> Header | None:
    found = _RADIANCE.match(data)
    reading = Reading(bytes_a_pixel=_THREE_OF_32_BITS)
    return Header(".hdr", int(found[2]), int(found[1]), reading=reading) if found else None


# Each byte of it can be read in one way only, or the time to refuse one grows without bound.
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
        (rb"II\*\0|MM\0\*|II\+\0\x08\0\0\0|MM\0\+\0\x08\0\0", _tiff),
        (rb"\0\0\0\x0cjP  \r\n\x87\n", _jpeg2000),
        (re.escape(jpeg2000.CODESTREAM), _jpeg2000_codestream),
        (rb"....ftyp", _avif),
        (rb"P7\n", _pam),
        (rb"P[1-6]\s", _netpbm),
        (rb"P[Ff]\s", _pfm),
        (rb"\x59\xa6\x6a\x95", _sun_raster),
        (rb"#\?(?:RADIANCE|RGBE)\n", _radiance),
    )
)
