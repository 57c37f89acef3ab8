"""The embedded broker: librdkafka's built-in mock cluster, owned by one small process.

    python -m velox.demo.broker        # prints bootstrap=127.0.0.1:PORT, ends with its input

It is for trying Velox and for fast tests. It keeps 5 MiB a partition, nothing on disk, gives a new
topic 4 partitions, and can neither create nor grow topics on request. It knows the classic group
protocol only. For restarts, throughput and sizes, use Apache Kafka.
"""

from __future__ import annotations

import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Producer

from velox.base.errors import BrokerUnavailable
from velox.base.waiting import until_told

PARTITIONS = 4
PARTITION_BYTES = 5 * 1024 * 1024
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
METADATA_TIMEOUT_S = 10.0
_PREFIX = "bootstrap="


def serve() -> None:
    """Run a broker until standard input ends or SIGTERM comes."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    owner = Producer({"test.mock.num.brokers": 1, "log_level": 3})
    brokers = owner.list_topics(timeout=METADATA_TIMEOUT_S).brokers.values()
    addresses = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    print(f"{_PREFIX}{addresses}", flush=True)
    threading.Thread(target=_set_at_end_of_input, args=(stop,), daemon=True).start()
    until_told(stop)


def _set_at_end_of_input(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()


@contextmanager
def running() -> Iterator[str]:
    """A broker in a process of its own, for as long as the context lasts; gives its address.

    Raises:
        BrokerUnavailable: when the process does not come up.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "velox.demo.broker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 - it is a pipe, for the type checker
    assert process.stdout is not None  # noqa: S101
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            line = process.stdout.readline() if selector.select(START_TIMEOUT_S) else ""
        if not line.startswith(_PREFIX):
            raise BrokerUnavailable(f"the embedded broker did not start: {line!r}")
        yield line.removeprefix(_PREFIX).strip()
    finally:
        process.stdin.close()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


if __name__ == "__main__":
    serve()
