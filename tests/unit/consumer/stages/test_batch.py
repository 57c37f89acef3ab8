import threading
from queue import Empty, SimpleQueue

import numpy as np
import pytest

from tests.unit.fakes import Clock, FakeEngine, record
from velox.consumer.stages.batch import END, FREE, Batch, End, Free, all_waiting, collect
from velox.consumer.stages.predictor import BisectingPredictor

Items = SimpleQueue[int | End | Free]


class SlowSource:
    """Gives each item after so many seconds of a clock; an item too late for a wait stays.

    Attributes:
        waits: the timeout of each wait after the first item, which is waited for without one.
    """

    def __init__(self, clock: Clock, *items: tuple[float, int | End]) -> None:
        self.clock = clock
        self.items = [(clock.now + at, item) for at, item in items]
        self.waits: list[float] = []

    def get(self, block: bool = True, timeout: float | None = None) -> int | End:
        due, item = self.items[0] if self.items else (float("inf"), END)
        if timeout is not None:
            assert timeout >= 0, "a queue refuses a negative timeout"
            self.waits.append(timeout)
            if due > self.clock.now + timeout:
                self.clock.advance(timeout)
                raise Empty
        self.clock.now = max(self.clock.now, due)
        self.items.pop(0)
        return item

    def put(self, item: int | End) -> None:
        self.items.insert(0, (self.clock.now, item))


def queue(*items: int | End) -> Items:
    found: Items = SimpleQueue()
    for item in items:
        found.put(item)
    return found


def take(source: SlowSource, *, size: int = 3, timeout: float = 1.0) -> list[int] | None:
    return collect(source, size=size, timeout=timeout, clock=source.clock)  # type: ignore[arg-type]


def test_a_full_batch_closes_at_once_and_leaves_the_rest() -> None:
    source = queue(1, 2, 3, 4)
    assert collect(source, size=3, timeout=3600) == [1, 2, 3]
    assert source.qsize() == 1


def test_a_batch_of_one_waits_for_nothing_more() -> None:
    source = SlowSource(Clock(), (0, 1), (0, 2))
    assert take(source, size=1) == [1]
    assert source.waits == []


def test_batches_come_in_order_and_end_with_none() -> None:
    source = queue(*range(7), END)
    batches = []
    while (batch := collect(source, size=3, timeout=3600)) is not None:
        batches.append(batch)
    assert batches == [[0, 1, 2], [3, 4, 5], [6]]


def test_the_end_closes_a_batch_that_is_not_full_and_is_seen_again() -> None:
    source = queue(1, END)
    assert collect(source, size=3, timeout=3600) == [1]
    assert collect(source, size=3, timeout=3600) is None
    assert source.qsize() == 0


def test_the_end_right_after_a_full_batch_gives_no_empty_one() -> None:
    source = queue(1, 2, END)
    assert collect(source, size=2, timeout=3600) == [1, 2]
    assert collect(source, size=2, timeout=3600) is None


def test_the_time_counts_from_the_first_item_not_from_the_last() -> None:
    source = SlowSource(Clock(), (0, 1), (0.6, 2), (1.2, 3))
    assert take(source, timeout=1.0) == [1, 2]
    assert source.waits == pytest.approx([1.0, 0.4])
    assert source.clock.now == pytest.approx(1001.0)


def test_the_wait_for_a_first_item_takes_nothing_from_its_batch() -> None:
    source = SlowSource(Clock(), (500, 1), (500.9, 2))
    assert take(source, size=2, timeout=1.0) == [1, 2]


def test_what_came_in_time_is_taken_even_when_the_time_is_up() -> None:
    """A late start must not leave items lying that are there already."""
    source = SlowSource(Clock(), (0, 1), (0, 2), (0, 3))
    assert take(source, timeout=0.0) == [1, 2, 3]


