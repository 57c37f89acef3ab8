"""ONNX Runtime: a graph at work on the CPU."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

INPUT = "pixels"
# The second is there where the model says how unlike the images of its training an image is.
OUTPUTS = ("outputs", "novelty")

_ERRORS_ONLY = 3


class Session:
    """Runs a graph; several threads may come at the same time.

    Args:
        graph: takes uint8 [N, S, S * 3] and returns float32 [N, labels], and perhaps the novelty,
            float32 [N].
        threads: for one call.

    Raises:
        Exception: of any kind, when ONNX Runtime cannot run it.
    """

    def __init__(self, graph: bytes, *, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that spin while they wait take cores from those that decode.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = _ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, rows: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        """The outputs before the softmax, float32 [N, labels], of uint8 [N, S, S * 3].

        Where the graph has it, the novelty as well, float32 [N].
        """
        return tuple(self._session.run(None, {INPUT: rows}))


def as_rows(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a graph takes of images, uint8 [N, S, S, 3]: rows of pixels, [N, S, S * 3]."""
    return np.ascontiguousarray(images).reshape(*images.shape[:2], -1)
