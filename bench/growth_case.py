"""(e) What grows with what: partitions, consumers, image sizes, batch sizes."""

from __future__ import annotations

import os
from contextlib import ExitStack

from bench.checkpoints import Checkpoints
from bench.images import of_size, shapes
from bench.measure import Figure, figure
from bench.results import Results
from bench.stack import Stack, drain_rate

# Slow enough that four of them leave most of a core idle.
SLEEP_PER_IMAGE_S = 0.005
SLEEPING = "bench/sleeping_consumer.py"
PINNED = "bench/pinned_consumer.py"
SMALL_IMAGE_BYTES = 10_000
MANY_PARTITIONS = 200
MANY_SOURCES = 1000


def run(results: Results, stack: Stack, checkpoints: Checkpoints) -> None:
    """Measure."""
    for partitions in (1, 2, 4, 8, MANY_PARTITIONS):
        rate = idle(stack, partitions=partitions, count=20_000)
        results.add("growth", {f"sleeping engine, {partitions} partitions": rate})
    rate = idle(stack, partitions=8, count=20_000, sources=MANY_SOURCES)
    results.add("growth", {f"sleeping engine, {MANY_SOURCES} sources": rate})
    for consumers in (1, 2, 4, 8):
        rate = sleeping(stack, consumers=consumers, count=1200 * consumers)
        results.add("growth", {f"5 ms an image, {consumers} consumers": rate})
    one, four = (results.median("growth", f"5 ms an image, {n} consumers") for n in (1, 4))
    results.bar("growth", "4 consumers / 1", four / one, 3.5)
    paths = checkpoints.of_size(96).settings()
    for consumers in range(1, len(os.sched_getaffinity(0)) + 1):
        rate = pinned(stack, paths, consumers=consumers, count=1500 * consumers)
        results.add("growth", {f"a core each, {consumers} consumers": rate})
    for side, count in ((128, 2000), (512, 2000), (1024, 800), (2048, 300)):
        rate = real(stack, paths, side=side, batch=32, count=count)
        results.add("growth", {f"images of {side} x {side}": rate})
    for batch, count in ((1, 800), (8, 2000), (32, 2000), (128, 2000)):
        rate = real(stack, paths, side=512, batch=batch, count=count)
        results.add("growth", {f"batch {batch}": rate})


def idle(stack: Stack, *, partitions: int, count: int, sources: int = 0) -> Figure:
    """One consumer whose engine does nothing, on a full topic of so many sources."""
    topic = stack.topic(partitions=partitions)
    images = of_size(SMALL_IMAGE_BYTES)
    stack.fill(topic, images, count, partitions=partitions, sources=sources)
    environment = stack.environment(topic, BATCH_SIZE="64", QUEUE_SIZE="1000")
    with stack.consumer(environment, SLEEPING) as running:
        return figure([drain_rate([running], count)], "images/s")


def sleeping(stack: Stack, *, consumers: int, count: int) -> Figure:
    """Consumers whose engine sleeps; all have joined when the topic is filled."""
    topic = stack.topic(partitions=8)
    environment = stack.environment(
        topic,
        BATCH_SIZE="32",
        QUEUE_SIZE="400",
        BENCH_SLEEP_PER_IMAGE_S=str(SLEEP_PER_IMAGE_S),
    )
    with ExitStack() as opened:
        running = [
            opened.enter_context(stack.consumer(environment, SLEEPING)) for _ in range(consumers)
        ]
        stack.fill(topic, of_size(SMALL_IMAGE_BYTES), count, partitions=8)
        return figure([drain_rate(running, count)], "images/s")


def pinned(stack: Stack, paths: dict[str, str], *, consumers: int, count: int) -> Figure:
    """Consumers with the default model, each on a core of its own."""
    topic = stack.topic(partitions=8)
    cores = sorted(os.sched_getaffinity(0))[:consumers]
    environment = stack.environment(topic, **paths, BATCH_SIZE="32", QUEUE_SIZE="400")
    with ExitStack() as opened:
        running = [
            opened.enter_context(stack.consumer(environment | _of_core(core), PINNED))
            for core in cores
        ]
        stack.fill(topic, shapes(128, 16), count, partitions=8)
        return figure([drain_rate(running, count)], "images/s")


def _of_core(core: int) -> dict[str, str]:
    return {"BENCH_CORE": str(core), "OMP_NUM_THREADS": "1"}


def real(stack: Stack, paths: dict[str, str], *, side: int, batch: int, count: int) -> Figure:
    """One consumer with the default model."""
    topic = stack.topic(partitions=4)
    stack.fill(topic, shapes(side, 16), count, partitions=4)
    settings = {"BATCH_SIZE": str(batch), "QUEUE_SIZE": str(max(200, 4 * batch))}
    with stack.consumer(stack.environment(topic, **paths, **settings)) as running:
        return figure([drain_rate([running], count)], "images/s")
