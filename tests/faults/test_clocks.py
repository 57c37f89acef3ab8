"""Clocks that differ, and records whose timestamps are missing, ancient or in the future."""

from __future__ import annotations

import time

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import Scenario, metric
from tests.faults.sent import Sent, picture
from tests.rig.waiting import eventually

HOUR_S = 3600
DAY_MS = 24 * HOUR_S * 1000
NO_TIMESTAMP = -1
CATCH_UP_LIMIT_S = 60.0


def odd_records() -> list[Sent]:
    now = int(time.time() * 1000)
    timestamps = (NO_TIMESTAMP, 1, now - DAY_MS, now, now + DAY_MS, 10**15)
    images = [picture(number) for number in range(60)]
    return [
        Sent(each.key, each.value, each.expect, each.label, None, timestamps[number % 6])
        for number, each in enumerate(images)
    ]


def watched(make_scenario: MakeScenario) -> Scenario:
    scenario = make_scenario(topic_config={"message.timestamp.after.max.ms": str(2**63 - 1)})
    scenario.sample()
    return scenario


def test_latencies_are_never_negative_and_ids_are_stable(make_scenario: MakeScenario) -> None:
    scenario = watched(make_scenario)
    scenario.nobody_dies()
    ahead = scenario.joined_consumer({"clock_offset": HOUR_S})
    behind = scenario.joined_consumer({"clock_offset": -HOUR_S})
    eventually(lambda: "partitions revoked" in ahead.log, 60, "both take part")
    scenario.send(odd_records())
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
    documents = scenario.stored.documents()
    assert len(documents) == 60
    assert min(each["latency_ms"] for each in documents) >= 0
    assert {len(each["timestamp"]) for each in documents} == {len("2026-01-01T00:00:00.000Z")}
    for consumer in (ahead, behind):
        assert metric(consumer, "velox_records_total") > 0
        assert metric(consumer, "velox_end_to_end_seconds_sum") >= 0
        assert metric(consumer, "velox_consumer_lag_seconds") >= 0
        scenario.stop(consumer)

    again = scenario.consumer({"clock_offset": HOUR_S}, KAFKA_CONSUMER_GROUP=f"{scenario.group}-2")
    eventually(lambda: metric(again, "velox_records_total") == 60, 60, "all read once more")
    assert {each["_id"] for each in scenario.stored.documents()} == {
        each["_id"] for each in documents
    }
