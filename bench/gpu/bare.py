"""The engine beside PyTorch's own ways, all from bytes in memory to answers in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from velox.models.engine.classifier import Answer, Classifier
from velox.models.engine.torch_engine import TorchEngine

FAST_ENOUGH = {"NVIDIA H100 80GB HBM3": 17_000}
MOST_WANTED = "mobilenet_v2"
VELOX = "velox"

Pixels = NDArray[np.uint8]
Engines = Mapping[str, TorchEngine]


def run(results: Results, at: Place) -> None:
    """Measure."""
    for architecture, batches in at.scale.batches.items():
        model = at.checkpoints.of_size(at.scale.size, architecture)
        checkpoint = load(model.path, model.classes)
        with at.entered():
            engines = engines_of(checkpoint, at, max(batches))
            for batch in batches:
                compare(results, at, checkpoint, engines, batch)
            for engine in engines.values():
                engine.close()
    if at.name in FAST_ENOUGH:
        batches = at.scale.batches[MOST_WANTED]
        best = max(results.median("bare", name(MOST_WANTED, each, VELOX)) for each in batches)
        results.bar("bare", f"{MOST_WANTED}, images/s", best, FAST_ENOUGH[at.name])


def name(architecture: str, batch: int, way: str) -> str:
    """Of a figure."""
    return f"{architecture}, batch {batch}, {way}"


def engines_of(checkpoint: Checkpoint, at: Place, batch: int) -> dict[str, TorchEngine]:
    """The engine as it is, and, on a real device, with TORCH_COMPILE=1."""
    return {
        way: TorchEngine(
            checkpoint,
            device=at.device,
            precision=at.precision,
            compiled=compiled,
            batch_size=batch,
        )
        for way, compiled in {VELOX: False, f"{VELOX} compiled": True}.items()
        if at.real or not compiled
    }


def compare(
    results: Results, at: Place, checkpoint: Checkpoint, engines: Engines, batch: int
) -> None:
    """One model with one size of batch."""
    size = checkpoint.input_size
    pixels = np.random.default_rng(0).integers(0, 255, (batch, size, size, 3), np.uint8)
    variants = variants_of(checkpoint, at, batch if batch in at.scale.compiled else 0)
    with ThreadPoolExecutor(BATCHES_IN_THE_MODEL) as threads:
        figures = rates(
            {
                **{
                    way: partial(by_threads, threads, at, engine, pixels)
                    for way, engine in engines.items()
                },
                **{
                    way: partial(one_by_one, variant, torch.from_numpy(pixels), at)
                    for way, variant in variants.items()
                },
            },
            items=at.scale.at_once * batch,
            seconds=at.scale.seconds,
            unit="images/s",
        )
    here = partial(name, checkpoint.architecture, batch)
    results.add("bare", {here(way): each for way, each in figures.items()})
    # Compiled is compared with compiled.
    alike = engines if batch in at.scale.compiled else [VELOX]
    ours, theirs = (max(figures[way].median for way in ways) for ways in (alike, variants))
    what = "best of both" if batch in at.scale.compiled else "velox / best of eager torch"
    results.bar("bare", here(what), ours / theirs, 0.95)


def by_threads(threads: ThreadPoolExecutor, at: Place, engine: TorchEngine, pixels: Pixels) -> None:
    """As the pipeline does."""

    def predict(_: int) -> None:
        with at.entered():
            engine.predict(pixels)

    list(threads.map(predict, range(at.scale.at_once)))


def variants_of(
    checkpoint: Checkpoint, at: Place, compiled: int
) -> dict[str, Callable[[Tensor], Answer]]:
    """What else PyTorch offers; compiled for so many images, or not at all."""
    size = checkpoint.input_size

    def classifier(dtype: torch.dtype) -> Classifier:
        network = restore(checkpoint).to(dtype).to(memory_format=torch.channels_last)
        return Classifier(network, checkpoint, dtype).to(at.device)

    with at.entered():
        found: dict[str, Callable[[Tensor], Answer]] = {
            "torch eager fp32": classifier(torch.float32)
        }
        if at.real:
            found["torch eager fp16"] = classifier(torch.float16)
            found["torch eager bf16"] = classifier(torch.bfloat16)
        if compiled:
            run = torch.compile(classifier(torch.float16), dynamic=False)
            found["torch compiled fp16"] = recorded(run, (compiled, 3, size, size), at)
    return found


@torch.inference_mode()
def recorded(
    run: Callable[[Tensor], Answer], shape: tuple[int, ...], at: Place
) -> Callable[[Tensor], Answer]:
    """It as a graph, as mode="reduce-overhead" would run it.

    That mode frees the memory in which matrix products of other graphs work as well
    (clear_cublas_manager of torch/_inductor/cudagraph_trees.py), those of the engine among them.
    """
    pixels = torch.zeros(shape, dtype=torch.uint8, device=at.device)
    pixels = pixels.to(memory_format=torch.channels_last)
    stream = torch.cuda.Stream(at.device)  # type: ignore[no-untyped-call]
    torch.cuda.synchronize(at.device)
    with torch.cuda.stream(stream):
        for _ in range(3):
            run(pixels)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        answer = run(pixels)

    def replay(batch: Tensor) -> Answer:
        pixels.copy_(batch)
        graph.replay()
        return answer

    return replay


@torch.inference_mode()
def one_by_one(variant: Callable[[Tensor], Answer], pixels: Tensor, at: Place) -> None:
    """As many batches, each from bytes on the host to answers on the host."""
    for _ in range(at.scale.at_once):
        for each in variant(pixels.to(at.device).permute(0, 3, 1, 2)):
            each.cpu()
