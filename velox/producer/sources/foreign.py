"""Images in formats that are not read: which they are, so that none passes for no image."""

from __future__ import annotations

import re

CONVERT = "which is not read: convert it to JPEG or PNG"

# The first bytes of each, as the formats' own descriptions have them.
_BEGINNINGS = tuple(
    (re.compile(magic, re.DOTALL), called)
    for magic, called in (
        (rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "a HEIC photo"),
        (rb"....ftypcrx ", "a camera's raw photo"),
        (rb"FUJIFILMCCD-RAW", "a camera's raw photo"),
        (rb"\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a", "a JPEG XL image"),
        (rb"8BPS\0[\1\2]", "a Photoshop file"),
        (rb"gimp xcf ", "a GIMP file"),
        (rb"\x76\x2f\x31\x01", "an OpenEXR image"),
        (rb"DDS ", "a DirectDraw surface"),
        (rb".{128}DICM", "a DICOM image"),
    )
)
_NAMES = tuple(
    (re.compile(rf".+\.({extensions})", re.IGNORECASE | re.DOTALL), called)
    for extensions, called in (
        ("heic|heif|hif", "a HEIC photo"),
        ("jxl", "a JPEG XL image"),
        ("dng|cr[23w]|nef|nrw|arw|srf|sr2|orf|rw2|raf|pef|srw|x3f", "a camera's raw photo"),
        ("psd|psb", "a Photoshop file"),
        ("xcf", "a GIMP file"),
        ("exr", "an OpenEXR image"),
        ("dcm", "a DICOM image"),
        ("tga", "a Targa image"),
        ("svgz?", "an SVG drawing"),
        ("ico", "an icon"),
    )
)


def foreign(name: str, data: bytes) -> str | None:
    """What a file is in words, by its first bytes or by its name; None if no image is known so."""
    for pattern, called in _BEGINNINGS:
        if pattern.match(data):
            return called
    for names, called in _NAMES:
        if names.fullmatch(name):
            return called
    return None
