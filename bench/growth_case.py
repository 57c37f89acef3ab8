"""(e) What grows with what: partitions, consumers, image sizes, batch sizes."""

from __future__ import annotations

from contextlib import ExitStack

from bench.checkpoints import Checkpoints
from bench.images import of_size, shapes
from bench.measure import Figure, figure
from bench.results import Results
from bench.stack import Stack, drain_rate

# Slow enough that four of them leave most of a core idle.
SLEEP_PER_IMAGE_S = 0.005
SLEEPING = "bench/sleeping_consumer.py"
SMALL_IMAGE_BYTES = 10_000


def run(results: Results, stack: Stack, checkpoints: Checkpoints) -> None:
    """Measure."""
    for partitions in (1, 2, 4, 8):
        rate = idle(stack, partitions=partitions, count=20_000)
        results.add("growth", {f"sleeping engine, {partitions} partitions": rate})
    for consumers in (1, 2, 4):
        rate = sleeping(stack, consumers=consumers, count=1200 * consumers)
        results.add("growth", {f"5 ms an image, {consumers} consumers": rate})
    one, four = (results.median("growth", f"5 ms an image, {n} consumers") for n in (1, 4))
    results.bar("growth", "4 consumers / 1", four / one, 3.5)
    paths = checkpoints.of_size(96).settings()
    for side, count in ((128, 2000), (512, 2000), (1024, 800), (2048, 300)):
        rate = real(stack, paths, side=side, batch=32, count=count)
        results.add("growth", {f"images of {side} x {side}": rate})
    for batch, count in ((1, 800), (8, 2000), (32, 2000), (128, 2000)):
        rate = real(stack, paths, side=512, batch=batch, count=count)
        results.add("growth", {f"batch {batch}": rate})


def idle(stack: Stack, *, partitions: int, count: int) -> Figure:
    """One consumer whose engine does nothing, on a full topic."""
    topic = stack.topic(partitions=partitions)
    stack.fill(topic, of_size(SMALL_IMAGE_BYTES), count, partitions=partitions)
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


def real(stack: Stack, paths: dict[str, str], *, side: int, batch: int, count: int) -> Figure:
    """One consumer with the default model."""
    topic = stack.topic(partitions=4)
    stack.fill(topic, shapes(side, 16), count, partitions=4)
    settings = {"BATCH_SIZE": str(batch), "QUEUE_SIZE": str(max(200, 4 * batch))}
    with stack.consumer(stack.environment(topic, **paths, **settings)) as running:
        return figure([drain_rate([running], count)], "images/s")
