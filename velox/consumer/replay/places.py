"""Where a stretch of time lies in a topic."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from velox.base.records import usable_timestamp, utc_text
from velox.kafka.topic_log import Span, TopicLog


@dataclass(slots=True)
class Places:
    """A stretch of a topic.

    Attributes:
        starts: by partition, the offset of the first record; none of what is empty.
        ends: by partition, the offset after the last.
        missing: partitions that begin within the stretch or behind it, and once began before.
        oldest_ms: when the first record was captured that these still have; None if they have none.
        untimed: partitions of which the broker finds no place by time: the embedded one finds none,
            and Kafka none behind a segment that compaction has emptied. All of them is in it.
    """

    starts: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)
    oldest_ms: int | None = None
    untimed: set[int] = field(default_factory=set)

    @property
    def records(self) -> int:
        """Offsets in it; markers of transactions count too."""
        return sum(self.ends[number] - start for number, start in self.starts.items())

    def what_is_missing(self) -> str:
        """That something is, in words; empty if nothing is."""
        if not self.missing:
            return ""
        moment = "they hold nothing any more"
        if self.oldest_ms is not None:
            moment = f"their oldest record is of {utc_text(self.oldest_ms)}"
        return f"partitions {self.missing} no longer have all of it: {moment}"


def places_of(log: TopicLog, from_ms: int, to_ms: int | None, stop: threading.Event) -> Places:
    """The stretch from the first record of a moment or later, to the first of another or later.

    Args:
        log: of the topic; its ends now are the ends of the stretch at the latest.
        from_ms: milliseconds since the epoch.
        to_ms: likewise; None for no bound but these ends.
        stop: ends the search early.

    Raises:
        BrokerUnavailable: when the broker does not tell.
    """
    spans = log.spans()
    filled = [number for number, (first, end) in spans.items() if first < end]
    untimed = {number for number, place in log.at(0, filled).items() if place is None}
    filled = [number for number in filled if number not in untimed]
    starts = log.at(from_ms, filled)
    ends = log.at(to_ms, filled) if to_ms is not None else {}
    found = Places(untimed=untimed)
    for number, (first, end) in spans.items():
        if number in untimed:
            found.starts[number], found.ends[number] = first, end
            continue
        start = starts.get(number)
        if first > 0 and (first == end or start == first):
            _note_missing(found, log, number, (first, end), from_ms)
        last = ends.get(number)
        last = end if last is None else min(last, end)
        if to_ms is not None and start is not None and start <= last < end:
            last = _first_since(log, number, (last, end), to_ms, stop)
        if start is not None and start < last:
            found.starts[number], found.ends[number] = start, last
    return found


def _first_since(log: TopicLog, number: int, span: Span, to_ms: int, stop: threading.Event) -> int:
    """The first record of a moment or later; the end where there is none.

    The broker also names the marker of a transaction, which has the time of its commit, and nothing
    behind it.
    """
    for record in log.read({number: span}, stop):
        if record.timestamp_ms >= to_ms:
            return record.offset
    return span[1]


def _note_missing(found: Places, log: TopicLog, number: int, span: Span, from_ms: int) -> None:
    """Note a partition whose beginning is gone, unless its first record is of that very moment."""
    first, end = span
    oldest = log.record(number, first) if first < end else None
    if oldest is not None and oldest.timestamp_ms == from_ms:
        return
    found.missing.append(number)
    if oldest is not None and usable_timestamp(oldest.timestamp_ms):
        moments = [oldest.timestamp_ms, found.oldest_ms or oldest.timestamp_ms]
        found.oldest_ms = min(moments)
