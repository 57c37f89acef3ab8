"""A topic that is gone, or has fewer partitions: nothing holds on to what is not there."""

from __future__ import annotations

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import Scenario, address, health, metric
from tests.faults.sent import DOCUMENT, Sent, picture
from tests.rig import http, pictures
from tests.rig.processes import Child
from tests.rig.waiting import eventually

LIMIT_S = 60.0
BOTH = ["classic", pytest.param("consumer", marks=pytest.mark.long)]


def lag_partitions(consumer: Child) -> set[str]:
    """The partitions of which a lag is shown."""
    _, text = http.get(f"{address(consumer)}/metrics")
    return {
        line.split('"')[1]
        for line in text.splitlines()
        if line.startswith("velox_consumer_lag_records{")
    }


def has(scenario: Scenario, consumer: Child, documents: int) -> None:
    eventually(
        lambda: len(scenario.stored.documents()) == documents,
        LIMIT_S,
        lambda: f"{documents} documents: {len(scenario.stored.documents())} {consumer}",
    )


def becomes_healthy(consumer: Child) -> None:
    """Its lag is measured once a second: until then it may seem to have work and do none."""
    eventually(lambda: health(consumer) == (200, "ok\n"), LIMIT_S, lambda: f"healthy: {consumer}")


def of_two_partitions(numbers: range) -> list[Sent]:
    """Whatever number of partitions the sender still believes in."""
    return [
        Sent(f"picture-{each}", pictures.encoded(each), DOCUMENT, partition=each % 2)
        for each in numbers
    ]


def running(make_scenario: MakeScenario, protocol: str) -> tuple[Scenario, Child]:
    """A topic of eight partitions and a consumer that is done with it."""
    scenario = make_scenario(partitions=8, protocol=protocol)
    consumer = scenario.joined_consumer(STALL_TIMEOUT_S=3)
    scenario.send(picture(number) for number in range(40))
    has(scenario, consumer, 40)
    eventually(lambda: len(lag_partitions(consumer)) == 8, LIMIT_S, "the lag of each partition")
    scenario.delete_topic(scenario.topic)
    return scenario, consumer


@pytest.mark.parametrize("protocol", BOTH)
def test_a_topic_made_anew_with_fewer_partitions(
    make_scenario: MakeScenario, protocol: str
) -> None:
    scenario, consumer = running(make_scenario, protocol)
    scenario.create_topic(scenario.topic, 2)
    scenario.send(of_two_partitions(range(40, 60)))
    has(scenario, consumer, 40 + 20)
    eventually(
        lambda: lag_partitions(consumer) == {"0", "1"}, LIMIT_S, lambda: f"no lag of 2-7 {consumer}"
    )
    eventually(
        lambda: [line for line in consumer.log.splitlines() if "now=[" in line][-1].endswith(
            "now=[0, 1]"
        ),
        LIMIT_S,
        lambda: f"two partitions assigned: {consumer}",
    )
    assert metric(consumer, 'velox_offset_gaps_total{kind="recreated"}') == 2
    becomes_healthy(consumer)
    assert consumer.log.count("kafka error=") < 10
    scenario.send(of_two_partitions(range(60, 70)))
    has(scenario, consumer, 70)
    scenario.stop(consumer)


@pytest.mark.parametrize("protocol", BOTH)
def test_a_topic_that_is_deleted_and_made_again_later(
    make_scenario: MakeScenario, protocol: str
) -> None:
    scenario, consumer = running(make_scenario, protocol)
    eventually(lambda: not lag_partitions(consumer), LIMIT_S, lambda: f"no lag: {consumer}")
    consumer.wait_for_line(r"partitions (lost|revoked)=.* now=\[\]", LIMIT_S)
    becomes_healthy(consumer)
    scenario.create_topic(scenario.topic, 2)
    scenario.send(of_two_partitions(range(40, 60)))
    has(scenario, consumer, 40 + 20)
    assert consumer.log.count("kafka error=") < 10
    scenario.stop(consumer)
