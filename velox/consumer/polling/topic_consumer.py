"""One topic as a member of a group reads it: librdkafka's consumer, with partitions as numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from velox.base.waiting import call_within
from velox.consumer.polling.commit_lookup import Commits, told_of
from velox.consumer.polling.stable_offsets import StableOffsets
from velox.kafka.client import Config, made
from velox.kafka.client_log import ClientLog

# What is asked at an assignment holds up the other partitions, and may be answered later on.
COMMITTED_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 1.5

log = logging.getLogger(__name__)

Rebalanced = Callable[[set[int]], None]


class TopicConsumer:
    """A member of a group that reads one topic. Only for the thread that polls.

    Args:
        config: of `velox.kafka.client.consumer_config`.
        topic: what to read.
        client_log: takes what the client has to say.
        callbacks: further ones of librdkafka.

    Attributes:
        client: librdkafka's consumer.

    Raises:
        SettingError: when librdkafka refuses a property of KAFKA_CONFIG.
    """

    def __init__(
        self, *, config: Config, topic: str, client_log: ClientLog, callbacks: Mapping[str, Any]
    ) -> None:
        self._topic = topic
        self._stable = StableOffsets(topic)
        own = {
            **callbacks,
            "stats_cb": self._stable.on_statistics,
            # Says how far it was read where the last offsets hold no record.
            "enable.partition.eof": True,
        }
        self.client = made(Consumer, {**config, **own}, client_log)

    def subscribe(
        self, *, on_assign: Rebalanced, on_revoke: Rebalanced, on_lost: Rebalanced
    ) -> None:
        """Join the group. It calls back inside `poll` and `close`: no callback may raise."""
        self.client.subscribe(
            [self._topic],
            on_assign=_by_number(on_assign),
            on_revoke=_by_number(on_revoke),
            on_lost=_by_number(on_lost),
        )

    def leave(self) -> None:
        """Leave the group; `subscribe` joins it anew."""
        self.client.unsubscribe()

    def close(self) -> None:
        """Leave the group for good, within a bound."""
        if not call_within(CLOSE_TIMEOUT_S, self.client.close):
            log.warning("could not leave the group in time timeout_s=%g", CLOSE_TIMEOUT_S)

    def poll(self, timeout: float) -> Message | None:
        """The next message or error, waiting for it at most so many seconds.

        Raises:
            KafkaException: when the client can do nothing any more, as `more` does.
        """
        return self.client.poll(timeout)

    def more(self, most: int) -> list[Message]:
        """What else was fetched already, at most so many."""
        return self.client.consume(most, 0) if most > 0 else []

    def pause(self, numbers: Iterable[int]) -> None:
        """Fetch no more of these partitions; what was fetched of them is dropped."""
        self.client.pause(self._partitions(numbers))

    def resume(self, numbers: Iterable[int]) -> None:
        """Fetch these partitions again."""
        self.client.resume(self._partitions(numbers))

    def seek(self, number: int, offset: int) -> bool:
        """Read a partition from an offset on; False where its fetcher has not started yet."""
        try:
            self.client.seek(TopicPartition(self._topic, number, offset))
        except KafkaException as error:
            log.debug("could not seek partition=%d reason=%r", number, error.args[0].str())
            return False
        return True

    def seek_start(self, number: int) -> bool:
        """Read a partition from its first offset on; False as in `seek`."""
        return self.seek(number, OFFSET_BEGINNING)

    def committed(self, numbers: Iterable[int]) -> Commits:
        """The group's commits by partition, as far as they are told in time."""
        try:
            asked = self._partitions(numbers)
            return told_of(self.client.committed(asked, timeout=COMMITTED_TIMEOUT_S))
        except KafkaException as error:
            log.warning("committed offsets could not be read reason=%r", error.args[0].str())
            return {}

    def positions(self, numbers: Iterable[int]) -> dict[int, int]:
        """The offset after the last that was taken of each partition, where one was."""
        try:
            found = self.client.position(self._partitions(numbers))
        except KafkaException:
            return {}
        return {each.partition: each.offset for each in found if each.offset >= 0}

    def readable(self, number: int) -> tuple[int, int]:
        """First offset of a partition, and the end of what can be read; negative where unknown."""
        try:
            found: tuple[int, int] | None = self.client.get_watermark_offsets(
                TopicPartition(self._topic, number), cached=True
            )
        except KafkaException:
            found = None
        low, high = found or (-1, -1)
        return low, self._stable.end(number, high)

    def log_start(self, number: int) -> int:
        """First offset that a partition still has; negative where unknown."""
        return self.readable(number)[0]

    def _partitions(self, numbers: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, number) for number in sorted(numbers)]


def _by_number(call: Rebalanced) -> Callable[[Consumer, list[TopicPartition]], None]:
    return lambda _client, partitions: call({each.partition for each in partitions})
