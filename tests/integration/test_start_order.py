"""The consumer may start first: it waits for each thing it needs, says for what, and gives up."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from tests.faults.scenario import HOOKED
from tests.rig import settings
from tests.rig.http import get
from tests.rig.kafka import Kafka
from tests.rig.model import Model
from tests.rig.mongod import Mongod
from tests.rig.processes import script
from tests.rig.waiting import eventually

LIMIT_S = 60


def create(kafka: Kafka, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)


def test_it_waits_for_model_database_broker_and_topic(
    kafka: Kafka, mongod: Mongod, anything: Model, tmp_path: Path
) -> None:
    topic = f"late-{uuid.uuid4().hex[:8]}"
    later = Model.within(tmp_path)
    kafka.stop()
    mongod.stop()
    consumer = script(
        "consumer.py",
        env=settings.consumer(
            kafka.bootstrap,
            topic,
            tmp_path / "images",
            MONGO_URI=mongod.uri,
            # Longer than any server may take to start.
            STARTUP_TIMEOUT_S=600,
            **later.settings(),
        ),
        log=tmp_path / "consumer.log",
    )
    address = consumer.wait_for_line(r"metrics address=(\S+)", LIMIT_S)[1]

    def waits_for(what: str) -> None:
        def said() -> bool:
            assert consumer.running, str(consumer)
            status, reason = get(f"{address}/readyz")
            return status == 503 and reason.startswith(f"waiting for {what}")

        eventually(said, LIMIT_S, lambda: f"/readyz tells of {what}: {consumer}")
        assert get(f"{address}/healthz")[0] == 200

    waits_for(f"model {later.path}")
    shutil.copy(anything.classes, later.classes)
    shutil.copy(anything.path, later.path)
    waits_for("store mongodb:")
    mongod.start()
    waits_for(f"topic {topic}: ")
    kafka.start()
    waits_for(f"topic {topic}: not there yet")
    create(kafka, topic)
    eventually(
        lambda: get(f"{address}/readyz") == (200, "ok\n"), LIMIT_S, lambda: f"ready: {consumer}"
    )
    assert consumer.terminate(LIMIT_S) == 0, str(consumer)


@pytest.mark.parametrize("missing", ["model", "store", "broker", "topic"])
def test_each_wait_has_a_limit(missing: str, kafka: Kafka, mongod: Mongod, tmp_path: Path) -> None:
    topic = f"never-{uuid.uuid4().hex[:8]}"
    if missing == "store":
        mongod.stop()
    if missing == "broker":
        kafka.stop()
    # Only who waits for a model needs to read one.
    consumer = script(
        "consumer.py" if missing == "model" else HOOKED,
        env=settings.consumer(
            kafka.bootstrap,
            topic,
            tmp_path / "images",
            MONGO_URI=mongod.uri,
            STARTUP_TIMEOUT_S=2,
            **Model.within(tmp_path / "nowhere").settings(),
        ),
        log=tmp_path / "consumer.log",
    )
    assert consumer.wait(LIMIT_S) == 1, str(consumer)
    last = consumer.log.splitlines()[-1]
    what = {"store": "store mongodb:", "broker": f"topic {topic}", "topic": f"topic {topic}"}
    assert last.startswith(f"error: no {what.get(missing, 'model ')}"), str(consumer)
    assert "after 2 s (STARTUP_TIMEOUT_S)" in last


@pytest.mark.parametrize("name", [HOOKED, "producer.py"], ids=["consumer.py", "producer.py"])
def test_a_signal_ends_the_wait(name: str | Path, kafka: Kafka, tmp_path: Path) -> None:
    kafka.stop()
    env = settings.consumer(kafka.bootstrap, "any", tmp_path / "images")
    waiting = script(name, env=env, log=tmp_path / "log")
    waiting.wait_for_line("waiting for='topic any'", LIMIT_S)
    assert waiting.terminate(LIMIT_S) == 0, str(waiting)
