"""Reading a topic back: what is in it since a place.

So it is known what a producer has sent that was killed before it was told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import cast

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from velox.base.errors import BrokerUnavailable
from velox.kafka.client import MAX_MESSAGE_BYTES, common_config, made
from velox.kafka.client_log import ClientLog
from velox.kafka.errors import as_unavailable, told

REQUEST_TIMEOUT_S = 10.0
SILENCE_S = 30.0
POLL_S = 0.2


class ReadBack:
    """Reads a topic without a group: nothing is joined or committed.

    Args:
        topic: what is read.
        bootstrap: broker addresses.
        extra: further librdkafka properties.
    """

    def __init__(self, *, topic: str, bootstrap: str, extra: Mapping[str, str]) -> None:
        self._topic = topic
        self._bootstrap = bootstrap
        self._extra = extra
        self._log = ClientLog(bootstrap)

    def ends(self) -> dict[int, int]:
        """The next offset of each partition.

        Raises:
            BrokerUnavailable: when the broker does not answer in time, or refuses.
        """
        consumer = self._consumer()
        try:
            with as_unavailable(self._log):
                numbers = self._numbers(consumer)
                return {number: self._span(consumer, number)[1] for number in numbers}
        finally:
            consumer.close()

    def since(
        self, places: Mapping[int, int], stop: threading.Event
    ) -> Iterator[tuple[tuple[int, int], bytes, bytes]]:
        """Place, key and value of every record from these offsets to the end as it is now.

        A partition without a place is read from its beginning. It ends early with `stop`.

        Raises:
            BrokerUnavailable: as of `ends`.
        """
        consumer = self._consumer()
        try:
            with as_unavailable(self._log):
                left = self._begin(consumer, places)
                yield from self._records(consumer, left, stop)
        finally:
            consumer.close()

    def _begin(self, consumer: Consumer, places: Mapping[int, int]) -> dict[int, int]:
        """Read from these places on; returns the ends of the partitions that are to be read."""
        left: dict[int, int] = {}
        starts = []
        for number in self._numbers(consumer):
            first, end = self._span(consumer, number)
            start = max(first, places.get(number, first))
            if start < end:
                left[number] = end
                starts.append(TopicPartition(self._topic, number, start))
        consumer.assign(starts)
        return left

    def _records(
        self, consumer: Consumer, left: dict[int, int], stop: threading.Event
    ) -> Iterator[tuple[tuple[int, int], bytes, bytes]]:
        deadline = time.monotonic() + SILENCE_S
        while left and not stop.is_set():
            message = consumer.poll(POLL_S)
            if message is None:
                if time.monotonic() >= deadline:
                    raise BrokerUnavailable(f"topic {self._topic} cannot be read back: no answer")
                continue
            deadline = time.monotonic() + SILENCE_S
            if (error := message.error()) is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise BrokerUnavailable(
                        f"topic {self._topic} cannot be read back: {told(error, self._log)}"
                    )
            elif (key := message.key()) is not None and (value := message.value()) is not None:
                yield (cast(int, message.partition()), cast(int, message.offset())), key, value
            self._note(message, left)

    def _note(self, message: Message, left: dict[int, int]) -> None:
        """A partition is done at its end, which markers of transactions may lie before."""
        number, offset = message.partition(), message.offset()
        if number in left and offset is not None:
            at_end = message.error() is not None
            if at_end or offset + 1 >= left[number]:
                del left[number]

    def _numbers(self, consumer: Consumer) -> list[int]:
        found = consumer.list_topics(self._topic, timeout=REQUEST_TIMEOUT_S)
        return list(found.topics[self._topic].partitions)

    def _span(self, consumer: Consumer, number: int) -> tuple[int, int]:
        asked = TopicPartition(self._topic, number)
        first, end = consumer.get_watermark_offsets(asked, timeout=REQUEST_TIMEOUT_S)
        return int(first), int(end)

    def _consumer(self) -> Consumer:
        config = {
            **common_config(self._bootstrap, "read-back"),
            "group.id": "velox-read-back",  # never joined, but asked for by the client
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.max.bytes": MAX_MESSAGE_BYTES,
            "queued.max.messages.kbytes": 16_384,
        }
        return made(Consumer, {**config, **self._extra}, self._log)
