"""Topics: what the cluster says of one, and one change of one at a time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from velox.base.errors import BrokerUnavailable
from velox.kafka.client import Config, common_config, made
from velox.kafka.client_log import AWAY, ClientLog
from velox.kafka.errors import as_unavailable, explained

REQUEST_TIMEOUT_S = 5.0
_TIMEOUTS = {"operation_timeout": REQUEST_TIMEOUT_S, "request_timeout": REQUEST_TIMEOUT_S}

log = logging.getLogger(__name__)


class Topics:
    """An administrator's view of the cluster.

    Args:
        bootstrap: broker addresses.
        extra: further librdkafka properties.

    Attributes:
        bootstrap: as it was given.
        cluster_id: what tells this cluster from others, as last seen; empty before that.

    Raises:
        SettingError: when librdkafka knows no such property or value.
    """

    def __init__(self, *, bootstrap: str, extra: Mapping[str, str]) -> None:
        self.bootstrap = bootstrap
        self.cluster_id = ""
        self._log = ClientLog(bootstrap)
        self._config: Config = {**common_config(bootstrap, "admin"), **extra}
        self._admin = made(AdminClient, self._config, self._log)

    def partitions(self, topic: str) -> int:
        """The number of partitions of a topic, 0 if there is no such topic.

        Asking makes no topic, whatever the broker's `auto.create.topics.enable`.

        Raises:
            BrokerUnavailable: when no broker answers.
        """
        return self._count(self._metadata(topic), topic)

    def _count(self, cluster: ClusterMetadata, topic: str) -> int:
        found = cluster.topics[topic]
        if found.error is None:
            return len(found.partitions)
        if found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return self._made_by_asking(topic) if _is_embedded(cluster) else 0
        raise BrokerUnavailable(f"topic {topic}: {explained(found.error)}")

    def largest_batch(self, topic: str) -> str:
        """A topic's `max.message.bytes`, empty where it is not told."""
        try:
            found = self.properties(topic).get("max.message.bytes")
        except BrokerUnavailable:
            return ""
        return "" if found is None else str(found.value)

    def _made_by_asking(self, topic: str) -> int:
        """The embedded broker makes a topic in no other way."""
        asking = made(AdminClient, {**self._config, "allow.auto.create.topics": True}, self._log)
        found = asking.list_topics(topic, timeout=REQUEST_TIMEOUT_S).topics[topic]
        return 0 if found.error else len(found.partitions)

    def _metadata(self, topic: str) -> ClusterMetadata:
        try:
            with as_unavailable(self._log, serve=self._serve):
                return self._admin.list_topics(topic, timeout=REQUEST_TIMEOUT_S)
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
        if not _has_controller(cluster):
            raise BrokerUnavailable("the cluster has no controller at the moment")
        asked = self._admin.describe_topics(
            TopicCollection([topic]), request_timeout=REQUEST_TIMEOUT_S
        )
        try:
            with as_unavailable(self._log, f"topic {topic}", serve=self._serve):
                found = str(asked[topic].result(timeout=2 * REQUEST_TIMEOUT_S).topic_id)
        except TimeoutError:
            # The client has limits of its own, but may not have run meanwhile.
            raise BrokerUnavailable(
                f"topic {topic}: the broker did not answer in time what it is"
            ) from None
        self.cluster_id = cluster.cluster_id or self.cluster_id
        return found

    def create(self, new: NewTopic) -> KafkaError | None:
        """Create a topic; why the broker does not, None if it does or if it is there.

        Raises:
            BrokerUnavailable: when none of those answers that could.
        """
        asked = self._admin.create_topics([new], **_TIMEOUTS)[new.topic]
        refusal = self._refusal(asked, "create", new.topic)
        if refusal and refusal.code() in AWAY:
            self._serve()
            raise BrokerUnavailable(self._log.explain(refusal))
        return refusal

    def grow(self, topic: str, partitions: int) -> KafkaError | None:
        """Let a topic have so many partitions; why the broker does not, None if it does."""
        growth = NewPartitions(topic, partitions)
        asked = self._admin.create_partitions([growth], **_TIMEOUTS)[topic]
        return self._refusal(asked, f"grow to {partitions} partitions", topic)

    def properties(self, topic: str) -> dict[str, ConfigEntry]:
        """The properties of a topic by name, none where they are not told.

        Raises:
            BrokerUnavailable: when no broker answers.
        """
        if not _has_controller(self._metadata(topic)):
            return {}
        resource = ConfigResource(ResourceType.TOPIC, topic)
        asked = self._admin.describe_configs([resource], request_timeout=REQUEST_TIMEOUT_S)
        try:
            return dict(asked[resource].result(timeout=2 * REQUEST_TIMEOUT_S))
        except (KafkaException, TimeoutError) as error:
            log.info("topic=%s limits could not be read reason=%r", topic, str(error))
            return {}

    def set(self, topic: str, name: str, number: int) -> KafkaError | None:
        """Set a property of a topic; why the broker does not, None if it does."""
        entry = ConfigEntry(name, str(number), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        asked = self._admin.incremental_alter_configs([resource], request_timeout=REQUEST_TIMEOUT_S)
        return self._refusal(asked[resource], f"set {name}={number}", topic)

    def _refusal(self, future: Future[None], verb: str, topic: str) -> KafkaError | None:
        """Why the broker does not do what it is asked, None if it does."""
        try:
            future.result(timeout=2 * REQUEST_TIMEOUT_S)
        except KafkaException as error:
            found: KafkaError = error.args[0]
            return None if found.code() == KafkaError.TOPIC_ALREADY_EXISTS else found
        except TimeoutError:
            return KafkaError(KafkaError._TIMED_OUT)
        log.info("topic=%s done=%r", topic, verb)
        return None


def _is_embedded(cluster: ClusterMetadata) -> bool:
    """Whether it is librdkafka's mock cluster (`rd_kafka_mock_cluster_new` names it so)."""
    return str(cluster.cluster_id).startswith("mockCluster")


def _has_controller(cluster: ClusterMetadata) -> bool:
    """Whether there is one: the client would wait for it. The embedded broker names none of its."""
    return cluster.controller_id in cluster.brokers
