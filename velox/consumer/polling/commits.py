"""Offset commits: what the ledger says is durable, at most once a second, and once at the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from velox.base.logs import ThinnedLog
from velox.base.waiting import call_within
from velox.consumer.polling.ledger import Ledger
from velox.kafka.client_log import AWAY
from velox.kafka.errors import explained
from velox.monitoring.metrics import Metrics

EVERY_S = 1.0
# Another member's rebalance may refuse a commit or two; these answers do not change by themselves.
FOR_GOOD_AFTER_S = 10.0
FOR_GOOD = frozenset(
    {
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.INVALID_COMMIT_OFFSET_SIZE,
        KafkaError.INVALID_GROUP_ID,
        KafkaError.OFFSET_METADATA_TOO_LARGE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.UNSUPPORTED_VERSION,
    }
)
# What a group's broker answers that is away, has just taken over, or has lost the topic: another
# process of Velox would hear the same.
NO_REFUSAL = AWAY | {
    KafkaError._WAIT_COORD,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.NOT_COORDINATOR,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
LAST_TIMEOUT_S = 1.5

log = logging.getLogger(__name__)


class Commits:
    """Commits the ledger's offsets of one topic. Only for the thread that polls.

    Args:
        consumer: of the group whose offsets these are.
        topic: whose offsets they are.
        ledger: says what may be committed, and is told what was.
        metadata: what a partition's commit carries besides its offset; None while it must not be
            committed.
        metrics: updated as it goes.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        consumer: Consumer,
        *,
        topic: str,
        ledger: Ledger,
        metadata: Callable[[int], str | None],
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
        self._trouble = ThinnedLog(log, per_second=0.1, clock=clock)
        self._refused: KafkaError | None = None
        self._owed_since: float | None = None

    def age(self) -> float:
        """Seconds since the last successful commit, or since the start."""
        return self._clock() - self._last

    def refusal(self, limit: float) -> str | None:
        """Why the broker does not take what there is to commit, if it has refused it for long.

        Args:
            limit: seconds that count as long for an answer that may yet change.
        """
        error, since = self._refused, self._owed_since
        if error is None or since is None or error.code() in NO_REFUSAL:
            return None
        seconds = self._clock() - since
        if seconds < (min(FOR_GOOD_AFTER_S, limit) if error.code() in FOR_GOOD else limit):
            return None
        return f"commits refused for {seconds:.0f} s: {explained(error)}"

    def commit_when_due(self) -> None:
        """Commit what moved, without waiting, if the last time is long enough ago."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + EVERY_S
        if not self._ledger.uncommitted(None):
            self._owed_since = None
        elif self._owed_since is None:
            self._owed_since = self._clock()
        self.commit()

    def commit(self, partitions: Collection[int] | None = None) -> None:
        """Commit what moved of these partitions, of all by default, without waiting.

        Within a rebalance callback this is the only way: the client answers no commit before the
        callback has returned. The broker handles the requests of one connection in their order, so
        the commit takes effect before the partitions are handed on.
        """
        if offsets := self._uncommitted(partitions):
            try:
                self._consumer.commit(offsets=self._partitions(offsets), asynchronous=True)
            except KafkaException as error:
                self._failed(error.args[0], offsets)

    def commit_now(self, partitions: Collection[int]) -> None:
        """Commit what moved of these partitions and wait for the broker, within a bound."""
        offsets = self._uncommitted(partitions)
        if not offsets:
            return

        def commit() -> None:
            try:
                done = self._consumer.commit(offsets=self._partitions(offsets), asynchronous=False)
                self.on_commit(None, done)
            except KafkaException as error:
                self._failed(error.args[0], offsets)

        if not call_within(LAST_TIMEOUT_S, commit):
            log.warning(
                "commit not answered in time topic=%s partitions=%s timeout_s=%g",
                self._topic,
                sorted(offsets),
                LAST_TIMEOUT_S,
            )

    def on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """What the broker answered to a commit."""
        failed = error or next((each.error for each in partitions if each.error), None)
        if failed is not None:
            self._failed(failed, (each.partition for each in partitions if error or each.error))
        else:
            self._refused = self._owed_since = None
        done = {each.partition: each.offset for each in partitions if not (error or each.error)}
        if done:
            self._ledger.committed(done)
            self._last = self._clock()
            self._metrics.commits.labels("ok").inc()

    def _failed(self, error: KafkaError, partitions: Iterable[int]) -> None:
        self._refused = error
        self._metrics.commits.labels("failed").inc()
        self._trouble.warning(
            "commit failed topic=%s partitions=%s reason=%r",
            self._topic,
            sorted(partitions),
            explained(error),
        )

    def _uncommitted(self, partitions: Collection[int] | None) -> dict[int, int]:
        return {
            number: offset
            for number, offset in self._ledger.uncommitted(partitions).items()
            if self._metadata(number) is not None
        }

    def _partitions(self, offsets: Mapping[int, int]) -> list[TopicPartition]:
        return [
            TopicPartition(self._topic, number, offset, self._metadata(number) or "")
            for number, offset in sorted(offsets.items())
        ]
