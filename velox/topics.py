"""Topics: waiting for the broker and for a topic, creating it, growing it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ClusterMetadata,
    NewPartitions,
    NewTopic,
)

from velox.client_log import ClientLog
from velox.errors import BrokerUnavailable
from velox.kafka_client import common_config, refused
from velox.kafka_errors import explained

REQUEST_TIMEOUT_S = 5.0
_TIMEOUTS = {"operation_timeout": REQUEST_TIMEOUT_S, "request_timeout": REQUEST_TIMEOUT_S}

log = logging.getLogger(__name__)


class Topics:
    """An administrator's view of the cluster.

    Args:
        bootstrap: broker addresses.
        extra: further librdkafka properties.

    Raises:
        SettingError: when librdkafka knows no such property or value.
    """

    def __init__(self, *, bootstrap: str, extra: Mapping[str, str]) -> None:
        self._log = ClientLog(bootstrap)
        try:
            self._admin = AdminClient(
                {**common_config(bootstrap, "admin"), **extra}, logger=self._log
            )
        except KafkaException as error:
            raise refused(error) from None

    def partitions(self, topic: str) -> int:
        """The number of partitions of a topic, 0 if there is no such topic.

        Raises:
            BrokerUnavailable: when no broker answers.
        """
        found = self._metadata(topic).topics[topic]
        if found.error is None:
            return len(found.partitions)
        if found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return 0
        raise BrokerUnavailable(f"topic {topic}: {explained(found.error)}")

    def _metadata(self, topic: str) -> ClusterMetadata:
        try:
            return self._admin.list_topics(topic, timeout=REQUEST_TIMEOUT_S)
        except KafkaException as error:
            self._serve()
            raise BrokerUnavailable(self._log.explain(error.args[0])) from None
        finally:
            self._serve()

    def _serve(self) -> None:
        """Take in what the client has to say; nothing else empties its queue."""
        while self._admin.poll(0):
            pass

    def identity(self, topic: str) -> str:
        """What tells a topic from a later one of the same name.

        Raises:
            BrokerUnavailable: when there is no such topic now, or no broker says.
        """
        cluster = self._metadata(topic)
        if cluster.controller_id not in cluster.brokers:
            # The client would wait for it. The embedded broker names one that there is not.
            raise BrokerUnavailable(f"the cluster has no controller {cluster.controller_id} now")
        asked = self._admin.describe_topics(
            TopicCollection([topic]), request_timeout=REQUEST_TIMEOUT_S
        )
        try:
            return str(asked[topic].result(timeout=2 * REQUEST_TIMEOUT_S).topic_id)
        except KafkaException as error:
            self._serve()
            raise BrokerUnavailable(f"topic {topic}: {self._log.explain(error.args[0])}") from None
        except TimeoutError:
            # The client has limits of its own, but may not have run meanwhile.
            raise BrokerUnavailable(f"topic {topic}: no answer to its description") from None

    def ensure(
        self, topic: str, *, partitions: int, replication: int, config: Mapping[str, str]
    ) -> int:
        """Create the topic, or grow it to so many partitions, where the broker allows.

        A topic is never shrunk. A broker that refuses is not an error as long as the topic is
        there in the end; the refusal is logged.

        Returns:
            The number of partitions there are now; 0 if the topic could not be created.

        Raises:
            BrokerUnavailable: when no broker answers.
        """
        there = self.partitions(topic)
        if there == 0:
            new = NewTopic(topic, partitions, replication, config=dict(config))
            self._ask("create", topic, self._admin.create_topics([new], **_TIMEOUTS)[topic])
        elif there < partitions:
            growth = NewPartitions(topic, partitions)
            self._ask("grow", topic, self._admin.create_partitions([growth], **_TIMEOUTS)[topic])
        else:
            return there
        return self.partitions(topic)

    def _ask(self, verb: str, topic: str, future: Future[None]) -> None:
        try:
            future.result(timeout=2 * REQUEST_TIMEOUT_S)
            log.info("topic=%s done=%s", topic, verb)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                log.warning("topic=%s cannot=%s reason=%r", topic, verb, error.args[0].str())
