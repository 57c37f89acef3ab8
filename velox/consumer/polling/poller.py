"""The poller: the only code that touches the Kafka consumer, all of it in one thread.

It polls records into the intake queue while the ledger has room, pauses when there is none, commits
what the ledger says is durable, and answers rebalances.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from queue import SimpleQueue
from typing import Any, cast

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from velox.base.errors import PollerFailed
from velox.base.records import Record
from velox.base.waiting import call_within
from velox.consumer.polling.commit_lookup import CommitLookup, group_commits, told_of
from velox.consumer.polling.commits import Commits
from velox.consumer.polling.gone_partitions import GonePartitions
from velox.consumer.polling.lag_gauges import LagGauges
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.offset_gaps import OffsetGaps
from velox.consumer.polling.positions import Positions
from velox.consumer.polling.stable_offsets import StableOffsets
from velox.consumer.polling.topic_identity import Origins, TopicWatch
from velox.consumer.polling.unreadable import UnreadableBatches
from velox.consumer.stages.batch import End
from velox.kafka.client import Config, made
from velox.kafka.client_log import ClientLog
from velox.kafka.errors import Refusals, explained, is_fatal
from velox.kafka.messages import record_of
from velox.monitoring.metrics import Metrics

POLL_TIMEOUT_S = 0.1
# How long a full queue may hold the poll loop before polling pauses: each pause throws the
# prefetched records away, so a queue that empties batch by batch must not cause one.
PATIENCE_S = 1.0
# What is asked at an assignment holds up the other partitions, and may be answered later on.
COMMITTED_TIMEOUT_S = 2.0
LOOK_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 1.5
# librdkafka repeats such errors about every 30 s while a broker is away.
TROUBLE_LASTS_S = 60.0
TROUBLE = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
    }
)

# Of a batch that cannot be unpacked, that its checksum refutes, or that is larger than the client
# takes (rdkafka_msgset_reader.c): librdkafka says where it begins, and does not get past each.
UNREADABLE = frozenset(
    {
        KafkaError._BAD_COMPRESSION,
        KafkaError._BAD_MSG,
        KafkaError._NOT_IMPLEMENTED,
        KafkaError.MSG_SIZE_TOO_LARGE,
    }
)

log = logging.getLogger(__name__)


class Poller:
    """Polls one topic for one group until told to stop.

    Args:
        config: of `kafka_client.consumer_config`.
        topic: what to subscribe to.
        ledger: admits the records and says what may be committed.
        intake: where the records go; the ledger bounds it.
        metrics: updated as it goes.
        topic_watch: says which topic it is; looks again at each assignment.
        drain_timeout: seconds to let records in flight finish before partitions are given up.
        cluster: the identity of the topic's cluster, empty while it is not known.
        clock: monotonic seconds.

    Attributes:
        joined: whether the group has given an assignment since the start or the last loss.

    Raises:
        SettingError: when librdkafka refuses a property of KAFKA_CONFIG.
    """

    def __init__(
        self,
        config: Config,
        *,
        topic: str,
        ledger: Ledger,
        intake: SimpleQueue[Record | End],
        metrics: Metrics,
        topic_watch: TopicWatch,
        drain_timeout: float,
        cluster: Callable[[], str] = lambda: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topic = topic
        self._ledger = ledger
        self._intake = intake
        self._metrics = metrics
        self._topic_watch = topic_watch
        self._origins = Origins(lambda: topic_watch.known, cluster)
        self._lookup = CommitLookup(lambda numbers: group_commits(config, topic, numbers))
        self._drain_timeout = drain_timeout
        self._clock = clock
        self._gaps = OffsetGaps(metrics)
        self._assigned: set[int] = set()
        self._gone = GonePartitions(lambda: topic_watch.count, clock=clock)
        self._paused = False
        self._new: set[int] = set()
        self._turned = self._trouble_until = clock()
        self._fatal: KafkaError | None = None
        self._refusals = Refusals(clock)
        self.joined = False
        self._unreadable = UnreadableBatches(self._seek, lambda number: self._readable(number)[1])
        self._positions = Positions(
            ledger=ledger,
            gaps=self._gaps,
            position=self._positions_of,
            log_start=self._low_watermark,
            clock=clock,
        )
        self._stable = StableOffsets(topic)
        self._lag = LagGauges(
            ledger=ledger,
            metrics=metrics,
            watermarks=self._readable,
            start=self._gaps.start,
            clock=clock,
        )
        self._commits: Commits
        self._client_log = ClientLog(str(config.get("bootstrap.servers", "")), clock=clock)
        own: dict[str, Any] = {
            "error_cb": self._on_error,
            "on_commit": lambda *answer: self._commits.on_commit(*answer),
            "stats_cb": self._stable.on_statistics,
            # Says how far it was read where the last offsets hold no record.
            "enable.partition.eof": True,
        }
        self._consumer = made(Consumer, {**config, **own}, self._client_log)
        self._commits = Commits(
            self._consumer,
            topic=topic,
            ledger=ledger,
            metadata=self._origins.metadata,
            metrics=metrics,
            clock=clock,
        )

    def poll_age(self) -> float:
        """Seconds since the poll loop last turned."""
        return self._clock() - self._turned

    def commit_age(self) -> float:
        """Seconds since the last successful commit, or since the start."""
        return self._commits.age()

    def commit_refusal(self, limit: float) -> str | None:
        """Why commits are refused, if they have been for long (see `Commits.refusal`)."""
        return self._commits.refusal(limit)

    @property
    def known_lag(self) -> int:
        """Records of the assigned partitions that are not finished, as last measured."""
        return self._lag.total

    def broker_in_trouble(self) -> bool:
        """Whether the broker has lately been unreachable."""
        return self._clock() < self._trouble_until

    def why_away(self) -> str:
        """Which broker was lately unreachable and why, empty where that is not known."""
        return self._client_log.trouble()

    def run(self, stop: threading.Event) -> None:
        """Poll until told to stop, then let what is in flight finish, commit and leave the group.

        Raises:
            PollerFailed: on an error of the client that no retry can mend.
        """
        self._subscribe()
        try:
            while not stop.is_set():
                self._turn()
            self._drain()
        finally:
            self._lookup.close()
            if not call_within(CLOSE_TIMEOUT_S, self._consumer.close):
                log.warning("group not left in time timeout_s=%g", CLOSE_TIMEOUT_S)

    def _subscribe(self) -> None:
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def _turn(self) -> None:
        self._turned = self._clock()
        if self._paused and self._ledger.half_empty():
            self._resume()
        elif not self._paused and not self._ledger.wait_for_room(PATIENCE_S):
            self._pause()
        elif self._new:
            self._settle()
        self._learn()
        gone = self._gone.among(self._assigned)
        if foreign := self._origins.foreign() - gone:
            self._begin_anew(foreign)
        if self._gone.overdue(self._assigned):
            self._join_anew(gone)
        self._take(self._poll())
        self._positions.look_when_due(self._assigned)
        self._commits.commit_when_due()
        self._lag.measure_when_due(self._assigned - gone)
        if self._lag.total == 0:
            self._ledger.rest()
        self._show_flight()
        if (error := self._fatal or self._refusals.lasting()) is not None:
            raise PollerFailed(f"Kafka client failed: {explained(error)}")

    def _poll(self) -> list[Message]:
        """The next records, at most as many as there is room for."""
        found: list[Message] = []
        try:
            if (first := self._consumer.poll(POLL_TIMEOUT_S)) is not None:
                found.append(first)
                if (more := self._ledger.room() - 1) > 0:
                    found += self._consumer.consume(more, 0)
        except KafkaException as error:
            self._on_error(error.args[0])
        return found

    def _take(self, messages: list[Message]) -> None:
        records, received = [], self._clock()
        # The rest of what was read of these before the client was told to read elsewhere.
        elsewhere: set[int] = set()
        for message in messages:
            error, number = message.error(), cast(int, message.partition())
            if number in elsewhere:
                continue
            if error is None:
                if self._unreadable.goes_on(number):
                    records.append(self._record(message, received))
                else:
                    elsewhere.add(number)
                continue
            self._admit(records)
            records = []
            if error.code() == KafkaError._PARTITION_EOF:
                self._refusals.passed()
                if self._unreadable.goes_on(number):
                    self._positions.at_end(number, cast(int, message.offset()))
                else:
                    elsewhere.add(number)
                continue
            if error.code() in UNREADABLE and (base := cast(int, message.offset())) >= 0:
                self._gaps.unreadable(number)
                self._unreadable.failed(number, base)
                elsewhere.add(number)
            self._on_error(error)
        self._admit(records)

    def _admit(self, records: list[Record]) -> None:
        # A rebalance inside consume() may have taken the partition of the record before it.
        records = [record for record in records if self._ledger.is_current(record)]
        if records:
            self._refusals.passed()
        for record in records:
            self._gaps.check(record, self._low_watermark)
        self._ledger.admit(records)
        for record in records:
            self._intake.put(record)

    def _record(self, message: Message, received: float) -> Record:
        epoch = self._ledger.epoch(cast(int, message.partition()))
        return record_of(message, topic=self._topic, epoch=epoch, received=received)

    # Backpressure.

    def _pause(self) -> None:
        self._paused = True
        self._pause_assigned()
        self._metrics.pauses.inc()
        log.info("polling=paused in_flight=%d bytes=%d", self._ledger.images, self._ledger.bytes)

    def _pause_assigned(self) -> None:
        self._new.clear()
        self._consumer.pause(self._partitions(self._assigned))

    def _resume(self) -> None:
        self._paused = False
        self._new.clear()
        self._consumer.resume(self._partitions(self._assigned))
        log.info("polling=resumed in_flight=%d", self._ledger.images)

    def _settle(self) -> None:
        """New partitions follow the others, whatever they were when they were last held."""
        settle = self._consumer.pause if self._paused else self._consumer.resume
        settle(self._partitions(self._new & self._assigned))
        self._new.clear()

    def _begin_anew(self, numbers: set[int]) -> None:
        """Read the new log from its start; what is in flight of the old one is not committed."""
        begun = {number for number in numbers if self._sought_start(number)}
        if begun:
            self._ledger.assign(begun)
            self._gaps.begin_anew(begun)
            self._unreadable.forget(begun)
            self._origins.begin_anew(begun)

    def _join_anew(self, gone: set[int]) -> None:
        """Leave the group and join it, so that it gives only partitions that there are."""
        log.warning("partitions gone=%s group=joined_anew", sorted(gone))
        self._consumer.unsubscribe()
        self._subscribe()

    def _sought_start(self, number: int) -> bool:
        try:
            self._consumer.seek(TopicPartition(self._topic, number, OFFSET_BEGINNING))
        except KafkaException as error:
            # Its fetcher has not started yet: the next turn tries again.
            log.debug("no seek yet partition=%d reason=%r", number, error.args[0].str())
            return False
        return True

    # Rebalances: callbacks run inside poll(), must not raise and must not close.

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = {each.partition for each in partitions}
        self.joined = True
        self._refusals.passed()
        self._assigned |= numbers
        self._ledger.assign(numbers)
        self._metrics.rebalances.labels("assigned").inc(len(numbers))
        told = self._committed(numbers)
        self._gaps.expect(_offsets(told))
        call_within(LOOK_TIMEOUT_S, self._topic_watch.look)
        self._origins.assign(told, _metadata(told))
        if unknown := numbers - told.keys():
            log.warning("commits unknown partitions=%s commits=held_back", sorted(unknown))
            self._origins.ask(unknown)
            self._lookup.want({number: self._ledger.epoch(number) for number in unknown})
        log.info("partitions assigned=%s now=%s", sorted(numbers), sorted(self._assigned))
        self._new |= numbers

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = {each.partition for each in partitions}
        if not self._ledger.wait_until_done(numbers, self._drain_timeout):
            log.warning("revoked before done partitions=%s", sorted(numbers))
        self._commits.commit(numbers)
        self._forget(numbers, "revoked")

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.joined = False
        self._forget({each.partition for each in partitions}, "lost")

    def _forget(self, numbers: set[int], event: str) -> None:
        self._assigned -= numbers
        self._ledger.revoke(numbers)
        self._gaps.forget(numbers)
        self._unreadable.forget(numbers)
        self._origins.forget(numbers)
        self._lookup.forget(numbers)
        self._metrics.rebalances.labels(event).inc(len(numbers))
        self._lag.forget(numbers)
        log.info("partitions %s=%s now=%s", event, sorted(numbers), sorted(self._assigned))

    def _committed(self, numbers: set[int]) -> dict[int, TopicPartition]:
        """The group's commits by partition, as far as they are told in time."""
        try:
            asked = self._partitions(numbers)
            return told_of(self._consumer.committed(asked, timeout=COMMITTED_TIMEOUT_S))
        except KafkaException as error:
            log.warning("committed offsets unknown reason=%r", error.args[0].str())
            return {}

    def _learn(self) -> None:
        """Take commits that were not told at the assignment."""
        if not (told := self._lookup.told()):
            return
        log.info("commits known partitions=%s", sorted(told))
        self._origins.assign(told, _metadata(told))
        foreign = self._origins.foreign()
        for number, offset in _offsets(told).items():
            if number not in foreign:
                self._gaps.expect_late(number, offset, self._low_watermark)

    # The end.

    def _drain(self) -> None:
        """Let what is in flight finish within a bound, still in the group, and commit it."""
        self._pause_assigned()
        deadline = self._clock() + self._drain_timeout
        while self._ledger.images and not self._ledger.abandoned and self._clock() < deadline:
            self._turned = self._clock()
            self._ledger.wait_until_done(self._assigned, POLL_TIMEOUT_S)
            if (message := self._consumer.poll(0)) is not None and message.error() is None:
                log.debug("left unread offset=%d", message.offset())
        if self._ledger.images:
            log.warning("stopped before done in_flight=%d", self._ledger.images)
        # Leaving the group revokes the partitions, which is not to wait a second time.
        self._ledger.abandon()
        self._commits.commit_now(self._assigned)

    # Measures and errors.

    def _show_flight(self) -> None:
        self._metrics.in_flight.set(self._ledger.images)
        self._metrics.in_flight_bytes.set(self._ledger.bytes)

    def _watermarks(self, number: int) -> tuple[int, int]:
        """First offset and log end of a partition as last fetched; negative where unknown."""
        try:
            found: tuple[int, int] | None = self._consumer.get_watermark_offsets(
                TopicPartition(self._topic, number), cached=True
            )
        except KafkaException:
            found = None
        return found or (-1, -1)

    def _readable(self, number: int) -> tuple[int, int]:
        """First offset of a partition, and the end of what can be read; negative where unknown."""
        low, high = self._watermarks(number)
        return low, self._stable.end(number, high)

    def _low_watermark(self, number: int) -> int:
        return self._watermarks(number)[0]

    def _positions_of(self, numbers: Iterable[int]) -> dict[int, int]:
        try:
            found = self._consumer.position(self._partitions(numbers))
        except KafkaException:
            return {}
        return {each.partition: each.offset for each in found if each.offset >= 0}

    def _seek(self, number: int, offset: int) -> None:
        try:
            self._consumer.seek(TopicPartition(self._topic, number, offset))
        except KafkaException as error:
            # What comes next is not of that place: the search begins anew at the next error.
            self._unreadable.forget([number])
            log.debug("no seek partition=%d reason=%r", number, error.args[0].str())

    def _partitions(self, numbers: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, number) for number in sorted(numbers)]

    def _on_error(self, error: KafkaError) -> None:
        self._metrics.kafka_errors.inc()
        if is_fatal(error):
            self._fatal = error
        self._refusals.note(error)
        if error.code() in TROUBLE:
            self._trouble_until = self._clock() + TROUBLE_LASTS_S
        self._client_log.error(error)


def _offsets(told: Mapping[int, TopicPartition]) -> dict[int, int]:
    return {number: each.offset for number, each in told.items() if each.offset >= 0}


def _metadata(told: Mapping[int, TopicPartition]) -> dict[int, str]:
    return {number: each.metadata or "" for number, each in told.items()}
