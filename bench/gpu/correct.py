"""What was trained, in every precision, against float32 on the CPU."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from bench.gpu.place import Place
from bench.gpu.training import model_of
from bench.images import shapes
from bench.measure import figure
from bench.results import Results
from tests.unit.models.engine.networks import reference
from velox.images.pixels import decode
from velox.models.checkpoint import Checkpoint, load
from velox.models.engine.torch_engine import TorchEngine

# Of a probability.
LARGEST = {"fp32": 1e-3, "fp16": 0.02, "bf16": 0.1}
COUNT = 512
# Each size of batch that an engine prepares takes it up to two seconds.
BATCH = 8
SIDE = 256
PIXELS = 1_000_000


def run(results: Results, at: Place) -> None:
    """Check."""
    for architecture in at.scale.trained:
        model = model_of(at, architecture)
        assert model.path.exists(), f"{architecture} was not trained: run the part training too"
        checkpoint = load(model.path, model.classes)
        pixels = np.stack(
            [
                decode(data, size=checkpoint.input_size, max_pixels=PIXELS)
                for data in shapes(SIDE, COUNT if at.real else at.scale.batch)
            ]
        )
        expected = reference(checkpoint, pixels)
        for precision in ("fp32", "auto", "bf16") if at.real else ("auto",):
            compare(results, at, checkpoint, precision, pixels, expected)


def compare(
    results: Results,
    at: Place,
    checkpoint: Checkpoint,
    precision: str,
    pixels: NDArray[np.uint8],
    expected: torch.Tensor,
) -> None:
    """One model in one precision."""
    with at.entered():
        engine = TorchEngine(checkpoint, device=at.device, precision=precision, batch_size=BATCH)
        index, confidence = engine.predict(pixels).best
        engine.close()
    of_the_label = expected[torch.arange(len(pixels)), torch.from_numpy(index)].numpy()
    difference = float(np.abs(confidence - of_the_label).max())
    other = float((index != expected.argmax(dim=1).numpy()).mean())
    name = f"{checkpoint.architecture}, {precision} ({engine.precision})"
    results.add("correct", {f"{name}, share of other labels": figure([other], "")})
    goal = LARGEST[engine.precision]
    results.bar("correct", f"{name}, probabilities", difference, goal, at_least=False)
