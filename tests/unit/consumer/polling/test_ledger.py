import threading
from collections.abc import Iterable

import pytest

from tests.unit.fakes import Clock, record
from velox.base.records import Record
from velox.consumer.polling.ledger import Ledger

CARRIER = record(value=None).held


def ledger(*, images: int = 4, size: int = 100_000, clock: Clock | None = None) -> Ledger:
    return Ledger(max_images=images, max_bytes=size, clock=clock or Clock())


def polled(
    of: Ledger, offsets: Iterable[int], *, partition: int = 0, size: int = 1
) -> list[Record]:
    """Records as the poller would admit them now."""
    found = [
        record(each, partition=partition, epoch=of.epoch(partition), value=b"x" * size)
        for each in offsets
    ]
    of.admit(found)
    return found


# Offsets.


def test_nothing_is_committed_before_anything_is_finished() -> None:
    of = ledger()
    of.assign([0])
    polled(of, [5, 6])
    assert of.uncommitted() == {}


def test_the_offset_to_commit_is_the_one_after_the_last_finished() -> None:
    of = ledger()
    of.assign([0, 1])
    first = polled(of, [5, 6, 7])
    polled(of, [40], partition=1)
    of.finish(first[:2])
    assert of.uncommitted() == {0: 7}
    of.finish(first[2:])
    assert of.uncommitted() == {0: 8}


def test_offset_0_is_an_offset_like_any_other() -> None:
    of = ledger()
    of.assign([0])
    of.finish(polled(of, [0]))
    assert of.uncommitted() == {0: 1}


def test_each_partition_moves_on_its_own() -> None:
    of = ledger()
    of.assign([0, 3])
    of.finish([*polled(of, [10]), *polled(of, [20], partition=3)])
    assert of.uncommitted() == {0: 11, 3: 21}
    assert of.uncommitted([3, 9]) == {3: 21}
    assert of.uncommitted([]) == {}


def test_what_the_broker_acknowledged_is_not_committed_again() -> None:
    of = ledger()
    of.assign([0, 1])
    of.finish([*polled(of, [10]), *polled(of, [20], partition=1)])
    of.committed({0: 11})
    assert of.uncommitted() == {1: 21}


def test_an_acknowledgement_of_less_leaves_the_rest_to_commit() -> None:
    of = ledger()
    of.assign([0])
    of.finish(polled(of, [10, 11]))
    of.committed({0: 11})
    assert of.uncommitted() == {0: 12}


def test_a_log_that_began_anew_is_committed_backwards() -> None:
    of = ledger()
    of.assign([0])
    of.finish(polled(of, [500]))
    of.committed({0: 501})
    of.finish(polled(of, [0]))
    assert of.uncommitted() == {0: 1}


def test_what_holds_no_record_is_done_once_the_last_record_is() -> None:
    """The last offsets may be markers of transactions, and none of them is ever polled."""
    of = ledger()
    of.assign([0])
    found = polled(of, [5, 6])
    of.reach(0, 8)
    assert of.uncommitted() == {}
    of.finish(found[:1])
    assert of.uncommitted() == {0: 6}
    of.finish(found[1:])
    assert of.uncommitted() == {0: 8}


def test_with_nothing_in_flight_what_was_read_is_done() -> None:
    of = ledger()
    of.assign([0])
    of.reach(0, 80)
    assert of.uncommitted() == {0: 80}
    assert of.position(0)[0] == 80
    of.reach(7, 3)
    assert of.uncommitted() == {0: 80}, "partition 7 is not assigned"


def test_a_record_after_the_end_that_was_reached_stands_for_itself() -> None:
    """Its offset may be an earlier one: the log may have begun anew."""
    of = ledger()
    of.assign([0])
    first = polled(of, [78, 79])
    of.reach(0, 81)
    second = polled(of, [0, 1])
    of.finish([*first, *second])
    assert of.uncommitted() == {0: 2}


def test_an_acknowledgement_for_a_partition_that_is_gone_is_no_error() -> None:
    of = ledger()
    of.assign([1])
    of.committed({0: 7, 1: 3})
    assert of.uncommitted() == {}
    assert of.position(0)[0] is None


# Epochs.


def test_every_assignment_is_an_epoch_of_its_own() -> None:
    of = ledger()
    assert of.epoch(0) == -1
    of.assign([0, 1])
    first = of.epoch(0), of.epoch(1)
    of.revoke([0])
    assert of.epoch(0) == -1
    of.assign([0])
    assert len({*first, of.epoch(0)}) == 3
    assert of.epoch(1) == first[1]


def test_a_revoked_partition_is_never_committed() -> None:
    of = ledger()
    of.assign([0, 1])
    records = polled(of, [10])
    of.finish(polled(of, [20], partition=1))
    of.revoke([0])
    of.finish(records)
    assert of.uncommitted() == {1: 21}
    assert of.uncommitted([0]) == {}


