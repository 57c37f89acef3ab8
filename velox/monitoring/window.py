"""The newest images that a model has decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

UNDECIDED, NO_TRUTH, WRONG, RIGHT = -2, -1, 0, 1


@dataclass(frozen=True, slots=True)
class Decided:
    """What is known of N images.

    Attributes:
        called: indices of the labels that they were given, int64 [N].
        confidences: with which, float32 [N].
        looks: their brightness, contrast and sharpness, float32 [N, 3].
        right: RIGHT, WRONG, NO_TRUTH where their record has none, or UNDECIDED where their label
            means nothing, int8 [N].
    """

    called: NDArray[np.int64]
    confidences: NDArray[np.float32]
    looks: NDArray[np.float32]
    right: NDArray[np.int8]

    @classmethod
    def of(
        cls,
        called: NDArray[np.int64],
        confidences: NDArray[np.float32],
        looks: NDArray[np.float32],
    ) -> Self:
        """Of images whose truths are not known."""
        return cls(called, confidences, looks, np.full(len(called), NO_TRUTH, np.int8))

    @classmethod
    def blank(cls, count: int) -> Self:
        """Room for so many."""
        return cls(
            np.zeros(count, np.int64),
            np.zeros(count, np.float32),
            np.zeros((count, 3), np.float32),
            np.zeros(count, np.int8),
        )

    def __len__(self) -> int:
        return len(self.called)

    def rows(self, which: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Decided:
        """Some of them."""
        return Decided(
            self.called[which], self.confidences[which], self.looks[which], self.right[which]
        )

    def put(self, at: NDArray[np.int64], others: Decided) -> None:
        """Write others in their place."""
        self.called[at], self.confidences[at] = others.called, others.confidences
        self.looks[at], self.right[at] = others.looks, others.right


class Window:
    """The newest images.

    Args:
        size: how many at most.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept = Decided.blank(size)
        self._added = 0

    def __len__(self) -> int:
        return min(self._added, self._size)

    def add(self, decided: Decided) -> None:
        """Take these, the oldest first; they push out older ones."""
        newest = decided.rows(slice(-self._size, None))
        end = self._added + len(decided)
        self._kept.put(np.arange(end - len(newest), end) % self._size, newest)
        self._added = end

    def newest(self, most: int) -> Decided:
        """A copy of the newest, the oldest of them first."""
        first = self._added - min(most, len(self))
        return self._kept.rows(np.arange(first, self._added) % self._size)
