"""Sending images to Kafka: idempotent, acknowledged by all replicas in sync, every one counted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from velox.client_log import ClientLog
from velox.errors import SendFailed
from velox.kafka_client import producer_config, refused
from velox.kafka_errors import Refusals, explained, is_fatal, is_refusal, raised, told
from velox.sources import Capture
from velox.thinned_log import ThinnedLog

FULL_QUEUE_WAIT_S = 0.1
FLUSH_STEP_S = 0.5
PARTITIONER = -1  # lets the client choose by the key

log = logging.getLogger(__name__)


class Sender:
    """Sends captures to one topic and counts what became of them.

    Args:
        topic: where they go.
        bootstrap: broker addresses.
        delivery_timeout: seconds after which an unacknowledged image counts as failed.
        compression: of record batches.
        extra: further librdkafka properties.

    Attributes:
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
    ) -> None:
        self._topic = topic
        self._fatal: KafkaError | None = None
        self._refusals = Refusals()
        self._client_log = ClientLog(bootstrap)
        self._trouble = ThinnedLog(log, per_second=1)
        self.sent = self.acknowledged = self.failed = 0
        config = producer_config(
            bootstrap=bootstrap,
            delivery_timeout=delivery_timeout,
            compression=compression,
            extra=extra,
        )
        try:
            self._producer = Producer(
                {**config, "error_cb": self._on_error}, logger=self._client_log
            )
        except KafkaException as error:
            raise refused(error) from None

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
        while True:
            self._require_working()
            try:
                self._producer.produce(
                    self._topic,
                    value=capture.value,
                    key=capture.source,
                    headers={name: text.encode() for name, text in headers.items()},
                    timestamp=captured_ms,
                    on_delivery=self._on_delivery,
                    partition=PARTITIONER if capture.partition is None else capture.partition,
                )
            except BufferError:
                self._serve(self._producer.poll, FULL_QUEUE_WAIT_S)
                if stop.is_set():
                    return
                continue
            except KafkaException as error:
                self._note(error.args[0])
                self.failed += 1
                self._trouble.warning(
                    "not sent source=%s bytes=%d reason=%r",
                    capture.source,
                    len(capture.value),
                    error.args[0].str(),
                )
            self.sent += 1
            self._serve(self._producer.poll, 0)
            return

    def listen(self) -> None:
        """Take in what the client has to say before anything is sent.

        A password that is refused may still be put right: who waits for the topic has the limit.
        """
        self._serve(self._producer.poll, 0)
        self._refusals.passed()

    def tick(self) -> None:
        """Take in acknowledgements while there is nothing to send.

        Raises:
            SendFailed: as of `send`.
        """
        self._serve(self._producer.poll, 0)
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
            self._serve(self._producer.flush, FLUSH_STEP_S)
            self._require_working()
        if self.pending:
            self._producer.purge()
            self._serve(self._producer.flush, FLUSH_STEP_S)
            self.failed = self.sent - self.acknowledged
        self._require_working()

    def _serve(self, call: Callable[[float], object], timeout: float) -> None:
        if (error := raised(call, timeout, self._client_log)) is not None:
            self._on_error(error)

    def _require_working(self) -> None:
        if (error := self._fatal or self._refusals.lasting()) is not None:
            raise SendFailed(f"Kafka client failed: {explained(error)}")

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.acknowledged += 1
            self._refusals.passed()
            return
        self.failed += 1
        self._trouble.warning(
            "not acknowledged source=%s partition=%s reason=%r",
            (message.key() or b"").decode(errors="replace"),
            message.partition(),
            told(error, self._client_log),
        )
        self._note(error)

    def _note(self, error: KafkaError) -> None:
        """An image was not taken: is it of no use to send others?"""
        if is_fatal(error) or is_refusal(error):
            self._fatal = self._fatal or error

    def _on_error(self, error: KafkaError) -> None:
        if is_fatal(error):
            self._fatal = error
        self._refusals.note(error)
        self._client_log.error(error)
