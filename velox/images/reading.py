"""From encoded bytes to 8 bits of three colours, the right way up, at the size of the file.

OpenCV's own 8 bits of three colours are taken where they are right: they cost least, and they are
what models without a choice of their own were trained on. Elsewhere its numbers are taken as they
are in the file, and `velox.images.colors` makes colours of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np

from velox.base.errors import UndecodableImage
from velox.images.colors import Numbers, Pixels, colors
from velox.images.cropping import Crop
from velox.images.fitting import reduced
from velox.images.header import Header
from velox.images.pages import several
from velox.images.preprocessing import OF_IMAGE, REFUSE, Preprocessing
from velox.images.turning import Turn, of_exif, turned

# Has 8 bits and no transparency.
_JPEG = ".jpg"
# OpenCV turns these itself, however they are read.
_TURNED_BY_OPENCV = ".tiff"


def is_unchanged(header: Header, preprocessing: Preprocessing) -> bool:
    """Whether the file's own numbers are needed."""
    if header.extension == _JPEG:
        return False
    chosen = preprocessing.background is not None or preprocessing.value_range == OF_IMAGE
    return header.reading.always or chosen


def check_kind(header: Header, data: bytes, preprocessing: Preprocessing) -> None:
    """Refuse what would be read wrongly, or is not wanted.

    Raises:
        UndecodableImage: naming the reason.
    """
    if header.reading.unreadable:
        raise UndecodableImage(f"this kind of {header.extension} image cannot be read")
    if header.reading.loses_alpha and preprocessing.background is not None:
        raise UndecodableImage(
            f"a {header.extension} image that is grey with transparency cannot be read"
        )
    if preprocessing.multi_page == REFUSE and several(header, data):
        raise UndecodableImage(
            f"the {header.extension} image has several pages or frames, "
            "and the model was trained with MULTI_PAGE=refuse"
        )


def comes_as_rgb(header: Header) -> bool:
    """Whether OpenCV gives red first if asked to; decoders of some formats do not."""
    return header.extension == _JPEG


def read_colors(
    data: bytes,
    header: Header,
    size: int,
    preprocessing: Preprocessing,
    *,
    rgb: bool = False,
    crop: Crop | None = None,
) -> Pixels | None:
    """Decode an image.

    Args:
        data: the encoded image.
        header: its header.
        size: height and width in pixels of what is to be made of it: a JPEG is not decoded much
            larger than needed.
        preprocessing: how.
        rgb: red first, which needs `comes_as_rgb`.
        crop: the part of it that will be taken.

    Returns:
        uint8 BGR, or RGB, [height, width, 3], None where OpenCV cannot decode it.
    """
    buffer = np.frombuffer(data, np.uint8)
    turn = header.reading.turn
    if not is_unchanged(header, preprocessing):
        flag = reduced(header, size, preprocessing, crop)
        if rgb:
            flag = (flag & ~cv2.IMREAD_COLOR_BGR) | cv2.IMREAD_COLOR_RGB
        if turn is not None:
            flag |= cv2.IMREAD_IGNORE_ORIENTATION
        plain = cv2.imdecode(buffer, flag)
        if plain is None:
            return None
        made = np.asarray(plain, np.uint8)
        return made if turn is None else turned(made, turn)
    image, kinds, metadata = cast(
        tuple[Numbers | None, Sequence[int], Sequence[Numbers]],
        cv2.imdecodeWithMetadata(buffer, cv2.IMREAD_UNCHANGED),
    )
    if image is None:
        return None
    made = colors(image, header, preprocessing)
    if header.extension == _TURNED_BY_OPENCV:
        return made
    if turn is None:
        exif = dict(zip(kinds, metadata, strict=True)).get(cv2.IMAGE_METADATA_EXIF)
        turn = Turn() if exif is None else of_exif(exif.tobytes())
    return made if turn == Turn() else turned(made, turn)
