"""From a place to the source that reads it."""

from __future__ import annotations

import cv2

from velox.producer.sources.capture import Source
from velox.producer.sources.folder import Folder
from velox.producer.sources.place import Kind, Place
from velox.producer.sources.source_camera import Camera
from velox.producer.sources.synthetic import EncodedShapes, Synthetic
from velox.producer.sources.tar import Tar
from velox.producer.sources.video import VideoFile


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
        case Kind.VIDEO:
            return VideoFile(place.id, location, quality=quality, max_fps=max_fps)
        case Kind.DEVICE:
            device = int(location) if location.isdigit() else location
            api = cv2.CAP_ANY if isinstance(device, int) else cv2.CAP_V4L2
            return Camera(place.id, device, api=api, quality=quality, max_fps=max_fps)
        case Kind.STREAM:
            return Camera(place.id, location, api=cv2.CAP_FFMPEG, quality=quality, max_fps=max_fps)
