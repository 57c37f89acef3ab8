"""A topic with as many partitions as its images need, on librdkafka's built-in mock cluster.

The embedded broker of the demo keeps 5 MiB a partition and makes topics of four. Here the mock
cluster's own interface is called, which confluent-kafka does not show: rd_kafka_mock_cluster_new
and rd_kafka_mock_topic_create of rdkafka_mock.h, in the library that comes with the package.

    python -m bench.gpu.broker TOPIC PARTITIONS    # prints its address, ends with its input
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import confluent_kafka

PRODUCER = 0
STOP_LIMIT_S = 10.0
FLUSH_LIMIT_S = 120.0
ERROR_BYTES = 512


def main() -> None:
    """Run until standard input ends."""
    topic, partitions = sys.argv[1], int(sys.argv[2])
    print(cluster(topic, partitions), flush=True)
    sys.stdin.buffer.read()


def cluster(topic: str, partitions: int) -> str:
    """Start a cluster of this process with one topic; its address."""
    library = ctypes.CDLL(str(rdkafka()))
    library.rd_kafka_conf_new.restype = ctypes.c_void_p
    library.rd_kafka_new.restype = ctypes.c_void_p
    library.rd_kafka_new.argtypes = (
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
    )
    library.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_new.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.rd_kafka_mock_topic_create.argtypes = (
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_int,
    )
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_cluster_bootstraps.argtypes = (ctypes.c_void_p,)
    error = ctypes.create_string_buffer(ERROR_BYTES)
    owner = library.rd_kafka_new(PRODUCER, library.rd_kafka_conf_new(), error, ERROR_BYTES)
    assert owner, error.value.decode()
    made = library.rd_kafka_mock_cluster_new(owner, 1)
    refused = library.rd_kafka_mock_topic_create(made, topic.encode(), partitions, 1)
    assert refused == 0, f"error {refused} for {partitions} partitions"
    return str(library.rd_kafka_mock_cluster_bootstraps(made).decode())


def rdkafka() -> Path:
    """The library that confluent-kafka brings."""
    package = Path(confluent_kafka.__file__).parent
    (found,) = package.with_name("confluent_kafka.libs").glob("librdkafka-*.so*")
    return found


@contextmanager
def topic(name: str, partitions: int) -> Iterator[str]:
    """A cluster with one topic, for as long as the context lasts; gives its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.gpu.broker", name, str(partitions)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        bootstrap = process.stdout.readline().strip()
        assert bootstrap, "the embedded broker did not start"
        yield bootstrap
    finally:
        process.stdin.close()
        try:
            process.wait(STOP_LIMIT_S)
        finally:
            process.kill()
            process.stdout.close()


def fill(bootstrap: str, topic: str, images: Sequence[bytes], count: int, partitions: int) -> None:
    """Put so many images on a topic, evenly, and see that each has arrived."""
    refused: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            refused.append(str(error))

    producer = confluent_kafka.Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": count + 1,
            "queue.buffering.max.kbytes": 2**21 - 1,
        }
    )
    for number in range(count):
        producer.produce(
            topic, images[number % len(images)], partition=number % partitions, callback=delivered
        )
        producer.poll(0)
    left = producer.flush(FLUSH_LIMIT_S)
    assert not left, f"{left} of {count} images were not taken"
    assert not refused, f"{len(refused)} of {count} images were refused: {refused[0]}"


if __name__ == "__main__":
    main()
