"""The broker stops, is killed, or freezes, under a producer and a consumer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from tests.faults.scenario import Scenario
from tests.rig.kafka import Kafka
from tests.rig.processes import script
from tests.rig.waiting import eventually

IMAGES = 1500
RECOVERY_LIMIT_S = 60.0
CATCH_UP_LIMIT_S = 90.0
AWAY_S = 4.0


def stopped(kafka: Kafka, seconds: float) -> None:
    kafka.stop()
    time.sleep(seconds)
    kafka.start()


def killed(kafka: Kafka, seconds: float) -> None:
    kafka.kill()
    time.sleep(seconds)
    kafka.start()


def frozen(kafka: Kafka, seconds: float) -> None:
    kafka.freeze()
    time.sleep(seconds)
    kafka.thaw()
    kafka.wait_until_ready()


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        pytest.param(stopped, AWAY_S, marks=pytest.mark.long),
        (killed, AWAY_S),
        (frozen, 8.0),
        pytest.param(frozen, 60.0, marks=pytest.mark.long),
    ],
    ids=["stopped", "killed", "frozen", "frozen for long"],
)
def test_both_survive_and_nothing_acknowledged_is_lost(
    scenario: Scenario, kafka: Kafka, fault: Callable[[Kafka, float], None], seconds: float
) -> None:
    consumer = scenario.joined_consumer()
    producer = script(
        "producer.py",
        env={
            "KAFKA_BOOTSTRAP_SERVER": kafka.bootstrap,
            "KAFKA_TOPIC": scenario.topic,
            "KAFKA_PARTITIONS": str(scenario.partitions),
            "PRODUCER_INTERVAL": "0.01",
            "PRODUCER_IMAGES": str(IMAGES),
            "IMG_HEIGHT": "64",
            "IMG_WIDTH": "64",
        },
        log=scenario.folder / "producer" / "log",
    )
    eventually(lambda: len(scenario.stored.documents()) > 100, 60, "images on their way")
    fault(kafka, seconds)

    # All of them may be there already when this is looked at.
    before = min(len(scenario.stored.documents()), IMAGES - 1)
    eventually(
        lambda: len(scenario.stored.documents()) > before,
        RECOVERY_LIMIT_S,
        lambda: f"progress after the broker came back: {consumer} {producer}",
    )
    assert producer.wait(120) == 0, str(producer)
    report = re.search(r"done sent=(\d+) acknowledged=(\d+) failed=(\d+)", producer.log)
    assert report, str(producer)
    assert report.groups() == (str(IMAGES), str(IMAGES), "0")
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert sum(scenario.oracle.check().values()) == IMAGES
    assert consumer.running
    scenario.stop(consumer)
