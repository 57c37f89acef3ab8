"""consumer.py with an engine that only sleeps, so that the pipeline is measured and not the CPU.

BENCH_SLEEP_S is what a batch takes, however large it is; BENCH_SLEEP_PER_IMAGE_S comes on top for
each of its images. BENCH_WRITE_S is what a write to the store takes longer, however large it is.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.rig.stand_in import stand_in_for_the_engine
from velox.base.records import Detection
from velox.images.preprocessing import Preprocessing
from velox.models.engine.interface import Predictions
from velox.stores.interface import Rejected

A_BATCH = float(os.environ.get("BENCH_SLEEP_S", "0"))
AN_IMAGE = float(os.environ.get("BENCH_SLEEP_PER_IMAGE_S", "0"))
A_WRITE = float(os.environ.get("BENCH_WRITE_S", "0"))


class SleepingEngine:
    """Finds label 0 in every image, after a while."""

    labels = ("red_circle", "red_square", "green_circle", "green_square")
    input_size = 96
    preprocessing = Preprocessing()
    architecture = "sleeping"
    device = "cpu"
    precision = "none"
    thresholds = (0.9,) * 4
    unknown_above = math.inf
    of_sources: tuple[tuple[float, ...], ...] = ()
    top = 1
    digest = "0123456789ab"
    reference = None
    novelty = None

    def __init__(self, *_: object, **__: object) -> None:
        """Take what a real engine takes."""
        self._device = threading.Lock()

    def predict(self, batch: NDArray[np.uint8]) -> Predictions:
        """Sleep as long as the batch is to take; a device does one thing at a time."""
        with self._device:
            time.sleep(A_BATCH + AN_IMAGE * len(batch))
        return Predictions.of(np.zeros(len(batch), np.int64), np.full(len(batch), 0.99, np.float32))

    def memory(self) -> dict[str, int]:
        """None is used."""
        return {}

    def close(self) -> None:
        """Nothing is open."""


def main() -> int:
    """Run the consumer."""
    stand_in_for_the_engine(SleepingEngine)

    import consumer
    from velox.stores.mongo import MongoStore

    write = MongoStore.write

    def slow(store: MongoStore, detections: Sequence[Detection]) -> Rejected:
        time.sleep(A_WRITE)
        return write(store, detections)

    if A_WRITE:
        MongoStore.write = slow  # type: ignore[method-assign, assignment]
    return consumer.main()


if __name__ == "__main__":
    sys.exit(main())
