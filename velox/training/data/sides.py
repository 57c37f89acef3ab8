"""How large the images of a folder are, so that small ones are not blown up for nothing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from velox.images.header import read

LOOKED_AT = 200
# A header stands at the beginning, behind a preview at most.
BEGINNING = 2**18
# Of a smaller input the last maps of most networks have hardly a place that is not at the border.
STEP, LEAST = 32, 96


def usual_side(paths: Sequence[Path]) -> int | None:
    """The longer side of the image in the middle, by size, in pixels; None where none says.

    Args:
        paths: of the files; some hundreds, evenly taken, are looked at.
    """
    sides = []
    for path in paths[:: max(1, len(paths) // LOOKED_AT)]:
        try:
            with path.open("rb") as file:
                header = read(file.read(BEGINNING))
        except OSError:
            continue
        if header is not None:
            sides.append(max(header.width, header.height))
    return round(statistics.median(sides)) if sides else None


def suiting(size: int, side: int | None) -> int:
    """The input for images of a side: no larger than they ask for, in steps of 32 from 96 on.

    Args:
        size: what it is at most.
        side: see `usual_side`.
    """
    if side is None:
        return size
    return min(size, max(LEAST, STEP * -(-side // STEP)))
