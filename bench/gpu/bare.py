"""The engine beside PyTorch's own ways, all from bytes in memory to answers in memory."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.gpu.place import Place
from bench.measure import rates
from bench.results import Results
from velox.consumer.pipeline import BATCHES_IN_THE_MODEL
from velox.models.checkpoint import Checkpoint, load, restore
from velox.models.engine.classifier import Classifier
from velox.models.engine.torch_engine import TorchEngine

FAST_ENOUGH = {"NVIDIA H100 80GB HBM3": 17_000}
MOST_WANTED = "mobilenet_v2"

Pixels = NDArray[np.uint8]


def run(results: Results, at: Place) -> None:
    """Measure."""
    for architecture, batches in at.scale.batches.items():
        model = at.checkpoints.of_size(at.scale.size, architecture)
        checkpoint = load(model.path, model.classes)
        for batch in batches:
            compare(results, at, checkpoint, batch)
    best = max(
        results.median("bare", name(MOST_WANTED, batch, "velox"))
        for batch in at.scale.batches[MOST_WANTED]
    )
    if at.name in FAST_ENOUGH:
        results.bar("bare", f"{MOST_WANTED}, images/s", best, FAST_ENOUGH[at.name])


def name(architecture: str, batch: int, way: str) -> str:
    """Of a figure."""
    return f"{architecture}, batch {batch}, {way}"


def compare(results: Results, at: Place, checkpoint: Checkpoint, batch: int) -> None:
    """One model with one size of batch."""
    size = checkpoint.input_size
    pixels = np.random.default_rng(0).integers(0, 255, (batch, size, size, 3), np.uint8)
    variants = variants_of(checkpoint, at, compiled=batch in at.scale.compiled)
    with at.entered(), ThreadPoolExecutor(BATCHES_IN_THE_MODEL) as threads:
        engine = TorchEngine(checkpoint, device=at.device, batch_size=batch)
        figures = rates(
            {
                f"velox {engine.precision}": partial(by_threads, threads, at, engine, pixels),
                **{
                    way: partial(one_by_one, variant, torch.from_numpy(pixels), at)
                    for way, variant in variants.items()
                },
            },
            items=at.scale.at_once * batch,
            seconds=at.scale.seconds,
            unit="images/s",
        )
        engine.close()
    velox = figures.pop(f"velox {engine.precision}")
    best = max(each.median for each in figures.values())
    named = {name(checkpoint.architecture, batch, way): each for way, each in figures.items()}
    here = name(checkpoint.architecture, batch, "velox")
    results.add("bare", {here: velox} | named)
    results.bar("bare", f"{here} / best of torch", velox.median / best, 0.95)


def by_threads(threads: ThreadPoolExecutor, at: Place, engine: TorchEngine, pixels: Pixels) -> None:
    """As the pipeline does."""

    def predict(_: int) -> None:
        with at.entered():
            engine.predict(pixels)

    list(threads.map(predict, range(at.scale.at_once)))


def variants_of(
    checkpoint: Checkpoint, at: Place, *, compiled: bool
) -> dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]]:
    """What else PyTorch offers."""

    def classifier(dtype: torch.dtype) -> Classifier:
        network = restore(checkpoint).to(dtype).to(memory_format=torch.channels_last)
        return Classifier(network, checkpoint, dtype).to(at.device)

    with at.entered():
        found: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
            "torch eager fp32": classifier(torch.float32)
        }
        if at.real:
            found["torch eager fp16"] = classifier(torch.float16)
            found["torch eager bf16"] = classifier(torch.bfloat16)
        if compiled:
            # With recorded graphs.
            found["torch compiled fp16"] = torch.compile(
                classifier(torch.float16), mode="reduce-overhead", dynamic=False
            )
    return found


@torch.inference_mode()
def one_by_one(
    variant: Callable[[Tensor], tuple[Tensor, Tensor]], pixels: Tensor, at: Place
) -> None:
    """As many batches, each from bytes on the host to answers on the host."""
    for _ in range(at.scale.at_once):
        index, confidence = variant(pixels.to(at.device).permute(0, 3, 1, 2))
        index.cpu()
        confidence.cpu()
