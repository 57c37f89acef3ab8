from collections.abc import Iterable, Sequence

import pytest

from tests.unit.fakes import CAPTURED_MS, Clock, record
from velox.base.freshness import Freshness
from velox.base.records import Record
from velox.consumer.polling.old_stretches import LEAST_OFFSETS, PLACES, OldStretches
from velox.kafka.topic_log import Span

MAX_AGE_S = 10.0
NOW = CAPTURED_MS / 1000
OLD_MS, FRESH_MS = CAPTURED_MS - 60_000, CAPTURED_MS
MANY = 10 * LEAST_OFFSETS


class FakeLog:
    """Timestamps by partition, None for an offset without a record; answers as Kafka does.

    Attributes:
        timeless: whether the broker knows no times.
        looked_at: offsets of records that were read.
    """

    def __init__(self, **partitions: Sequence[int | None]) -> None:
        self.partitions = {int(name[1:]): times for name, times in partitions.items()}
        self.timeless = False
        self.closed = False
        self.looked_at: list[int] = []

    def spans(self) -> dict[int, Span]:
        return {number: (0, len(times)) for number, times in self.partitions.items()}

    def at(self, moment_ms: int, partitions: Iterable[int]) -> dict[int, int | None]:
        return {number: self._first(number, moment_ms) for number in partitions}

    def _first(self, number: int, moment_ms: int) -> int | None:
        times = enumerate(self.partitions[number])
        later = (at for at, time in times if time is not None and time >= moment_ms)
        return None if self.timeless else next(later, None)

    def next_record(self, partition: int, offset: int) -> Record | None:
        times = self.partitions[partition]
        for at in range(offset, len(times)):
            if (time := times[at]) is not None:
                self.looked_at.append(at)
                return record(at, partition=partition, timestamp_ms=max(0, time))
        return None

    def close(self) -> None:
        self.closed = True


def ends(log: FakeLog, begins: dict[int, int]) -> dict[int, int]:
    freshness = Freshness(MAX_AGE_S, wall_clock=Clock(NOW))
    found = OldStretches(lambda: log, freshness).ends(begins)  # type: ignore[arg-type, return-value]
    assert log.closed
    return found


def test_a_stretch_ends_at_the_first_fresh_record() -> None:
    log = FakeLog(p0=[OLD_MS] * MANY + [FRESH_MS], p3=[FRESH_MS])
    assert ends(log, {0: 5, 3: 0}) == {0: MANY}
    assert len(log.looked_at) == PLACES
    assert (min(log.looked_at), max(log.looked_at)) == (5, MANY - 1)


def test_out_of_order_it_ends_before_the_first_that_is_fresh_and_not_the_last_that_is_old() -> None:
    log = FakeLog(p0=[OLD_MS] * 600 + [FRESH_MS] + [OLD_MS] * 600)
    assert ends(log, {0: 0}) == {0: 600}
    assert ends(log, {0: 601}) == {}


def test_where_all_are_old_it_ends_with_what_was_there_before_the_question() -> None:
    assert ends(FakeLog(p0=[OLD_MS] * MANY), {0: 0}) == {0: MANY}


def test_a_broker_that_knows_no_times_ends_no_stretch() -> None:
    log = FakeLog(p0=[OLD_MS] * MANY + [FRESH_MS])
    log.timeless = True
    assert ends(log, {0: 0}) == {}


def test_little_is_not_worth_it() -> None:
    assert ends(FakeLog(p0=[OLD_MS] * (LEAST_OFFSETS - 1) + [FRESH_MS]), {0: 0}) == {}
    assert ends(FakeLog(p0=[OLD_MS] * LEAST_OFFSETS + [FRESH_MS]), {0: 0}) == {0: LEAST_OFFSETS}


@pytest.mark.parametrize("odd", [-1, 0, 10**15], ids=["none", "zero", "no date"])
def test_records_without_a_usable_time_are_not_passed_over(odd: int) -> None:
    times = [odd if number % 5 == 0 else OLD_MS for number in range(MANY)]
    assert ends(FakeLog(p0=[*times, FRESH_MS]), {0: 0}) == {}
    none_has_one: list[int | None] = [odd] * MANY
    assert ends(FakeLog(p0=none_has_one), {0: 0}) == {}


def test_offsets_without_records_are_looked_over() -> None:
    times = [OLD_MS if number % 7 == 0 else None for number in range(MANY)]
    assert ends(FakeLog(p0=[*times, FRESH_MS]), {0: 0}) == {0: MANY}
    assert ends(FakeLog(p0=[OLD_MS, *[None] * MANY]), {0: 0}) == {0: MANY + 1}


def test_a_partition_that_is_gone_has_no_end() -> None:
    assert ends(FakeLog(p0=[OLD_MS] * MANY), {9: 0}) == {}
