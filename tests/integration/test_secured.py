"""A Kafka cluster and a database that ask for TLS and a password; none of it reaches a log."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from tests.rig import settings
from tests.rig.http import get
from tests.rig.model import Model
from tests.rig.processes import Child, script
from tests.rig.secured import SecuredKafka, SecuredMongod
from tests.rig.waiting import eventually
from velox.stores.interface import DETECTIONS

LIMIT_S = 120
IMAGES = 20
KAFKA_PASSWORD = "hunter2-of-kafka"  # noqa: S105 - of servers that live for a test
MONGO_PASSWORD = "hunter2-of-mongo"  # noqa: S105
WRONG = "hunter2-wrong"
SECRET = "hunter2"  # noqa: S105


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    node = SecuredKafka(tmp_path_factory.mktemp("secured-kafka"), KAFKA_PASSWORD)
    node.start()
    yield node
    node.stop()


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredMongod]:
    node = SecuredMongod(tmp_path_factory.mktemp("secured-mongod"), MONGO_PASSWORD)
    node.start()
    yield node
    node.stop()


@pytest.fixture
def topic(kafka: SecuredKafka) -> str:
    name = f"secured-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(name, 2, 1)])[name].result(30)
    return name


def secured(
    kafka: SecuredKafka, mongod: SecuredMongod, *, password: str = "", **more: str
) -> dict[str, str]:
    """Where both are and how to get in, or with a wrong password not."""
    return {
        "KAFKA_CONFIG": kafka.kafka_config(password or KAFKA_PASSWORD) + ",debug=all",
        "MONGO_URI": mongod.uri(password or MONGO_PASSWORD),
        "LOG_LEVEL": "DEBUG",
        **more,
    }


def consumer(
    kafka: SecuredKafka, topic: str, model: Model, folder: Path, **more: str | int
) -> Child:
    env = settings.consumer(
        kafka.secured_bootstrap, topic, folder / "images", **model.settings(), **more
    )
    return script("consumer.py", env=env, log=folder / "consumer.log")


def test_images_go_through(
    kafka: SecuredKafka, mongod: SecuredMongod, topic: str, anything: Model, tmp_path: Path
) -> None:
    access = secured(kafka, mongod)
    consuming = consumer(kafka, topic, anything, tmp_path, **access)
    env = settings.producer(kafka.secured_bootstrap, topic, PRODUCER_IMAGES=IMAGES, **access)
    producing = script("producer.py", env=env, log=tmp_path / "producer.log")
    assert producing.wait(LIMIT_S) == 0, str(producing)
    with mongod.client(access["MONGO_URI"]) as client:
        found = client["lab_discovery_db"][DETECTIONS]
        eventually(
            lambda: found.count_documents({"_id": {"$regex": f"^{topic}:"}}) == IMAGES,
            LIMIT_S,
            lambda: str(consuming),
        )
    address = consuming.wait_for_line(r"metrics address=(\S+)", LIMIT_S)[1]
    answered = [get(f"{address}/{path}")[1] for path in ("metrics", "healthz", "readyz")]
    assert consuming.terminate(LIMIT_S) == 0, str(consuming)
    for text in (consuming.log, producing.log, *answered):
        assert SECRET not in text


def test_a_wrong_password_is_waited_for_and_not_shown(
    kafka: SecuredKafka, mongod: SecuredMongod, topic: str, anything: Model, tmp_path: Path
) -> None:
    access = secured(kafka, mongod, password=WRONG, STARTUP_TIMEOUT_S="3")
    no_database = consumer(kafka, topic, anything, tmp_path / "database", **access)
    no_broker = consumer(kafka, topic, anything, tmp_path / "broker", **access | {"MONGO_URI": ""})
    for child, what in ((no_database, "store mongodb:"), (no_broker, f"topic {topic}")):
        assert child.wait(LIMIT_S) == 1, str(child)
        assert f"error: no {what}" in child.log.splitlines()[-1]
        assert SECRET not in child.log
    assert "Authentication failed" in no_database.log
