import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_INVALID,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from tests.rig.waiting import eventually
from tests.unit.fakes import CAPTURED_MS, Clock, FakeMessage, record, value
from velox.base.errors import PollerFailed, SettingError
from velox.base.records import Record
from velox.consumer.polling import poller, topic_consumer
from velox.consumer.polling.client_errors import TROUBLE_LASTS_S
from velox.consumer.polling.gone_partitions import GRACE_S
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.poller import Poller
from velox.consumer.polling.topic_identity import TopicWatch
from velox.monitoring.metrics import Metrics

DRAIN_S = 5.0
NOW = 1000.0
MAX_IMAGES = 4
LAST = ("commit", "close")

Step = Callable[[], FakeMessage | None]


class FakeConsumer:
    """A Kafka consumer that answers each poll with the next step of the test.

    Attributes:
        steps: what the next polls do; without one a poll finds nothing.
        prefetched: what `consume` finds, messages and, as in librdkafka, rebalances in between.
        calls: what it was told, in order.
        offsets: committed offset by partition, before the test.
        metadata: of these commits, by partition.
        carried: metadata of the commits that it made, by partition.
        watermarks: log start and end by partition.
        positions: by partition, past markers and the like.
    """

    def __init__(self, config: dict[str, Any], logger: logging.Logger) -> None:
        if config.get("no.such.property"):
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, 'No such "no.such.property"'))
        self.config = config
        self.steps: deque[Step] = deque()
        self.prefetched: deque[Step] = deque()
        self.calls: list[tuple[Any, ...]] = []
        self.offsets: dict[int, int] = {}
        self.metadata: dict[int, str] = {}
        self.carried: list[dict[int, str | None]] = []
        self.watermarks: dict[int, tuple[int, int]] = {}
        self.positions: dict[int, int] = {}
        self.unreachable = False
        self.not_fetched: set[int] = set()

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        self.calls.append(("subscribe", topics))
        self.callbacks = callbacks

    def poll(self, timeout: float) -> FakeMessage | None:
        return self.steps.popleft()() if self.steps else None

    def consume(self, count: int, timeout: float) -> list[FakeMessage]:
        assert timeout == 0
        assert count > 0
        found: list[FakeMessage] = []
        while self.prefetched and len(found) < count:
            if (message := self.prefetched.popleft()()) is not None:
                found.append(message)
        return found

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.calls.append(("pause", [each.partition for each in partitions]))

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.calls.append(("resume", [each.partition for each in partitions]))

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> Any:
        self.calls.append(("commit", {each.partition: each.offset for each in offsets}))
        self.carried.append({each.partition: each.metadata for each in offsets})
        if asynchronous:
            return None
        return [
            SimpleNamespace(partition=each.partition, offset=each.offset, error=None)
            for each in offsets
        ]

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        if self.unreachable:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return [
            TopicPartition(
                each.topic,
                each.partition,
                self.offsets.get(each.partition, OFFSET_INVALID),
                self.metadata.get(each.partition, ""),
            )
            for each in partitions
        ]

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        return [
            TopicPartition(
                each.topic, each.partition, self.positions.get(each.partition, OFFSET_INVALID)
            )
            for each in partitions
        ]

    def get_watermark_offsets(self, partition: TopicPartition, cached: bool) -> Any:
        assert cached, "a request would hold up the poll loop"
        return self.watermarks.get(partition.partition)

    def unsubscribe(self) -> None:
        self.calls.append(("unsubscribe",))

    def seek(self, partition: TopicPartition) -> None:
        self.calls.append(("seek", (partition.partition, partition.offset)))
        if partition.partition in self.not_fetched:
            raise KafkaException(KafkaError(KafkaError._STATE))

    def close(self) -> None:
        self.calls.append(("close",))

    def told(self, verb: str) -> list[Any]:
        """What it was told with this verb."""
        return [call[1] for call in self.calls if call[0] == verb]