def test_what_was_done_but_not_committed_is_forgotten_with_the_partition() -> None:
    of = ledger()
    of.assign([0])
    of.finish(polled(of, [10]))
    of.revoke([0])
    of.assign([0])
    assert of.uncommitted() == {}


def test_a_record_of_an_earlier_assignment_moves_nothing() -> None:
    """It was polled, its partition went to another consumer and came back."""
    of = ledger()
    of.assign([0])
    old = polled(of, [10, 11])
    of.revoke([0])
    of.assign([0])
    of.finish(old)
    assert of.uncommitted() == {}
    assert of.images == of.bytes == 0
    new = polled(of, [5])
    assert not of.wait_until_done([0], 0)
    of.finish(new)
    assert of.uncommitted() == {0: 6}


def test_an_assignment_without_a_revocation_is_a_new_epoch_too() -> None:
    of = ledger()
    of.assign([0])
    old = polled(of, [10])
    of.assign([0])
    assert not of.is_current(old[0])
    of.finish(old)
    assert of.uncommitted() == {}


def test_a_record_is_current_as_long_as_its_assignment_lasts() -> None:
    of = ledger()
    of.assign([0])
    (each,) = polled(of, [1])
    assert of.is_current(each)
    assert not of.is_current(record(1, partition=1, epoch=each.epoch))
    of.revoke([0])
    assert not of.is_current(each)
    of.assign([0])
    assert not of.is_current(each)


def test_a_record_polled_without_an_assignment_is_counted_but_never_committed() -> None:
    of = ledger()
    stray = polled(of, [3])
    assert (stray[0].epoch, of.images) == (-1, 1)
    of.assign([0])
    of.finish(stray)
    assert of.images == 0
    assert of.uncommitted() == {}


def test_revoking_what_is_not_assigned_is_no_error() -> None:
    of = ledger()
    of.assign([1])
    of.revoke([0])
    assert of.epoch(1) != -1


# Room.


def test_images_and_bytes_in_flight_are_counted_from_poll_to_end() -> None:
    of = ledger()
    of.assign([0])
    records = polled(of, [0, 1], size=7)
    assert (of.images, of.bytes) == (2, 2 * CARRIER + 14)
    of.finish(records[:1])
    assert (of.images, of.bytes) == (1, CARRIER + 7)
    of.finish(records[1:])
    assert (of.images, of.bytes) == (0, 0)


def test_records_of_nothing_count_as_well() -> None:
    of = ledger(images=10**6, size=CARRIER * 1000)
    of.admit([record(offset, value=None) for offset in range(999)])
    assert of.room() > 0
    of.admit([record(999, value=None)])
    assert of.room() == 0


@pytest.mark.parametrize(
    "large",
    [
        record(key=b"k" * 5000),
        record(headers=(("exif", b"x" * 5000),)),
        record(headers=(("n" * 5000, None),)),
        record(headers=(("", b""),) * 5000),
    ],
    ids=["key", "header", "name", "many headers"],
)
def test_keys_and_headers_count_as_values_do(large: Record) -> None:
    of = ledger(size=5000)
    of.admit([large])
    assert of.room() == 0
    of.finish([large])
    assert (of.bytes, of.room()) == (0, 4)


def test_a_revoked_partition_still_takes_room_until_its_records_are_through() -> None:
    of = ledger(images=2)
    of.assign([0])
    old = polled(of, [0, 1])
    of.revoke([0])
    assert of.room() == 0
    of.finish(old)
    assert of.room() == 2


@pytest.mark.parametrize(("in_flight", "room"), [(0, 4), (1, 3), (3, 1), (4, 0), (5, 0)])
def test_room_is_what_the_bound_of_images_leaves(in_flight: int, room: int) -> None:
    of = ledger(images=4)
    polled(of, range(in_flight))
    assert of.room() == room


@pytest.mark.parametrize(("size", "room"), [(99, 3), (100, 0), (101, 0)])
def test_there_is_no_room_once_the_bytes_are_used_up(size: int, room: int) -> None:
    of = ledger(images=4, size=CARRIER + 100)
    polled(of, [0], size=size)
    assert of.room() == room


@pytest.mark.parametrize(
    ("images", "in_flight", "half_empty"),
    [(4, 2, True), (4, 3, False), (5, 2, True), (5, 3, False), (1, 0, True), (1, 1, False)],
)
def test_it_is_half_empty_at_half_of_the_images(
    images: int, in_flight: int, half_empty: bool
) -> None:
    of = ledger(images=images)
    polled(of, range(in_flight))
    assert of.half_empty() is half_empty


@pytest.mark.parametrize(("size", "half_empty"), [(50, True), (51, False)])
def test_it_is_half_empty_only_at_half_of_the_bytes_as_well(size: int, half_empty: bool) -> None:
    of = ledger(images=4, size=2 * CARRIER + 100)
    polled(of, [0], size=size)
    assert of.half_empty() is half_empty


