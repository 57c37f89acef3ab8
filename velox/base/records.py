"""What flows through the pipeline: plain, frozen values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

Headers = tuple[tuple[str, bytes | None], ...]
# Of text that comes in a header this much goes on: into documents, results and letters.
LONGEST_TEXT = 1000
# What the name of a topic's dead letters ends with.
DEAD_LETTERS = "-dlt"
# And that of letters that are not redriven any more.
PARKED = DEAD_LETTERS + "-parked"

# The objects that carry a record and a header, as sys.getsizeof counts them, and their part of the
# queues; a name has up to 4 bytes a character.
_RECORD_BYTES = 512
_HEADER_BYTES = 160


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as it was polled.

    Attributes:
        topic, partition, offset: the record's place in the log.
        timestamp_ms: CreateTime (or LogAppendTime) in milliseconds since the epoch, 0 if the
            record has none.
        key, value: the bytes as they came, None where the record has none.
        headers: name and value pairs in their order.
        epoch: the assignment of the partition under which it was polled; a record of an
            earlier assignment must not be committed.
        received: when it was polled, in seconds of the monotonic clock.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    epoch: int
    received: float = 0.0

    @property
    def id(self) -> str:
        """The identity of the record, stable over redeliveries and a re-created topic."""
        return f"{self.topic}:{self.partition}:{self.offset}:{self.timestamp_ms}"

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return len(self.value) if self.value is not None else 0

    @property
    def held(self) -> int:
        """Bytes of memory that the record holds: value, key, headers and what carries them."""
        held = _RECORD_BYTES + self.size
        if self.key is not None:
            held += len(self.key)
        for name, value in self.headers:
            held += _HEADER_BYTES + 4 * len(name) + (len(value) if value is not None else 0)
        return held

    def bare(self) -> Record:
        """The record's place, with nothing in it that its sender could choose."""
        return replace(self, key=self.id.encode(), value=None, headers=())

    def header(self, name: str) -> str | None:
        """The last header of that name as text, its first `LONGEST_TEXT` characters.

        None if there is none or it is not UTF-8.
        """
        for key, value in reversed(self.headers):
            if key == name and value is not None:
                try:
                    return value.decode("utf-8")[:LONGEST_TEXT]
                except UnicodeDecodeError:
                    return None
        return None

    @property
    def source(self) -> str | None:
        """Where it comes from: its header `source`, or its key where that says nothing.

        The first `LONGEST_TEXT` characters. None where neither is text, or both are empty.
        """
        if named := self.header("source"):
            return named
        try:
            return (self.key or b"").decode()[:LONGEST_TEXT] or None
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True, slots=True)
class Redriven(Record):
    """A record as its dead letter gives it back, at the place that it had first.

    Attributes:
        letter: as it was polled from the dead-letter topic; None for no other reason than that a
            dataclass wants a default.
        redrives: how often it was redriven, this time included.
    """

    letter: Record | None = None
    redrives: int = 1


class Outcome(StrEnum):
    """What an image comes to; metrics, results and documents name it so.

    A match is stored. All else is counted, and told where results are wanted. What is stale was not
    classified, so that no prediction has that outcome.
    """

    MATCH = "match"
    NO_MATCH = "no_match"
    UNKNOWN = "unknown"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model makes of one image.

    Attributes:
        label: the most likely one.
        confidence: its softmax probability, in [0, 1].
        outcome: what that comes to.
        top: the likeliest labels with their probabilities, the likeliest first, where more than
            one is asked for.
    """

    label: str
    confidence: float
    outcome: Outcome
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Detection:
    """One match, as it is stored. `id` is the document's `_id`."""

    id: str
    timestamp: str
    predicted_label: str
    confidence: float
    ground_truth: str | None
    file_path: str | None
    source: str | None
    latency_ms: float
    model: str

    def document(self) -> dict[str, str | float | None]:
        """The detection as the document that MongoDB and SQLite hold."""
        return {
            "_id": self.id,
            "timestamp": self.timestamp,
            "predicted_label": self.predicted_label,
            "confidence": self.confidence,
            "ground_truth": self.ground_truth,
            "file_path": self.file_path,
            "source": self.source,
            "latency_ms": self.latency_ms,
            "model": self.model,
        }


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot be classified or stored, with the stage and the reason."""

    record: Record
    stage: str
    error: Exception


# From here on a time has five digits in its year, and no text of fixed width.
_YEAR_10000_MS = 253_402_300_800_000


def usable_timestamp(milliseconds: int) -> bool:
    """Whether a record's timestamp is set and a date that can be written."""
    return 0 < milliseconds < _YEAR_10000_MS


def utc_text(milliseconds: int) -> str:
    """Milliseconds since the epoch as ISO-8601 UTC text of fixed width, which sorts by time."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def time_of(record: Record, now_ms: int) -> str:
    """When a record's image was captured, as `utc_text`; now where it does not say."""
    return utc_text(record.timestamp_ms if usable_timestamp(record.timestamp_ms) else now_ms)
