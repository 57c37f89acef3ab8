"""Small pictures of large ones, for people to look at."""

from __future__ import annotations

import cv2
import numpy as np

from velox.base.errors import UndecodableImage
from velox.images import header as image_header
from velox.images.fitting import reduced
from velox.images.memory import needed
from velox.images.pixels import check_size, gate, quieten
from velox.images.preprocessing import OF_IMAGE, PAD, Preprocessing
from velox.images.reading import check_kind, is_unchanged, read_colors

QUALITY = 80
# As people see images elsewhere: whole, and on white.
_WHOLE = Preprocessing(fit=PAD, background=(255, 255, 255), value_range=OF_IMAGE)


def thumbnail(data: bytes, *, longest: int, max_pixels: int, max_whole: int) -> bytes:
    """A JPEG of an encoded image, its aspect ratio kept, never enlarged.

    Args:
        data: an encoded image in any format that OpenCV reads.
        longest: pixels of the longer side of the result at most.
        max_pixels: pixels above which the image is refused before anything is decoded.
        max_whole: the same for formats that can only be decoded at their full size; of those that
            take more than `decode_memory.BYTES_A_PIXEL` fewer pixels are allowed.

    Raises:
        UndecodableImage: when the bytes are not an image, or cut short.
        ImageTooLarge: when the image claims more than that.
    """
    quieten()
    header = image_header.read(data)
    if header is None or not header.complete:
        raise UndecodableImage("not an image, or cut short")
    check_kind(header, data, _WHOLE)
    whole = reduced(header, longest, _WHOLE) == cv2.IMREAD_COLOR
    need = needed(header, data, unchanged=is_unchanged(header, _WHOLE))
    check_size(header, need, max_whole if whole else max_pixels)
    taken = gate.enter(need)
    try:
        image = read_colors(data, header, longest, _WHOLE)
        if image is None:
            raise UndecodableImage(f"the {header.extension} image cannot be decoded")
        height, width = image.shape[:2]
        scale = longest / max(height, width)
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        _, small = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    except cv2.error as error:
        raise UndecodableImage(f"the {header.extension} image cannot be decoded") from error
    finally:
        gate.leave(taken)
    return small.tobytes()
