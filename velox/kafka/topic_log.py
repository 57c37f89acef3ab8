"""What is in a topic, and where: asked and read in no group."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from velox.base.errors import BrokerUnavailable, SettingError
from velox.base.records import Record
from velox.kafka.client import MAX_MESSAGE_BYTES, common_config, made
from velox.kafka.client_log import ClientLog
from velox.kafka.errors import as_unavailable, told
from velox.kafka.messages import record_of

REQUEST_TIMEOUT_S = 10.0
POLL_S = 0.2
SILENCE_S = 30.0

Span = tuple[int, int]


class TopicLog:
    """The records of one topic. One thread at a time.

    Args:
        topic: which.
        bootstrap: broker addresses.
        group: whose commits it tells; it is not joined, and nothing is committed.
        extra: further librdkafka properties.

    Each method raises BrokerUnavailable when the broker does not answer in time, or refuses.
    """

    def __init__(self, *, topic: str, bootstrap: str, group: str, extra: Mapping[str, str]) -> None:
        self._topic = topic
        self._about = f"topic {topic} cannot be read"
        self._log = ClientLog(bootstrap)
        config = {
            **common_config(bootstrap, "topic-log"),
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.max.bytes": MAX_MESSAGE_BYTES,
            "message.max.bytes": MAX_MESSAGE_BYTES,
            # One record is asked for at a time. The client's own second of waiting where there is
            # more already would come before most of them.
            "queued.min.messages": 1,
            "fetch.queue.backoff.ms": 5,
        }
        self._consumer = made(Consumer, {**config, **extra}, self._log)

    def spans(self) -> dict[int, Span]:
        """First offset and end of what can be read, of each partition; none without the topic.

        Also raises BrokerUnavailable where nobody may know whether there is one.
        """
        with as_unavailable(self._log, self._about):
            listed = self._consumer.list_topics(self._topic, timeout=REQUEST_TIMEOUT_S)
            found = listed.topics[self._topic]
            if found.error is not None and found.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise BrokerUnavailable(self._why(found.error))
            return {number: self._span(number) for number in found.partitions}

    def require(self) -> None:
        """See that the topic is there.

        Raises:
            SettingError: when it is not.
        """
        if not self.spans():
            raise SettingError(f"KAFKA_TOPIC={self._topic!r}: the broker has no such topic")

    def at(self, moment_ms: int, partitions: Iterable[int]) -> dict[int, int | None]:
        """The first offset of each partition whose record is of that moment or later.

        Args:
            moment_ms: milliseconds since the epoch.
            partitions: which.

        Returns:
            By partition; None where there is no such record, or the broker does not know.
        """
        asked = [TopicPartition(self._topic, number, moment_ms) for number in sorted(partitions)]
        if not asked:
            return {}
        with as_unavailable(self._log, self._about):
            found = self._consumer.offsets_for_times(asked, timeout=REQUEST_TIMEOUT_S)
        self._require_answers(found)
        return {each.partition: each.offset if each.offset >= 0 else None for each in found}

    def committed(self, partitions: Iterable[int]) -> dict[int, tuple[int, str]]:
        """What the group has committed of each partition.

        Args:
            partitions: which.

        Returns:
            By partition the offset, negative where there is none, and its metadata.
        """
        asked = [TopicPartition(self._topic, number) for number in sorted(partitions)]
        if not asked:
            return {}
        with as_unavailable(self._log, self._about):
            found = self._consumer.committed(asked, timeout=REQUEST_TIMEOUT_S)
        self._require_answers(found)
        return {each.partition: (each.offset, each.metadata or "") for each in found}

    def read(self, parts: Mapping[int, Span], stop: threading.Event) -> Iterator[Record]:
        """The records of each partition from an offset to another, which is not included.

        It ends early with `stop`.
        """
        left = {number: end for number, (start, end) in parts.items() if start < end}
        starts = [TopicPartition(self._topic, number, parts[number][0]) for number in left]
        self._consumer.assign(starts)
        deadline = time.monotonic() + SILENCE_S
        try:
            while left and not stop.is_set():
                if (message := self._consumer.poll(POLL_S)) is None:
                    if time.monotonic() >= deadline:
                        raise BrokerUnavailable(f"{self._about}: no answer")
                    continue
                deadline = time.monotonic() + SILENCE_S
                number, offset = cast(int, message.partition()), cast(int, message.offset())
                if (error := message.error()) is None:
                    if offset < left.get(number, 0):
                        yield self._record_of(message)
                elif error.code() != KafkaError._PARTITION_EOF:
                    raise BrokerUnavailable(self._why(error))
                # Markers of transactions may lie before the end.
                if error is not None or offset + 1 >= left.get(number, 0):
                    left.pop(number, None)
        finally:
            self._consumer.unassign()

    def record(self, partition: int, offset: int) -> Record | None:
        """The record at a place, None if there is none any more, or never was."""
        found = self.next_record(partition, offset)
        return found if found is not None and found.offset == offset else None

    def next_record(self, partition: int, offset: int) -> Record | None:
        """The record at a place, or the first behind it; None at the end."""
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])
        deadline = time.monotonic() + REQUEST_TIMEOUT_S
        try:
            while time.monotonic() < deadline:
                message = self._consumer.poll(POLL_S)
                if message is None:
                    continue
                if (error := message.error()) is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        return None
                    raise BrokerUnavailable(self._why(error))
                return self._record_of(message)
        finally:
            self._consumer.unassign()
        raise BrokerUnavailable(f"{self._about}: no answer")

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def _span(self, number: int) -> Span:
        asked = TopicPartition(self._topic, number)
        return self._consumer.get_watermark_offsets(asked, timeout=REQUEST_TIMEOUT_S)

    def _record_of(self, message: Message) -> Record:
        return record_of(message, topic=self._topic, epoch=-1, received=time.monotonic())

    def _require_answers(self, found: Iterable[TopicPartition]) -> None:
        for each in found:
            if each.error is not None:
                raise BrokerUnavailable(self._why(each.error))

    def _why(self, error: KafkaError) -> str:
        return f"{self._about}: {told(error, self._log)}"
