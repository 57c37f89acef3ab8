"""One engine of several on a GPU: warms up, waits for the word, and prints its images a second.

python -m bench.gpu_process MODEL_PATH CLASSES_PATH MEMORY_FRACTION BATCH_SIZE SECONDS
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from velox.models.checkpoint import load
from velox.models.device import select_device
from velox.models.engine.torch_engine import TorchEngine


def main() -> None:
    """Measure."""
    model, classes = map(Path, sys.argv[1:3])
    fraction, batch, seconds = float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
    checkpoint = load(model, classes)
    engine = TorchEngine(
        checkpoint,
        device=select_device("cuda"),
        memory_fraction=fraction,
        batch_size=batch,
    )
    size = checkpoint.input_size
    pixels = np.random.default_rng(0).integers(0, 255, (batch, size, size, 3), np.uint8)
    engine.predict(pixels)
    print("warm", flush=True)
    sys.stdin.readline()
    start, done = time.monotonic(), 0
    while time.monotonic() < start + seconds:
        engine.predict(pixels)
        done += batch
    print(done / (time.monotonic() - start))


if __name__ == "__main__":
    main()
