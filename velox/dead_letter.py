"""Dead letters: records that cannot be classified or stored go to a topic of their own.

The headers are named as Kafka Connect names them, so its tools read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError

from velox.acknowledged import AcknowledgedProducer, Outgoing
from velox.errors import BrokerUnavailable
from velox.records import DeadLetter, Headers

SUFFIX = "-dlt"
PREFIX = "__connect.errors."
LONGEST_MESSAGE = 1000
# Said in this header when a value is too large to travel with the headers of a dead letter.
OMITTED_HEADER = "velox.value.omitted.bytes"


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
        self._producer = AcknowledgedProducer(
            topic=self.topic, bootstrap=bootstrap, extra=extra, role="dead-letters"
        )

    def send(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Send all and wait for their acknowledgement. A value too large for the topic is left out.

        Returns:
            Those that were not acknowledged and have to be sent again.

        Raises:
            BrokerUnavailable: when not one of them was acknowledged, with the reason.
        """
        answers = self._producer.send([_with_value(each) for each in letters])
        large = [number for number, error in enumerate(answers) if _too_large(error)]
        if large:
            again = self._producer.send([_without_value(letters[number]) for number in large])
            for number, error in zip(large, again, strict=True):
                answers[number] = error
        reasons = [error for error in answers if error is not None]
        if reasons and len(reasons) == len(letters):
            raise BrokerUnavailable(f"dead-letter topic {self.topic}: {reasons[0].str()}")
        return [each for each, error in zip(letters, answers, strict=True) if error is not None]

    def close(self) -> None:
        """Drop what was not acknowledged; its records are not committed and come again."""
        self._producer.close()


def headers(letter: DeadLetter) -> Headers:
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
    ours = tuple((PREFIX + name, text.encode()) for name, text in reasons.items())
    return (*record.headers, *ours)


def _with_value(letter: DeadLetter) -> Outgoing:
    return Outgoing(letter.record.key, letter.record.value, headers(letter))


def _without_value(letter: DeadLetter) -> Outgoing:
    omitted = (OMITTED_HEADER, str(letter.record.size).encode())
    return Outgoing(letter.record.key, None, (*headers(letter), omitted))


def _too_large(error: KafkaError | None) -> bool:
    return error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE
