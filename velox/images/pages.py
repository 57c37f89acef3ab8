"""Whether a file holds more than the image that is looked at: further pages, or frames."""

from __future__ import annotations

from velox.images import tiff, webp
from velox.images.header import Header

# GIF89a, sections 18 to 26: what begins a block, and the bits of a table of colours.
_IMAGE, _EXTENSION = 0x2C, 0x21
_HAS_TABLE, _TABLE_SIZE = 0x80, 7


def several(header: Header, data: bytes) -> bool:
    """Whether another page or frame follows the first; False where it cannot be told."""
    match header.extension:
        case ".gif":
            return _second_gif_frame(data)
        case ".png":
            return data.find(b"acTL", 0, data.find(b"IDAT")) > 0
        case ".tiff":
            return tiff.first_directory(data).several
        case ".webp":
            found = webp.read(data)
            return found is not None and found.animated
    return False


def _second_gif_frame(data: bytes) -> bool:
    at, images = 13 + _table_bytes(data[10]), 0
    try:
        while data[at] in (_IMAGE, _EXTENSION):
            if data[at] == _IMAGE:
                images += 1
                if images > 1:
                    return True
                at += 11 + _table_bytes(data[at + 9])
            else:
                at += 2
            while data[at]:
                at += 1 + data[at]
            at += 1
    except IndexError:
        pass
    return False


def _table_bytes(packed: int) -> int:
    return 3 << (packed & _TABLE_SIZE) + 1 if packed & _HAS_TABLE else 0
