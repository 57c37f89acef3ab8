"""A consumer is killed: how long its partitions stand still with the settings that Velox ships.

The broker runs with what docker-compose.yml says of groups, the consumers with Velox's own session.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import Scenario, metric
from tests.faults.sent import Load, mixture
from tests.rig.kafka import Kafka
from tests.rig.processes import ROOT, Child
from tests.rig.waiting import eventually
from tests.rig.yaml_text import yaml_of

PROTOCOLS = ("classic", "consumer")
PARTITIONS = 4
# Of the promise; measured from the signal to the last partition's next document.
LIMIT_S = 12.0
CATCH_UP_LIMIT_S = 60.0
STARVED_S = 40.0
# Longer than the session.
STILL_S = 15.0
OF_GROUPS = "KAFKA_GROUP_"
# Velox's own session, not the short one of the other tests.
SHIPPED = "reconnect.backoff.max.ms=500"


def shipped_properties() -> dict[str, str]:
    """What docker-compose.yml tells the broker of groups, as the image would translate it."""
    services = yaml_of((ROOT / "docker-compose.yml").read_text())["services"]
    given: dict[str, str] = services["kafka"]["environment"]
    return {
        name.removeprefix("KAFKA_").replace("_", ".").lower(): value
        for name, value in given.items()
        if name.startswith(OF_GROUPS)
    }


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A node with those properties, and Kafka's own where they say nothing."""
    usual = {
        "group.min.session.timeout.ms": "6000",
        "group.consumer.min.session.timeout.ms": "45000",
        "group.consumer.session.timeout.ms": "45000",
        "group.consumer.min.heartbeat.interval.ms": "5000",
        "group.consumer.heartbeat.interval.ms": "5000",
    }
    node = Kafka(tmp_path_factory.mktemp("shipped-kafka"), usual | shipped_properties())
    node.start()
    yield node
    node.stop()


@pytest.fixture
def kafka(shipped: Kafka) -> Kafka:
    """In the place of the node that all other tests share."""
    return shipped


def newest(scenario: Scenario) -> dict[int, int]:
    """The largest offset that is stored, by partition."""
    found: dict[int, int] = {}
    for document in scenario.stored.documents():
        _, partition, offset, _ = document["_id"].rsplit(":", 3)
        found[int(partition)] = max(int(offset), found.get(int(partition), -1))
    return found


def both_at_work(scenario: Scenario) -> tuple[Child, Child]:
    first = scenario.joined_consumer(KAFKA_CONFIG=SHIPPED)
    second = scenario.joined_consumer(KAFKA_CONFIG=SHIPPED)
    for consumer in (first, second):
        done = metric(consumer, "velox_records_total")

        def more(consumer: Child = consumer, done: float = done) -> bool:
            return metric(consumer, "velox_records_total") > done + 20

        eventually(more, 60, "records flow through both")
    return first, second


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_others_take_over_within_seconds(make_scenario: MakeScenario, protocol: str) -> None:
    scenario = make_scenario(protocol=protocol, partitions=PARTITIONS)
    load = Load(scenario.sender, rate=60)
    victim, _ = both_at_work(scenario)
    victim.kill()
    killed = time.monotonic()
    ends = scenario.oracle.ends()
    eventually(
        lambda: all(newest(scenario).get(number, -1) >= end for number, end in ends.items()),
        LIMIT_S - (time.monotonic() - killed),
        lambda: f"a newer document of each partition: {newest(scenario)} of {ends}",
    )
    print(f"protocol={protocol} seconds={time.monotonic() - killed:.1f}")
    load.stop()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_interpreter_that_stands_still_keeps_its_partitions(
    make_scenario: MakeScenario, protocol: str
) -> None:
    """As a long garbage collection or the load of a model may let it: no thread of Python runs."""
    scenario = make_scenario(protocol=protocol, partitions=PARTITIONS)
    consumer = scenario.joined_consumer({"hold_interpreter_s": STILL_S}, KAFKA_CONFIG=SHIPPED)
    before = metric(consumer, "velox_rebalances_total")
    scenario.send(mixture(range(50)))
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert "the interpreter stood still" in consumer.log
    assert metric(consumer, "velox_rebalances_total") == before
    scenario.oracle.check()


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_starved_consumer_keeps_its_partitions(
    make_scenario: MakeScenario, protocol: str, tmp_path: Path
) -> None:
    """Twice as many busy processes as cores, each with far more weight than the consumers."""
    scenario = make_scenario(protocol=protocol, partitions=PARTITIONS)
    load = Load(scenario.sender, rate=30)
    consumers = both_at_work(scenario)
    before = [metric(each, "velox_rebalances_total") for each in consumers]
    for each in consumers:
        os.setpriority(os.PRIO_PGRP, each.pid, 15)
    busy = [
        Child(
            [sys.executable, "-c", "while True: pass"],
            log=tmp_path / f"busy-{number}",
            env={},
            cwd=tmp_path,
        )
        for number in range(2 * (os.cpu_count() or 1))
    ]
    try:
        until = time.monotonic() + STARVED_S
        while time.monotonic() < until:
            assert all(each.running for each in consumers)
            time.sleep(1.0)
    finally:
        for each in busy:
            each.kill()
    assert [metric(each, "velox_rebalances_total") for each in consumers] == before
    load.stop()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
