"""One engine of several on a device: prints its images a second each time that it is asked to.

python -m bench.gpu.one_of_many MODEL_PATH CLASSES_PATH MEMORY_FRACTION BATCH_SIZE SECONDS [small]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.gpu.place import place
from velox.models.checkpoint import load
from velox.models.engine.torch_engine import TorchEngine

SMALL = "small"


def main() -> None:
    """Measure."""
    model, classes = map(Path, sys.argv[1:3])
    fraction, batch, seconds = float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
    checkpoint = load(model, classes)
    size = checkpoint.input_size
    pixels = np.random.default_rng(0).integers(0, 255, (batch, size, size, 3), np.uint8)
    with (
        tempfile.TemporaryDirectory() as folder,
        place(Path(folder), small=SMALL in sys.argv) as at,
        at.entered(),
    ):
        engine = TorchEngine(
            checkpoint,
            device=at.device,
            precision=at.precision,
            memory_fraction=fraction,
            batch_size=batch,
        )
        engine.predict(pixels)
        print("warm", flush=True)
        for _ in sys.stdin:
            start, done = time.monotonic(), 0
            while not done or time.monotonic() < start + seconds:
                engine.predict(pixels)
                done += batch
            print(done / (time.monotonic() - start), flush=True)
        engine.close()


if __name__ == "__main__":
    main()
