"""The engine as the consumer sees it: a batch of images in, predictions out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from velox.base.reference import Reference
from velox.images.preprocessing import Preprocessing

Images = NDArray[np.uint8]
Indices = NDArray[np.int64]
Confidences = NDArray[np.float32]
Novelties = NDArray[np.float32]

_UNSAID: Novelties = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model makes of N images: the K most likely labels of each, the likeliest first.

    Attributes:
        indices: of the labels, int64 [N, K].
        confidences: their probabilities, float32 [N, K].
        novelty: how unlike the images of its training each is, float32 [N]; 0 for all where the
            model does not say.
    """

    indices: Indices
    confidences: Confidences
    novelty: Novelties = field(default_factory=lambda: _UNSAID)

    def __post_init__(self) -> None:
        if self.novelty is _UNSAID:
            object.__setattr__(self, "novelty", np.zeros(len(self.indices), np.float32))

    @classmethod
    def of(cls, indices: Indices, confidences: Confidences) -> Self:
        """Of one label an image: int64 [N] and float32 [N]."""
        return cls(indices[:, None], confidences[:, None])

    @classmethod
    def none(cls, count: int, top: int) -> Self:
        """For images that have no answer yet: -1 and 0."""
        shape = (count, top)
        return cls(np.full(shape, -1, np.int64), np.zeros(shape, np.float32))

    @property
    def best(self) -> tuple[Indices, Confidences]:
        """The most likely label of each image, int64 [N], and its probability, float32 [N]."""
        return self.indices[:, 0], self.confidences[:, 0]

    def fill(self, rows: slice, found: Predictions) -> None:
        """Write in what was found for some of the images."""
        self.indices[rows], self.confidences[rows] = found.indices, found.confidences
        self.novelty[rows] = found.novelty


class Engine(Protocol):
    """What classifies.

    Attributes:
        labels: in the order of the indices that `predict` returns.
        input_size: height and width of the images in pixels.
        preprocessing: how an image becomes one of that size.
        digest: the checkpoint's, short.
        architecture: a name of `torchvision.models`.
        device: `cpu` or `cuda:N`.
        precision: in which it computes.
        reference: what its images are compared with, where that is known.
        thresholds: of each label, the confidence at which an image is a match.
        top: labels K that each image is given.
        unknown_above: the novelty above which an image is called unknown; infinity for never.
        of_sources: thresholds of each label that single sources have instead, with which a reduced
            precision was tried.
    """

    labels: tuple[str, ...]
    input_size: int
    preprocessing: Preprocessing
    digest: str
    architecture: str
    device: str
    precision: str
    reference: Reference | None
    thresholds: tuple[float, ...]
    top: int
    unknown_above: float
    of_sources: tuple[tuple[float, ...], ...]

    def predict(self, batch: Images) -> Predictions:
        """Classify a batch; several threads may come at the same time.

        Args:
            batch: uint8 RGB [N, input_size, input_size, 3].

        Raises:
            EngineOutOfMemory: when the device has no memory for a batch of this size.
        """

    def memory(self) -> dict[str, int]:
        """Bytes on the device by kind (allocated, reserved, total); empty on the CPU."""

    def close(self) -> None:
        """Let go of the model and of the device's memory."""
