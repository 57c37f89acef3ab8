"""How an image looks, in three numbers: brightness, contrast and sharpness."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Looks = NDArray[np.float32]

# Pixels along each side that are looked at, each with its neighbours to the right and below. What
# is compared are hundreds of images: of each, the rest would tell nothing more.
_GRID = 16
_COLOURS = 3
_PIXEL = np.dtype("V3")
_WHITE, _GREY = 255.0, 127.5
# Below it, in grey levels squared, an image is of one colour but for rounding.
_PLAIN = 0.5


def looks(images: Pixels) -> Looks:
    """Brightness, contrast and sharpness of images, float32 [N, 3].

    Brightness is the mean of the pixels and contrast their standard deviation, of red, green and
    blue alike, from 0 to 1. Sharpness is the root of von Neumann's ratio: how much neighbours
    differ, by how much pixels differ at all. It is about 1 where neighbours have nothing to do
    with each other, and near 0 where all changes are gradual, as in a blurred image. Twice the
    light makes no difference to it. It is 0 for an image of one colour. (J. von Neumann,
    "Distribution of the ratio of the mean square successive difference to the variance", 1941;
    a half of that ratio is taken, along rows and columns.)

    Args:
        images: uint8 RGB [N, S, S, 3].
    """
    count, side = images.shape[:2]
    # A pixel as one value, so that it is copied in one go.
    pixels = np.ascontiguousarray(images).view(_PIXEL).reshape(count, side**2)
    places = _places(side)
    shown = pixels.take(places, axis=1).view(np.uint8).astype(np.float32)
    # From the middle of the scale: so squares stay small enough for 32 bits.
    points = len(places) // 3
    kinds = shown.reshape(count, 3, points * _COLOURS) - np.float32(_GREY)
    here, beside, below = np.moveaxis(kinds, 1, 0)
    means = np.einsum("npc->nc", here.reshape(count, points, _COLOURS)) / points
    variance = np.maximum(0, (_squared(here) / points - (means**2).sum(axis=1)) / _COLOURS)
    differ = (_squared(beside - here) + _squared(below - here)) / (points * _COLOURS)
    ratio = np.where(variance < _PLAIN, 0, differ / (4 * np.maximum(variance, _PLAIN)))
    brightness = (means.mean(axis=1) + _GREY) / _WHITE
    columns = [brightness, np.sqrt(variance) / _WHITE, np.sqrt(ratio)]
    return np.stack(columns, axis=1, dtype=np.float32)


@cache
def _places(side: int) -> NDArray[np.int64]:
    """Which pixels of an image are looked at: some, their right, and their lower neighbours."""
    last = max(1, side - 1)
    along = np.arange(0, last, -(-last // _GRID))
    here = (along[:, None] * side + along).ravel()
    away = min(1, side - 1)
    return np.concatenate([here, here + away, here + side * away])


def _squared(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum of the squares of each row, float32 [N]."""
    return np.asarray(np.einsum("nk,nk->n", values, values))
