"""(d) Latency from capture to durable, with a producer that does not wait for the consumer."""

from __future__ import annotations

import re
import time

import numpy as np

from bench.checkpoints import Checkpoints
from bench.images import shapes
from bench.measure import Figure, figure, rates
from bench.results import Results
from bench.stack import Stack, drain_rate
from tests.rig.model import Model
from velox.images.pixels import decode
from velox.models.checkpoint import load
from velox.models.device import select_device
from velox.models.engine.torch_engine import TorchEngine
from velox.monitoring.snapshot import Figures

SIZE = 96
PARTITIONS = 4
COUNT = 3000
SHARES = (0.25, 0.5, 0.75, 0.9)
SETTLE_S = 5.0
MEASURE_S = 15.0
BATCH = 8
BATCH_TIMEOUT_MS = 50
PIXELS = 50_000_000


def run(results: Results, stack: Stack, checkpoints: Checkpoints) -> None:
    """Measure."""
    model = checkpoints.of_size(SIZE)
    settings = {
        **model.settings(),
        "BATCH_SIZE": str(BATCH),
        "BATCH_TIMEOUT_MS": str(BATCH_TIMEOUT_MS),
    }
    full = throughput(stack, settings)
    results.add("latency", {"full load": figure([full], "images/s")})
    for share in SHARES:
        quantiles, batch_s = at(stack, settings, share * full)
        results.add("latency", {f"{share:.0%} load, {name}": q for name, q in quantiles.items()})
        if share == 0.5:
            results.bar(
                "latency",
                "p99 at 50 % / (3 batch times + BATCH_TIMEOUT_MS)",
                quantiles["p99"].median / (3000 * batch_s + BATCH_TIMEOUT_MS),
                1,
                at_least=False,
            )
    for size, precision in ((224, "fp32"), (SIZE, "auto")):
        one_by_one(results, stack, checkpoints.of_size(size), f"{precision}, {size}", precision)


def one_by_one(results: Results, stack: Stack, model: Model, name: str, precision: str) -> None:
    """The setting for the lowest latency, at a quarter of what one image at a time allows."""
    checkpoint = load(model.path, model.classes)
    alone = one_image(TorchEngine(checkpoint, device=select_device("auto"), precision=precision))
    settings = {**model.settings(), "PRECISION": precision, "BATCH_SIZE": "1"}
    quantiles, stages = at(stack, settings, 250 / alone.median)
    results.add("latency", {f"{name}, BATCH_SIZE=1, {each}": q for each, q in quantiles.items()})
    results.add(
        "latency",
        {
            f"{name}, BATCH_SIZE=1, all stages": figure([1000 * stages], "ms"),
            f"{name}, decode + model alone": alone,
        },
    )
    results.bar(
        "latency",
        f"{name}, BATCH_SIZE=1, p50 / (decode + model)",
        quantiles["p50"].median / alone.median,
        1.5,
        at_least=False,
    )


def throughput(stack: Stack, settings: dict[str, str]) -> float:
    """Images a second from a full topic."""
    topic = stack.topic(partitions=PARTITIONS)
    stack.fill(topic, shapes(512), COUNT, partitions=PARTITIONS)
    with stack.consumer(stack.environment(topic, **settings)) as running:
        return drain_rate([running], COUNT)


def at(stack: Stack, settings: dict[str, str], rate: float) -> tuple[dict[str, Figure], float]:
    """Latency at a rate of images a second, and the seconds a batch takes in all stages."""
    images = shapes(512)
    topic = stack.topic(partitions=PARTITIONS)
    environment = stack.environment(topic, **settings)
    with (
        stack.consumer(environment) as running,
        stack.streaming(topic, images, rate=rate, partitions=PARTITIONS),
    ):
        time.sleep(SETTLE_S)
        before, page_before = running.figures(), running.page()
        time.sleep(MEASURE_S)
        after, page_after = running.figures(), running.page()
    window = between(before, after)
    quantiles = {
        f"p{share * 100:.0f}": figure([1000 * window.latency_quantile(share)], "ms")
        for share in (0.5, 0.95, 0.99)
    }
    return quantiles, stage_seconds(page_after, page_before)


def between(before: Figures, after: Figures) -> Figures:
    """The latencies of what was finished between two readings."""
    counts = [
        (bound, count - earlier)
        for (bound, count), (_, earlier) in zip(after.latency, before.latency, strict=True)
    ]
    return Figures(latency=counts)


def stage_seconds(after: str, before: str) -> float:
    """Mean seconds of a batch in decode, infer, files and store, between two metrics pages."""
    return sum(
        (_stage(after, stage, "sum") - _stage(before, stage, "sum"))
        / max(1.0, _stage(after, stage, "count") - _stage(before, stage, "count"))
        for stage in ("decode", "infer", "files", "store")
    )


def _stage(page: str, stage: str, what: str) -> float:
    found = re.search(rf'velox_stage_seconds_{what}{{stage="{stage}"}} (\S+)', page)
    assert found
    return float(found[1])


def one_image(engine: TorchEngine) -> Figure:
    """Milliseconds of decoding and classifying one image, with nothing around it."""
    data = shapes(512)[0]

    def call() -> None:
        image = decode(data, size=engine.input_size, max_pixels=PIXELS)
        engine.predict(np.ascontiguousarray(image)[None])

    found = rates({"one": call}, items=1, seconds=5.0, unit="")["one"]
    engine.close()
    return Figure(1000 / found.median, 1000 / found.high, 1000 / found.low, found.count, "ms")
