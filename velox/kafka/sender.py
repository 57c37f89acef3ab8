"""Sending images to Kafka: idempotent, acknowledged by all replicas in sync, every one counted."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from velox.base.errors import SendFailed
from velox.base.logs import ThinnedLog
from velox.kafka.client import made, producer_config
from velox.kafka.client_log import ClientLog
from velox.kafka.errors import Refusals, explained, is_fatal, is_refusal, raised, told
from velox.kafka.refused_batches import TOO_LARGE, may_pass_alone
from velox.producer.sources.capture import Capture

FULL_QUEUE_WAIT_S = 0.1
FLUSH_STEP_S = 0.5
_TOO_LARGE, _REFUSED = "after a batch too large", "after a batch refused"
PARTITIONER = -1  # lets the client choose by the key

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Record:
    """An image as it is sent, or sent once more."""

    source: str
    value: bytes
    headers: dict[str, str | bytes | None]
    timestamp_ms: int
    partition: int
    attempt: str = ""


class Sender:
    """Sends captures to one topic and counts what became of them.

    Args:
        topic: where they go.
        bootstrap: broker addresses.
        delivery_timeout: seconds after which an unacknowledged image counts as failed.
        compression: of record batches.
        extra: further librdkafka properties.
        largest_batch: tells the `max.message.bytes` of a topic, if it is told.

    Attributes:
        delivery_timeout: seconds, as KAFKA_CONFIG has it if it does.
        sent: images handed to the client.
        acknowledged: images that the broker has.
        failed: images that were given up.

    Raises:
        SettingError: when librdkafka refuses a property of KAFKA_CONFIG.
    """

    def __init__(
        self,
        *,
        topic: str,
        bootstrap: str,
        delivery_timeout: float,
        compression: str,
        extra: Mapping[str, str],
        largest_batch: Callable[[str], str] = lambda _topic: "",
    ) -> None:
        self._topic = topic
        self._fatal: KafkaError | None = None
        self._refusals = Refusals()
        self._client_log = ClientLog(bootstrap)
        self._trouble = ThinnedLog(log, per_second=1)
        self.sent = self.acknowledged = self.failed = 0
        self.delivery_timeout = _delivery_timeout(delivery_timeout, extra)
        self._largest_batch, self._limit = largest_batch, ""
        self._again: deque[_Record] = deque()
        self._batches = True
        self._config = producer_config(
            bootstrap=bootstrap,
            delivery_timeout=delivery_timeout,
            compression=compression,
            extra=extra,
        )
        self._producer = self._client({})
        self._single: Producer | None = None

    @property
    def pending(self) -> int:
        """Images that are neither acknowledged nor given up."""
        return self.sent - self.acknowledged - self.failed

    def send(self, capture: Capture, stop: threading.Event) -> None:
        """Hand one image to the client, waiting while its queue is full.

        The record's timestamp is the moment of capture, now where that is not known. An image
        that the client itself refuses (too large) counts as failed. When told to stop while
        waiting, the image is dropped and not counted.

        Raises:
            SendFailed: on an error of the client that no retry can mend.
        """
        captured_ms = capture.captured_ms
        if captured_ms is None:
            captured_ms = int(time.time() * 1000)
        headers = {"content-type": capture.content_type, "source": capture.source}
        if capture.label is not None:
            headers["label"] = capture.label
        record = _Record(
            capture.source,
            capture.value,
            {name: text.encode() for name, text in headers.items()},
            captured_ms,
            PARTITIONER if capture.partition is None else capture.partition,
        )
        while True:
            self._require_working()
            self._send_again()
            if self._put(record, alone=not self._batches):
                break
            self._poll(FULL_QUEUE_WAIT_S)
            if stop.is_set():
                return
        self.sent += 1
        self._poll(0)

    def _put(self, record: _Record, *, alone: bool) -> bool:
        """Hand a record to a client; False while its queue is full."""
        if alone and self._single is None:
            self._single = self._client({"batch.num.messages": 1})
        producer = self._single if alone and self._single is not None else self._producer
        # The client keeps the value until it is answered; once is enough.
        kept = replace(record, value=b"")
        try:
            producer.produce(
                self._topic,
                value=record.value,
                key=record.source,
                headers=record.headers,
                timestamp=record.timestamp_ms,
                on_delivery=partial(self._on_delivery, kept, alone),
                partition=record.partition,
            )
        except BufferError:
            return False
        except KafkaException as error:
            self._give_up(record.source, len(record.value), error.args[0], "not sent")
        return True

    def _send_again(self) -> None:
        """Send singly what was refused as a part of its batch, for as long as there is room."""
        while self._again and self._put(self._again[0], alone=True):
            self._again.popleft()

    def listen(self) -> None:
        """Take in what the client has to say before anything is sent.

        A password that is refused may still be put right: who waits for the topic has the limit.
        """
        self._poll(0)
        self._refusals.passed()

    def tick(self) -> None:
        """Take in acknowledgements while there is nothing to send.

        Raises:
            SendFailed: as of `send`.
        """
        self._poll(0)
        self._require_working()

    def finish(self, timeout: float, stop: threading.Event, stopping_timeout: float) -> None:
        """Wait until every image is acknowledged or given up.

        Args:
            timeout: longest wait in seconds.
            stop: once set, the wait is only `stopping_timeout` long.
            stopping_timeout: longest wait in seconds after `stop`; what is pending then is
                dropped and counts as failed.

        Raises:
            SendFailed: as of `send`.
        """
        deadline = time.monotonic() + timeout
        shortened = False
        while self.pending and time.monotonic() < deadline:
            if stop.is_set() and not shortened:
                shortened = True
                deadline = min(deadline, time.monotonic() + stopping_timeout)
            self._send_again()
            for producer in self._producers():
                self._serve(producer.flush, FLUSH_STEP_S)
            self._require_working()
        if self.pending:
            for producer in self._producers():
                producer.purge()
                self._serve(producer.flush, FLUSH_STEP_S)
            self._again.clear()
            self.failed = self.sent - self.acknowledged
        self._require_working()

    def _producers(self) -> list[Producer]:
        return [self._producer, *([] if self._single is None else [self._single])]

    def _client(self, more: Mapping[str, int]) -> Producer:
        config = {**self._config, **more, "error_cb": self._on_error}
        return made(Producer, config, self._client_log)

    def _poll(self, timeout: float) -> None:
        for producer in self._producers():
            self._serve(producer.poll, timeout)
        self._send_again()

    def _serve(self, call: Callable[[float], object], timeout: float) -> None:
        if (error := raised(call, timeout, self._client_log)) is not None:
            self._on_error(error)

    def _require_working(self) -> None:
        if (error := self._fatal or self._refusals.lasting()) is not None:
            raise SendFailed(f"Kafka client failed: {explained(error)}")

    def _on_delivery(
        self, record: _Record, alone: bool, error: KafkaError | None, message: Message
    ) -> None:
        if error is None:
            self.acknowledged += 1
            self._refusals.passed()
            # Where a batch was too large, and not what was in it, the next would be too.
            self._batches = self._batches and record.attempt != _TOO_LARGE
            return
        value = message.value() or b""
        if not alone and may_pass_alone(error):
            attempt = _TOO_LARGE if error.code() in TOO_LARGE else _REFUSED
            partition = cast(int, message.partition())
            self._again.append(replace(record, value=value, partition=partition, attempt=attempt))
            return
        self._give_up(record.source, len(value), error, "not acknowledged", message.partition())

    def _give_up(
        self, source: str, size: int, error: KafkaError, what: str, partition: int | None = None
    ) -> None:
        self.failed += 1
        reason = told(error, self._client_log)
        if error.code() in TOO_LARGE:
            reason += f"; {self._limits(local=partition is None)}"
        self._trouble.warning(
            f"{what} source=%s bytes=%d partition=%s reason=%r", source, size, partition, reason
        )
        self._note(error)

    def _limits(self, *, local: bool) -> str:
        """Which setting stands in the way of a large image."""
        if local:
            return f"message.max.bytes of this client is {self._config['message.max.bytes']}"
        self._limit = self._limit or self._largest_batch(self._topic) or "less"
        return f"max.message.bytes of topic {self._topic} is {self._limit}: raise it there"

    def _note(self, error: KafkaError) -> None:
        """An image was not taken: is it of no use to send others?"""
        if is_fatal(error) or is_refusal(error):
            self._fatal = self._fatal or error

    def _on_error(self, error: KafkaError) -> None:
        if is_fatal(error):
            self._fatal = error
        self._refusals.note(error)
        self._client_log.error(error)


def _delivery_timeout(seconds: float, extra: Mapping[str, str]) -> float:
    """What KAFKA_CONFIG says of it wins; 0 is for ever."""
    names = ("delivery.timeout.ms", "message.timeout.ms")
    given = [text for name, text in extra.items() if name in names]
    if not given:
        return seconds
    return int(given[-1]) / 1000 or float("inf")
