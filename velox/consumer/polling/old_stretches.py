"""Where what is too old to be classified ends, asked of the broker by time.

The broker's answer is the first offset, in the order of the log, whose record is of a moment or
later (LogSegment.findOffsetByTimestamp and FileRecords.searchForTimestamp in Kafka). So all records
before it are older, also where timestamps are not in order, and so are those that have no timestamp
at all. These are not to be passed over, and nothing tells where they are: the stretch is looked at
in some places, and stays where one of them holds such a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from velox.base.freshness import Freshness
from velox.base.records import usable_timestamp
from velox.kafka.topic_log import TopicLog

# Fewer are downloaded and dropped in the time that all of this takes.
LEAST_OFFSETS = 256
# Where one record in five has no timestamp, these miss them once in thirty times; those that were
# polled before come on top.
PLACES = 16
FIRST_MS = 1


class OldStretches:
    """Finds the ends of stretches in which every record is too old.

    Args:
        open_log: opens the topic.
        freshness: tells what is too old.
    """

    def __init__(self, open_log: Callable[[], TopicLog], freshness: Freshness) -> None:
        self._open_log = open_log
        self._freshness = freshness

    def ends(self, begins: Mapping[int, int]) -> dict[int, int]:
        """By partition, the offset before which nothing needs to be read, where there is much.

        Args:
            begins: by partition, where such a stretch begins.

        Raises:
            BrokerUnavailable: when the broker does not tell.
        """
        with closing(self._open_log()) as log:
            # In this order: what comes after the ends were told may be fresh.
            spans = log.spans()
            oldest = self._freshness.oldest_ms()
            begins = {number: begin for number, begin in begins.items() if number in spans}
            fresh = log.at(oldest, begins)
            # The embedded broker knows no times, and no record may have one: that all are old is
            # to be believed only of a partition that has something by time.
            timed = log.at(FIRST_MS, [number for number in begins if fresh[number] is None])
            found = {}
            for number, begin in begins.items():
                end = fresh[number]
                if end is None:
                    end = spans[number][1] if timed[number] is not None else begin
                if end - begin >= LEAST_OFFSETS and _is_old(log, number, (begin, end), oldest):
                    found[number] = end
            return found


def _is_old(log: TopicLog, number: int, stretch: tuple[int, int], oldest_ms: int) -> bool:
    """Whether all that is found in some places of a stretch is too old."""
    for offset in _places(*stretch):
        record = log.next_record(number, offset)
        if record is None or record.offset >= stretch[1]:
            continue
        if not usable_timestamp(record.timestamp_ms) or record.timestamp_ms >= oldest_ms:
            return False
    return True


def _places(begin: int, end: int) -> Iterator[int]:
    last = end - 1
    return (begin + (last - begin) * place // (PLACES - 1) for place in range(PLACES))
