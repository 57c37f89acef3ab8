"""Offset commits: what the ledger says is durable, at most once a second, and once at the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from velox.bounded import call_within
from velox.ledger import Ledger
from velox.metrics import Metrics

EVERY_S = 1.0
LAST_TIMEOUT_S = 1.5

log = logging.getLogger(__name__)


class Commits:
    """Commits the ledger's offsets of one topic. Only for the thread that polls.

    Args:
        consumer: of the group whose offsets these are.
        topic: whose offsets they are.
        ledger: says what may be committed, and is told what was.
        metadata: what a partition's commit carries besides its offset.
        metrics: updated as it goes.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        consumer: Consumer,
        *,
        topic: str,
        ledger: Ledger,
        metadata: Callable[[int], str],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._ledger = ledger
        self._metadata = metadata
        self._metrics = metrics
        self._clock = clock
        self._last = self._due = clock()

    def age(self) -> float:
        """Seconds since the last successful commit, or since the start."""
        return self._clock() - self._last

    def commit_when_due(self) -> None:
        """Commit what moved, without waiting, if the last time is long enough ago."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + EVERY_S
        self.commit()

    def commit(self, partitions: Collection[int] | None = None) -> None:
        """Commit what moved of these partitions, of all by default, without waiting.

        Within a rebalance callback this is the only way: the client answers no commit before the
        callback has returned. The broker handles the requests of one connection in their order, so
        the commit takes effect before the partitions are handed on.
        """
        if offsets := self._ledger.uncommitted(partitions):
            try:
                self._consumer.commit(offsets=self._partitions(offsets), asynchronous=True)
            except KafkaException as error:
                self._failed(error.args[0])

    def commit_now(self, partitions: Collection[int]) -> None:
        """Commit what moved of these partitions and wait for the broker, within a bound."""
        offsets = self._ledger.uncommitted(partitions)
        if not offsets:
            return

        def commit() -> None:
            try:
                done = self._consumer.commit(offsets=self._partitions(offsets), asynchronous=False)
                self.on_commit(None, done)
            except KafkaException as error:
                self._failed(error.args[0])

        if not call_within(LAST_TIMEOUT_S, commit):
            log.warning("commit unanswered timeout_s=%g", LAST_TIMEOUT_S)

    def on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """What the broker answered to a commit."""
        failed = error or next((each.error for each in partitions if each.error), None)
        if failed is not None:
            self._failed(failed)
        done = {each.partition: each.offset for each in partitions if not (error or each.error)}
        if done:
            self._ledger.committed(done)
            self._last = self._clock()
            self._metrics.commits.labels("ok").inc()

    def _failed(self, error: KafkaError) -> None:
        self._metrics.commits.labels("failed").inc()
        log.warning("commit failed reason=%r", error.str())

    def _partitions(self, offsets: Mapping[int, int]) -> list[TopicPartition]:
        return [
            TopicPartition(self._topic, number, offset, self._metadata(number))
            for number, offset in sorted(offsets.items())
        ]
