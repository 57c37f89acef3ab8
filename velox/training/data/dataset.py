"""Data sets: images of one size with the index of their label, taken a batch at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Indices = NDArray[np.int64]


def _none() -> Indices:
    return np.empty(0, np.int64)


class Images(Protocol):
    """Images of one size, in memory or not."""

    def take(self, rows: Indices) -> Pixels:
        """The images of these rows, uint8 RGB [len(rows), S, S, 3]."""

    def fingerprint(self, rows: Indices) -> bytes:
        """What differs where these rows are other images."""


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

    def fingerprint(self, rows: Indices) -> bytes:
        """A digest of the pixels; see `Images.fingerprint`."""
        return hashlib.sha256(self._pixels[rows].tobytes()).digest()


@dataclass(frozen=True)
class Dataset:
    """Images and their labels.

    Attributes:
        images: where they are taken from.
        rows: int64 [N], which of the images are this data set's.
        targets: int64 [N], their labels' indices.
        labels: in the order of the indices.
        groups: int64 [N], the same number for images that are nearly the same; each its own
            without.
        parts: int64 [N], the part of the split that an image is given to, all to the training
            without.
    """

    images: Images
    rows: Indices
    targets: Indices
    labels: tuple[str, ...]
    groups: Indices = field(default_factory=_none)
    parts: Indices = field(default_factory=_none)

    def __post_init__(self) -> None:
        if not len(self.groups):
            object.__setattr__(self, "groups", np.asarray(self.rows))
        if not len(self.parts):
            object.__setattr__(self, "parts", np.zeros(len(self.rows), np.int64))

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: Indices) -> tuple[Pixels, Indices]:
        """Some of its images, uint8 RGB [K, S, S, 3], and their targets, int64 [K].

        Args:
            which: int64 [K], positions from 0 to N - 1.
        """
        return self.images.take(self.rows[which]), self.targets[which]

    def subset(self, which: Indices) -> Dataset:
        """Some of its images.

        Args:
            which: int64 [K], positions from 0 to N - 1.
        """
        given = (self.rows[which], self.targets[which])
        return Dataset(self.images, *given, self.labels, self.groups[which], self.parts[which])

    @classmethod
    def joined(cls, parts: Sequence[Dataset]) -> Dataset:
        """The images of several parts of one data set, in their order."""
        return cls(
            parts[0].images,
            np.concatenate([each.rows for each in parts]),
            np.concatenate([each.targets for each in parts]),
            parts[0].labels,
            np.concatenate([each.groups for each in parts]),
            np.concatenate([each.parts for each in parts]),
        )

    def counts(self) -> Indices:
        """Images of each label, int64 [C]."""
        return np.bincount(self.targets, minlength=len(self.labels)).astype(np.int64)


class Splits(NamedTuple):
    """What a network learns from, what chooses its epoch and temperature, what judges the result.

    No image is in two of them, so the judgement is of images that decided nothing. Nor is one that
    is nearly the same, but for the exceptions that `velox.training.data.split.known` finds.
    """

    training: Dataset
    validation: Dataset
    test: Dataset
