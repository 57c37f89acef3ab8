"""The yardstick: the same model in ONNX Runtime, float32, alone on the machine's cores."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from velox.models.checkpoint import Checkpoint, restore

OPSET = 17


class OnnxRuntime:
    """A checkpoint's classifier in ONNX Runtime; float32 [N, 3, S, S] in, outputs out."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = os.cpu_count() or 1
        # Threads that spin while they wait would be measured as the others' slowness.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            exported(checkpoint), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, images: NDArray[np.float32]) -> Any:
        """Run a batch."""
        return self._session.run(None, {"images": images})


def exported(checkpoint: Checkpoint) -> bytes:
    """The checkpoint's classifier as an ONNX file that takes any number of images."""
    size = checkpoint.input_size
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The exporter by tracing is deprecated, and makes the graph that ran fastest.
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            restore(checkpoint),
            (torch.zeros(1, 3, size, size),),
            path,
            input_names=["images"],
            output_names=["outputs"],
            dynamic_axes={"images": {0: "n"}, "outputs": {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )
        return path.read_bytes()
