"""What no waiting mends ends the process, with exit code 1 and a line that names the setting."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from tests.faults.scenario import HOOKED
from tests.rig import pictures, settings
from tests.rig.processes import Child, script
from tests.rig.secured import ONLY_WHAT_IS_ALLOWED, USER, SecuredKafka
from tests.rig.waiting import eventually

LIMIT_S = 120
PASSWORD = "hunter2"  # noqa: S105 - of a server that lives for a test


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """A broker of the classic protocol alone, whose user may do nothing yet."""
    properties = {**ONLY_WHAT_IS_ALLOWED, "group.coordinator.rebalance.protocols": "classic"}
    node = SecuredKafka(tmp_path_factory.mktemp("kafka"), PASSWORD, properties)
    node.start()
    yield node
    node.stop()


@pytest.fixture
def topic(kafka: SecuredKafka) -> str:
    """A topic with its dead letters, which the user may describe."""
    name = f"refused-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for each in (name, f"{name}-dlt"):
        admin.create_topics([NewTopic(each, 2, 1)])[each].result(30)
        allow(kafka, ResourceType.TOPIC, each, AclOperation.DESCRIBE)
    return name


def allow(kafka: SecuredKafka, kind: ResourceType, name: str, operation: AclOperation) -> None:
    rule = AclBinding(
        kind,
        name,
        ResourcePatternType.LITERAL,
        f"User:{USER}",
        "*",
        operation,
        AclPermissionType.ALLOW,
    )
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_acls([rule])[rule].result(30)


def last_line(child: Child) -> str:
    """Of a process that must have ended with exit code 1."""
    assert child.wait(LIMIT_S) == 1, str(child)
    return child.log.splitlines()[-1]


def consumer(bootstrap: str, topic: str, folder: Path, **more: str) -> Child:
    """One that needs no model, as what is refused is its client."""
    env = settings.consumer(bootstrap, topic, folder / "images", **more)
    return script(HOOKED, env=env, log=folder / "consumer.log")


def test_of_two_static_members_of_one_name_the_fenced_one_ends(
    kafka: SecuredKafka, topic: str, tmp_path: Path
) -> None:
    same = {"KAFKA_CONFIG": "group.instance.id=velox"}
    first = consumer(kafka.bootstrap, topic, tmp_path / "1", **same)
    first.wait_for_line(r"partitions assigned=\[0, 1\]", LIMIT_S)
    second = consumer(kafka.bootstrap, topic, tmp_path / "2", **same)
    eventually(lambda: not (first.running and second.running), LIMIT_S, lambda: f"{first} {second}")
    fenced, other = (second, first) if first.running else (first, second)
    assert "group.instance.id of KAFKA_CONFIG" in last_line(fenced)
    assert other.terminate(LIMIT_S) == 0


def test_a_broker_without_the_groups_protocol(
    kafka: SecuredKafka, topic: str, tmp_path: Path
) -> None:
    asked = {"KAFKA_GROUP_PROTOCOL": "consumer"}
    refused = consumer(kafka.bootstrap, topic, tmp_path, **asked)
    assert "KAFKA_GROUP_PROTOCOL=classic" in last_line(refused)


def test_a_group_that_may_not_be_read(kafka: SecuredKafka, topic: str, tmp_path: Path) -> None:
    user = {"KAFKA_CONFIG": kafka.kafka_config(PASSWORD)}
    refused = consumer(kafka.secured_bootstrap, topic, tmp_path, **user)
    assert "KAFKA_CONSUMER_GROUP" in last_line(refused)


def test_results_that_may_not_be_written(kafka: SecuredKafka, topic: str, tmp_path: Path) -> None:
    allow(kafka, ResourceType.TOPIC, topic, AclOperation.READ)
    allow(kafka, ResourceType.GROUP, f"group-of-{topic}", AclOperation.READ)
    results = f"{topic}-results"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(results, 2, 1)])[results].result(30)
    allow(kafka, ResourceType.TOPIC, results, AclOperation.DESCRIBE)
    access = {"KAFKA_CONFIG": kafka.kafka_config(PASSWORD), "KAFKA_RESULTS_TOPIC": results}
    refused = consumer(kafka.secured_bootstrap, topic, tmp_path, **access)
    env = settings.producer(kafka.bootstrap, topic, PRODUCER_IMAGES=3)
    assert script("producer.py", env=env, log=tmp_path / "producer.log").wait(LIMIT_S) == 0
    line = last_line(refused)
    assert results in line
    assert "allow the user of KAFKA_CONFIG" in line


@pytest.mark.parametrize("elsewhere", [False, True], ids=["no topic", "another topic"])
def test_a_topic_that_may_not_be_written(
    elsewhere: bool, kafka: SecuredKafka, topic: str, tmp_path: Path
) -> None:
    """Who may write to no topic is refused a producer id, who may to another each message."""
    if elsewhere:
        allow(kafka, ResourceType.TOPIC, f"{topic}-dlt", AclOperation.WRITE)
    user = {"KAFKA_CONFIG": kafka.kafka_config(PASSWORD)}
    env = settings.producer(kafka.secured_bootstrap, topic, PRODUCER_IMAGES=3, **user)
    refused = script("producer.py", env=env, log=tmp_path / "producer.log")
    line = last_line(refused)
    assert line.startswith("error: Kafka client failed: ")
    assert "allow the user of KAFKA_CONFIG" in line


def test_a_redrive_needs_the_rights_that_its_page_names_and_no_more(
    kafka: SecuredKafka, topic: str, tmp_path: Path
) -> None:
    """Of a consumer's own, it needs to read the images."""
    letters, parked, group = f"{topic}-dlt", f"{topic}-dlt-parked", f"group-of-{topic}-redrive"
    user = {"KAFKA_CONFIG": kafka.kafka_config(PASSWORD)}

    def redrive(number: int, **more: str) -> Child:
        env = settings.consumer(kafka.secured_bootstrap, topic, tmp_path / "images", **user, **more)
        log = tmp_path / str(number) / "log"
        return script(HOOKED, env=env, log=log, arguments=("--redrive",))

    elsewhere = last_line(redrive(0, KAFKA_TOPIC=f"{topic}-of-others"))
    assert elsewhere.startswith(f"error: topic {topic}-of-others cannot be read: ")
    assert "allow the user of KAFKA_CONFIG to DESCRIBE, READ" in elsewhere
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 2})
    for number in range(2):
        producer.produce(topic, value=pictures.encoded(number), partition=0)
        place = {"topic": topic, "partition": "0", "offset": str(number)}
        headers = [(f"__connect.errors.{name}", text.encode()) for name, text in place.items()]
        producer.produce(letters, value=pictures.encoded(number), partition=0, headers=[*headers])
    producer.produce(letters, value=b"of nowhere", partition=0)
    assert producer.flush(LIMIT_S) == 0
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(parked, 1, 1)])[parked].result(30)
    for name in (topic, letters):
        allow(kafka, ResourceType.TOPIC, name, AclOperation.READ)
    for name in (letters, parked):
        allow(kafka, ResourceType.TOPIC, name, AclOperation.WRITE)
    assert "KAFKA_CONSUMER_GROUP" in last_line(redrive(1))
    allow(kafka, ResourceType.GROUP, group, AclOperation.READ)
    allowed = redrive(2)
    assert allowed.wait(LIMIT_S) == 0, str(allowed)
    assert re.search(r"redriven letters=2 match=2 .* parked=1 refused=1 ", allowed.log)
