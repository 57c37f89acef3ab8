"""Kafka to store, against the slower of decoding alone and the engine alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.gpu import bare, decode
from bench.gpu.broker import fill, topic
from bench.gpu.place import Place
from bench.images import shapes
from bench.measure import figure
from bench.results import Results
from bench.stack import ANSWER_LIMIT_S, READY_LIMIT_S, STOP_LIMIT_S, Running, drain_rate
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually

TOPIC = "images"
GROUP = "bench"
# A little is left for what the driver itself takes of each process.
SHARED_MEMORY = 0.9


def run(results: Results, at: Place) -> None:
    """Measure one consumer, and as many as share a device."""
    found = {}
    for count in sorted({1, at.scale.consumers}):
        found[f"{count} consumers"] = rate = drained(at, count)
        results.add("pipeline", {f"{count} consumers": figure([rate], "images/s")})
    # Where one of these parts has failed, what the pipeline does is known all the same.
    slower = min(
        results.median("decode", decode.on_cores()),
        results.median("bare", bare.name(bare.MOST_WANTED, at.scale.batch, bare.VELOX)),
    )
    for name, rate in found.items():
        results.bar("pipeline", f"{name} / slower of decode and engine", rate / slower, 0.9)


def drained(at: Place, consumers: int) -> float:
    """Images a second of so many consumers, from a tenth to nine tenths of a topic."""
    scale = at.scale
    images = shapes(scale.image_side)
    with topic(TOPIC, scale.partitions) as bootstrap, ExitStack() as opened:
        children = [
            opened.enter_context(consumer(at, bootstrap, number, consumers))
            for number in range(consumers)
        ]
        running = [ready(each) for each in children]
        started = time.monotonic()
        # All of them are there before the first image is.
        fill(bootstrap, TOPIC, images, scale.streamed, scale.partitions)
        print(f"  filled in {time.monotonic() - started:.1f} s", flush=True)
        return drain_rate(running, scale.streamed)


@contextmanager
def consumer(at: Place, bootstrap: str, number: int, consumers: int) -> Iterator[Child]:
    """One consumer, which takes a while until it is ready."""
    folder = at.folder / f"consumer-{number}-of-{consumers}"
    environment = at.environment(
        **at.checkpoints.of_size(at.scale.size).settings(),
        KAFKA_BOOTSTRAP_SERVER=bootstrap,
        KAFKA_TOPIC=TOPIC,
        KAFKA_CONSUMER_GROUP=GROUP,
        KAFKA_GROUP_PROTOCOL="classic",
        MONGO_URI="",
        STORAGE_PATH=str(folder / "discoveries"),
        MAX_STORED_FILES="0",
        METRICS_PORT="0",
        CONFIDENCE_THRESHOLD="0",
        GPU_MEMORY_FRACTION=str(SHARED_MEMORY / consumers),
        BATCH_SIZE=str(at.scale.batch),
        QUEUE_SIZE=str(8 * at.scale.batch),
        QUEUE_BYTES=str(2**28),
    )
    child = script("consumer.py", env=environment, log=folder / "log")
    try:
        yield child
    finally:
        child.terminate(STOP_LIMIT_S)


def ready(child: Child) -> Running:
    """It, once it has a model and partitions."""
    address = child.wait_for_line(r"metrics address=(\S+)", ANSWER_LIMIT_S)[1]
    running = Running(child, address)
    eventually(running.ready, READY_LIMIT_S, lambda: f"a consumer ready: {child}")
    return running