class TimedLedger(Ledger):
    """A ledger whose waits take the time of the test's clock.

    Attributes:
        waits: partitions and limits, in order.
        meanwhile: happens during the next wait.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(max_images=MAX_IMAGES, max_bytes=100_000, clock=clock)
        self.test_clock = clock
        self.waits: list[tuple[set[int], float]] = []
        self.meanwhile: Callable[[], None] = nothing

    def wait_until_done(self, partitions: Collection[int], timeout: float) -> bool:
        self.waits.append((set(partitions), timeout))
        self.meanwhile()
        if not super().wait_until_done(partitions, 0):
            self.test_clock.advance(timeout)
        return super().wait_until_done(partitions, 0)


class Parts:
    """A poller with its ledger, its intake and the fake consumer that it made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(topic_consumer, "Consumer", FakeConsumer)
        monkeypatch.setattr(poller, "PATIENCE_S", 0)
        monkeypatch.setattr(poller, "group_commits", self.asked_again)
        self.answers: SimpleQueue[dict[int, TopicPartition]] = SimpleQueue()
        self.clock, self.metrics, self.stop = Clock(NOW), Metrics(), threading.Event()
        self.identity = "first"
        self.count = 8
        self.topic_watch = TopicWatch(lambda: self.identity, partitions=lambda: self.count)
        self.topic_watch.look()
        self.intake: SimpleQueue[Record] = SimpleQueue()
        self.ledger = TimedLedger(self.clock)
        self.poller = Poller(
            {"group.id": "g"},
            topic="image_data",
            ledger=self.ledger,
            metrics=self.metrics,
            topic_watch=self.topic_watch,
            drain_timeout=DRAIN_S,
            clock=self.clock,
        )
        self.consumer: FakeConsumer = self.poller._consumer.client  # type: ignore[assignment]

    def asked_again(self, *_: object) -> dict[int, TopicPartition]:
        """The group's coordinator, asked in the background: silent until it has an answer."""
        return self.answers.get()

    def told(self, offset: int, metadata: str) -> Step:
        """A poll during which the coordinator tells a commit of partition 0."""

        def step() -> None:
            self.answers.put({0: TopicPartition("image_data", 0, offset, metadata)})
            eventually(lambda: self.poller._assignment._lookup._told, 20, "the answer")

        return step

    def rebalance(self, event: str, *partitions: int) -> Step:
        """A poll during which the group calls back."""

        def call() -> None:
            found = [TopicPartition("image_data", each) for each in partitions]
            self.consumer.callbacks[f"on_{event}"](self.consumer, found)

        return call

    def run(self, *steps: Step) -> None:
        """Poll through the steps, then stop."""

        def last() -> None:
            self.stop.set()

        self.consumer.steps.extend([*steps, last])
        self.poller.run(self.stop, self.intake.put)

    def taken(self) -> list[Record]:
        found = []
        while not self.intake.empty():
            found.append(self.intake.get())
        return found

    def recreate(self) -> None:
        """Another topic of the same name is there, and is noticed."""
        self.identity += "'"
        self.topic_watch.look()

    def shrink(self) -> None:
        """Another topic of the same name has one partition, and that is noticed."""
        self.count = 1
        self.recreate()

    def second(self) -> None:
        """A poll that takes a second."""
        self.clock.advance(1.0)

    def finish(self) -> None:
        """As the last stage does with all that was polled."""
        self.ledger.finish(self.taken())


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    return Parts(monkeypatch)


def found(offset: int, partition: int = 0, **more: Any) -> Step:
    message = FakeMessage(offset, partition=partition, **more)
    return lambda: message


def failed(error: KafkaError) -> Step:
    return lambda: FakeMessage(error=error)


def end(offset: int, partition: int = 0) -> Step:
    """All that can be read of a partition was read."""
    return found(offset, partition, error=KafkaError(KafkaError._PARTITION_EOF))


def both(first: Callable[[], object], then: Step) -> Step:
    """What happens within one poll, so that the loop does nothing in between."""

    def step() -> FakeMessage | None:
        first()
        return then()

    return step


def nothing() -> None:
    """A poll that finds nothing, or a wait in which nothing happens."""


# Records.


