"""Which images show nearly the same, by what is known of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from velox.base.errors import BadImage, OutOfMemory
from velox.images.near import Sketches, groups, near, sketch
from velox.images.pixels import decode

_SIDE = 64


def sketched(image: bytes | None, *, max_pixels: int) -> Sketches | None:
    """What an encoded image is compared by, uint8 [velox.images.near.SKETCH].

    Args:
        image: in any format that OpenCV reads.
        max_pixels: pixels above which it is not looked at.

    Returns:
        None for one that is missing, or cannot be decoded.
    """
    try:
        return sketch(decode(image, size=_SIDE, max_pixels=max_pixels))
    except (BadImage, OutOfMemory):
        return None


def numbered(sketches: Sequence[Sketches | None]) -> list[int]:
    """For each image the place of the first one that it is nearly the same as, or its own.

    Args:
        sketches: of the images; None for those that are like no other.
    """
    found = list(range(len(sketches)))
    known = [(place, each) for place, each in enumerate(sketches) if each is not None]
    if len(known) > 1:
        joined = groups(len(known), near(np.stack([each for _, each in known])))
        for (place, _), first in zip(known, joined.tolist(), strict=True):
            found[place] = known[first][0]
    return found
