"""The poll loop: one thread, and nothing else touches the Kafka consumer.

It delivers records while the ledger has room, pauses when there is none, commits what the ledger
says is durable, and answers rebalances.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaException, Message

from velox.base.errors import PollerFailed
from velox.consumer.polling.assigned_consumer import AssignedConsumer
from velox.consumer.polling.assignment import Assignment
from velox.consumer.polling.client_errors import ClientErrors
from velox.consumer.polling.commit_lookup import group_commits
from velox.consumer.polling.commits import Commits
from velox.consumer.polling.draining import Draining
from velox.consumer.polling.intake import Deliver, Intake
from velox.consumer.polling.lag_gauges import LagGauges
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.notes import Notes
from velox.consumer.polling.offset_gaps import OffsetGaps
from velox.consumer.polling.positions import Positions
from velox.consumer.polling.skipping import NO_SKIPPING, Skipping
from velox.consumer.polling.stretch import WHOLE, Stretch
from velox.consumer.polling.topic_consumer import TopicConsumer
from velox.consumer.polling.topic_identity import TopicWatch
from velox.kafka.client import Config
from velox.kafka.client_log import ClientLog
from velox.kafka.errors import explained
from velox.monitoring.metrics import Metrics

POLL_TIMEOUT_S = 0.1
# How long a full queue may hold the poll loop before polling pauses: each pause throws the
# prefetched records away, so a queue that empties batch by batch must not cause one.
PATIENCE_S = 1.0

log = logging.getLogger(__name__)


class Poller:
    """Polls one topic for one group until told to stop.

    Args:
        config: of `velox.kafka.client.consumer_config`.
        topic: what to subscribe to.
        ledger: admits the records and says what may be committed.
        metrics: updated as it goes.
        topic_watch: says which topic it is; looks again at each assignment.
        drain_timeout: seconds to let records in flight finish before partitions are given up.
        stretch: which part of the topic; all that comes by default.
        notes: what the group's commits carry besides; nothing by default.
        skipping: makes its `Skipping` of what it is given by name; by default nothing is skipped.
        cluster: the identity of the topic's cluster, empty while it is not known.
        clock: monotonic seconds.

    Attributes:
        drain_timeout: as it was given.

    Raises:
        SettingError: when librdkafka refuses a property of KAFKA_CONFIG.
    """

    def __init__(
        self,
        config: Config,
        *,
        topic: str,
        ledger: Ledger,
        metrics: Metrics,
        topic_watch: TopicWatch,
        drain_timeout: float,
        stretch: Stretch = WHOLE,
        notes: Notes | None = None,
        skipping: Callable[..., Skipping] = NO_SKIPPING,
        cluster: Callable[[], str] = lambda: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self.drain_timeout = drain_timeout
        self._clock = clock
        self._turned = clock()
        self._draining = Draining(ledger, drain_timeout, clock)
        self._commits: Commits
        self._client_log = ClientLog(str(config.get("bootstrap.servers", "")), clock=clock)
        self._errors = ClientErrors(metrics, self._client_log, clock)
        how: dict[str, Any] = {
            "config": config,
            "client_log": self._client_log,
            "callbacks": {
                "error_cb": self._errors.take,
                "on_commit": lambda *answer: self._commits.on_commit(*answer),
            },
        }
        self._stretch = stretch
        self._notes = notes or Notes()
        self._consumer = (
            TopicConsumer(topic=topic, **how)
            if stretch.starts is None
            else AssignedConsumer(starts=stretch.starts, topic=topic, how=how)
        )
        gaps = OffsetGaps(metrics)
        self._positions = Positions(
            ledger=ledger,
            gaps=gaps,
            position=self._consumer.positions,
            log_start=self._consumer.log_start,
            end=stretch.end,
            clock=clock,
        )
        self._lag = LagGauges(
            ledger=ledger,
            metrics=metrics,
            watermarks=self._consumer.readable,
            start=gaps.start,
            clock=clock,
        )
        self._assignment = Assignment(
            self._consumer,
            ledger=ledger,
            gaps=gaps,
            lag=self._lag,
            topic_watch=topic_watch,
            ask=lambda numbers: group_commits(config, topic, numbers),
            cluster=cluster,
            told=self._notes.read,
            metrics=metrics,
            clock=clock,
        )
        self._skipping = skipping(
            ledger=ledger,
            gaps=gaps,
            unreadable=self._assignment.unreadable,
            seek=self._consumer.seek,
            log_start=self._consumer.log_start,
            metrics=metrics,
        )
        self._intake = Intake(
            topic=topic,
            ledger=ledger,
            gaps=gaps,
            positions=self._positions,
            unreadable=self._assignment.unreadable,
            errors=self._errors,
            log_start=self._consumer.log_start,
            saw=self._skipping.saw,
            end=stretch.end,
            clock=clock,
        )
        self._commits = Commits(
            self._consumer.client,
            topic=topic,
            ledger=ledger,
            metadata=self._metadata,
            metrics=metrics,
            clock=clock,
        )

    @property
    def joined(self) -> bool:
        """Whether the group has given an assignment since the start or the last loss."""
        return self._assignment.joined

    @property
    def numbers(self) -> frozenset[int]:
        """The partitions that are held now."""
        return frozenset(self._assignment.numbers)

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
        return self._errors.in_trouble()

    def why_away(self) -> str:
        """Which broker was lately unreachable and why, empty where that is not known."""
        return self._client_log.trouble()

    def run(self, stop: threading.Event, deliver: Deliver) -> None:
        """Poll until told to stop, then let what is in flight finish, commit and leave the group.

        Args:
            stop: ends polling.
            deliver: takes each record, in order; the ledger bounds what is on its way.

        Raises:
            PollerFailed: on an error of the client that no retry can mend.
        """
        self._draining.heed(stop)
        self._subscribe()
        self._skipping.start()
        try:
            while not stop.is_set():
                self._turn(deliver)
            self._drain()
        finally:
            self._skipping.close()
            self._assignment.close()
            self._consumer.close()

    def _metadata(self, number: int) -> str | None:
        """What a partition's commit is to carry; None while there must be none."""
        origin = self._assignment.origins.metadata(number)
        if origin is None or self._stretch.starts is not None:
            return None
        return origin + self._notes.written(number)

    def _subscribe(self) -> None:
        self._consumer.subscribe(
            on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._assignment.lose
        )

    def _turns(self) -> None:
        self._turned = self._clock()

    def _turn(self, deliver: Deliver) -> None:
        self._turns()
        self._assignment.press_back(PATIENCE_S)
        self._assignment.learn()
        self._assignment.begin_foreign_anew()
        if self._assignment.overdue():
            self._consumer.leave()
            self._subscribe()
        self._intake.take(self._poll(), deliver)
        self._skipping.skip()
        self._positions.look_when_due(self._assignment.numbers)
        self._commits.commit_when_due()
        self._lag.measure_when_due(self._assignment.present)
        if self._lag.total == 0:
            self._ledger.rest()
        self._metrics.in_flight.set(self._ledger.images)
        self._metrics.in_flight_bytes.set(self._ledger.bytes)
        if (error := self._errors.final()) is not None:
            raise PollerFailed(f"Kafka client failed: {explained(error)}")

    def _poll(self) -> list[Message]:
        """The next records, at most as many as there is room for."""
        found: list[Message] = []
        try:
            if (first := self._consumer.poll(POLL_TIMEOUT_S)) is not None:
                found.append(first)
                found += self._consumer.more(self._ledger.room() - 1)
        except KafkaException as error:
            self._errors.take(error.args[0])
        return found

    def _on_assign(self, numbers: set[int]) -> None:
        self._errors.passed()
        self._assignment.take(numbers)

    def _on_revoke(self, numbers: set[int]) -> None:
        if not self._draining.wait(numbers, self._turns):
            log.warning("revoked with unfinished records partitions=%s", sorted(numbers))
        self._commits.commit(numbers)
        self._assignment.give_up(numbers, "revoked")

    def _drain(self) -> None:
        """Let what is in flight finish within a bound, still in the group, and commit it."""
        self._assignment.pause()
        self._draining.wait(self._assignment.numbers, self._stay)
        if self._ledger.images:
            log.warning("stopped with unfinished records in_flight=%d", self._ledger.images)
        # Leaving the group revokes the partitions, which is not to wait a second time.
        self._ledger.abandon()
        self._commits.commit_now(self._assignment.numbers)

    def _stay(self) -> None:
        """Stay in the group while nothing more is taken."""
        self._turns()
        if (message := self._consumer.poll(0)) is not None and message.error() is None:
            log.debug("not taken while stopping offset=%d", message.offset())
