"""Topics: waiting for the broker and for a topic, creating it, growing it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from velox.base.errors import BrokerUnavailable
from velox.kafka.client import Config, common_config, made
from velox.kafka.client_log import ClientLog
from velox.kafka.errors import explained, told
from velox.kafka.topic_warnings import say_limit, say_partitions, say_refused, why

REQUEST_TIMEOUT_S = 5.0
# How long until brokers show a topic that was made.
SHOWN_TIMEOUT_S, LOOK_EVERY_S = 5.0, 0.1
# Properties of a topic that may be larger than asked for, but not smaller.
LIMITS = ("max.message.bytes",)
_LIMITS_REFUSED = frozenset({KafkaError.INVALID_CONFIG, KafkaError.POLICY_VIOLATION})
_TIMEOUTS = {"operation_timeout": REQUEST_TIMEOUT_S, "request_timeout": REQUEST_TIMEOUT_S}

log = logging.getLogger(__name__)


class Topics:
    """An administrator's view of the cluster.

    Args:
        bootstrap: broker addresses.
        extra: further librdkafka properties.

    Attributes:
        cluster_id: what tells this cluster from others, as last seen; empty before that.

    Raises:
        SettingError: when librdkafka knows no such property or value.
    """

    def __init__(self, *, bootstrap: str, extra: Mapping[str, str]) -> None:
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
            return self._admin.list_topics(topic, timeout=REQUEST_TIMEOUT_S)
        except KafkaException as error:
            self._serve()
            raise BrokerUnavailable(told(error.args[0], self._log)) from None
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
            found = str(asked[topic].result(timeout=2 * REQUEST_TIMEOUT_S).topic_id)
        except KafkaException as error:
            self._serve()
            raise BrokerUnavailable(f"topic {topic}: {told(error.args[0], self._log)}") from None
        except TimeoutError:
            # The client has limits of its own, but may not have run meanwhile.
            raise BrokerUnavailable(
                f"topic {topic}: the broker did not answer in time what it is"
            ) from None
        self.cluster_id = cluster.cluster_id or self.cluster_id
        return found

    def ensure(
        self, topic: str, *, partitions: int, replication: int, config: Mapping[str, str]
    ) -> int:
        """Create the topic, or make it as large as is asked for, where the broker allows.

        A topic is never shrunk, and a limit that somebody has set on the topic itself is left as it
        is. What is smaller in the end is not an error as long as the topic is there; it is logged.

        Returns:
            The number of partitions there are now; 0 if the topic could not be created.

        Raises:
            BrokerUnavailable: when no broker answers.
        """
        there = self.partitions(topic)
        if there == 0:
            created = self._create(NewTopic(topic, partitions, replication, config=dict(config)))
            return self._shown(topic) if created else self.partitions(topic)
        if there < partitions:
            growth = NewPartitions(topic, partitions)
            asked = self._admin.create_partitions([growth], **_TIMEOUTS)[topic]
            if refusal := self._refusal(asked, f"grow to {partitions} partitions", topic):
                say_partitions(topic, there, partitions, why(refusal))
            there = self.partitions(topic)
        for name, (limit, least) in self._too_small(topic, config).items():
            if ConfigSource(limit.source) is ConfigSource.DYNAMIC_TOPIC_CONFIG:
                say_limit(
                    topic,
                    name,
                    limit.value,
                    least,
                    "it was set on the topic itself",
                )
            elif refusal := self.set(topic, name, least):
                say_limit(topic, name, limit.value, least, why(refusal))
        return there

    def _shown(self, topic: str) -> int:
        """The partitions of a topic that was just made: brokers show it a moment later."""
        deadline = time.monotonic() + SHOWN_TIMEOUT_S
        while (there := self.partitions(topic)) == 0 and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
        return there

    def say_what_is_smaller(
        self, topic: str, *, partitions: int, config: Mapping[str, str]
    ) -> None:
        """Log where a topic of others is smaller than the settings ask for.

        Raises:
            BrokerUnavailable: when no broker answers.
        """
        there = self.partitions(topic)
        if 0 < there < partitions:
            say_partitions(topic, there, partitions, "the producer makes it larger")
        for name, (limit, least) in self._too_small(topic, config).items():
            say_limit(topic, name, limit.value, least, "the producer may make it larger")

    def _create(self, new: NewTopic) -> bool:
        refusal = self._refusal(
            self._admin.create_topics([new], **_TIMEOUTS)[new.topic], "create", new.topic
        )
        if refusal and new.config and refusal.code() in _LIMITS_REFUSED:
            # Hosted clusters have limits of their own; a topic with theirs is better than none.
            say_refused(new.topic, f"set {new.config}", refusal)
            return self._create(NewTopic(new.topic, new.num_partitions, new.replication_factor))
        if refusal:
            say_refused(new.topic, "create", refusal)
        return not refusal

    def _too_small(
        self, topic: str, config: Mapping[str, str]
    ) -> dict[str, tuple[ConfigEntry, int]]:
        """The limits of a topic that are below those asked for, by name, as far as is known."""
        least = {name: int(config[name]) for name in LIMITS if name in config}
        limits = self.properties(topic) if least else {}
        return {
            name: (limits[name], number)
            for name, number in least.items()
            if name in limits and int(limits[name].value or number) < number
        }

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
