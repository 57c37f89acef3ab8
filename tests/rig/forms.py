"""A model in every form that a consumer may run it in on the CPU, and what images come to in it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray

from velox.models.checkpoint import Checkpoint
from velox.models.engine.interface import Engine
from velox.models.engine.torch_engine import TorchEngine
from velox.models.novelty_limits import AUTO

# Images that may come to something else in fewer bits: they are taken where it is half of that on
# the samples, which are fewer.
MOST_OTHERS = 0.01
# Of images unlike those of training more lie near the limit, and the samples hold none of them.
MOST_STRANGE_OTHERS = 0.1

Pixels = NDArray[np.uint8]
Outcomes = NDArray[np.int64]

_NO_MATCH, _UNKNOWN = -1, -2


def engines(checkpoint: Checkpoint) -> Iterator[tuple[str, str, Engine]]:
    """Each with its name and precision, PyTorch in float32 first, as with UNKNOWN=auto.

    One whose precision is refused runs in fp32. Those of ONNX Runtime come where it is installed.
    """
    assert checkpoint.unknown is not None
    above = checkpoint.unknown.above(AUTO)
    for precision in ("fp32", "bf16", "int8"):
        engine = TorchEngine(
            checkpoint, device=torch.device("cpu"), precision=precision, unknown_above=above
        )
        yield f"PyTorch {precision}", precision, engine
        engine.close()
    if find_spec("onnxruntime") is None or find_spec("onnx") is None:
        return
    from velox.models.engine.export import graphs_of
    from velox.models.engine.onnx_engine import OnnxEngine

    graphs = graphs_of(checkpoint)
    for precision in ("fp32", "int8"):
        onnx = OnnxEngine(graphs, precision=precision, unknown_above=above)
        yield f"ONNX Runtime {precision}", precision, onnx
        onnx.close()


def outcomes(engine: Engine, pixels: Pixels) -> Outcomes:
    """What images come to, int64 [N]: the index of the label matched, or a number below 0."""
    found = engine.predict(pixels)
    indices, confidences = found.best
    match = confidences >= np.array(engine.thresholds, np.float32)[indices]
    known = np.where(match, indices, _NO_MATCH)
    return np.where(found.novelty > engine.unknown_above, _UNKNOWN, known)
