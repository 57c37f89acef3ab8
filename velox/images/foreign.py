"""Bytes that begin like no image that is read: what they are, for whoever sent them."""

from __future__ import annotations

import re

from velox.images import header

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
# What is no image by itself, and what programs send instead of one.
_OTHERS = tuple(
    (re.compile(magic, re.DOTALL | re.IGNORECASE), called)
    for magic, called in (
        # JPEG, PNG, GIF and WebP begin so in base64 (RFC 4648).
        (rb'"?(data:image/[^,]{1,60},|/9j/|iVBORw0KGgo|R0lGOD|UklGR)', "an image in base64"),
        (rb"\s*[{\[]", "JSON"),
        (rb"\s*<(\?xml|svg)", "XML, perhaps a drawing"),
        (rb"\s*<(!doctype )?html", "a web page"),
        (rb"%PDF-", "a PDF"),
        (rb"PK\x03\x04|PK\x05\x06", "a zip archive"),
        (rb"\x1f\x8b|\x28\xb5\x2f\xfd|BZh", "compressed"),
        (rb"....ftyp|\x1a\x45\xdf\xa3", "a video"),
        (rb"\x93NUMPY", "an array of NumPy"),
        (rb"\x80[\2-\5]", "a pickled object of Python"),
    )
)
# A schema registry's serialiser writes a zero and the schema's number (Confluent's wire format).
_REGISTRY = re.compile(rb"\0.{4}", re.DOTALL)


def foreign(name: str, data: bytes) -> str | None:
    """What a file is in words, by its first bytes or by its name; None if no image is known so."""
    for pattern, called in _BEGINNINGS:
        if pattern.match(data):
            return called
    for names, called in _NAMES:
        if names.fullmatch(name):
            return called
    return None


def sent_instead(data: bytes) -> str | None:
    """What the value of a record is in words, where no image is known in it; None for anything."""
    if called := foreign("", data):
        return f"{called}, {CONVERT}"
    for pattern, called in _OTHERS:
        if pattern.match(data):
            return called
    if _REGISTRY.match(data) and header.read(data[5:]) is not None:
        return "an image behind the five bytes of a schema registry"
    return None
