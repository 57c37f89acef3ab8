"""The lag of a consumer group as the broker knows it, whether or not any consumer runs."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import Consumer, TopicPartition

from velox.base.errors import BrokerUnavailable
from velox.kafka.client import common_config, made
from velox.kafka.client_log import ClientLog
from velox.kafka.errors import as_unavailable, explained

REQUEST_TIMEOUT_S = 5.0


class GroupLag:
    """Asks the broker how far a group is behind on a topic; never joins the group.

    Args:
        bootstrap: broker addresses.
        group: the consumer group.
        topic: of the images.
        extra: further librdkafka properties.

    Raises:
        SettingError: when librdkafka knows no such property or value.
    """

    def __init__(self, *, bootstrap: str, group: str, topic: str, extra: Mapping[str, str]) -> None:
        self._topic = topic
        self._log = ClientLog(bootstrap)
        config = {**common_config(bootstrap, "lag"), "group.id": group, "enable.auto.commit": False}
        # Not an AdminClient: that one may not find the group's coordinator again for minutes after
        # the broker was away.
        self._client = made(Consumer, {**config, **extra}, self._log)

    def measure(self) -> dict[int, int]:
        """Records by partition that are not committed.

        Where the group has committed nothing it will begin at the first record there is.

        Raises:
            BrokerUnavailable: when the broker does not answer in time, or has or shows no such
                topic.
        """
        try:
            with as_unavailable(self._log, serve=self._serve):
                return {each.partition: self._behind(each) for each in self._committed()}
        finally:
            self._serve()

    def _committed(self) -> list[TopicPartition]:
        found = self._client.list_topics(self._topic, timeout=REQUEST_TIMEOUT_S)
        topic = found.topics[self._topic]
        if topic.error is not None:
            raise BrokerUnavailable(f"KAFKA_TOPIC={self._topic!r}: {explained(topic.error)}")
        asked = [TopicPartition(self._topic, number) for number in topic.partitions]
        return self._client.committed(asked, timeout=REQUEST_TIMEOUT_S)

    def _serve(self) -> None:
        """Take in what the client has to say; nothing else empties its queue."""
        while self._client.poll(0) is not None:
            pass

    def _behind(self, committed: TopicPartition) -> int:
        first, end = self._client.get_watermark_offsets(committed, timeout=REQUEST_TIMEOUT_S)
        return max(0, int(end - max(first, committed.offset)))

    def close(self) -> None:
        """Close the client."""
        self._client.close()
