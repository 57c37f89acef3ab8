"""An independent reader: every record of a topic, with no group and no commit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from tests.rig.waiting import eventually

ANSWER_TIMEOUT_S = 5.0
ENDS_LIMIT_S = 60.0
# The client has not heard of the partition, or the broker, frozen for a while, leads it again soon,
# or is kept waiting by a busy machine.
NOT_YET = (
    KafkaError._TIMED_OUT,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.NOT_LEADER_FOR_PARTITION,
)

Place = tuple[int, int]


def place(message: Message) -> Place:
    """Partition and offset."""
    return cast(int, message.partition()), cast(int, message.offset())


class Tail:
    """Reads a topic from its beginning, further at each call.

    Args:
        bootstrap: broker addresses.
        topic: what to read.
        partitions: of the topic.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self.topic = topic
        self.partitions = partitions
        self.messages: list[Message] = []
        self._next = dict.fromkeys(range(partitions), 0)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "independent-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "reconnect.backoff.max.ms": 500,
                "log_level": 2,
            }
        )
        self._consumer.assign(
            [TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)]
        )

    def read(self, seconds: float = 0.0) -> None:
        """Take what has arrived, waiting at most so long for something to arrive."""
        for message in self._consumer.consume(10_000, seconds):
            if message.error() is None:
                self.messages.append(message)
                partition, offset = place(message)
                self._next[partition] = offset + 1

    def read_to_end(self, limit: float) -> None:
        """Read until the log end of every partition.

        Raises:
            AssertionError: when that takes longer than `limit` seconds.
        """
        ends = self.ends()
        deadline = time.monotonic() + limit
        while any(self._next[number] < end for number, end in enumerate(ends)):
            assert time.monotonic() < deadline, f"{self.topic}: read {self._next} of {ends}"
            self.read(0.2)

    def has_read_to(self, partition: int, offset: int) -> bool:
        """Whether all records of the partition below the offset were read."""
        return self._next[partition] >= offset

    def ends(self) -> Sequence[int]:
        """The log end of each partition, as the broker says now."""
        return [self._end(number) for number in range(self.partitions)]

    def _end(self, partition: int) -> int:
        return eventually(lambda: self._watermarks(partition), ENDS_LIMIT_S, "its ends")[1]

    def _watermarks(self, partition: int) -> tuple[int, int] | None:
        """The ends of a partition, None while no broker tells them."""
        asked = TopicPartition(self.topic, partition)
        try:
            return self._consumer.get_watermark_offsets(
                asked, timeout=ANSWER_TIMEOUT_S, cached=False
            )
        except KafkaException as error:
            if error.args[0].code() not in NOT_YET:
                raise
            return None

    def close(self) -> None:
        self._consumer.close()
