"""The partitions held: taken, paused, begun anew and given up, and whoever keeps something of them.

The group calls back inside the client's poll: what is done there must not raise and not close.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping

from velox.base.waiting import call_within
from velox.consumer.polling.commit_lookup import CommitLookup, Commits
from velox.consumer.polling.gone_partitions import GonePartitions
from velox.consumer.polling.lag_gauges import LagGauges
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.offset_gaps import OffsetGaps
from velox.consumer.polling.topic_consumer import TopicConsumer
from velox.consumer.polling.topic_identity import Origins, TopicWatch
from velox.consumer.polling.unreadable import UnreadableBatches
from velox.monitoring.metrics import Metrics

LOOK_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)


class Assignment:
    """The partitions that the group has given to this consumer. Only for the thread that polls.

    Args:
        consumer: reads them.
        ledger, gaps, lag: told what is taken and given up.
        topic_watch: says which topic it is; looks again whenever some are taken.
        ask: asks another client for the group's commits of some partitions.
        cluster: the identity of the topic's cluster, empty while it is not known.
        told: what else was noted with the group's commits is given to it.
        metrics: counts what is taken and given up, and pauses.
        clock: monotonic seconds.

    Attributes:
        numbers: the partitions.
        joined: whether the group has given some since the start or the last loss.
        origins: the topic that each position belongs to.
        unreadable: the batches that the client cannot unpack.
    """

    def __init__(
        self,
        consumer: TopicConsumer,
        *,
        ledger: Ledger,
        gaps: OffsetGaps,
        lag: LagGauges,
        topic_watch: TopicWatch,
        ask: Callable[[Collection[int]], Commits],
        cluster: Callable[[], str],
        told: Callable[[Mapping[int, str]], None],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.numbers: set[int] = set()
        self.joined = False
        self.origins = Origins(lambda: topic_watch.known, cluster)
        self.unreadable = UnreadableBatches(self._seek, lambda each: consumer.readable(each)[1])
        self._consumer = consumer
        self._ledger = ledger
        self._gaps = gaps
        self._lag = lag
        self._topic_watch = topic_watch
        self._lookup = CommitLookup(ask)
        self._told = told
        self._gone = GonePartitions(lambda: topic_watch.count, clock=clock)
        self._metrics = metrics
        self._paused = False
        self._new: set[int] = set()

    def close(self) -> None:
        """Ask for no more commits."""
        self._lookup.close()

    @property
    def present(self) -> set[int]:
        """The partitions that the topic still has."""
        return self.numbers - self._gone.among(self.numbers)

    def take(self, numbers: set[int]) -> None:
        """Take partitions that the group gives, with its commits of them."""
        self.joined = True
        self.numbers |= numbers
        self._ledger.assign(numbers)
        self._metrics.rebalances.labels("assigned").inc(len(numbers))
        told = self._consumer.committed(numbers)
        self._gaps.expect(_offsets(told))
        call_within(LOOK_TIMEOUT_S, self._topic_watch.look)
        self._take_metadata(told)
        if unknown := numbers - told.keys():
            log.warning(
                "last commits unknown, committing waits for them partitions=%s", sorted(unknown)
            )
            self.origins.ask(unknown)
            self._lookup.want({number: self._ledger.epoch(number) for number in unknown})
        log.info("partitions assigned=%s now=%s", sorted(numbers), sorted(self.numbers))
        self._new |= numbers

    def give_up(self, numbers: set[int], event: str) -> None:
        """Forget partitions that the group gives to others, or has given to them."""
        self.numbers -= numbers
        self._ledger.revoke(numbers)
        self._gaps.forget(numbers)
        self.unreadable.forget(numbers)
        self.origins.forget(numbers)
        self._lookup.forget(numbers)
        self._metrics.rebalances.labels(event).inc(len(numbers))
        self._lag.forget(numbers)
        log.info("partitions %s=%s now=%s", event, sorted(numbers), sorted(self.numbers))

    def lose(self, numbers: set[int]) -> None:
        """Forget partitions that others may have had for a while."""
        self.joined = False
        self.give_up(numbers, "lost")

    def pause(self) -> None:
        """Fetch nothing."""
        self._paused = True
        self._new.clear()
        self._consumer.pause(self.numbers)

    def resume(self) -> None:
        """Fetch all again."""
        self._paused = False
        self._new.clear()
        self._consumer.resume(self.numbers)

    def press_back(self, patience: float) -> None:
        """Pause where the ledger has no room for so many seconds, until it is half empty."""
        ledger = self._ledger
        if self._paused and ledger.half_empty():
            self.resume()
            log.info("polling resumed in_flight=%d", ledger.images)
        elif not self._paused and not ledger.wait_for_room(patience):
            self.pause()
            self._metrics.pauses.inc()
            log.info("polling paused in_flight=%d bytes=%d", ledger.images, ledger.bytes)
        else:
            self._settle()

    def _settle(self) -> None:
        """Let new partitions follow the others, whatever they were when they were last held."""
        if not self._new:
            return
        settle = self._consumer.pause if self._paused else self._consumer.resume
        settle(self._new & self.numbers)
        self._new.clear()

    def learn(self) -> None:
        """Take commits that were not told when their partitions were taken."""
        if not (told := self._lookup.told()):
            return
        log.info("last commits known, committing again partitions=%s", sorted(told))
        self._take_metadata(told)
        foreign = self.origins.foreign()
        for number, offset in _offsets(told).items():
            if number not in foreign:
                self._gaps.expect_late(number, offset, self._consumer.log_start)

    def _take_metadata(self, told: Commits) -> None:
        metadata = {number: each.metadata or "" for number, each in told.items()}
        self.origins.assign(told, metadata)
        self._told(metadata)

    def begin_foreign_anew(self) -> None:
        """Read partitions whose positions belong to another topic from the start of this one.

        What is in flight of the old one is not committed.
        """
        foreign = self.origins.foreign() & self.present
        begun = {number for number in foreign if self._consumer.seek_start(number)}
        if begun:
            self._ledger.assign(begun)
            self._gaps.begin_anew(begun)
            self.unreadable.forget(begun)
            self.origins.begin_anew(begun)

    def overdue(self) -> bool:
        """Whether the topic has for long not had some, so that the group must be joined anew."""
        if not self._gone.overdue(self.numbers):
            return False
        gone = sorted(self.numbers - self.present)
        log.warning("partitions deleted, joining the group again partitions=%s", gone)
        return True

    def _seek(self, number: int, offset: int) -> None:
        if not self._consumer.seek(number, offset):
            # What comes next is not of that place: the search begins anew at the next error.
            self.unreadable.forget([number])


def _offsets(told: Commits) -> dict[int, int]:
    return {number: each.offset for number, each in told.items() if each.offset >= 0}
