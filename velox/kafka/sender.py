"""Sending images to Kafka: idempotent, acknowledged by all replicas in sync, every one counted."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message

from velox.base.errors import SendFailed
from velox.base.logs import ThinnedLog
from velox.kafka.client import delivery_timeout_of, producer_config
from velox.kafka.client_log import ClientLog
from velox.kafka.errors import Refusals, explained, is_fatal, is_refusal, raised, told
from velox.kafka.messages import Outgoing
from velox.kafka.pair import Pair
from velox.kafka.refused_batches import TOO_LARGE, may_pass_alone

FULL_QUEUE_WAIT_S = 0.1
FLUSH_STEP_S = 0.5

log = logging.getLogger(__name__)


class Sender:
    """Sends images to one topic and counts what became of them.

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
        turned: when the client was last served, in monotonic seconds.

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
        self.turned = time.monotonic()
        self.delivery_timeout = delivery_timeout_of(extra, delivery_timeout)
        self._largest_batch, self._limit = largest_batch, ""
        # What was refused with others, and whether the whole of them was too large.
        self._again: deque[tuple[Outgoing, bool]] = deque()
        self._batches = True
        self._config = producer_config(
            bootstrap=bootstrap,
            delivery_timeout=delivery_timeout,
            compression=compression,
            extra=extra,
        )
        config = {**self._config, "error_cb": self._on_error}
        self._producers = Pair(topic, config, self._client_log)

    @property
    def pending(self) -> int:
        """Images that are neither acknowledged nor given up."""
        return self.sent - self.acknowledged - self.failed

    def send(self, message: Outgoing, stop: threading.Event) -> None:
        """Hand one image to the client, waiting while its queue is full.

        An image that the client itself refuses (too large) counts as failed. When told to stop
        while waiting, the image is dropped and not counted.

        Raises:
            SendFailed: on an error of the client that no retry can mend.
        """
        while True:
            self._require_working()
            self._send_again()
            if self._put(message, alone=not self._batches):
                break
            self._poll(FULL_QUEUE_WAIT_S)
            if stop.is_set():
                return
        self.sent += 1
        self._poll(0)

    def _put(self, message: Outgoing, *, alone: bool, batch_too_large: bool = False) -> bool:
        """Hand a message to a client; False while its queue is full."""
        # The client keeps the value until it is answered; once is enough.
        kept = message.without_value()
        answered = partial(self._on_delivery, kept, alone, batch_too_large)
        try:
            self._producers.put(message, answered, alone=alone)
        except BufferError:
            return False
        except KafkaException as error:
            self._give_up(message, error.args[0], "not sent")
        return True

    def _send_again(self) -> None:
        """Send singly what was refused as a part of its batch, for as long as there is room."""
        while self._again:
            message, batch_too_large = self._again[0]
            if not self._put(message, alone=True, batch_too_large=batch_too_large):
                return
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
            for producer in self._producers:
                self._serve(producer.flush, FLUSH_STEP_S)
            self._require_working()
        if self.pending:
            for producer in self._producers:
                producer.purge()
                self._serve(producer.flush, FLUSH_STEP_S)
            self._again.clear()
            self.failed = self.sent - self.acknowledged
        self._require_working()

    def _poll(self, timeout: float) -> None:
        for producer in self._producers:
            self._serve(producer.poll, timeout)
        self._send_again()

    def _serve(self, call: Callable[[float], object], timeout: float) -> None:
        self.turned = time.monotonic()
        if (error := raised(call, timeout, self._client_log)) is not None:
            self._on_error(error)

    def _require_working(self) -> None:
        if (error := self._fatal or self._refusals.lasting()) is not None:
            raise SendFailed(f"Kafka client failed: {explained(error)}")

    def _on_delivery(
        self,
        sent: Outgoing,
        alone: bool,
        batch_too_large: bool,
        error: KafkaError | None,
        message: Message,
    ) -> None:
        if error is None:
            self.acknowledged += 1
            if sent.answered is not None:
                sent.answered((cast(int, message.partition()), cast(int, message.offset())))
            self._refusals.passed()
            # Where a batch was too large, and not what was in it, the next would be too.
            self._batches = self._batches and not batch_too_large
            return
        sent = replace(sent, value=message.value())
        if not alone and may_pass_alone(error):
            again = replace(sent, partition=message.partition())
            self._again.append((again, error.code() in TOO_LARGE))
            return
        self._give_up(sent, error, "not acknowledged", message.partition())

    def _give_up(
        self, message: Outgoing, error: KafkaError, what: str, partition: int | None = None
    ) -> None:
        self.failed += 1
        if message.answered is not None:
            message.answered(None)
        reason = told(error, self._client_log)
        if error.code() in TOO_LARGE:
            reason += f"; {self._limits(local=partition is None)}"
        self._trouble.warning(
            f"{what} source=%s bytes=%d partition=%s reason=%r",
            (message.key or b"").decode(errors="replace"),
            len(message.value or b""),
            partition,
            reason,
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
