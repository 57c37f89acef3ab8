"""What it costs to compute how unlike the images of training an image is, for each precision.

The forms with and without it take turns in one process, and CPU seconds are compared: what else the
machine does disturbs them less than the clock on the wall.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from statistics import median

import numpy as np
import torch

from bench import refused
from bench.checkpoints import PIXELS, Checkpoints
from bench.images import shapes
from bench.measure import figure
from bench.results import Results
from velox.images.appearance import looks
from velox.images.pixels import decode
from velox.models.checkpoint import Checkpoint, load, restore
from velox.models.engine.export import graphs_of
from velox.models.engine.interface import Engine, Images
from velox.models.engine.onnx_engine import OnnxEngine
from velox.models.engine.torch_engine import TorchEngine
from velox.training.data.dataset import Dataset, Held, Splits
from velox.training.evaluation import Inputs
from velox.training.novelty import find

CASE = "unknown"
SIZES = (64, 96, 224)
BATCH = 32
# Turns and seconds for each size and precision.
LEAST_TURNS, SECONDS = 20, 12.0
MOST = 3.0
CPU = torch.device("cpu")
LEARNED = 200


def run(results: Results, checkpoints: Checkpoints) -> None:
    """Measure."""
    for size in SIZES:
        plain = checkpoints.of_size(size)
        checkpoint = load(plain.path, plain.classes)
        data = shapes(512, BATCH)
        batch = decoded(data, size)
        knowing = telling(checkpoint, size)
        for runtime, precision, without, told in pairs(checkpoint, knowing):
            where = f"{runtime} {precision}, {size}"
            bar = f"{where}, more CPU time in %"
            if {without.precision, told.precision} != {precision}:
                results.leave_out(CASE, bar, refused.why(precision))
                continue
            seconds = cpu_seconds(
                {
                    "without": partial(without.predict, batch),
                    "told": partial(told.predict, batch),
                    "rest": partial(made_ready, data, size),
                }
            )
            for engine in (without, told):
                engine.close()
            more = seconds["told"] - seconds["without"]
            alone = 100 * more / seconds["without"]
            whole = 100 * more / (seconds["without"] + seconds["rest"])
            results.add(CASE, {f"{where}, more of the model's CPU time": figure([alone], "%")})
            results.bar(CASE, bar, whole, MOST, at_least=False)


def made_ready(data: tuple[bytes, ...], size: int) -> None:
    """What else is done with the pixels of each image."""
    looks(decoded(data, size))


def decoded(data: tuple[bytes, ...], size: int) -> Images:
    """Images as a model takes them."""
    return np.stack([decode(each, size=size, max_pixels=PIXELS) for each in data])


def telling(checkpoint: Checkpoint, size: int) -> Checkpoint:
    """The checkpoint, which also tells what is unlike some drawn shapes."""
    pixels = decoded(shapes(512, LEARNED), size)
    targets = np.arange(LEARNED) % len(checkpoint.labels)
    data = Dataset(Held(pixels), np.arange(LEARNED), targets, checkpoint.labels)
    found = find(
        restore(checkpoint),
        Splits(data, data, data.subset(np.arange(1))),
        None,
        temperature=checkpoint.temperature,
        learned=None,
        inputs=Inputs(CPU, checkpoint.mean, checkpoint.std),
        seed=0,
        stop=threading.Event(),
    )
    assert found is not None
    return replace(checkpoint, novelty=found.tensors, unknown=found.limits)


def pairs(plain: Checkpoint, knowing: Checkpoint) -> Iterator[tuple[str, str, Engine, Engine]]:
    """For each runtime and precision an engine without the score, and one with it."""
    for precision in ("fp32", "bf16", "int8"):
        made = [
            TorchEngine(each, device=CPU, precision=precision, batch_size=BATCH)
            for each in (plain, knowing)
        ]
        yield "PyTorch", precision, made[0], made[1]
    graphs = [graphs_of(each) for each in (plain, knowing)]
    for precision in ("fp32", "int8"):
        on_onnx = [OnnxEngine(each, precision=precision, batch_size=BATCH) for each in graphs]
        yield "ONNX Runtime", precision, on_onnx[0], on_onnx[1]


def cpu_seconds(works: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """CPU seconds that each takes, the median of many turns."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    deadline = time.monotonic() + SECONDS
    turns = 0
    while turns < LEAST_TURNS or time.monotonic() < deadline:
        for name, work in works.items():
            before = time.process_time()
            work()
            found[name].append(time.process_time() - before)
        turns += 1
    return {name: median(each) for name, each in found.items()}
