"""Real servers and the project's consumers, for as long as a case needs them."""

from __future__ import annotations

import itertools
import os
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from tests.rig.kafka import Kafka
from tests.rig.mongod import Mongod
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually
from velox.base.waiting import Pace
from velox.kafka.client import MAX_MESSAGE_BYTES
from velox.monitoring import snapshot
from velox.monitoring.snapshot import Figures

ANSWER_LIMIT_S = 60.0
READY_LIMIT_S = 120.0
LONGEST_DRAIN_S = 600.0
STOP_LIMIT_S = 30.0
# Consumers of a bench use the machine as they would in production.
ALL_CORES = {"OMP_NUM_THREADS": str(os.cpu_count())}


@dataclass
class Stack:
    """A Kafka node and a mongod."""

    kafka: Kafka
    mongod: Mongod
    folder: Path

    def __post_init__(self) -> None:
        self._names = itertools.count()

    def topic(self, *, partitions: int) -> str:
        """A new topic."""
        name = f"bench-{next(self._names)}"
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap})
        config = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
        made = admin.create_topics([NewTopic(name, partitions, 1, config=config)])
        made[name].result(timeout=ANSWER_LIMIT_S)
        return name

    def fill(
        self,
        topic: str,
        images: Sequence[bytes],
        count: int,
        *,
        partitions: int,
        sources: int = 0,
    ) -> None:
        """Put so many images on a topic, evenly, and say of which source each is if any is."""
        producer = self._producer()
        for number in range(count):
            value = images[number % len(images)]
            source = f"camera-{number % sources}" if sources else None
            headers: dict[str, str | bytes | None] = {"source": source} if source else {}
            while True:
                with suppress(BufferError):
                    producer.produce(
                        topic,
                        value,
                        key=source,
                        headers=headers,
                        partition=number % partitions,
                    )
                    break
                producer.poll(0.1)
        producer.flush(ANSWER_LIMIT_S)

    @contextmanager
    def streaming(
        self, topic: str, images: Sequence[bytes], *, rate: float, partitions: int
    ) -> Iterator[None]:
        """Put images on a topic at a fixed rate, whatever becomes of them."""
        stop = threading.Event()
        producer = self._producer(linger_ms=0)

        def stream() -> None:
            pace = Pace(1 / rate, stop)
            for number in itertools.count():
                if not pace.wait():
                    break
                producer.produce(topic, images[number % len(images)], partition=number % partitions)
                producer.poll(0)

        thread = threading.Thread(target=stream)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            producer.flush(ANSWER_LIMIT_S)

    def _producer(self, linger_ms: int = 20) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self.kafka.bootstrap,
                "linger.ms": linger_ms,
                "queue.buffering.max.kbytes": 262_144,
                "message.max.bytes": MAX_MESSAGE_BYTES,
            }
        )

    def environment(self, topic: str, **settings: str) -> dict[str, str]:
        """A consumer's settings: this stack, every image a match, stores of its own."""
        return {
            **ALL_CORES,
            "KAFKA_BOOTSTRAP_SERVER": self.kafka.bootstrap,
            "KAFKA_TOPIC": topic,
            "KAFKA_CONSUMER_GROUP": f"group-{next(self._names)}",
            "KAFKA_GROUP_PROTOCOL": "consumer",
            "MONGO_URI": self.mongod.uri,
            "DB_NAME": topic,
            "STORAGE_PATH": str(self.folder / topic / "discoveries"),
            "METRICS_PORT": "0",
            "LOG_LEVEL": "INFO",
            "CONFIDENCE_THRESHOLD": "0",
            **settings,
        }

    @contextmanager
    def consumer(
        self, environment: dict[str, str], program: str = "consumer.py"
    ) -> Iterator[Running]:
        """A consumer that is ready."""
        log = self.folder / f"consumer-{next(self._names)}" / "log"
        child = script(program, env=environment, log=log)
        try:
            address = child.wait_for_line(r"metrics address=(\S+)", ANSWER_LIMIT_S)[1]
            running = Running(child, address)
            eventually(running.ready, READY_LIMIT_S, lambda: f"a consumer ready: {child}")
            yield running
        finally:
            child.terminate(STOP_LIMIT_S)


@dataclass
class Running:
    """A consumer's process and its metrics page."""

    child: Child
    address: str

    def ready(self) -> bool:
        """Whether it has a model and partitions."""
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=5):  # noqa: S310
                return True
        except OSError:
            return False

    def page(self) -> str:
        """Its metrics page."""
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=30) as answer:  # noqa: S310
            return str(answer.read().decode())

    def figures(self) -> Figures:
        """Its figures now."""
        return snapshot.read(self.page())


def drain_rate(consumers: Sequence[Running], count: int) -> float:
    """Records a second of all consumers together, from a tenth to nine tenths of a topic."""

    def finished() -> int:
        return sum(each.figures().finished for each in consumers)

    deadline = time.monotonic() + LONGEST_DRAIN_S
    first: tuple[float, int] | None = None
    while time.monotonic() < deadline:
        done, now = finished(), time.monotonic()
        if first is None and done >= count / 10:
            first = (now, done)
        if first is not None and done >= 0.9 * count and now > first[0]:
            return (done - first[1]) / (now - first[0])
        # Often enough to be exact, and too seldom to be measured.
        time.sleep(0.25)
    raise TimeoutError(f"{finished()} of {count} records after {LONGEST_DRAIN_S:g} s")


@contextmanager
def stack(folder: Path) -> Iterator[Stack]:
    """Start the servers."""
    kafka, mongod = Kafka(folder / "kafka"), Mongod(folder / "mongod")
    kafka.launch()
    mongod.start()
    kafka.wait_until_ready()
    try:
        yield Stack(kafka, mongod, folder)
    finally:
        kafka.stop()
        mongod.stop()