def test_a_clock_past_the_deadline_is_no_negative_wait() -> None:
    source = SlowSource(Clock(), (0, 1), (0.5, 2), (5, 3))
    readings = iter([1000.0, 1000.0, 1002.0])
    assert collect(
        source,  # type: ignore[arg-type]
        size=3,
        timeout=1.0,
        clock=lambda: next(readings),
    ) == [1, 2]
    assert source.waits == [1.0, 0.0]


def test_no_timeout_gives_what_is_there() -> None:
    source = SlowSource(Clock(), (0, 1), (0, 2), (0.001, 3))
    assert take(source, timeout=0.0) == [1, 2]


def test_the_first_item_is_waited_for_as_long_as_it_takes() -> None:
    source: Items = SimpleQueue()
    found: list[list[int] | None] = []
    thread = threading.Thread(
        target=lambda: found.append(collect(source, size=1, timeout=0)), daemon=True
    )
    thread.start()
    source.put(9)
    thread.join(20)
    assert found == [[9]]


def test_while_the_next_stage_is_free_a_batch_closes_with_what_is_there() -> None:
    source = queue(1, 2)
    assert collect(source, size=3, timeout=3600, is_free=lambda: True) == [1, 2]


def test_what_is_there_is_taken_although_the_next_stage_is_free() -> None:
    source = queue(1, 2, 3, 4)
    assert collect(source, size=3, timeout=3600, is_free=lambda: True) == [1, 2, 3]


def test_a_batch_closes_when_the_next_stage_becomes_free() -> None:
    source: Items = SimpleQueue()
    free, found = threading.Event(), SimpleQueue[list[int] | None]()
    asked = threading.Event()

    def is_free() -> bool:
        asked.set()
        return free.is_set()

    def collecting() -> None:
        found.put(collect(source, size=3, timeout=3600, is_free=is_free))

    threading.Thread(target=collecting, daemon=True).start()
    source.put(FREE)
    source.put(1)
    assert asked.wait(20), "it has the first item"
    source.put(2)
    source.put(FREE)
    with pytest.raises(Empty):
        found.get(timeout=0.05)
    free.set()
    source.put(FREE)
    assert found.get(timeout=20) == [1, 2]


def batches(*sizes: int) -> SimpleQueue[Batch | End]:
    """Batches of so many records, whose first offsets are their numbers."""
    waiting: SimpleQueue[Batch | End] = SimpleQueue()
    for number, size in enumerate(sizes):
        waiting.put(Batch([record(number)] * size, BisectingPredictor(FakeEngine())))
    return waiting


def numbers(group: list[Batch]) -> list[int]:
    return [each.records[0].offset for each in group]


def test_all_batches_that_wait_are_stored_together_in_order() -> None:
    assert numbers(all_waiting(batches(1, 3, 2), most=100)) == [0, 1, 2]


def test_no_further_batch_is_taken_once_there_are_enough_records() -> None:
    waiting = batches(2, 2, 2, 500, 1)
    groups = [numbers(all_waiting(waiting, most=4)) for _ in range(3)]
    assert groups == [[0, 1], [2, 3], [4]]


def test_after_the_end_there_is_no_group_and_none_is_lost_before_it() -> None:
    waiting = batches(1, 1)
    waiting.put(END)
    assert numbers(all_waiting(waiting, most=100)) == [0, 1]
    assert all_waiting(waiting, most=100) == []
    assert all_waiting(waiting, most=100) == []


def test_what_is_left_out_goes_with_its_image_and_the_rest_stays_in_order() -> None:
    records = [record(offset) for offset in range(4)]
    batch = Batch(records, BisectingPredictor(FakeEngine()))
    batch.classifiable = records[:]
    batch.images = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)
    batch.leave_out([False] * 4)
    assert batch.stale == []
    batch.leave_out([True, False, True, False])
    assert batch.stale == [records[0], records[2]]
    assert batch.classifiable == [records[1], records[3]]
    assert batch.images.flatten().tolist() == [1, 3]
    batch.leave_out([True, True])
    assert (batch.classifiable, len(batch.images)) == ([], 0)
    assert [each.offset for each, _ in batch.came_to()] == [0, 1, 2, 3]
