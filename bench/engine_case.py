"""(b) The bare engine, by batch size, against ONNX Runtime float32 in the same run."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from bench.checkpoints import Checkpoints
from bench.measure import rates
from bench.results import Results
from bench.yardstick import OnnxRuntime
from velox.models.checkpoint import load, restore
from velox.models.engine.torch_engine import TorchEngine

SIZES = (224, 96)
BATCHES = (1, 8, 32)
PRECISIONS = ("fp32", "bf16", "int8", "auto")
CPU = torch.device("cpu")
SECONDS = 10.0


def run(results: Results, checkpoints: Checkpoints) -> None:
    """Measure."""
    for size in SIZES:
        model = checkpoints.of_size(size)
        checkpoint = load(model.path, model.classes)
        yardstick = OnnxRuntime(checkpoint)
        eager = restore(checkpoint)
        engines = {
            precision: TorchEngine(checkpoint, device=CPU, precision=precision)
            for precision in PRECISIONS
        }
        rng = np.random.default_rng(0)
        for batch in BATCHES:
            pixels = rng.integers(0, 255, (batch, size, size, 3), np.uint8)
            floats = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)
            figures = rates(
                {
                    "onnxruntime": partial(yardstick, floats),
                    "torch eager": partial(inferred, eager, torch.from_numpy(floats)),
                    **{
                        f"velox {precision} ({engine.precision})": partial(engine.predict, pixels)
                        for precision, engine in engines.items()
                    },
                },
                items=batch,
                seconds=SECONDS,
                unit="images/s",
            )
            for name, found in figures.items():
                results.add("engine", {f"{size}, batch {batch}, {name}": found})
        for engine in engines.values():
            engine.close()


@torch.inference_mode()
def inferred(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The network as its authors run it."""
    outputs: torch.Tensor = network(images)
    return outputs
