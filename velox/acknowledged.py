"""A Kafka producer that says of every message whether the broker has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from velox.errors import SendFailed
from velox.kafka_client import client_logger, producer_config, refused
from velox.records import Headers

TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
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

    Raises:
        SettingError: when librdkafka refuses a property of KAFKA_CONFIG.
    """

    def __init__(self, *, topic: str, bootstrap: str, extra: Mapping[str, str]) -> None:
        self.topic = topic
        config = producer_config(
            bootstrap=bootstrap,
            delivery_timeout=TIMEOUT_S,
            compression=COMPRESSION,
            extra=extra,
        )
        try:
            self._producer = Producer(config, logger=client_logger())
        except KafkaException as error:
            raise refused(error) from None

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
        self._producer.flush(TIMEOUT_S + 1)
        fatal = next((error for error in answers if error is not None and _is_fatal(error)), None)
        if fatal is not None:
            raise SendFailed(f"Kafka client of topic {self.topic} failed: {fatal.str()}")
        return list(answers)

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
            self._producer.flush(TIMEOUT_S)

    def close(self) -> None:
        """Drop what was not acknowledged."""
        self._producer.purge()
        self._producer.flush(CLOSE_TIMEOUT_S)


def _is_fatal(error: KafkaError) -> bool:
    return error.fatal() or error.code() == KafkaError._FATAL


_UNANSWERED = KafkaError(KafkaError._MSG_TIMED_OUT)
