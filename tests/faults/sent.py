"""What is sent, and what must become of it; the record itself says so in a header."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from confluent_kafka import KafkaError, Message, Producer

from tests.rig import pictures

EXPECT = "expect"
DOCUMENT = b"document"
DEAD_LETTER = b"dead-letter"
EITHER = b"either"
FLUSH_LIMIT_S = 120


@dataclass(frozen=True, slots=True)
class Sent:
    """One record to send.

    Attributes:
        key: unique; the test's own name of the record.
        value: as a record's.
        expect: DOCUMENT, DEAD_LETTER or EITHER.
        label: ground truth, or None.
        partition: where it goes, or None to let the key decide.
        timestamp_ms: of the record, or None for now.
        source: its header, or None for the key.
    """

    key: str
    value: bytes | None
    expect: bytes
    label: str | None = None
    partition: int | None = None
    timestamp_ms: int | None = None
    source: str | None = None


def picture(number: int) -> Sent:
    """A good image."""
    return Sent(
        f"picture-{number}", pictures.encoded(number), DOCUMENT, label=pictures.colour(number)
    )


def rubbish(number: int) -> Sent:
    """No image."""
    return Sent(f"rubbish-{number}", f"no image {number}".encode(), DEAD_LETTER)


def mixture(numbers: Iterable[int], bad_every: int = 10) -> Iterator[Sent]:
    """Good images, and one that is none among each so many."""
    for number in numbers:
        yield rubbish(number) if bad_every and number % bad_every == 3 else picture(number)


class Sender:
    """An idempotent producer that knows what was acknowledged.

    Args:
        bootstrap: broker addresses.
        topic: where records go.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "message.max.bytes": 20_000_000,
                "reconnect.backoff.max.ms": 500,
                "log_level": 2,
            }
        )
        self.acknowledged: set[str] = set()
        self.failed: list[str] = []

    def send(self, one: Sent) -> None:
        source = (one.source or one.key).encode()
        headers: dict[str, str | bytes | None] = {EXPECT: one.expect, "source": source}
        if one.label is not None:
            headers["label"] = one.label.encode()
        self._producer.produce(
            self._topic,
            key=one.key,
            value=one.value,
            headers=headers,
            timestamp=int(time.time() * 1000) if one.timestamp_ms is None else one.timestamp_ms,
            partition=-1 if one.partition is None else one.partition,
            on_delivery=self._delivered,
        )
        self._producer.poll(0)

    def send_all(self, records: Iterable[Sent]) -> None:
        """Send, and wait until all are acknowledged."""
        for record in records:
            self.send(record)
        self.finish()

    def finish(self) -> None:
        assert self._producer.flush(FLUSH_LIMIT_S) == 0, "records not acknowledged"
        assert not self.failed, self.failed

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        key = (message.key() or b"").decode()
        if error is None:
            self.acknowledged.add(key)
        else:
            self.failed.append(f"{key}: {error.str()}")


class Load:
    """A mixture of records, sent at a steady rate in the background until stopped.

    Args:
        sender: what sends them.
        rate: records a second.
    """

    def __init__(self, sender: Sender, rate: float) -> None:
        self._sender = sender
        self._rate = rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        started = time.monotonic()
        for number, record in enumerate(mixture(itertools.count())):
            due = started + number / self._rate
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            self._sender.send(record)

    def stop(self) -> None:
        """Stop, and wait until all are acknowledged."""
        self._stop.set()
        self._thread.join()
        self._sender.finish()
