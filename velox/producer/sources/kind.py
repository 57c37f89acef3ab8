"""What kind of source a path or a number names."""

from __future__ import annotations

import os
import re
import stat
from enum import Enum, auto

from velox.base.errors import SettingError
from velox.base.names import shown
from velox.images import header
from velox.producer.sources.image_file import named_like_an_image
from velox.producer.sources.zip import BEGINNINGS as ZIP_BEGINNINGS

TAR_NAME = re.compile(r".*\.(tar(\.\w+)?|t[gbx]z2?)", re.IGNORECASE)
# How gzip, bzip2 and xz begin: what is compressed so is taken for a tar archive.
COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
UNREAD_ARCHIVES = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a rar archive",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
}
VIDEO4LINUX = 81  # the major number of its devices (Linux, Documentation/admin-guide/devices.txt)
MOST_CAMERAS = 256  # of one machine (Linux, drivers/media/v4l2-core/v4l2-dev.c: VIDEO_NUM_DEVICES)
_HEADER_BYTES = 65_536


class Kind(Enum):
    """What there is to read from."""

    SYNTHETIC = auto()
    FILES = auto()
    TAR = auto()
    ZIP = auto()
    VIDEO = auto()
    DEVICE = auto()
    STREAM = auto()
    WEB = auto()
    WATCH = auto()


def is_camera(location: str) -> bool:
    """Whether it is the number of a camera, and not a file or a folder of that name."""
    digits = location.isascii() and location.isdigit()
    return digits and int(location) < MOST_CAMERAS and not os.path.lexists(location)


def kind_of_path(path: str) -> Kind:
    """What lies there.

    Raises:
        SettingError: naming a path that is nothing, or nothing that is read.
    """
    try:
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            return Kind.FILES
        if stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) == VIDEO4LINUX:
            return Kind.DEVICE
        if stat.S_ISREG(found.st_mode):
            return _kind_of_file(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingError(f"SOURCE names {shown(path)!r}: {reason}") from None
    raise SettingError(f"SOURCE names {shown(path)!r}: it is not a folder, file or camera")


def _kind_of_file(path: str) -> Kind:
    with open(path, "rb") as file:
        begin = file.read(_HEADER_BYTES)
    for magic, called in UNREAD_ARCHIVES.items():
        if begin.startswith(magic):
            raise SettingError(
                f"SOURCE names {shown(path)!r}: {called}, which is not read: unpack it, or make it "
                "a zip or tar archive"
            )
    if begin.startswith(ZIP_BEGINNINGS):
        return Kind.ZIP
    if TAR_NAME.fullmatch(path) or begin.startswith(COMPRESSED) or begin[257:262] == b"ustar":
        return Kind.TAR
    begins_like_an_image = header.read(begin) is not None
    return Kind.FILES if begins_like_an_image or named_like_an_image(path) else Kind.VIDEO
