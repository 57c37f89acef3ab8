"""The two producers that send to one topic: in batches, and each message alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from confluent_kafka import KafkaError, Message, Producer

from velox.kafka.client import made
from velox.kafka.client_log import ClientLog
from velox.kafka.messages import Outgoing

_BY_KEY = -1  # lets the client choose the partition
_NOW = 0  # lets the client take the time of sending


class Pair:
    """A producer of batches, and one for what is to answer for itself alone, made at its first use.

    Args:
        topic: where messages go.
        config: properties and callbacks of both.
        client_log: takes what they have to say.

    Raises:
        SettingError: when librdkafka refuses a property of KAFKA_CONFIG.
    """

    def __init__(self, topic: str, config: Mapping[str, Any], client_log: ClientLog) -> None:
        self._topic = topic
        self._config = config
        self._client_log = client_log
        self._batches = made(Producer, config, client_log)
        self._alone: Producer | None = None

    def __iter__(self) -> Iterator[Producer]:
        yield self._batches
        if self._alone is not None:
            yield self._alone

    def of(self, alone: bool) -> Producer:
        """The producer of batches, or the one that gives each message a request of its own."""
        if not alone:
            return self._batches
        if self._alone is None:
            config = {**self._config, "batch.num.messages": 1}
            self._alone = made(Producer, config, self._client_log)
        return self._alone

    def put(
        self,
        message: Outgoing,
        answered: Callable[[KafkaError | None, Message], None],
        *,
        alone: bool,
    ) -> None:
        """Hand over a message; the answer to it comes while its producer is polled.

        Raises:
            BufferError: while the producer's queue is full.
            KafkaException: when the producer itself refuses it.
        """
        self.of(alone).produce(
            self._topic,
            key=message.key,
            value=message.value,
            headers=cast(Any, list(message.headers)),
            timestamp=message.timestamp_ms or _NOW,
            partition=_BY_KEY if message.partition is None else message.partition,
            on_delivery=answered,
        )
