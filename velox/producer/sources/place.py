"""One entry of SOURCE: what kind of source it names, what it is known by, and what reads it."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

import cv2

from velox.base.errors import SettingError
from velox.base.names import shown
from velox.producer.sources.address import (
    COMMA,
    is_reachable,
    usable,
    why_nothing_comes,
    without_credentials,
)
from velox.producer.sources.camera import Camera
from velox.producer.sources.capture import Source
from velox.producer.sources.container import why_not_whole
from velox.producer.sources.folder import Folder
from velox.producer.sources.journal import Journal
from velox.producer.sources.kind import Kind, is_camera, kind_of_path
from velox.producer.sources.synthetic import EncodedShapes, Synthetic
from velox.producer.sources.tar import Tar
from velox.producer.sources.video import VideoFile
from velox.producer.sources.watch import Topic, Watch
from velox.producer.sources.web import Web
from velox.producer.sources.zip import Zip

SYNTHETIC = "synthetic"
STDIN = "-"
WATCH = "watch:"
_NAMED = re.compile(r"([A-Za-z0-9._-]+)=(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source is.

    Attributes:
        id: its name: the one given, else the location without credentials.
        kind: what there is to read.
        location: a path, a device's number or an address; empty where the kind says it all. It
            may carry credentials.
        given: the name that the entry gives it; empty for none.
    """

    id: str
    kind: Kind
    location: str = field(repr=False)
    given: str = ""


@dataclass(frozen=True, slots=True)
class Watching:
    """What a watched folder needs beside itself.

    Attributes:
        topic: the name of the topic that the images go to.
        state: the folder in which it is remembered what was sent; None for the watched one.
        done: where files go once they are sent; None to leave them.
        read_back: reads the topic after a crash.
    """

    topic: str
    state: Path | None
    done: Path | None
    read_back: Topic

    def journal_of(self, root: str) -> Path:
        """The file that remembers what of a folder was sent to the topic."""
        if self.state is None:
            return Path(root, f".velox-sent-{self.topic}")
        which = blake2b(os.fsencode(os.path.abspath(root)), digest_size=4).hexdigest()
        return self.state / f"velox-sent-{self.topic}-{which}"


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
    watching: Watching,
) -> Source:
    """Make the source of a place; nothing is opened before its images are asked for.

    Args:
        place: see `velox.producer.sources.place.locate`.
        shapes: draws the synthetic images.
        partitions: of the topic, over which synthetic images spread.
        quality: of the JPEGs that are made here, 1 to 100.
        max_fps: frames a second of each video and camera; 0 for all.
        max_bytes: above which a file is refused, unread.
        watching: what a watched folder needs.
    """
    location = place.location
    match place.kind:
        case Kind.SYNTHETIC:
            return Synthetic(place.id, shapes=shapes, quality=quality, partitions=partitions)
        case Kind.FILES:
            return Folder(place.id, location, max_bytes=max_bytes)
        case Kind.TAR:
            return Tar(place.id, location or None, max_bytes=max_bytes, above=place.given)
        case Kind.ZIP:
            return Zip(place.id, location, max_bytes=max_bytes, above=place.given)
        case Kind.VIDEO:
            return VideoFile(
                place.id,
                location,
                quality=quality,
                max_fps=max_fps,
                trouble=lambda: why_not_whole(location),
            )
        case Kind.WATCH:
            return Watch(
                place.id,
                location,
                done=None if watching.done is None else str(watching.done),
                journal=Journal(watching.journal_of(location)),
                topic=watching.read_back,
                max_bytes=max_bytes,
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
                is_reachable=lambda: is_reachable(location),
            )


def _locate(entry: str) -> Place:
    named = _NAMED.fullmatch(entry)
    if named is None:
        return _place(entry)
    return replace(_place(named[2]), id=named[1], given=named[1])


def _place(location: str) -> Place:
    """The place of a location, with the name that it has where none is given."""
    if location == SYNTHETIC:
        return Place(SYNTHETIC, Kind.SYNTHETIC, "")
    if location == STDIN:
        if sys.stdin is not None and sys.stdin.isatty():
            raise SettingError("SOURCE=- reads a tar archive, but standard input is a terminal")
        return Place(STDIN, Kind.TAR, "")
    if location.startswith(WATCH):
        path = location.removeprefix(WATCH)
        if not os.path.isdir(path):
            raise SettingError(f"SOURCE names {shown(location)!r}: no folder {shown(path)!r}")
        return Place(shown(os.path.normpath(path)), Kind.WATCH, path)
    if is_camera(location):
        return Place(f"camera-{location}", Kind.DEVICE, location)
    if "://" in location:
        kind = Kind.WEB if location.lower().startswith(("http://", "https://")) else Kind.STREAM
        return Place(without_credentials(location), kind, usable(location))
    if "@" in location and not os.path.lexists(location):
        end = location.rpartition("@")[2]
        raise SettingError(
            f"SOURCE has an entry that is no path and ends in {'@' + end!r}: an address begins "
            f"with rtsp:// or another scheme; {COMMA}"
        )
    return Place(shown(os.path.normpath(location)), kind_of_path(location), location)


def _why_no_device(device: str | int) -> str:
    path = f"/dev/video{device}" if isinstance(device, int) else device
    if not os.path.exists(path):
        return f"there is no {path}"
    if not os.access(path, os.R_OK | os.W_OK):
        return f"{path} may not be used: its group must be one of this process's"
    return f"{path} gives no picture"
