"""The sizes of batch that a device is prepared for, and how any batch is cut to them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence


def ladder(largest: int) -> list[int]:
    """Sizes up to `largest`, ascending: 1, 2, 3, 4, 6, 8, 12, ... and `largest` itself.

    A batch is padded to the next one, so at most a third of what is computed is padding.
    """
    rungs = {largest}
    power = 1
    while power < largest:
        rungs.update(size for size in (power, power * 3 // 2) if size < largest)
        power *= 2
    return sorted(rungs)


def pieces(count: int, rungs: Sequence[int]) -> Iterator[tuple[slice, int]]:
    """Cut a batch to the rungs of a ladder.

    Args:
        count: images in the batch.
        rungs: ascending.

    Yields:
        Which images make a piece, and the rung it is padded to.
    """
    for start in range(0, count, rungs[-1]):
        stop = min(count, start + rungs[-1])
        yield slice(start, stop), rungs[bisect_left(rungs, stop - start)]
