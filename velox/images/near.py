"""Images that show nearly the same: copies, those saved again, neighbours in a video.

Each image has a sketch: its lightness on a grid of 16 by 16 and its colour differences on one of
8 by 8. Two images are nearly the same where their sketches, or one and the mirrored other, differ
little on the mean and nowhere much.

A sketch is the sum of a symmetric part, which mirroring leaves, and of an odd one, whose sign it
changes. Along the main components of each, the distance is never larger than that of the sketches.
So with the images in the order of the first component, few of them are within reach of one another,
and of those a product of small matrices shows the few whose sketches are worth a look.
"""

from __future__ import annotations

from itertools import repeat
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_LIGHT, _COLOUR = 16, 8
SKETCH = _LIGHT * _LIGHT + 2 * _COLOUR * _COLOUR
# Grey values of 255. Photographs saved again at a JPEG quality of 40, or at half their size, differ
# by 1 to 2 on the mean; other images by 5 and more, handwritten digits included.
MOST, LEAST = 3.0, 0.75
# Of an image with little contrast other images differ by less.
_OF_CONTRAST = 0.1
# How much further than the mean one value may be off.
_PEAK = 4
_COMPONENTS = 8
_BLOCK, _CHUNK, _NEAREST = 512, 4096, 4
_OF_ALL = 4096
_ROOT_OF_HALF = np.float32(0.5**0.5)

Pixels = NDArray[np.uint8]
Indices = NDArray[np.int64]
Sketches = NDArray[np.uint8]
Floats = NDArray[np.float32]


class Near(NamedTuple):
    """Two images that are nearly the same."""

    one: int
    other: int
    mirrored: bool


def sketch(pixels: Pixels) -> Sketches:
    """What an image, uint8 RGB [S, S, 3], is compared by: uint8 [SKETCH]."""
    parts = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    light = cv2.resize(parts[..., 0], (_LIGHT, _LIGHT), interpolation=cv2.INTER_AREA)
    colour = cv2.resize(parts[..., 1:], (_COLOUR, _COLOUR), interpolation=cv2.INTER_AREA)
    return np.concatenate([light.ravel(), colour.ravel()]).astype(np.uint8)


def near(sketches: Sketches) -> list[Near]:
    """Pairs that are nearly the same, mirrored or not.

    Of many that are all nearly the same there are enough pairs to join them, not every pair.

    Args:
        sketches: uint8 [N, SKETCH].
    """
    main = _main_components(sketches)
    order = np.argsort(main.even[:, 0], kind="stable")
    first_component = main.even[order, 0]
    reach = np.float32(MOST * SKETCH**0.5)
    limits = np.clip(_OF_CONTRAST * sketches[:, : _LIGHT**2].std(axis=1), LEAST, MOST)
    # What is all but equal to an earlier one stands for nothing more.
    wanted = np.ones(len(sketches), bool)
    found: list[Near] = []
    for first in range(0, len(order), _BLOCK):
        block = order[first : first + _BLOCK]
        end = int(
            np.searchsorted(
                first_component, first_component[first:][:_BLOCK][-1] + reach, side="right"
            )
        )
        block = block[wanted[block]]
        for start in range(first, end if len(block) else first, _CHUNK):
            later = order[start : min(start + _CHUNK, end)]
            later = later[wanted[later]]
            one, other = _candidates(main, block, later, reach)
            limit = np.minimum(limits[one], limits[other])
            for mirrored in (False, True):
                mean, peak = _differences(sketches, one, other, mirrored)
                same = (mean <= limit) & (peak <= _PEAK * limit)
                found += map(Near, one[same].tolist(), other[same].tolist(), repeat(mirrored))
                wanted[other[same & (mean <= limit / 4)]] = False
    return found


def groups(count: int, pairs: list[Near]) -> Indices:
    """The least index that each of `count` images is joined to by pairs, int64 [count]."""
    root = list(range(count))

    def find(index: int) -> int:
        while root[index] != index:
            root[index] = root[root[index]]
            index = root[index]
        return index

    for pair in pairs:
        one, other = sorted((find(pair.one), find(pair.other)))
        root[other] = one
    return np.array([find(index) for index in range(count)], np.int64)


