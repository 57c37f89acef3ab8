"""Images that travel with a checkpoint, to accept it by and to check a reduced precision.

They are kept encoded: as pixels they would be larger than the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Indices = NDArray[np.int64]

_QUALITY = 95


@dataclass(frozen=True)
class Samples:
    """Labelled images of a checkpoint's data set.

    Attributes:
        images: encoded, of the model's input size.
        targets: the index of each one's label.
    """

    images: tuple[bytes, ...]
    targets: tuple[int, ...]

    @classmethod
    def of(cls, pixels: Pixels, targets: Sequence[int] | Indices) -> Samples:
        """Encode images uint8 RGB [N, S, S, 3] with their labels' indices."""
        parameters = (cv2.IMWRITE_JPEG_QUALITY, _QUALITY)
        return cls(
            tuple(
                cv2.imencode(".jpg", np.ascontiguousarray(each[:, :, ::-1]), parameters)[
                    1
                ].tobytes()
                for each in pixels
            ),
            tuple(int(each) for each in targets),
        )

    @classmethod
    def joined(cls, parts: Iterable[Samples]) -> Samples:
        """The samples of several parts, in their order."""
        held = list(parts)
        return cls(
            tuple(image for each in held for image in each.images),
            tuple(target for each in held for target in each.targets),
        )

    def __len__(self) -> int:
        return len(self.images)

    def pixels(self) -> Pixels:
        """All images, uint8 RGB [N, S, S, 3].

        Raises:
            ValueError: when one cannot be decoded or they differ in size.
        """
        decoded = []
        for data in self.images:
            # OpenCV raises where there is not one byte.
            buffer = np.frombuffer(data or b"empty", np.uint8)
            image = cv2.imdecode(buffer, cv2.IMREAD_COLOR_RGB)
            if image is None:
                raise ValueError("an image of the samples cannot be decoded")
            decoded.append(image)
        return np.asarray(np.stack(decoded), np.uint8)


NO_SAMPLES = Samples((), ())
