"""Image files, wherever they lie: which file is one, what it is called and what its label is."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from velox.base.names import label_named, shown
from velox.images import header as image_header
from velox.images.foreign import CONVERT, foreign
from velox.producer.sources.capture import JPEG, Capture, Item, LeftOut, Unreadable

# What OpenCV documents for imread; a file with another name is an image if it begins like one.
IMAGE_NAME = re.compile(
    r".+\.(avif|bmp|dib|gif|hdr|j2k|jp2|jpe|jpe?g|p[abfgnp]m|pic|png|pxm|ras|sr|tiff?|webp)",
    re.IGNORECASE | re.DOTALL,
)
CONTENT_TYPES = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".hdr": "image/vnd.radiance",
    ".j2k": "image/j2c",
    ".jp2": "image/jp2",
    ".jpg": JPEG,
    ".pam": "image/x-portable-arbitrarymap",
    ".pfm": "image/x-portable-floatmap",
    ".png": "image/png",
    ".pnm": "image/x-portable-anymap",
    ".ras": "image/x-sun-raster",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
}

# Of a large file so much is looked at.
BEGIN_BYTES = 65_536
NO_IMAGE = "not an image"


def is_hidden(name: str) -> bool:
    """Whether a file or folder is for programs: `.DS_Store`, `._photo.jpg`, `.thumbnails`."""
    return name.startswith(".") and name not in (".", "..")


def named_like_an_image(name: str) -> bool:
    """Whether the extension is one of an image."""
    return IMAGE_NAME.fullmatch(name) is not None


def label_of(below: PurePosixPath) -> str | None:
    """The label of a file, from its path below the top folder; None if it lies in that itself.

    As `torchvision.datasets.ImageFolder` has it: `dog/x.png` and `dog/puppies/x.png` show a dog.
    """
    return label_named(below.parts[0]) if len(below.parts) > 1 else None


def key_in(archive: str, path: PurePosixPath) -> str:
    """What a file of an archive is called: its path in it, below the name that the archive has.

    Args:
        archive: the name that was given to it; empty for none.
        path: of the file in the archive.
    """
    if not archive:
        return str(path)
    return str(PurePosixPath(archive, *(part for part in path.parts if part not in ("/", ".."))))


def too_large(name: str, size: int, max_bytes: int, begin: bytes) -> Unreadable | LeftOut:
    """What a file is that no record can carry, by its name and its first bytes."""
    if named_like_an_image(name) or image_header.read(begin) or foreign(name, begin):
        return Unreadable(shown(name), f"its {size} bytes exceed the record limit of {max_bytes}")
    return LeftOut(shown(name), NO_IMAGE)


def item_of(name: str, data: bytes, label: str | None) -> Item:
    """What a file's bytes are: an image, one that cannot be read, or not meant as one.

    Only the header is read: nothing is decoded and the bytes stay as they are.
    """
    header = image_header.read(data)
    if header is None:
        if (called := foreign(name, data)) is not None:
            return Unreadable(shown(name), f"{called}, {CONVERT}" if data else "empty")
        if not named_like_an_image(name):
            return LeftOut(shown(name), NO_IMAGE)
        return Unreadable(shown(name), "in no known image format" if data else "empty")
    if not header.complete:
        return Unreadable(shown(name), f"the {header.extension} image is cut short")
    return Capture(data, shown(name), CONTENT_TYPES[header.extension], label)
