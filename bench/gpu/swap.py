"""Another model under load, and a device without the memory for large batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from bench.gpu.place import Place
from bench.measure import figure
from bench.results import Results
from tests.unit.models.engine.networks import images, reference, telling, with_samples
from velox.consumer.pipeline import BATCHES_IN_THE_MODEL
from velox.consumer.stages.model_slot import ModelSlot
from velox.models.checkpoint import Checkpoint
from velox.models.engine.torch_engine import TorchEngine
from velox.monitoring.metrics import Metrics

# Of a probability, in half precision.
TOLERANCE = 0.02
SETTLE_S = 1.0
END_LIMIT_S = 30.0
MOST_MEMORY = 1.1


@dataclass
class Load:
    """What batches under load saw.

    Attributes:
        seconds: of each batch.
        wrong: images with an answer that neither model gives.
    """

    seconds: list[float] = field(default_factory=list)
    wrong: int = 0
    failed: list[BaseException] = field(default_factory=list)


def run(results: Results, at: Place) -> None:
    """Check."""
    sampled = with_samples if at.real else partial(with_samples, count=1)
    first = sampled(telling(passes=30 if at.real else 1))
    # The same network with its labels' outputs turned round: another model that can be told apart.
    second = replace(first, state_dict=turned(first), digest="ba9876543210")
    second = sampled(second)
    pixels = images(at.scale.batch, seed=3)
    with at.entered():
        slot = ModelSlot(made(first, at), Metrics())
        # For two at once there is more, and that stays.
        slot.swap(made(second, at))
        before = memory(at)
        with under_load(slot, pixels, (first, second), at) as load:
            time.sleep(SETTLE_S if at.real else 0)
            for number in range(at.scale.swaps):
                slot.swap(made((first, second)[number % 2], at))
        after = memory(at)
        slot.close()
    assert not load.failed, load.failed[0]
    results.add(
        "swap",
        {
            "batch under load": figure([1000 * each for each in load.seconds], "ms"),
            "wrong images": figure([load.wrong], ""),
            "memory after / before": figure([after / before], ""),
        },
    )
    results.bar("swap", "swap, wrong images", load.wrong, 0, at_least=False)
    results.bar("swap", "memory after / before", after / before, MOST_MEMORY, at_least=False)


def turned(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """Weights whose last layer answers for the label beside."""
    return {
        name: value.roll(1, 0) if name.startswith("fc.") else value
        for name, value in checkpoint.state_dict.items()
    }


def made(checkpoint: Checkpoint, at: Place) -> TorchEngine:
    """An engine, made in another thread than those that use it, as the consumer's are."""
    precision = "auto" if at.real else "fp32"

    def make() -> TorchEngine:
        with at.entered():
            return TorchEngine(
                checkpoint, device=at.device, precision=precision, batch_size=at.scale.batch
            )

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()


def memory(at: Place) -> int:
    """Bytes that live on the device."""
    return torch.cuda.memory_allocated(at.device)


@contextmanager
def under_load(
    slot: ModelSlot,
    pixels: NDArray[np.uint8],
    models: tuple[Checkpoint, Checkpoint],
    at: Place,
) -> Iterator[Load]:
    """Batch after batch, as the pipeline's threads do, for as long as the context lasts."""
    load, stop, lock = Load(), threading.Event(), threading.Lock()
    expected = {each.digest: reference(each, pixels).numpy() for each in models}

    def work() -> None:
        try:
            with at.entered():
                while not stop.is_set():
                    one_batch()
        except BaseException as error:
            load.failed.append(error)

    def one_batch() -> None:
        predictor = slot.take()
        started = time.perf_counter()
        found, failures = predictor.predict(pixels)
        took = time.perf_counter() - started
        index, confidence = found.best
        of_the_label = expected[predictor.engine.digest][np.arange(len(pixels)), index]
        slot.give_back(predictor)
        wrong = int((np.abs(of_the_label - confidence) > TOLERANCE).sum()) + len(failures)
        with lock:
            load.seconds.append(took)
            load.wrong += wrong

    threads = [threading.Thread(target=work, daemon=True) for _ in range(BATCHES_IN_THE_MODEL)]
    for each in threads:
        each.start()
    try:
        yield load
    finally:
        stop.set()
        for each in threads:
            each.join(END_LIMIT_S)
