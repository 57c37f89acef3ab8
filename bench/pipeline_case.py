"""(c) The whole pipeline, Kafka to store: a full topic drained by one consumer."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from bench.checkpoints import Checkpoints
from bench.images import of_size, shapes
from bench.measure import figure, rates
from bench.refused import lacking
from bench.results import Results
from bench.stack import Stack, drain_rate
from bench.yardstick import OnnxRuntime
from tests.rig.processes import script
from velox.models.checkpoint import Checkpoint, load

ROUNDS = 3
DEFAULT_SIZE = 64
PARTITIONS = 8
YARDSTICK = "onnxruntime alone, 224"
# Of the yardstick.
GOALS = {"fp32": 0.88, "int8": 1.5, "auto": 1.9}
BATCH = 32
YARDSTICK_BATCH = 8
YARDSTICK_SECONDS = 6.0
STRAIGHTFORWARD_LIMIT_S = 600.0
SMALL_IMAGE_BYTES = 10_000
SLEEPING_COUNT = 20_000
SLOW_COUNT = 8_000
SLOW_WRITE_S = 0.02
FAST = {"BATCH_SIZE": str(BATCH), "QUEUE_SIZE": "400"}


def run(results: Results, stack: Stack, checkpoints: Checkpoints) -> None:
    """Measure."""
    model = checkpoints.of_size(224)
    checkpoint = load(model.path, model.classes)
    paths = model.settings()
    default = checkpoints.of_size(DEFAULT_SIZE).settings()
    # Without integers int8 is refused, and auto is fp32.
    no_integers = lacking("int8")
    precisions = ("fp32", "auto") if no_integers else GOALS
    found: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        turn = {
            YARDSTICK: bare(checkpoint),
            **{
                f"velox {precision}, 224": drained(stack, paths, precision, 1000)
                for precision in precisions
            },
            "straightforward, 224": straightforward(stack, paths, 160),
            **{
                f"velox {precision}, {DEFAULT_SIZE}": drained(stack, default, precision, 4000)
                for precision in ("fp32", "auto")
            },
        }
        for name, rate in turn.items():
            found.setdefault(name, []).append(rate)
    results.add("pipeline", {name: figure(each, "images/s") for name, each in found.items()})
    for precision, goal in GOALS.items():
        name = f"velox {precision}, 224"
        if no_integers and precision != "fp32":
            results.leave_out("pipeline", f"{name} / {YARDSTICK}", no_integers)
        else:
            compare(results, name, YARDSTICK, goal)
    compare(results, "velox fp32, 224", "straightforward, 224", 6)
    for precision in ("fp32", "auto"):
        compare(results, f"velox {precision}, {DEFAULT_SIZE}", f"velox {precision}, 224", 3)
    sleeping(results, stack)
    slow_store(results, stack)


def compare(results: Results, name: str, other: str, goal: float) -> None:
    """A bar for the ratio of two medians."""
    ratio = results.median("pipeline", name) / results.median("pipeline", other)
    results.bar("pipeline", f"{name} / {other}", ratio, goal)


def bare(checkpoint: Checkpoint) -> float:
    """Images a second of ONNX Runtime with nothing beside it."""
    session = OnnxRuntime(checkpoint)
    size = checkpoint.input_size
    images = np.zeros((YARDSTICK_BATCH, 3, size, size), np.float32)
    found = rates(
        {"bare": lambda: session(images)},
        items=YARDSTICK_BATCH,
        seconds=YARDSTICK_SECONDS,
        unit="images/s",
    )
    return found["bare"].median


def drained(stack: Stack, paths: dict[str, str], precision: str, count: int) -> float:
    """Images a second of consumer.py on a full topic."""
    topic = stack.topic(partitions=PARTITIONS)
    stack.fill(topic, shapes(512), count, partitions=PARTITIONS)
    with stack.consumer(stack.environment(topic, **paths, **FAST, PRECISION=precision)) as running:
        return drain_rate([running], count)


def straightforward(stack: Stack, paths: dict[str, str], count: int) -> float:
    """Images a second of what most people would write, its start not counted."""
    topic = stack.topic(partitions=PARTITIONS)
    stack.fill(topic, shapes(512), count, partitions=PARTITIONS)
    environment = stack.environment(topic, **paths, BENCH_IMAGES=str(count))
    child = script("bench/straightforward.py", env=environment, log=stack.folder / topic / "log")
    with stack.mongod.client() as client:
        documents = client[topic]["shapes_found"]
        deadline = time.monotonic() + STRAIGHTFORWARD_LIMIT_S
        while documents.estimated_document_count() == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        start, already = time.monotonic(), documents.estimated_document_count()
        child.wait(STRAIGHTFORWARD_LIMIT_S)
        return (count - already) / (time.monotonic() - start)


def sleeping(results: Results, stack: Stack) -> None:
    """What the pipeline itself can move, with an engine that does nothing."""
    images = of_size(SMALL_IMAGE_BYTES)
    name = f"sleeping engine, {sum(map(len, images)) // len(images)} bytes"
    moved: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for files, keep in (("documents", "0"), ("documents and files", "100")):
            many = {"BATCH_SIZE": "64", "QUEUE_SIZE": "1000", "MAX_STORED_FILES": keep}
            rate = moved_by_sleeping(stack, images, SLEEPING_COUNT, **many)
            moved.setdefault(f"{name}, {files}", []).append(rate)
    results.add("pipeline", {each: figure(rates, "images/s") for each, rates in moved.items()})
    for files in ("documents", "documents and files"):
        rate = results.median("pipeline", f"{name}, {files}")
        results.bar("pipeline", f"sleeping engine, {files}, images/s", rate, 5000)


def slow_store(results: Results, stack: Stack) -> None:
    """What is left of that, with the default batches, where each write takes longer."""
    images = of_size(SMALL_IMAGE_BYTES)
    name = "sleeping engine, default batches, "
    moved: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for write, seconds in (("a fast store", 0.0), ("20 ms a write", SLOW_WRITE_S)):
            settings = {"MAX_STORED_FILES": "0", "BENCH_WRITE_S": str(seconds)}
            rate = moved_by_sleeping(stack, images, SLOW_COUNT, **settings)
            moved.setdefault(name + write, []).append(rate)
    results.add("pipeline", {each: figure(rates, "images/s") for each, rates in moved.items()})
    compare(results, name + "20 ms a write", name + "a fast store", 0.9)


def moved_by_sleeping(stack: Stack, images: Sequence[bytes], count: int, **settings: str) -> float:
    """Images a second from Kafka to the store, each of them a match."""
    topic = stack.topic(partitions=PARTITIONS)
    stack.fill(topic, images, count, partitions=PARTITIONS)
    with stack.consumer(
        stack.environment(topic, **settings), "bench/sleeping_consumer.py"
    ) as running:
        return drain_rate([running], count)
