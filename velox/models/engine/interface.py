"""The engine as the consumer sees it: a batch of images in, label indices and confidences out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from velox.images.preprocessing import Preprocessing

Images = NDArray[np.uint8]
Indices = NDArray[np.int64]
Confidences = NDArray[np.float32]


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
    """

    labels: tuple[str, ...]
    input_size: int
    preprocessing: Preprocessing
    digest: str
    architecture: str
    device: str
    precision: str

    def predict(self, batch: Images) -> tuple[Indices, Confidences]:
        """Classify a batch; several threads may come at the same time.

        Args:
            batch: uint8 RGB [N, input_size, input_size, 3].

        Returns:
            The index of the most likely label, int64 [N], and its probability, float32 [N].

        Raises:
            EngineOutOfMemory: when the device has no memory for a batch of this size.
        """

    def memory(self) -> dict[str, int]:
        """Bytes on the device by kind (allocated, reserved, total); empty on the CPU."""

    def close(self) -> None:
        """Let go of the model and of the device's memory."""