# Waits.


def test_a_wait_without_need_ends_at_once() -> None:
    of = ledger()
    of.assign([0])
    assert of.wait_for_room(0)
    assert of.wait_until_done([0, 7], 0)


def test_a_wait_ends_at_its_limit() -> None:
    of = ledger(images=1)
    of.assign([0])
    polled(of, [0])
    assert not of.wait_for_room(0.01)
    assert not of.wait_until_done([0], 0.01)


def test_only_the_named_partitions_are_waited_for() -> None:
    of = ledger()
    of.assign([0, 1])
    records = polled(of, [0])
    assert of.wait_until_done([1], 0)
    assert of.wait_until_done([], 0)
    assert not of.wait_until_done([1, 0], 0)
    of.finish(records)
    assert of.wait_until_done([0, 1], 0)


def test_all_records_of_a_partition_are_waited_for() -> None:
    of = ledger()
    of.assign([0])
    records = polled(of, [0, 1])
    of.finish(records[:1])
    assert not of.wait_until_done([0], 0)
    of.finish(records[1:])
    assert of.wait_until_done([0], 0)


def waits_until(of: Ledger, wait: str, then: str) -> bool:
    """Whether a wait in another thread is ended by what is done to the ledger meanwhile."""
    answers: list[bool] = []
    waiting = threading.Event()

    class Noticed(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            waiting.set()
            return super().wait(timeout)

    of._changed = Noticed()

    def look() -> None:
        answers.append(of.wait_for_room(60) if wait == "room" else of.wait_until_done([0], 60))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    assert waiting.wait(20)
    if then == "finish":
        of.finish([record(0, epoch=of.epoch(0))])
    else:
        of.abandon()
    thread.join(20)
    assert not thread.is_alive(), "the wait did not end"
    return answers[0]


@pytest.mark.parametrize("wait", ["room", "done"])
@pytest.mark.parametrize(("then", "answer"), [("finish", True), ("abandon", False)])
def test_a_wait_ends_when_a_record_does_or_nothing_will(wait: str, then: str, answer: bool) -> None:
    of = ledger(images=1)
    of.assign([0])
    polled(of, [0], size=5)
    assert waits_until(of, wait, then) is answer


def test_once_abandoned_no_wait_takes_time() -> None:
    of = ledger(images=1)
    of.assign([0])
    polled(of, [0])
    before = of.abandoned
    of.abandon()
    assert (before, of.abandoned) == (False, True)
    assert not of.wait_for_room(3600)
    assert not of.wait_until_done([0], 3600)


# What lag and health look at.


def test_a_position_tells_how_far_its_partition_is_done() -> None:
    clock = Clock(50)
    of = ledger(clock=clock)
    of.assign([0])
    clock.advance(5)
    assert of.position(0) == (None, 0, 50)
    found = [
        record(4, epoch=of.epoch(0), timestamp_ms=1111),
        record(5, epoch=of.epoch(0), timestamp_ms=2222),
    ]
    of.admit(found)
    assert of.position(0) == (4, 0, 50)
    of.finish(found)
    assert of.position(0) == (6, 2222, 50)
    assert of.position(1) == (None, 0, 55)


def test_progress_is_an_assignment_or_a_finished_record() -> None:
    clock = Clock()
    of = ledger(clock=clock)
    clock.advance(7)
    assert of.idle_seconds() == 7
    of.assign([0])
    assert of.idle_seconds() == 0
    clock.advance(3)
    records = polled(of, [0])
    assert of.idle_seconds() == 3
    of.finish(records)
    assert of.idle_seconds() == 0


def test_rest_is_no_lack_of_progress_unless_something_is_in_flight() -> None:
    clock = Clock()
    of = ledger(clock=clock)
    of.assign([0])
    clock.advance(60)
    of.rest()
    assert of.idle_seconds() == 0
    polled(of, [0])
    clock.advance(60)
    of.rest()
    assert of.idle_seconds() == 60


def test_reading_on_is_progress_unless_something_is_in_flight() -> None:
    """A topic may hold aborted transactions for hours."""
    clock = Clock()
    of = ledger(clock=clock)
    of.assign([0, 1])
    clock.advance(5)
    of.reach(0, 10)
    assert of.idle_seconds() == 0
    clock.advance(5)
    of.reach(0, 10)
    assert of.idle_seconds() == 5, "it is where it was"
    polled(of, [3], partition=1)
    of.reach(0, 20)
    assert of.idle_seconds() == 5


def test_the_counts_hold_when_threads_share_it() -> None:
    of = ledger(images=10_000, size=10_000_000)
    of.assign(range(4))

    def work(partition: int) -> None:
        for offset in range(500):
            of.finish(polled(of, [offset], partition=partition, size=3))

    threads = [threading.Thread(target=work, args=(each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (of.images, of.bytes) == (0, 0)
    assert of.uncommitted() == dict.fromkeys(range(4), 500)