def test_a_message_becomes_a_record_of_its_assignment(parts: Parts) -> None:
    headers: list[tuple[str, bytes | None]] = [("label", b"red"), ("none", None)]
    parts.run(parts.rebalance("assign", 3), found(7, 3, key=b"k", value=b"v", headers=headers))
    (record,) = parts.taken()
    assert (record.topic, record.partition, record.offset) == ("image_data", 3, 7)
    assert (record.key, record.value, record.headers) == (b"k", b"v", tuple(headers))
    assert record.timestamp_ms == CAPTURED_MS
    assert record.received == NOW
    assert record.epoch > 0


def test_a_record_is_received_when_its_poll_ends(parts: Parts) -> None:
    parts.run(parts.rebalance("assign", 0), both(parts.second, found(7)))
    assert [each.received for each in parts.taken()] == [NOW + 1]


def test_it_takes_what_there_is_but_no_more_than_there_is_room_for(parts: Parts) -> None:
    parts.consumer.prefetched.extend(found(offset) for offset in range(1, 10))
    parts.run(parts.rebalance("assign", 0), found(0))
    assert [each.offset for each in parts.taken()] == list(range(MAX_IMAGES))
    assert parts.ledger.images == MAX_IMAGES


def test_a_record_whose_partition_was_taken_meanwhile_is_dropped(parts: Parts) -> None:
    """consume() may answer a rebalance after poll() has given a record."""
    parts.consumer.prefetched.extend([parts.rebalance("revoke", 0), found(8, 1)])
    parts.run(parts.rebalance("assign", 0, 1), found(5, 0))
    assert [(each.partition, each.offset) for each in parts.taken()] == [(1, 8)]
    assert parts.ledger.images == 1


# Commits.


def test_what_is_done_is_committed_while_it_polls(parts: Parts) -> None:
    parts.run(parts.rebalance("assign", 0), found(5), parts.finish, parts.second)
    assert parts.consumer.told("commit")[0] == {0: 6}


def test_nothing_is_committed_of_what_is_still_in_flight(parts: Parts) -> None:
    parts.run(parts.rebalance("assign", 0), found(5), parts.second)
    assert parts.consumer.told("commit") == []


def test_the_end_of_a_partition_is_committed_once_its_records_are_done(parts: Parts) -> None:
    """Behind the last record there is the marker of its transaction."""
    parts.consumer.prefetched.extend([found(6), end(8), found(0, 1)])
    parts.run(parts.rebalance("assign", 0, 1), found(5), parts.finish, parts.second)
    assert parts.consumer.told("commit")[0] == {0: 8, 1: 1}
    assert value(parts.metrics, "velox_kafka_errors_total") == 0


def test_a_position_past_the_last_record_is_committed(parts: Parts) -> None:
    parts.consumer.positions = {0: 7}
    parts.run(parts.rebalance("assign", 0), found(5), parts.finish, parts.second)
    assert parts.consumer.told("commit")[0] == {0: 7}


def test_an_empty_partition_is_counted_and_passed(parts: Parts) -> None:
    parts.consumer.offsets, parts.consumer.watermarks = {0: 20}, {0: (80, 80)}
    parts.run(parts.rebalance("assign", 0), end(80), parts.second, nothing)
    assert parts.consumer.told("commit")[0] == {0: 80}
    assert value(parts.metrics, "velox_offset_gap_records_total") == 60
    assert parts.poller.known_lag == 0


def test_a_commit_that_the_broker_answered_is_not_repeated(parts: Parts) -> None:
    def answered() -> None:
        done = [SimpleNamespace(partition=0, offset=6, error=None)]
        parts.consumer.config["on_commit"](None, done)

    parts.run(
        parts.rebalance("assign", 0),
        found(5),
        parts.finish,
        parts.second,
        answered,
        parts.second,
    )
    assert parts.consumer.told("commit") == [{0: 6}]
    assert parts.poller.commit_age() == 1.0


# Rebalances.


