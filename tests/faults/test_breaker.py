"""A setting, a model or a collection that refuses everything, and records that deserve it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import Scenario, address, health, metric
from tests.faults.sent import DEAD_LETTER, DOCUMENT, EITHER, Sent, picture, rubbish
from tests.rig import http
from tests.rig.processes import Child
from tests.rig.waiting import eventually

CATCH_UP_LIMIT_S = 90.0
PAUSE_LIMIT_S = 60.0
# Longer than a busy machine keeps a process waiting.
MAX_POLL_INTERVAL_S = 12
RECORDS = 600
# As many records may be refused before anybody is suspected.
UNSUSPECTED = 100
UNMEETABLE = {"$jsonSchema": {"required": ["camera_id"]}}


def either(one: Sent) -> Sent:
    """A good record, which may be among the first that a fault costs."""
    return replace(one, expect=EITHER)


def good(numbers: Iterable[int]) -> list[Sent]:
    return [either(picture(number)) for number in numbers]


def validate(scenario: Scenario, validator: dict[str, Any]) -> None:
    """What the collection takes from now on."""
    with scenario.mongod.client() as client:
        database = client[scenario.database]
        if "shapes_found" not in database.list_collection_names():
            database.create_collection("shapes_found")
        database.command("collMod", "shapes_found", validator=validator)


def paused(consumer: Child, stage: str) -> str:
    """Wait until a stage holds a batch; gives why."""
    eventually(
        lambda: metric(consumer, f'velox_breaker_open{{stage="{stage}"}}') == 1,
        PAUSE_LIMIT_S,
        lambda: str(consumer),
    )
    status, reason = http.get(f"{address(consumer)}/readyz")
    assert status == 503
    assert reason.startswith(f"paused: {stage} refuses even what is known to be good: ")
    assert health(consumer) == (200, reason)
    return reason


def settled(scenario: Scenario, consumer: Child) -> int:
    """Wait until nothing moves behind the held batch; gives how many records are dead-lettered.

    They are fewer than a hundred, and all that is committed.
    """
    dead = 'velox_records_total{outcome="dead_letter"}'
    eventually(
        lambda: sum(scenario.oracle.committed().values()) == metric(consumer, dead),
        PAUSE_LIMIT_S,
        lambda: str(consumer),
    )
    letters = len(scenario.oracle.dead_letters())
    assert letters == metric(consumer, dead) < UNSUSPECTED
    return letters


def nothing_moves(scenario: Scenario, consumer: Child, seconds: float) -> None:
    """For longer than the poll interval: it stays in its group, and gives nothing up."""
    assigned, letters = metric(consumer, "velox_rebalances_total"), settled(scenario, consumer)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert metric(consumer, "velox_poll_age_seconds") < MAX_POLL_INTERVAL_S
        assert health(consumer)[0] == 200
        time.sleep(0.5)
    assert metric(consumer, "velox_rebalances_total") == assigned
    assert settled(scenario, consumer) == letters


def nearly_all_stored(scenario: Scenario, sent: int) -> None:
    """Each is a document or one of the few first dead letters, and never both."""
    scenario.oracle.check()
    assert len(scenario.stored.documents()) > sent - UNSUSPECTED


@pytest.mark.parametrize("batch_size", [8, 128])
def test_a_collection_that_refuses_everything_pauses_the_consumer(
    scenario: Scenario, batch_size: int
) -> None:
    scenario.nobody_dies()
    validate(scenario, UNMEETABLE)
    scenario.send(good(range(RECORDS)))
    consumer = scenario.joined_consumer(
        BATCH_SIZE=batch_size, MAX_POLL_INTERVAL_S=MAX_POLL_INTERVAL_S, STALL_TIMEOUT_S=2
    )
    assert "121" in paused(consumer, "store")
    nothing_moves(scenario, consumer, MAX_POLL_INTERVAL_S + 2)
    assert scenario.stored.documents() == []

    validate(scenario, {})
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    nearly_all_stored(scenario, RECORDS)
    assert http.get(f"{address(consumer)}/readyz") == (200, "ok\n")
    assert metric(consumer, "velox_breaker_open") == 0
    scenario.stop(consumer)


def test_a_results_topic_that_refuses_everything_pauses_the_consumer(scenario: Scenario) -> None:
    scenario.nobody_dies()
    topic = f"{scenario.topic}-results"
    scenario.create_topic(topic, 1, {"max.message.bytes": "1"})
    scenario.send(good(range(RECORDS)))
    consumer = scenario.joined_consumer(KAFKA_RESULTS_TOPIC=topic, KAFKA_PARTITIONS=1)
    assert "KAFKA_RESULTS_TOPIC" in paused(consumer, "results")
    assert len(scenario.oracle.dead_letters()) < UNSUSPECTED

    scenario.limit(topic, 1_000_000)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert len(scenario.stored.documents()) == RECORDS
    refused = metric(consumer, "velox_results_refused_total")
    assert len(scenario.oracle.dead_letters()) == refused < UNSUSPECTED
    scenario.stop(consumer)


def test_a_dead_letter_topic_that_refuses_everything_pauses_the_consumer(
    make_scenario: MakeScenario,
) -> None:
    scenario = make_scenario()
    scenario.limit_letters(1)
    scenario.send([rubbish(number) for number in range(RECORDS)])
    consumer = scenario.joined_consumer()
    paused(consumer, "dead_letter")
    scenario.limit_letters(1_000_000)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    lost = metric(consumer, "velox_dead_letters_lost_total")
    assert lost < UNSUSPECTED
    assert len(scenario.oracle.dead_letters()) == RECORDS - lost
    scenario.stop(consumer)


def test_a_setting_that_refuses_everything_is_mended_by_a_restart(scenario: Scenario) -> None:
    scenario.nobody_dies()
    scenario.send(good(range(RECORDS)))
    for _ in range(2):
        consumer = scenario.joined_consumer(MAX_IMAGE_PIXELS=1000, BATCH_SIZE=1)
        assert "MAX_IMAGE_PIXELS=1000" in paused(consumer, "decode")
        polls_no_more(consumer)
        all_ahead_is_done(scenario, consumer)
        scenario.stop(consumer)
    assert scenario.stored.documents() == []
    letters = len(scenario.oracle.dead_letters())
    assert letters < 2 * UNSUSPECTED

    mended = scenario.joined_consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
    assert len(scenario.stored.documents()) == RECORDS - letters
    scenario.stop(mended)


def polls_no_more(consumer: Child) -> None:
    eventually(lambda: metric(consumer, "velox_pauses_total") >= 1, PAUSE_LIMIT_S, "a full queue")


def all_ahead_is_done(scenario: Scenario, consumer: Child) -> None:
    """Wait until all but a held batch of one record is dead-lettered and committed.

    What has a dead letter and no commit would have a document too, once the fault is mended.
    """
    dead = 'velox_records_total{outcome="dead_letter"}'
    eventually(
        lambda: metric(consumer, dead) == metric(consumer, "velox_batch_size_sum") - 1,
        PAUSE_LIMIT_S,
        lambda: f"dead letters of all ahead: {consumer}",
    )
    letters = len(scenario.oracle.dead_letters())
    eventually(
        lambda: sum(scenario.oracle.committed().values()) == letters,
        PAUSE_LIMIT_S,
        lambda: f"{letters} commits: {consumer}",
    )


def test_a_model_that_fails_on_any_image_costs_none(scenario: Scenario, tmp_path: Path) -> None:
    scenario.nobody_dies()
    fault = tmp_path / "fault"
    consumer = scenario.joined_consumer({"raise_while": str(fault)})
    fault.touch()
    scenario.send([picture(number) for number in range(RECORDS)])
    assert "the model fails on every image" in paused(consumer, "infer")
    # Not while the other batch in the model is tried for the first time: it would be to blame.
    eventually(lambda: consumer.log.count("breaker open: ") == 2, PAUSE_LIMIT_S, "both are held")
    fault.unlink()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert scenario.oracle.check() == {DOCUMENT: RECORDS, DEAD_LETTER: 0, EITHER: 0}
    scenario.stop(consumer)


def test_a_rebalance_does_not_wait_for_a_held_batch(scenario: Scenario) -> None:
    validate(scenario, UNMEETABLE)
    scenario.send(good(range(RECORDS)))
    first = scenario.joined_consumer(DRAIN_TIMEOUT_S=2)
    paused(first, "store")
    second = scenario.joined_consumer(DRAIN_TIMEOUT_S=2)
    paused(second, "store")
    scenario.stop(first)
    validate(scenario, {})
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    documents = {each["_id"] for each in scenario.stored.documents()}
    assert len(documents) > RECORDS - 2 * UNSUSPECTED
    scenario.stop(second)


def test_a_flood_of_bad_records_stops_nobody(scenario: Scenario) -> None:
    """Nine of ten records are no images: they are to blame, and the tenth does not wait."""
    records = [picture(number) if number % 10 == 0 else rubbish(number) for number in range(2000)]
    scenario.send(records)
    consumer = scenario.joined_consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert scenario.oracle.check() == {DOCUMENT: 200, DEAD_LETTER: 1800, EITHER: 0}
    assert metric(consumer, 'velox_breaker_probes_total{outcome="passed"}') > 0
    assert metric(consumer, 'velox_breaker_probes_total{outcome="refused"}') == 0
    assert "breaker open" not in consumer.log
    scenario.stop(consumer)


def test_a_flood_that_the_database_refuses_stops_nobody(scenario: Scenario) -> None:
    """The collection knows its sources by name and refuses a document of Velox's own as well."""
    validate(scenario, {"source": {"$regex": "^picture-"}})
    records = [
        picture(number)
        if number % 10 == 0
        else replace(picture(number), key=f"stranger-{number}", expect=DEAD_LETTER)
        for number in range(1000)
    ]
    scenario.send(records)
    consumer = scenario.joined_consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert scenario.oracle.check() == {DOCUMENT: 100, DEAD_LETTER: 900, EITHER: 0}
    assert metric(consumer, 'velox_breaker_probes_total{stage="store"}') > 0
    assert "breaker open" not in consumer.log
    scenario.stop(consumer)
