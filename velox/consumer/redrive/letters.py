"""A dead letter's headers: the place of its record, read back from where Velox wrote it.

They are believed on the dead-letter topic alone, and only what can be true: who may write to that
topic may still not name another topic's record, or one that there never was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from velox.base.errors import VeloxError
from velox.base.records import Headers, Record, Redriven, usable_timestamp
from velox.consumer.stages.dead_letters import (
    OMITTED_HEADER,
    PREFIX,
    REDRIVES_HEADER,
    TIMESTAMP_HEADER,
)

FIRST = PREFIX + "topic"
REASON = PREFIX + "exception.class.name"
STAGE = PREFIX + "stage"
_NUMBER = re.compile(rb"0|[1-9][0-9]{0,18}")
_LONGEST_SHOWN = 60

Lookup = Callable[[int, int], Record | None]


class LetterRefused(VeloxError):
    """A dead letter that cannot be redriven; the message names the header."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, as far as its headers can be read.

    Attributes:
        record: as it is in the dead-letter topic.
        own: the headers that its record had.
        said: those that say where it came from and why it is here.
    """

    record: Record
    own: Headers
    said: Mapping[str, bytes]

    @property
    def reason(self) -> str:
        """The name of the error that made it one, empty where it does not say."""
        return self.said.get(REASON, b"").decode(errors="replace")

    @property
    def redrives(self) -> int:
        """How often it was redriven so far; what is no number is none."""
        text = self.said.get(REDRIVES_HEADER, b"")
        return int(text) if _NUMBER.fullmatch(text) else 0


def letter_of(record: Record) -> Letter:
    """Tell a record's own headers from those that were added when it became a letter.

    These are the last, and the first of them names the topic: whatever the record had before them,
    its sender wrote, headers of the same names too.
    """
    names = [name for name, _ in record.headers]
    begin = len(names) - 1 - names[::-1].index(FIRST) if FIRST in names else len(names)
    said = {name: value for name, value in record.headers[begin:] if value is not None}
    return Letter(record, record.headers[:begin], said)


def parked_letter_of(record: Record, topics: Collection[str]) -> Letter:
    """The letter that a parked one was, where it is a dead letter of these topics of letters.

    It was refused, and what was said of it then counts no more. Its record is as it was before, so
    that nothing is said twice of one that is refused again.
    """
    letter = letter_of(record)
    omitted: dict[str, bytes] = {}
    while letter.said.get(FIRST, b"").decode(errors="replace") in topics:
        if (size := letter.said.get(OMITTED_HEADER)) is not None:
            omitted[OMITTED_HEADER] = size
        letter = letter_of(replace(letter.record, headers=letter.own))
    return replace(letter, said={**letter.said, **omitted})


def restored(letter: Letter, *, topic: str, ends: Mapping[int, int], original: Lookup) -> Redriven:
    """The record that a letter was.

    Args:
        letter: which.
        topic: that its record must be of.
        ends: of that topic's partitions.
        original: the record that is at a place of that topic, None where there is none any more.

    Raises:
        LetterRefused: when its headers cannot be true, or its record cannot be made whole.
    """
    if (named := _text(letter, FIRST)) != topic.encode():
        raise LetterRefused(f"header {FIRST} says {_shown(named)}, not {topic!r} (KAFKA_TOPIC)")
    partition, offset = _number(letter, PREFIX + "partition"), _number(letter, PREFIX + "offset")
    if partition not in ends:
        raise LetterRefused(f"header {PREFIX}partition says {partition}: {topic} has none of it")
    if offset >= ends[partition]:
        raise LetterRefused(
            f"header {PREFIX}offset says {offset}: partition {partition} of {topic} ends before it"
        )
    timed, whole = TIMESTAMP_HEADER in letter.said, OMITTED_HEADER not in letter.said
    timestamp = _number(letter, TIMESTAMP_HEADER) if timed else 0
    if timestamp and not usable_timestamp(timestamp):
        raise LetterRefused(f"header {TIMESTAMP_HEADER} says {timestamp}, which is no time")
    source, headers = letter.record, letter.own
    if not (timed and whole):
        found = original(partition, offset)
        if found is None or (timed and found.timestamp_ms != timestamp):
            missing = TIMESTAMP_HEADER if whole else "value"
            raise LetterRefused(f"its {missing} is not with it, and its record is not in {topic}")
        timestamp = found.timestamp_ms
        if not whole:
            source, headers = found, found.headers
    return Redriven(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp_ms=timestamp,
        key=source.key,
        value=source.value,
        headers=headers,
        epoch=letter.record.epoch,
        received=letter.record.received,
        # For its place alone: what it holds would be held twice.
        letter=replace(letter.record, value=None, headers=()),
        redrives=letter.redrives + 1,
    )


def _text(letter: Letter, name: str) -> bytes:
    if name not in letter.said:
        raise LetterRefused(f"header {name} is missing")
    return letter.said[name]


def _number(letter: Letter, name: str) -> int:
    text = _text(letter, name)
    if not _NUMBER.fullmatch(text):
        raise LetterRefused(f"header {name} says {_shown(text)}, which is no number")
    return int(text)


def _shown(text: bytes) -> str:
    return repr(text[:_LONGEST_SHOWN].decode(errors="replace"))
