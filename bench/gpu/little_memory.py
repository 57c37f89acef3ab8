"""A device without the memory for large batches: smaller ones, and right answers all the same."""

from __future__ import annotations

import numpy as np
import torch

from bench.gpu.place import Place
from bench.measure import figure
from bench.results import Results
from tests.unit.models.engine.networks import images, reference, telling
from velox.models.engine.torch_engine import TorchEngine

BATCH = 8192
# Enough for the pixels of that batch, and not for what the network makes of them.
BYTES = 700_000_000
TOLERANCE = 0.02


def run(results: Results, at: Place) -> None:
    """Check."""
    checkpoint = telling()
    batch = BATCH if at.real else at.scale.batch
    pixels = images(batch, seed=4)
    with at.entered():
        total = torch.cuda.get_device_properties(at.device).total_memory
        engine = TorchEngine(
            checkpoint,
            device=at.device,
            precision="fp32",
            memory_fraction=min(1.0, BYTES / total),
            batch_size=batch,
        )
        index, confidence = engine.predict(pixels).best
        reserved = engine.memory()["reserved"]
        engine.close()
    expected = reference(checkpoint, pixels).numpy()[np.arange(batch), index]
    wrong = int((np.abs(expected - confidence) > TOLERANCE).sum())
    results.add("little memory", {"reserved": figure([reserved / 2**20], "MiB")})
    results.bar("little memory", "little memory, wrong images", wrong, 0, at_least=False)
