"""(f) From the start of the process to the first committed batch, and the memory it takes."""

from __future__ import annotations

import time
from contextlib import closing

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bench.checkpoints import Checkpoints
from bench.images import shapes
from bench.measure import figure
from bench.results import Results
from bench.stack import STOP_LIMIT_S, Stack
from tests.rig.processes import script
from tests.rig.waiting import eventually

ROUNDS = 3
COUNT = 200
LIMIT_S = 120.0
ANSWER_LIMIT_S = 10.0
# Seconds to the first commit with a checkpoint that was used before, by the input's size.
GOALS = {96: 4.5, 224: 5.5}
MOST_MIB = 950


def run(results: Results, stack: Stack, checkpoints: Checkpoints) -> None:
    """Measure."""
    for size, goal in GOALS.items():
        paths = checkpoints.of_size(size).settings()
        # The first of them finds a new checkpoint.
        (new, most), *rounds = [once(stack, paths) for _ in range(1 + ROUNDS)]
        results.add("start", {f"start to first commit, {size}, new model": figure([new], "s")})
        results.add("start", {f"resident memory, {size}, new model": figure([most], "MiB")})
        seconds, resident = zip(*rounds, strict=True)
        results.add("start", {f"start to first commit, {size}": figure(seconds, "s")})
        results.add("start", {f"resident memory, {size}": figure(resident, "MiB")})
        results.bar(
            "start",
            f"start to first commit, {size}, s",
            results.median("start", f"start to first commit, {size}"),
            goal,
            at_least=False,
        )
        results.bar(
            "start",
            f"resident memory, {size}, MiB",
            results.median("start", f"resident memory, {size}"),
            MOST_MIB,
            at_least=False,
        )


def once(stack: Stack, paths: dict[str, str]) -> tuple[float, float]:
    """Seconds to the first commit of a consumer on a full topic, and its memory after all in MiB.

    The broker answers what is committed within milliseconds; it is asked every 20 ms.
    """
    topic = stack.topic(partitions=1)
    stack.fill(topic, shapes(512), COUNT, partitions=1)
    environment = stack.environment(topic, **paths)
    group = environment["KAFKA_CONSUMER_GROUP"]
    settings = {"bootstrap.servers": stack.kafka.bootstrap, "group.id": group}
    with closing(Consumer(settings)) as reader:

        def answer() -> int | None:
            # The group's coordinator may still be on its way.
            try:
                (found,) = reader.committed([TopicPartition(topic, 0)], timeout=ANSWER_LIMIT_S)
            except KafkaException:
                return None
            return max(0, found.offset)

        def committed() -> int:
            return answer() or 0

        eventually(lambda: answer() is not None, LIMIT_S, "an answer of the group's coordinator")
        start = time.monotonic()
        child = script("consumer.py", env=environment, log=stack.folder / topic / "log")
        try:
            eventually(lambda: committed() > 0, LIMIT_S, lambda: f"a commit of {child}", every=0.02)
            seconds = time.monotonic() - start
            eventually(lambda: committed() == COUNT, LIMIT_S, lambda: f"all committed by {child}")
            return seconds, child.resident_bytes() / 2**20
        finally:
            child.terminate(STOP_LIMIT_S)
