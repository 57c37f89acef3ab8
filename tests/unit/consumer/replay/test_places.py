"""Where a stretch of time lies, also where the broker does not find it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import cast

from velox.consumer.replay.places import places_of
from velox.kafka.topic_log import Span, TopicLog


class FakeLog:
    """A record each second, and partitions of which the broker finds no place by time."""

    def __init__(self, spans: dict[int, Span], untimed: set[int]) -> None:
        self._spans = spans
        self._untimed = untimed

    def spans(self) -> dict[int, Span]:
        return self._spans

    def at(self, moment_ms: int, partitions: Iterable[int]) -> dict[int, int | None]:
        return {number: self._place(moment_ms // 1000, number) for number in partitions}

    def _place(self, offset: int, number: int) -> int | None:
        first, end = self._spans[number]
        return max(first, offset) if offset < end and number not in self._untimed else None


def test_a_partition_without_places_by_time_is_read_in_full() -> None:
    log = FakeLog({0: (0, 50), 1: (0, 60), 2: (0, 0)}, untimed={0})
    found = places_of(cast(TopicLog, log), 20_000, None, threading.Event())
    assert (found.starts, found.ends) == ({0: 0, 1: 20}, {0: 50, 1: 60})
    assert (found.untimed, found.missing) == ({0}, [])


def test_where_each_partition_has_its_places_none_is_read_in_full() -> None:
    log = FakeLog({0: (0, 50), 1: (0, 10)}, untimed=set())
    found = places_of(cast(TopicLog, log), 20_000, None, threading.Event())
    assert (found.starts, found.ends, found.untimed) == ({0: 20}, {0: 50}, set())