class _Main(NamedTuple):
    """The main components of the sketches' symmetric and odd parts, each float32 [N, 8]."""

    even: Floats
    odd: Floats


def _left(sketches: Sketches) -> Sketches:
    light = sketches[:, : _LIGHT**2].reshape(-1, _LIGHT, _LIGHT)[:, :, : _LIGHT // 2]
    colour = sketches[:, _LIGHT**2 :].reshape(-1, _COLOUR, _COLOUR, 2)[:, :, : _COLOUR // 2]
    return np.concatenate([each.reshape(len(sketches), -1) for each in (light, colour)], axis=1)


def _mirrored(sketches: Sketches) -> Sketches:
    light = sketches[:, : _LIGHT**2].reshape(-1, _LIGHT, _LIGHT)[:, :, ::-1]
    colour = sketches[:, _LIGHT**2 :].reshape(-1, _COLOUR, _COLOUR, 2)[:, :, ::-1]
    return np.concatenate([each.reshape(len(sketches), -1) for each in (light, colour)], axis=1)


def _main_components(sketches: Sketches) -> _Main:
    def parts(some: Sketches) -> tuple[Floats, Floats]:
        left, right = (_left(each).astype(np.float32) for each in (some, _mirrored(some)))
        # So that the squares of both parts add up to those of the sketch.
        return (left + right) * _ROOT_OF_HALF, (left - right) * _ROOT_OF_HALF

    even, odd = parts(sketches[:: max(1, len(sketches) // _OF_ALL)])
    mean = even.mean(axis=0)
    along = [
        np.linalg.eigh(each.T @ each)[1][:, : -_COMPONENTS - 1 : -1].astype(np.float32)
        for each in (even - mean, odd)
    ]
    found = _Main(*(np.empty((len(sketches), _COMPONENTS), np.float32) for _ in along))
    for start in range(0, len(sketches), _CHUNK):
        even, odd = parts(sketches[start : start + _CHUNK])
        found.even[start : start + _CHUNK] = (even - mean) @ along[0]
        found.odd[start : start + _CHUNK] = odd @ along[1]
    return found


def _candidates(
    main: _Main, block: Indices, later: Indices, reach: np.float32
) -> tuple[Indices, Indices]:
    """For each of `later` the few nearest of `block` that are within reach, as pairs of rows."""
    near_by, far = _Main(*(each[block] for each in main)), _Main(*(each[later] for each in main))
    square = far.even @ near_by.even.T
    # Mirrored or not, whichever is nearer.
    square += np.abs(far.odd @ near_by.odd.T)
    square *= -2
    square += sum((each**2).sum(axis=1) for each in far)[:, None]
    square += sum((each**2).sum(axis=1) for each in near_by)
    # Each pair once: what is in the block as well comes after those before it alone.
    places = {row: place for place, row in enumerate(block.tolist())}
    for place, row in enumerate(later[: len(block)].tolist()):
        square[place, places.get(row, len(block)) :] = np.inf
    # The difference of large squares is not exact.
    within = square <= reach**2 * np.float32(1.01) + 16
    lines = np.flatnonzero(within.any(axis=1))
    kept = min(_NEAREST, len(block))
    nearest = np.argpartition(square[lines], kept - 1, axis=1)[:, :kept]
    chosen = within[lines[:, None], nearest]
    return block[nearest[chosen]], np.repeat(later[lines], chosen.sum(axis=1))


def _differences(
    sketches: Sketches, one: Indices, other: Indices, mirrored: bool
) -> tuple[NDArray[np.float64], NDArray[np.int16]]:
    """Between pairs of sketches, the root of the mean square and the largest, each [K]."""
    mean = np.empty(len(one))
    peak = np.empty(len(one), np.int16)
    for start in range(0, len(one), _CHUNK):
        part = slice(start, start + _CHUNK)
        second = sketches[other[part]]
        off = sketches[one[part]].astype(np.int16) - (_mirrored(second) if mirrored else second)
        mean[part] = np.sqrt((off.astype(np.float32) ** 2).mean(axis=1))
        peak[part] = np.abs(off).max(axis=1, initial=0)
    return mean, peak
