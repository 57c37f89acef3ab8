"""The stored images of some detections as small pictures inside a page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from velox.base.errors import BadImage
from velox.base.records import Detection
from velox.images.thumbnail import thumbnail
from velox.stores.image_names import is_ours

PIXELS = 200
MAX_PIXELS = 50_000_000
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_TOTAL_BYTES = 8 * 1024 * 1024


def pictures(detections: Sequence[Detection], folder: Path) -> dict[str, str]:
    """A `data:` address for each detection, by id, whose image is still there.

    A document may name any path: only the name counts, only in `folder`, and only of the form that
    the consumer gives to its files. All pictures together stay below MAX_TOTAL_BYTES.
    """
    found: dict[str, str] = {}
    total = 0
    for each in detections:
        picture = _picture(each, folder)
        if picture is None:
            continue
        address = "data:image/jpeg;base64," + base64.b64encode(picture).decode()
        total += len(address)
        if total > MAX_TOTAL_BYTES:
            break
        found[each.id] = address
    return found


def _picture(detection: Detection, folder: Path) -> bytes | None:
    if detection.file_path is None:
        return None
    name = detection.file_path.replace("\\", "/").rpartition("/")[2]
    path = folder / name
    try:
        if not is_ours(name) or not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            return None
        return thumbnail(
            path.read_bytes(), longest=PIXELS, max_pixels=MAX_PIXELS, max_whole=MAX_PIXELS
        )
    except (OSError, ValueError, BadImage):
        return None