def test_revoked_partitions_are_committed_before_they_are_let_go(parts: Parts) -> None:
    parts.run(
        parts.rebalance("assign", 0, 1),
        found(5, 0),
        found(8, 1),
        both(parts.finish, parts.rebalance("revoke", 0)),
    )
    assert parts.consumer.told("commit")[0] == {0: 6}, "before a second has passed"
    assert parts.ledger.epoch(0) == -1
    assert parts.ledger.epoch(1) > 0
    assert parts.consumer.told("pause") == [[1]], "at the end, what it still has"
    assert value(parts.metrics, "velox_rebalances_total", event="revoked") == 1


def test_a_revocation_waits_for_its_partitions_within_the_bound(parts: Parts) -> None:
    parts.ledger.meanwhile = parts.finish
    parts.run(parts.rebalance("assign", 0, 1), found(5, 0), parts.rebalance("revoke", 0))
    assert parts.ledger.waits[0][0] == {0}
    assert parts.clock.now == NOW
    assert parts.consumer.told("commit")[0] == {0: 6}


def test_a_revocation_that_cannot_wait_commits_nothing_of_it(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.run(
        parts.rebalance("assign", 0), found(5), parts.rebalance("revoke", 0), parts.finish, nothing
    )
    assert "revoked with unfinished records partitions=[0]" in caplog.text
    assert parts.consumer.told("commit") == []
    assert parts.clock.now - NOW == pytest.approx(DRAIN_S, abs=0.2)


def test_a_loop_that_waits_for_a_revocation_is_not_stuck(parts: Parts) -> None:
    ages: list[float] = []

    def look() -> None:
        ages.append(parts.poller.poll_age())

    revoke = parts.rebalance("revoke", 0)
    parts.run(parts.rebalance("assign", 0), found(5), both(revoke, look), parts.finish, nothing)
    assert ages == [pytest.approx(0, abs=0.2)]


def test_of_lost_partitions_nothing_is_committed(parts: Parts) -> None:
    parts.run(
        parts.rebalance("assign", 0), found(5), both(parts.finish, parts.rebalance("lost", 0))
    )
    assert parts.consumer.told("commit") == []
    assert not parts.poller.joined
    assert value(parts.metrics, "velox_rebalances_total", event="lost") == 1


def test_what_was_polled_before_a_loss_is_not_committed_after_the_return(parts: Parts) -> None:
    parts.run(
        parts.rebalance("assign", 0),
        found(5),
        parts.rebalance("lost", 0),
        parts.rebalance("assign", 0),
        parts.finish,
        parts.second,
    )
    assert parts.consumer.told("commit") == []
    assert parts.poller.joined


def test_it_has_joined_once_there_is_an_assignment(parts: Parts) -> None:
    seen = []

    def look() -> None:
        seen.append(parts.poller.joined)

    parts.run(look, parts.rebalance("assign"), look, parts.rebalance("revoke"), look)
    assert seen == [False, True, True]


@pytest.mark.parametrize(("committed", "gaps"), [({0: 2}, 1), ({0: 5}, 0), ({}, 0)])
def test_an_assignment_is_expected_to_begin_at_its_commit(
    parts: Parts, committed: dict[int, int], gaps: int
) -> None:
    assert OFFSET_INVALID == -1001
    parts.consumer.offsets = committed
    parts.consumer.watermarks = {0: (5, 9)}
    parts.run(parts.rebalance("assign", 0), found(5))
    assert value(parts.metrics, "velox_offset_gaps_total", kind="skipped") == gaps


def test_what_was_known_of_a_partition_is_forgotten_with_it(parts: Parts) -> None:
    """Another consumer may have read on, or moved the commit, before it comes back."""
    parts.consumer.watermarks = {0: (50, 60)}
    parts.run(
        parts.rebalance("assign", 0),
        found(5),
        parts.second,
        parts.rebalance("revoke", 0),
        parts.rebalance("assign", 0),
        found(50),
    )
    assert value(parts.metrics, "velox_offset_gaps_total", kind="skipped") == 0


def test_a_partition_that_is_gone_has_no_lag_here(parts: Parts) -> None:
    parts.consumer.watermarks = {0: (0, 9), 1: (0, 9)}
    seen = []

    def look() -> None:
        lags = [value(parts.metrics, "velox_consumer_lag_records", partition=each) for each in "01"]
        seen.append(lags)

    parts.run(
        parts.rebalance("assign", 0, 1),
        parts.second,
        nothing,
        look,
        both(parts.rebalance("revoke", 0), look),
    )
    assert seen == [[9, 9], [None, 9]]


def test_while_a_commit_is_not_known_its_partition_is_read_and_not_committed(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    def committed_nothing() -> None:
        assert parts.consumer.told("commit") == []

    parts.consumer.unreachable = True
    parts.run(
        parts.rebalance("assign", 0),
        found(5),
        parts.finish,
        parts.second,
        both(committed_nothing, parts.told(5, "topic-id=first")),
        parts.second,
    )
    assert parts.consumer.told("commit")[0] == {0: 6}
    assert parts.consumer.told("seek") == []
    assert "last commits unknown, committing waits for them partitions=[0]" in caplog.text


def test_a_commit_that_is_told_late_and_of_another_topic_is_no_place_to_go_on_from(
    parts: Parts,
) -> None:
    parts.consumer.unreachable = True
    parts.run(
        parts.rebalance("assign", 0),
        found(30),
        parts.finish,
        parts.second,
        parts.told(30, "topic-id=another"),
        nothing,
        parts.second,
        nothing,
    )
    assert parts.consumer.told("seek") == [(0, OFFSET_BEGINNING)]
    assert parts.consumer.told("commit") == []
    assert value(parts.metrics, "velox_offset_gaps_total", kind="recreated") == 1


def test_what_expired_before_a_commit_was_told_is_counted(parts: Parts) -> None:
    parts.consumer.unreachable = True
    parts.consumer.watermarks = {0: (50, 60)}
    parts.run(parts.rebalance("assign", 0), found(50), parts.told(20, ""), nothing)
    assert value(parts.metrics, "velox_offset_gap_records_total") == 30


def test_a_topic_created_anew_is_read_from_its_start_and_said(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    """What is in flight of the old topic must not move the offsets of the new one."""
    parts.run(
        parts.rebalance("assign", 0, 1),
        found(30, 1),
        parts.recreate,
        nothing,
        parts.finish,
        parts.second,
    )
    assert parts.consumer.told("seek") == [(0, OFFSET_BEGINNING), (1, OFFSET_BEGINNING)]
    assert parts.consumer.told("commit") == []
    assert value(parts.metrics, "velox_offset_gaps_total", kind="recreated") == 2
    assert "offset gap kind=recreated partitions=[0, 1] reading=from_start" in caplog.text


def test_the_first_record_of_a_topic_created_anew_is_no_gap(parts: Parts) -> None:
    parts.run(parts.rebalance("assign", 0), found(30), parts.recreate, nothing, found(0), found(1))
    assert value(parts.metrics, "velox_offset_gaps_total", kind="rewound") == 0
    assert [each.offset for each in parts.taken()] == [30, 0, 1]


def test_a_start_that_cannot_be_sought_yet_is_sought_again(parts: Parts) -> None:
    def fetched() -> None:
        parts.consumer.not_fetched.clear()

    parts.consumer.not_fetched = {0}
    parts.run(parts.rebalance("assign", 0, 1), parts.recreate, nothing, fetched, nothing, nothing)
    assert [number for number, _ in parts.consumer.told("seek")] == [0, 1, 0, 0]
    assert value(parts.metrics, "velox_offset_gaps_total", kind="recreated") == 2


def test_a_commit_says_of_which_topic_it_is(parts: Parts) -> None:
    def one_more() -> None:
        parts.second()
        parts.finish()

    parts.run(
        parts.rebalance("assign", 0),
        found(0),
        one_more,
        parts.recreate,
        found(0),
        one_more,
        parts.second,
    )
    carried = parts.consumer.carried
    assert (carried[0], carried[-1]) == ({0: "topic-id=first"}, {0: "topic-id=first'"})


def test_a_commit_of_a_topic_that_is_gone_is_no_place_to_go_on_from(parts: Parts) -> None:
    """The topic is looked at anew for each assignment, so that this is known at once."""
    parts.consumer.offsets = {0: 30, 1: 5, 2: 7}
    parts.consumer.metadata = {0: "topic-id=first", 1: "topic-id=first'", 2: ""}
    parts.identity = "first'"
    parts.run(parts.rebalance("assign", 0, 1, 2), nothing)
    assert parts.consumer.told("seek") == [(0, OFFSET_BEGINNING)]
    assert value(parts.metrics, "velox_offset_gaps_total", kind="recreated") == 1


def test_partitions_that_are_gone_are_not_read_nor_lag_and_the_group_is_joined_anew(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.consumer.watermarks = {0: (0, 9), 1: (0, 9)}

    def lag() -> list[float | None]:
        return [value(parts.metrics, "velox_consumer_lag_records", partition=each) for each in "01"]

    def look() -> None:
        assert lag() == [9, None]
        assert parts.consumer.told("subscribe") == [["image_data"]]

    parts.run(
        parts.rebalance("assign", 0, 1),
        *[parts.second] * 2,
        parts.shrink,
        *[parts.second] * 2,
        look,
        *[parts.second] * int(GRACE_S),
        nothing,
    )
    assert parts.consumer.told("seek") == [(0, OFFSET_BEGINNING)]
    assert [call[0] for call in parts.consumer.calls].count("unsubscribe") == 1
    assert parts.consumer.told("subscribe") == [["image_data"]] * 2
    assert "partitions deleted, joining the group again partitions=[1]" in caplog.text


# Backpressure.


def fill(parts: Parts) -> list[Step]:
    return [parts.rebalance("assign", 0), *(found(offset) for offset in range(MAX_IMAGES))]


def test_a_full_queue_pauses_once_and_polling_goes_on(parts: Parts) -> None:
    parts.run(*fill(parts), nothing, nothing, nothing)
    assert value(parts.metrics, "velox_pauses_total") == 1
    assert parts.consumer.told("pause")[0] == [0]
    assert not parts.consumer.steps, "polled to the last step"


def test_half_empty_it_resumes(parts: Parts) -> None:
    def finish(count: int) -> Step:
        def step() -> None:
            parts.ledger.finish([parts.intake.get() for _ in range(count)])

        return step

    parts.run(*fill(parts), nothing, finish(1), nothing)
    assert parts.consumer.told("resume") == [[0]]
    parts.stop.clear()
    parts.consumer.calls.clear()
    parts.poller._assignment._paused = True
    parts.run(finish(1), nothing, nothing)
    assert parts.consumer.told("resume") == [[0]]


def test_a_partition_that_comes_while_paused_is_paused(parts: Parts) -> None:
    parts.run(*fill(parts), nothing, parts.rebalance("assign", 1), nothing)
    assert parts.consumer.told("pause")[:2] == [[0], [1]]


def test_a_partition_that_comes_back_is_not_left_paused(parts: Parts) -> None:
    """It was paused when it was revoked, and the others were resumed without it."""
    parts.run(
        *fill(parts),
        nothing,
        parts.rebalance("lost", 0),
        parts.finish,
        nothing,
        parts.rebalance("assign", 0),
        nothing,
    )
    assert parts.consumer.told("resume")[-1] == [0]


# The end.


def test_the_end_waits_for_what_is_in_flight_then_commits_then_leaves(parts: Parts) -> None:
    seen_paused = []

    def finish_late() -> None:
        seen_paused.append(("pause", [0]) in parts.consumer.calls)
        parts.finish()

    parts.ledger.meanwhile = finish_late
    parts.run(parts.rebalance("assign", 0), found(5))
    assert seen_paused == [True], "nothing new is fetched while it drains"
    assert [call[0] for call in parts.consumer.calls] == ["subscribe", "resume", "pause", *LAST]
    assert parts.consumer.told("commit") == [{0: 6}]


def test_the_end_has_a_bound_and_leaving_does_not_wait_again(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    began = parts.clock.now
    parts.run(parts.rebalance("assign", 0), found(5))
    assert parts.clock.now - began == pytest.approx(DRAIN_S, abs=0.2)
    assert parts.ledger.abandoned
    assert "stopped with unfinished records in_flight=1" in caplog.text
    assert parts.consumer.told("commit") == []
    assert parts.consumer.calls[-1] == ("close",)


def test_a_revocation_near_the_end_of_the_drain_does_not_prolong_it(parts: Parts) -> None:
    def revoke() -> None:
        if parts.clock.now - NOW > DRAIN_S - 1:
            parts.ledger.meanwhile = nothing
            parts.consumer.steps.append(parts.rebalance("revoke", 0))

    parts.ledger.meanwhile = revoke
    parts.run(parts.rebalance("assign", 0, 1), found(5), found(6, 1))
    assert parts.consumer.told("commit") == []
    assert parts.clock.now - NOW == pytest.approx(DRAIN_S, abs=0.2)


def test_told_to_stop_during_a_revocation_it_drains_from_then_on(parts: Parts) -> None:
    def stop() -> None:
        if parts.clock.now - NOW > 2:
            parts.stop.set()

    parts.ledger.meanwhile = stop
    parts.run(
        parts.rebalance("assign", 0, 1), found(5), both(parts.rebalance("revoke", 0), found(6, 1))
    )
    assert parts.clock.now - NOW == pytest.approx(2 + DRAIN_S, abs=0.3)


def test_what_others_have_by_now_is_not_waited_for_at_the_end(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.run(parts.rebalance("assign", 0, 1), found(5), parts.rebalance("revoke", 0))
    assert parts.clock.now - NOW == pytest.approx(DRAIN_S, abs=0.2), "the revocation's own wait"
    assert "stopped with unfinished records in_flight=1" in caplog.text


def test_what_was_given_up_is_not_waited_for(parts: Parts) -> None:
    parts.run(parts.rebalance("assign", 0), found(5), both(parts.ledger.abandon, nothing))
    assert {limit for _, limit in parts.ledger.waits} == {0}
    assert parts.clock.now == NOW


def test_what_arrives_while_it_drains_is_left_unread(parts: Parts) -> None:
    parts.ledger.meanwhile = lambda: parts.consumer.steps.append(found(6))
    parts.run(parts.rebalance("assign", 0), found(5))
    assert [each.offset for each in parts.taken()] == [5]


# Errors.


def test_a_fatal_error_ends_it_and_it_still_leaves(parts: Parts) -> None:
    with pytest.raises(PollerFailed, match="fenced"):
        parts.run(failed(KafkaError(KafkaError._FENCED, "fenced", fatal=True)))
    assert parts.consumer.calls[-1] == ("close",)


def test_a_fatal_error_that_a_message_carries_has_only_its_code(parts: Parts) -> None:
    fenced = KafkaError(KafkaError.FENCED_INSTANCE_ID).str()
    with pytest.raises(PollerFailed, match=r"group\.instance\.id of KAFKA_CONFIG"):
        parts.run(failed(KafkaError(KafkaError._FATAL, f"Fatal error: {fenced}: {fenced}")))


def test_what_a_poll_raises_is_taken_like_an_error_in_a_message(parts: Parts) -> None:
    def fails() -> FakeMessage | None:
        raise KafkaException(KafkaError(KafkaError._FATAL, "it is over"))

    with pytest.raises(PollerFailed, match="it is over"):
        parts.run(fails)
    assert value(parts.metrics, "velox_kafka_errors_total") == 1


def test_a_refusal_that_lasts_ends_it(parts: Parts) -> None:
    steps = [failed(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))]
    with pytest.raises(PollerFailed, match="KAFKA_CONSUMER_GROUP"):
        parts.run(*steps, *[parts.second] * 20)
    assert parts.consumer.calls[-1] == ("close",)


@pytest.mark.parametrize("good", ["assignment", "record"])
def test_a_refusal_that_passes_is_no_end(parts: Parts, good: str) -> None:
    joined = parts.rebalance("assign", 0)
    passes = joined if good == "assignment" else found(5)
    parts.run(
        joined,
        failed(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)),
        passes,
        *[parts.second] * 20,
    )


def test_another_error_is_counted_and_passed_over(parts: Parts) -> None:
    parts.run(
        parts.rebalance("assign", 0),
        failed(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)),
        found(5),
    )
    assert value(parts.metrics, "velox_kafka_errors_total") == 1
    assert not parts.poller.broker_in_trouble()
    assert [each.offset for each in parts.taken()] == [5]


def test_an_error_that_repeats_is_counted_and_logged_now_and_then(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    gone, away = KafkaError(KafkaError._UNKNOWN_PARTITION), KafkaError(KafkaError._TRANSPORT)
    for _ in range(50):
        parts.consumer.config["error_cb"](gone)
        parts.clock.advance(0.02)
    parts.consumer.config["error_cb"](away)
    assert value(parts.metrics, "velox_kafka_errors_total") == 51
    assert caplog.text.count("kafka error=_UNKNOWN_PARTITION") == 1
    assert caplog.text.count("kafka error=_TRANSPORT") == 1


def test_a_broker_that_is_away_is_remembered_for_a_while(parts: Parts) -> None:
    parts.consumer.config["error_cb"](KafkaError(KafkaError._ALL_BROKERS_DOWN))
    parts.clock.advance(TROUBLE_LASTS_S - 1)
    assert parts.poller.broker_in_trouble()
    parts.clock.advance(1)
    assert not parts.poller.broker_in_trouble()


def test_a_property_that_librdkafka_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_consumer, "Consumer", FakeConsumer)
    with pytest.raises(SettingError, match=r"KAFKA_CONFIG.*no\.such\.property"):
        Poller(
            {"no.such.property": "1"},
            topic="t",
            ledger=Ledger(max_images=1, max_bytes=1),
            metrics=Metrics(),
            topic_watch=TopicWatch(str),
            drain_timeout=1,
        )


# What is measured.


def test_lag_and_flight_are_shown(parts: Parts) -> None:
    parts.consumer.watermarks = {0: (0, 9)}
    parts.consumer.offsets = {0: 5}
    parts.run(parts.rebalance("assign", 0), found(5), parts.second, nothing)
    assert value(parts.metrics, "velox_consumer_lag_records", partition="0") == 4
    assert value(parts.metrics, "velox_in_flight_images") == 1
    assert value(parts.metrics, "velox_in_flight_bytes") == record().held
    assert parts.poller.known_lag == 4


def test_an_open_transaction_is_no_lag(parts: Parts) -> None:
    parts.consumer.watermarks, parts.consumer.offsets = {0: (0, 9)}, {0: 5}
    told = json.dumps({"topics": {"image_data": {"partitions": {"0": {"ls_offset": 6}}}}})

    def statistics() -> None:
        parts.consumer.config["stats_cb"](told)
        parts.second()

    parts.run(parts.rebalance("assign", 0), statistics, nothing)
    assert parts.poller.known_lag == 1


@pytest.mark.parametrize(("log_end", "idle"), [(5, 0.0), (9, 3.0)])
def test_having_nothing_to_do_is_rest_and_lag_is_not(
    parts: Parts, log_end: int, idle: float
) -> None:
    parts.consumer.offsets, parts.consumer.watermarks = {0: 5}, {0: (0, log_end)}
    parts.run(parts.rebalance("assign", 0), *[parts.second] * 3, nothing)
    assert parts.ledger.idle_seconds() == idle


def test_the_poll_age_counts_from_the_last_turn(parts: Parts) -> None:
    parts.run(nothing)
    parts.clock.advance(30)
    assert parts.poller.poll_age() == 30


def test_an_error_that_the_client_repeats_does_not_flood_the_log(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    for offset in range(500):
        text = f"Decompression (codec 0x1) of message at {offset} of 99 bytes failed"
        parts.consumer.config["error_cb"](KafkaError(KafkaError._BAD_COMPRESSION, text))
    parts.consumer.config["error_cb"](KafkaError(KafkaError._ALL_BROKERS_DOWN))
    lines = [each.message for each in caplog.records if "Decompression" in each.message]
    assert 0 < len(lines) <= 5
    assert "_ALL_BROKERS_DOWN" in caplog.text
    assert value(parts.metrics, "velox_kafka_errors_total") == 501
