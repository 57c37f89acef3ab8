"""What comes from Kafka, as the record that flows through the pipeline; and what goes there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import methodcaller
from typing import cast

from confluent_kafka import Message

from velox.base.logs import ThinnedLog
from velox.base.records import Headers, Record

# A name that is not UTF-8 makes the client return a value and leave an exception behind. A direct
# call, once the interpreter has specialised it, does not look for one, and something else fails
# later on; a call through C always looks, and raises SystemError here.
_read_headers = methodcaller("headers")

log = logging.getLogger(__name__)
trouble = ThinnedLog(log, per_second=0.1)


Answered = Callable[[tuple[int, int] | None], None]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send.

    Attributes:
        id: what tells it from all others; one that still waits in the client is not sent twice.
            Empty where it is sent once only.
        timestamp_ms: since the epoch; None for when it is sent.
        partition: where it must go, None to let the key decide.
        answered: told where the broker has it, partition and offset, or None if it was given up.
    """

    id: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int | None = None
    partition: int | None = None
    answered: Answered | None = field(default=None, compare=False, repr=False)

    def without_value(self) -> Outgoing:
        """The same but for its value; `dataclasses.replace` would take several times as long."""
        return Outgoing(
            self.id,
            self.key,
            None,
            self.headers,
            self.timestamp_ms,
            self.partition,
            self.answered,
        )

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        parts = (self.key, self.value, *(value for _, value in self.headers))
        names = sum(len(name.encode(errors="replace")) for name, _ in self.headers)
        return names + sum(len(part) for part in parts if part is not None)


def record_of(message: Message, *, topic: str, epoch: int, received: float) -> Record:
    """A message without an error, as a record.

    A timestamp that is missing or before 1970 becomes 0. Headers are dropped where the client
    cannot read them.

    Args:
        message: as it was polled.
        topic: where it was polled from.
        epoch: of its partition's assignment.
        received: when it was polled, in monotonic seconds.
    """
    return Record(
        topic=topic,
        partition=cast(int, message.partition()),
        offset=cast(int, message.offset()),
        timestamp_ms=max(0, message.timestamp()[1]),
        key=message.key(),
        value=message.value(),
        headers=_headers(message, topic),
        epoch=epoch,
        received=received,
    )


def _headers(message: Message, topic: str) -> Headers:
    """All headers, or none where the client cannot read a name because it is not UTF-8."""
    try:
        return cast(Headers, tuple(_read_headers(message) or ()))
    except (SystemError, UnicodeDecodeError):
        trouble.warning(
            "headers dropped topic=%s partition=%s offset=%s reason='a header name is not UTF-8'",
            topic,
            message.partition(),
            message.offset(),
        )
        return ()
