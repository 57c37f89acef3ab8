"""Dead letters: records that cannot be classified or stored go to a topic of their own.

The headers are named as Kafka Connect names them, so its tools read them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from velox.errors import BrokerUnavailable
from velox.kafka_client import client_logger, producer_config, refused
from velox.records import DeadLetter

SUFFIX = "-dlt"
ACKNOWLEDGE_TIMEOUT_S = 10.0
PREFIX = "__connect.errors."
LONGEST_MESSAGE = 1000
# Said in this header when a value is too large to travel with the headers of a dead letter.
OMITTED_HEADER = "velox.value.omitted.bytes"

log = logging.getLogger(__name__)


def headers(letter: DeadLetter) -> list[tuple[str, bytes | None]]:
    """The record's own headers, then where it came from and why it is here."""
    record, error = letter.record, letter.error
    reasons = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "stage": letter.stage,
        "exception.class.name": type(error).__name__,
        "exception.message": str(error)[:LONGEST_MESSAGE],
    }
    ours = [(PREFIX + name, text.encode()) for name, text in reasons.items()]
    return [*record.headers, *ours]


class DeadLetters:
    """Sends dead letters and waits until the broker has acknowledged them.

    Args:
        topic: the topic of the records; its dead letters go to `<topic>-dlt`.
        bootstrap: broker addresses.
        extra: further librdkafka properties.

    Raises:
        SettingError: when librdkafka refuses a property of KAFKA_CONFIG.
    """

    def __init__(self, *, topic: str, bootstrap: str, extra: Mapping[str, str]) -> None:
        self.topic = topic + SUFFIX
        config = producer_config(
            bootstrap=bootstrap,
            delivery_timeout=ACKNOWLEDGE_TIMEOUT_S,
            compression="none",
            extra=extra,
        )
        try:
            self._producer = Producer(config, logger=client_logger())
        except KafkaException as error:
            raise refused(error) from None

    def send(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Send all and wait for their acknowledgement.

        Returns:
            Those that were not acknowledged and have to be sent again.

        Raises:
            BrokerUnavailable: when not one of them was acknowledged, with the reason.
        """
        outcomes: dict[int, KafkaError | None] = {}
        for number, letter in enumerate(letters):
            self._produce(number, letter, letter.record.value, outcomes)
        self._producer.flush(ACKNOWLEDGE_TIMEOUT_S + 1)
        for number, error in list(outcomes.items()):
            if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                self._produce(number, letters[number], None, outcomes)
        self._producer.flush(ACKNOWLEDGE_TIMEOUT_S + 1)
        failed = [number for number in range(len(letters)) if outcomes.get(number, _LATE)]
        if failed and len(failed) == len(letters):
            reason = outcomes.get(failed[0]) or _LATE
            raise BrokerUnavailable(f"dead-letter topic {self.topic}: {reason.str()}")
        return [letters[number] for number in failed]

    def _produce(
        self,
        number: int,
        letter: DeadLetter,
        value: bytes | None,
        outcomes: dict[int, KafkaError | None],
    ) -> None:
        def acknowledged(error: KafkaError | None, _message: Message) -> None:
            outcomes[number] = error

        marks = headers(letter)
        if value is None and letter.record.value is not None:
            marks.append((OMITTED_HEADER, str(letter.record.size).encode()))
        try:
            self._producer.produce(
                self.topic,
                value=value,
                key=letter.record.key,
                headers=cast(Any, marks),
                on_delivery=acknowledged,
            )
        except KafkaException as error:
            outcomes[number] = error.args[0]
        except BufferError:
            self._producer.flush(ACKNOWLEDGE_TIMEOUT_S)

    def close(self) -> None:
        """Drop what was not acknowledged; its records are not committed and come again."""
        self._producer.purge()
        self._producer.flush(1.0)


_LATE = KafkaError(KafkaError._MSG_TIMED_OUT)
