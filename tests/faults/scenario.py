"""One topic, one group, one database, and the consumers of a fault test."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from tests.faults.oracle import Oracle
from tests.faults.sampler import Accounted, Sampler
from tests.faults.sent import Sender, Sent
from tests.faults.stored import InMongo, InSQLite, Stored, WithReview
from tests.rig import http
from tests.rig.kafka import Kafka
from tests.rig.mongod import Mongod
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually
from velox.stores.sqlite import SQLITE_FILE

HOOKED = Path("tests/faults/hooked_consumer.py")
START_LIMIT_S = 120.0
STOP_LIMIT_S = 60.0
ADMIN_LIMIT_S = 60.0
SESSION_TIMEOUT_MS = 3000
# Longer than a busy machine keeps a process waiting.
LONG_SESSION_TIMEOUT_MS = 12_000


class Scenario:
    """A topic with consumers of the small exact model, on real servers.

    Args:
        kafka: the node.
        mongod: the database.
        folder: logs and images.
        partitions: of the topic.
        protocol: of the group.
        topic_config: of the topic.
        embedded: whether SQLite is the store, and not the mongod.
        review: whether images for review are stored too, as consumers of REVIEW=1 do it.
    """

    def __init__(
        self,
        kafka: Kafka,
        mongod: Mongod,
        folder: Path,
        *,
        partitions: int = 4,
        protocol: str = "classic",
        topic_config: dict[str, str] | None = None,
        embedded: bool = False,
        review: bool = False,
    ) -> None:
        name = uuid.uuid4().hex[:8]
        self.kafka = kafka
        self.mongod = mongod
        self.folder = folder
        self.partitions = partitions
        self.protocol = protocol
        self.topic, self.group, self.database = f"images-{name}", f"group-{name}", f"db-{name}"
        self.images = folder / "images"
        self.admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 2})
        self.create_topic(self.topic, partitions, topic_config)
        self.create_topic(f"{self.topic}-dlt", 1, {"max.message.bytes": "20000000"})
        self.sender = Sender(kafka.bootstrap, self.topic)
        self.store_uri = "" if embedded else mongod.uri
        self.stored: Stored = (
            InSQLite(self.images / SQLITE_FILE)
            if embedded
            else (WithReview if review else InMongo)(mongod, self.database)
        )
        self.oracle = Oracle(kafka.bootstrap, self.topic, partitions, self.group, self.stored)
        self.consumers: list[Child] = []
        self._session_ms = SESSION_TIMEOUT_MS
        self._sampler: Sampler | None = None

    def create_topic(
        self, topic: str, partitions: int, config: dict[str, str] | None = None
    ) -> None:
        new = NewTopic(topic, partitions, 1, config=config or {})
        self.admin.create_topics([new])[topic].result(ADMIN_LIMIT_S)

    def delete_topic(self, topic: str) -> None:
        self.admin.delete_topics([topic])[topic].result(ADMIN_LIMIT_S)
        eventually(
            lambda: topic not in self.admin.list_topics(timeout=ADMIN_LIMIT_S).topics,
            ADMIN_LIMIT_S,
            f"{topic} deleted",
        )

    def limit_letters(self, size: int) -> None:
        """Set how large a dead letter may be."""
        self.limit(f"{self.topic}-dlt", size)

    def limit(self, topic: str, size: int) -> None:
        """Set how large a message of a topic may be."""
        entry = ConfigEntry(
            "max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET
        )
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        self.admin.incremental_alter_configs([resource])[resource].result(ADMIN_LIMIT_S)

    def nobody_dies(self) -> None:
        """Consumers from now on keep their partitions however long the machine keeps them waiting.

        For tests of the classic protocol that count what is done, and would count twice what is
        done again. Of one that is killed the partitions would stand still as long.
        """
        self._session_ms = LONG_SESSION_TIMEOUT_MS

    def sample(self, accounted: Accounted = lambda: ()) -> None:
        """From now on, watch that no commit passes a record that is not durable.

        Args:
            accounted: of `Sampler`.
        """
        self._sampler = Sampler(self.oracle, accounted)

    def send(self, records: Iterable[Sent]) -> None:
        """Send records and wait until the broker has them."""
        self.sender.send_all(records)

    def consumer(
        self,
        hooks: dict[str, Any] | None = None,
        *,
        program: Path = HOOKED,
        arguments: Sequence[str] = (),
        **settings: str | int,
    ) -> Child:
        """Start a consumer.

        Args:
            hooks: of `hooked_consumer`.
            program: that, or `consumer.py` itself with a checkpoint of its own.
            arguments: of the command line.
            settings: environment variables over those of a test.
        """
        extra = {"reconnect.backoff.max.ms": "500"}
        if self.protocol == "classic":
            extra |= {"session.timeout.ms": str(self._session_ms), "heartbeat.interval.ms": "500"}
        env = {
            "KAFKA_BOOTSTRAP_SERVER": self.kafka.bootstrap,
            "KAFKA_TOPIC": self.topic,
            "KAFKA_CONSUMER_GROUP": self.group,
            "KAFKA_GROUP_PROTOCOL": self.protocol,
            "KAFKA_CONFIG": ",".join(f"{name}={value}" for name, value in extra.items()),
            "MONGO_URI": self.store_uri,
            "DB_NAME": self.database,
            "STORAGE_PATH": str(self.images),
            "CONFIDENCE_THRESHOLD": "0",
            "MAX_STORED_FILES": "1000000",
            "METRICS_PORT": "0",
            "DECODE_THREADS": "1",
            "STARTUP_TIMEOUT_S": "60",
            "MODEL_RELOAD_S": "0",
            "HOOKS": json.dumps(hooks or {}),
            **{name: str(value) for name, value in settings.items()},
        }
        log = self.folder / f"consumer-{len(self.consumers)}" / "log"
        child = script(program, env=env, log=log, arguments=arguments)
        self.consumers.append(child)
        return child

    def joined_consumer(self, hooks: dict[str, Any] | None = None, **settings: str | int) -> Child:
        """Start a consumer and wait until it holds partitions."""
        child = self.consumer(hooks, program=HOOKED, arguments=(), **settings)
        child.wait_for_line(r"partitions assigned=\[\d", START_LIMIT_S)
        return child

    def stop(self, consumer: Child) -> None:
        """SIGTERM: it must end with 0, and in time."""
        assert consumer.terminate(STOP_LIMIT_S) == 0, str(consumer)

    def close(self) -> None:
        """End what still runs, then what the sampler saw counts."""
        for consumer in self.consumers:
            consumer.kill()
        try:
            if self._sampler is not None:
                self._sampler.finish()
        finally:
            self.stored.close()


def address(consumer: Child) -> str:
    """Where a consumer serves its metrics and probes."""
    return consumer.wait_for_line(r"metrics address=(\S+)", START_LIMIT_S)[1]


def metric(consumer: Child, sample: str) -> float:
    """See `tests.rig.http.metric`."""
    return http.metric(address(consumer), sample)


def health(consumer: Child) -> tuple[int, str]:
    """Status and reason of the liveness probe."""
    return http.get(f"{address(consumer)}/healthz")
