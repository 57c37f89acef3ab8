"""(b) The bare engine, by model and size of batch, against ONNX Runtime float32 in the same run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from bench.checkpoints import Checkpoints
from bench.measure import rates
from bench.results import Results
from bench.yardstick import OnnxRuntime
from velox.models.checkpoint import Checkpoint, load, restore
from velox.models.engine.export import graphs_of
from velox.models.engine.onnx_engine import OnnxEngine
from velox.models.engine.torch_engine import TorchEngine

MODELS = (
    ("mobilenet_v2", 64),
    ("mobilenet_v2", 96),
    ("mobilenet_v2", 224),
    ("efficientnet_b0", 224),
    ("resnet50", 224),
)
BATCHES = (1, 8, 32)
CPU = torch.device("cpu")
SECONDS = 10.0
YARDSTICK = "onnxruntime"
# Of the yardstick.
GOALS = {"fp32": 0.95, "int8": 2.0}


def run(results: Results, checkpoints: Checkpoints) -> None:
    """Measure."""
    for architecture, size in MODELS:
        model = checkpoints.of_size(size, architecture)
        checkpoint = load(model.path, model.classes)
        yardstick, eager = OnnxRuntime(checkpoint), restore(checkpoint)
        engines = engines_of(checkpoint)
        rng = np.random.default_rng(0)
        for batch in BATCHES:
            pixels = rng.integers(0, 255, (batch, size, size, 3), np.uint8)
            floats = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)
            candidates: dict[str, Callable[[], object]] = {
                YARDSTICK: partial(yardstick, floats),
                "torch eager": partial(inferred, eager, torch.from_numpy(floats)),
            }
            for name, engine in engines.items():
                candidates[name] = partial(engine.predict, pixels)
            figures = rates(candidates, items=batch, seconds=SECONDS, unit="images/s")
            where = f"{architecture} {size}, batch {batch}"
            for name, found in figures.items():
                results.add("engine", {f"{where}, {name}": found})
            for precision, goal in GOALS.items():
                name = f"velox onnx {precision}"
                if engines[name].precision == precision:
                    ratio = figures[name].median / figures[YARDSTICK].median
                    results.bar("engine", f"{where}, {name} / {YARDSTICK}", ratio, goal)
        for engine in engines.values():
            engine.close()


def engines_of(checkpoint: Checkpoint) -> dict[str, TorchEngine | OnnxEngine]:
    """By a name: on PyTorch, as without the packages for ONNX, and on ONNX Runtime."""
    graphs = graphs_of(checkpoint)
    return {
        **{
            f"velox torch {precision}": TorchEngine(checkpoint, device=CPU, precision=precision)
            for precision in ("fp32", "bf16", "int8")
        },
        **{
            f"velox onnx {precision}": OnnxEngine(graphs, precision=precision)
            for precision in GOALS
        },
    }


@torch.inference_mode()
def inferred(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The network as its authors run it."""
    outputs: torch.Tensor = network(images)
    return outputs
