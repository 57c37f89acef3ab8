"""Data sets: images of one size with the index of their label, taken a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Indices = NDArray[np.int64]


class Images(Protocol):
    """Images of one size, in memory or not."""

    def take(self, rows: Indices) -> Pixels:
        """The images of these rows, uint8 RGB [len(rows), S, S, 3]."""


class Held:
    """Images in memory; see `Images`.

    Args:
        pixels: uint8 RGB [N, S, S, 3].
    """

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels

    def take(self, rows: Indices) -> Pixels:
        """The images of these rows; see `Images.take`."""
        return self._pixels[rows]


@dataclass(frozen=True)
class Dataset:
    """Images and their labels.

    Attributes:
        images: where they are taken from.
        rows: int64 [N], which of the images are this data set's.
        targets: int64 [N], their labels' indices.
        labels: in the order of the indices.
    """

    images: Images
    rows: Indices
    targets: Indices
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: Indices) -> tuple[Pixels, Indices]:
        """Some of its images, uint8 RGB [K, S, S, 3], and their targets, int64 [K].

        Args:
            which: int64 [K], positions from 0 to N - 1.
        """
        return self.images.take(self.rows[which]), self.targets[which]

    def counts(self) -> Indices:
        """Images of each label, int64 [C]."""
        return np.bincount(self.targets, minlength=len(self.labels)).astype(np.int64)


class Splits(NamedTuple):
    """What a network learns from, what chooses its epoch and temperature, what judges the result.

    No image is in two of them, so the judgement is of images that decided nothing.
    """

    training: Dataset
    validation: Dataset
    test: Dataset


def split(data: Dataset, *, hold_out: float, seed: int) -> Splits:
    """Set a share of each label's images aside, one half to validate and one half to test.

    Args:
        data: at least three images of each label.
        hold_out: share that is set aside; at least two images of each label are.
        seed: of the choice.
    """
    random = np.random.default_rng(seed)
    parts: tuple[list[Indices], list[Indices], list[Indices]] = ([], [], [])
    for target in range(len(data.labels)):
        shuffled = random.permutation(np.flatnonzero(data.targets == target))
        aside = max(2, round(hold_out * len(shuffled)))
        for part, chosen in zip(
            parts,
            (shuffled[aside:], shuffled[: aside // 2], shuffled[aside // 2 : aside]),
            strict=True,
        ):
            part.append(chosen)
    return Splits(*(_subset(data, part) for part in parts))


def _subset(data: Dataset, which: Sequence[Indices]) -> Dataset:
    chosen = np.sort(np.concatenate(which))
    return Dataset(data.images, data.rows[chosen], data.targets[chosen], data.labels)
