"""(b) The bare engine, by model and size of batch, against ONNX Runtime float32 in the same run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch

from bench import refused
from bench.checkpoints import Checkpoints
from bench.measure import Figure, rates
from bench.results import Results
from bench.yardstick import OnnxRuntime
from velox.models.checkpoint import load, restore
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
SECONDS = 5.0
YARDSTICK = "onnxruntime"
# Of the yardstick.
GOALS = {"fp32": 0.95, "int8": 2.0}
TORCH_PRECISIONS = ("fp32", "bf16", "int8")


def run(results: Results, checkpoints: Checkpoints) -> None:
    """Measure."""
    for architecture, size in MODELS:
        model = checkpoints.of_size(size, architecture)
        checkpoint = load(model.path, model.classes)
        yardstick, eager = OnnxRuntime(checkpoint), restore(checkpoint)
        graphs = graphs_of(checkpoint)
        on_onnx = {name: OnnxEngine(graphs, precision=name) for name in GOALS}
        on_torch = {
            name: TorchEngine(checkpoint, device=CPU, precision=name) for name in TORCH_PRECISIONS
        }
        rng = np.random.default_rng(0)
        for batch in BATCHES:
            where = f"{architecture} {size}, batch {batch}"
            pixels = rng.integers(0, 255, (batch, size, size, 3), np.uint8)
            floats = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)
            # PyTorch's threads spin for a while after each call, at the cost of who comes next:
            # it stays among its own.
            figures = measured(
                {YARDSTICK: partial(yardstick, floats)}
                | {
                    f"velox onnx {name}": partial(each.predict, pixels)
                    for name, each in on_onnx.items()
                },
                batch,
            )
            figures |= measured(
                {"torch eager": partial(inferred, eager, torch.from_numpy(floats))}
                | {
                    f"velox torch {name}": partial(each.predict, pixels)
                    for name, each in on_torch.items()
                },
                batch,
            )
            results.add("engine", {f"{where}, {name}": found for name, found in figures.items()})
            for precision, goal in GOALS.items():
                name = f"velox onnx {precision}"
                bar = f"{where}, {name} / {YARDSTICK}"
                if on_onnx[precision].precision != precision:
                    results.leave_out("engine", bar, refused.why(precision))
                    continue
                ratio = figures[name].median / figures[YARDSTICK].median
                results.bar("engine", bar, ratio, goal)
        for engines in (on_onnx, on_torch):
            for each in engines.values():
                each.close()


def measured(candidates: Mapping[str, Callable[[], object]], batch: int) -> dict[str, Figure]:
    """Images a second of each."""
    return rates(candidates, items=batch, seconds=SECONDS, unit="images/s")


@torch.inference_mode()
def inferred(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The network as its authors run it."""
    outputs: torch.Tensor = network(images)
    return outputs
