"""Dead letters: records that cannot be classified, stored or told of go to a topic of their own.

The headers are named as Kafka Connect names them, so its tools read them. A letter that the topic
refuses is sent again with less in it: without the value and with its headers clipped, then with
nothing but place and reason.
"""

from __future__ import annotations

from collections.abc import Mapping

from velox.base.records import DEAD_LETTERS, LONGEST_TEXT, DeadLetter, Headers, Redriven
from velox.kafka.acknowledged import AcknowledgedProducer
from velox.kafka.messages import Outgoing
from velox.kafka.outbox import Outbox

SUFFIX = DEAD_LETTERS
PREFIX = "__connect.errors."
LONGEST_MESSAGE = 1000
# Of the record's own headers, where they do not travel whole.
MOST_HEADERS = 100
SHORTEST_MESSAGE = 200
# When the record's image was captured: a part of its identity. The letter's own time is its own.
TIMESTAMP_HEADER = "velox.record.timestamp.ms"
# How often a letter was redriven, if ever.
REDRIVES_HEADER = "velox.redrives"
# Says how large a value was that does not travel with a dead letter.
OMITTED_HEADER = "velox.value.omitted.bytes"
# Says how much of the key and of the headers does not.
CLIPPED_HEADER = "velox.headers.clipped.bytes"
OMITTED_KEY_HEADER = "velox.key.omitted.bytes"


class DeadLetters(Outbox[DeadLetter]):
    """Sends dead letters, with less in them where that is needed.

    Args:
        topic: the topic of the records; its dead letters go to `<topic>-dlt`.
        bootstrap: broker addresses.
        extra: further librdkafka properties.
        suffix: what is added to the topic's name, where it is another.

    Raises:
        SettingError: when librdkafka refuses a property of KAFKA_CONFIG.
    """

    def __init__(
        self, *, topic: str, bootstrap: str, extra: Mapping[str, str], suffix: str = SUFFIX
    ) -> None:
        to = topic + suffix
        super().__init__(
            AcknowledgedProducer(topic=to, bootstrap=bootstrap, extra=extra, role="dead-letters"),
            name=f"dead-letter topic {to} (of KAFKA_TOPIC)",
            identity=lambda letter: f"{letter.record.id}:{letter.stage}",
            forms=(_whole, _without_value, _place_and_reason),
        )


def _whole(letter: DeadLetter) -> Outgoing:
    record = letter.record
    headers = (*record.headers, *_reasons(letter, LONGEST_MESSAGE))
    return Outgoing(f"{record.id}:{letter.stage}:0", record.key, record.value, headers)


def _without_value(letter: DeadLetter) -> Outgoing:
    record = letter.record
    kept = tuple(_clipped(*each) for each in record.headers[:MOST_HEADERS])
    clipped = _size(record.headers) - _size(kept)
    said = ((CLIPPED_HEADER, str(clipped).encode()),) if clipped else ()
    headers = (*kept, *_reasons(letter, LONGEST_MESSAGE), _omitted(letter), *said)
    return Outgoing(f"{record.id}:{letter.stage}:1", record.key, None, headers)


def _place_and_reason(letter: DeadLetter) -> Outgoing:
    """With the record's id as its key: a compacted topic takes no message without one."""
    record = letter.record
    said = (
        (CLIPPED_HEADER, str(_size(record.headers)).encode()),
        (OMITTED_KEY_HEADER, str(len(record.key or b"")).encode()),
    )
    headers = (*_reasons(letter, SHORTEST_MESSAGE), _omitted(letter), *said)
    return Outgoing(f"{record.id}:{letter.stage}:2", record.id.encode(), b"", headers)


def _reasons(letter: DeadLetter, longest: int) -> Headers:
    record, error = letter.record, letter.error
    reasons = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "stage": letter.stage,
        "exception.class.name": type(error).__name__,
        "exception.message": str(error)[:longest],
    }
    said = {PREFIX + name: text for name, text in reasons.items()}
    said[TIMESTAMP_HEADER] = str(record.timestamp_ms)
    if isinstance(record, Redriven):
        said[REDRIVES_HEADER] = str(record.redrives)
    return tuple((name, text.encode(errors="replace")) for name, text in said.items())


def _omitted(letter: DeadLetter) -> tuple[str, bytes]:
    return OMITTED_HEADER, str(letter.record.size).encode()


def _clipped(name: str, value: bytes | None) -> tuple[str, bytes | None]:
    return name[:LONGEST_TEXT], None if value is None else value[:LONGEST_TEXT]


def _size(headers: Headers) -> int:
    return sum(len(name) + len(value or b"") for name, value in headers)
