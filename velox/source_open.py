"""From a place to the source that reads it."""

from __future__ import annotations

import cv2

from velox.source_camera import Camera
from velox.source_folder import Folder
from velox.source_place import Kind, Place
from velox.source_shapes import EncodedShapes, Synthetic
from velox.source_tar import Tar
from velox.source_video import VideoFile
from velox.sources import Source


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
        place: see `velox.source_place.locate`.
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
