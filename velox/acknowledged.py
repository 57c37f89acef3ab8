"""A Kafka producer that says of every message whether the broker has it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from velox.client_log import AWAY, ClientLog
from velox.errors import SendFailed
from velox.kafka_client import producer_config, refused
from velox.kafka_errors import Refusals, explained, is_fatal, raised
from velox.records import Headers

TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
SERVE_EVERY_S = 1.0
COMPRESSION = "none"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class AcknowledgedProducer:
    """Sends messages to one topic, idempotently, and waits for their acknowledgements.

    Args:
        topic: where they go.
        bootstrap: broker addresses.
        extra: further librdkafka properties.
        role: what it is for, as its `client.id` says.

    Raises:
        SettingError: when librdkafka refuses a property of KAFKA_CONFIG.
    """

    def __init__(
        self, *, topic: str, bootstrap: str, extra: Mapping[str, str], role: str = "producer"
    ) -> None:
        self.topic = topic
        self._fatal: KafkaError | None = None
        self._refusals = Refusals()
        self._log = ClientLog(bootstrap)
        config = producer_config(
            bootstrap=bootstrap,
            delivery_timeout=TIMEOUT_S,
            compression=COMPRESSION,
            extra=extra,
            role=role,
        )
        try:
            self._producer = Producer({**config, "error_cb": self._refusals.note}, logger=self._log)
        except KafkaException as error:
            raise refused(error) from None
        self._closed = threading.Event()
        threading.Thread(target=self._serve, name=f"serve-{role}", daemon=True).start()

    def send(self, messages: Sequence[Outgoing]) -> list[KafkaError | None]:
        """Send all and wait for the answers.

        Returns:
            For each message in order, None if the broker has it, else why that is not known.

        Raises:
            SendFailed: on an error of the client that no retry can mend.
        """
        answers: list[KafkaError | None] = [_UNANSWERED] * len(messages)
        for number, message in enumerate(messages):
            self._produce(message, number, answers)
        self._flush(TIMEOUT_S + 1)
        for error in answers:
            self._note(error)
        if (end := self._fatal or self._refusals.lasting()) is not None:
            raise SendFailed(f"Kafka client of topic {self.topic} failed: {explained(end)}")
        return [self._explained(error) for error in answers]

    def _produce(self, message: Outgoing, number: int, answers: list[KafkaError | None]) -> None:
        def answered(error: KafkaError | None, _message: Message) -> None:
            answers[number] = error

        try:
            self._producer.produce(
                self.topic,
                key=message.key,
                value=message.value,
                headers=cast(Any, list(message.headers)),
                on_delivery=answered,
            )
        except KafkaException as error:
            answers[number] = error.args[0]
        except BufferError:
            self._flush(TIMEOUT_S)

    def _flush(self, timeout: float) -> None:
        if (error := raised(self._producer.flush, timeout, self._log)) is not None:
            self._note(error)

    def _note(self, error: KafkaError | None) -> None:
        if error is None:
            self._refusals.passed()
        elif is_fatal(error):
            self._fatal = self._fatal or error
        else:
            self._refusals.note(error)

    def _explained(self, error: KafkaError | None) -> KafkaError | None:
        """The same error; where no broker answered, its words say which one and why."""
        if error is None or error.code() not in AWAY:
            return error
        return KafkaError(error.code(), self._log.explain(error))

    def _serve(self) -> None:
        """Take in what the client has to say, also while nothing is sent for hours."""
        while not self._closed.wait(SERVE_EVERY_S):
            if (error := raised(self._producer.poll, 0, self._log)) is not None:
                self._note(error)

    def close(self) -> None:
        """Drop what was not acknowledged."""
        self._closed.set()
        self._producer.purge()
        self._flush(CLOSE_TIMEOUT_S)


_UNANSWERED = KafkaError(KafkaError._MSG_TIMED_OUT)
