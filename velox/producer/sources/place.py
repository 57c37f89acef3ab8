"""One entry of SOURCE: what kind of source it names, what it is known by, and what reads it."""

from __future__ import annotations

import os
import re
import stat
import sys
from dataclasses import dataclass, field
from enum import Enum, auto

import cv2

from velox.base.errors import SettingError
from velox.base.names import shown
from velox.images import header
from velox.producer.sources.address import usable, why_nothing_comes, without_credentials
from velox.producer.sources.camera import Camera
from velox.producer.sources.capture import Source
from velox.producer.sources.container import why_not_whole
from velox.producer.sources.folder import Folder
from velox.producer.sources.image_file import named_like_an_image
from velox.producer.sources.synthetic import EncodedShapes, Synthetic
from velox.producer.sources.tar import Tar
from velox.producer.sources.video import VideoFile
from velox.producer.sources.web import Web
from velox.producer.sources.zip import BEGINNINGS as ZIP_BEGINNINGS
from velox.producer.sources.zip import Zip

SYNTHETIC = "synthetic"
STDIN = "-"
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
_NAMED = re.compile(r"([A-Za-z0-9._-]+)=(.+)", re.DOTALL)
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source is.

    Attributes:
        id: its name: the one given, else the location without credentials.
        kind: what there is to read.
        location: a path, a device's number or an address; empty where the kind says it all. It
            may carry credentials.
    """

    id: str
    kind: Kind
    location: str = field(repr=False)


def locate(entries: tuple[str, ...], *, loop: bool) -> list[Place]:
    """The places that SOURCE names.

    Args:
        entries: each `LOCATION` or `NAME=LOCATION`.
        loop: whether they are begun again at their end.

    Raises:
        SettingError: naming an entry that names nothing, two entries of one name, or standard
            input where it would have to be read twice.
    """
    places = [_locate(entry) for entry in entries]
    for number, place in enumerate(places):
        if place.id in {each.id for each in places[:number]}:
            raise SettingError(
                f"SOURCE has two entries {place.id!r}: write NAME=LOCATION to tell them apart"
            )
        if loop and place.kind is Kind.TAR and not place.location:
            raise SettingError("SOURCE_LOOP=1 is not allowed with SOURCE=-: it can be read once")
    return places


def open_source(
    place: Place,
    *,
    shapes: EncodedShapes,
    partitions: int,
    quality: int,
    max_fps: float,
    max_bytes: int,
) -> Source:
    """Make the source of a place; nothing is opened before its images are asked for.

    Args:
        place: see `velox.producer.sources.place.locate`.
        shapes: draws the synthetic images.
        partitions: of the topic, over which synthetic images spread.
        quality: of the JPEGs that are made here, 1 to 100.
        max_fps: frames a second of each video and camera; 0 for all.
        max_bytes: above which a file is refused, unread.
    """
    location = place.location
    match place.kind:
        case Kind.SYNTHETIC:
            return Synthetic(place.id, shapes=shapes, quality=quality, partitions=partitions)
        case Kind.FILES:
            return Folder(place.id, location, max_bytes=max_bytes)
        case Kind.TAR:
            return Tar(place.id, location or None, max_bytes=max_bytes)
        case Kind.ZIP:
            return Zip(place.id, location, max_bytes=max_bytes)
        case Kind.VIDEO:
            return VideoFile(
                place.id,
                location,
                quality=quality,
                max_fps=max_fps,
                trouble=lambda: why_not_whole(location),
            )
        case Kind.DEVICE:
            device = int(location) if location.isdigit() else location
            return Camera(
                place.id,
                device,
                api=cv2.CAP_ANY if isinstance(device, int) else cv2.CAP_V4L2,
                quality=quality,
                max_fps=max_fps,
                why_nothing_comes=lambda: _why_no_device(device),
            )
        case Kind.WEB:
            return Web(place.id, location, quality=quality, max_fps=max_fps)
        case Kind.STREAM:
            return Camera(
                place.id,
                location,
                api=cv2.CAP_FFMPEG,
                quality=quality,
                max_fps=max_fps,
                why_nothing_comes=lambda: why_nothing_comes(location),
            )


def _locate(entry: str) -> Place:
    named = _NAMED.fullmatch(entry)
    name, location = (named[1], named[2]) if named else (None, entry)
    if location == SYNTHETIC:
        return Place(name or SYNTHETIC, Kind.SYNTHETIC, "")
    if location == STDIN:
        if sys.stdin is not None and sys.stdin.isatty():
            raise SettingError("SOURCE=- reads a tar archive, but standard input is a terminal")
        return Place(name or STDIN, Kind.TAR, "")
    if _is_camera(location):
        return Place(name or f"camera-{location}", Kind.DEVICE, location)
    if "://" in location:
        kind = Kind.WEB if location.lower().startswith(("http://", "https://")) else Kind.STREAM
        return Place(name or without_credentials(location), kind, usable(location))
    return Place(name or shown(os.path.normpath(location)), _kind_of_path(location), location)


def _is_camera(location: str) -> bool:
    """Whether it is the number of a camera, and not a file or a folder of that name."""
    digits = location.isascii() and location.isdigit()
    return digits and int(location) < MOST_CAMERAS and not os.path.lexists(location)


def _why_no_device(device: str | int) -> str:
    path = f"/dev/video{device}" if isinstance(device, int) else device
    if not os.path.exists(path):
        return f"there is no {path}"
    if not os.access(path, os.R_OK | os.W_OK):
        return f"{path} may not be used: its group must be one of this process's"
    return f"{path} gives no picture"


def _kind_of_path(path: str) -> Kind:
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
