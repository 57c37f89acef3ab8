"""A broker that takes no commit: what is done would be done again, and the probe says so."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from tests.faults.scenario import HOOKED
from tests.rig import settings
from tests.rig.http import get
from tests.rig.kafka import Kafka
from tests.rig.processes import script
from tests.rig.waiting import eventually

LIMIT_S = 120
IMAGES = 5


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[Kafka]:
    """A node that has no room for what a commit says of its topic."""
    node = Kafka(tmp_path / "kafka", {"offset.metadata.max.bytes": "4"})
    node.start()
    yield node
    node.stop()


def test_commits_that_are_refused_for_good_turn_the_probe_red(kafka: Kafka, tmp_path: Path) -> None:
    topic = f"refused-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
    env = settings.consumer(kafka.bootstrap, topic, tmp_path / "images")
    consumer = script(HOOKED, env=env, log=tmp_path / "consumer.log")
    address = consumer.wait_for_line(r"metrics address=(\S+)", LIMIT_S)[1]
    consumer.wait_for_line(r"partitions assigned=\[0, 1\]", LIMIT_S)
    assert get(f"{address}/healthz") == (200, "ok\n")
    sent = script(
        "producer.py",
        env=settings.producer(kafka.bootstrap, topic, PRODUCER_IMAGES=IMAGES),
        log=tmp_path / "producer.log",
    )
    assert sent.wait(LIMIT_S) == 0, str(sent)

    def told() -> str:
        status, reason = get(f"{address}/healthz")
        return reason if status == 503 else ""

    reason = eventually(told, LIMIT_S, lambda: f"the probe turns red: {consumer}")
    assert reason.startswith("commits refused for ")
    assert "offset.metadata.max.bytes" in reason
    assert consumer.terminate(LIMIT_S) == 0, str(consumer)
