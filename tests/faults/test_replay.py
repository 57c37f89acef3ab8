"""A stretch of the topic replayed on real servers: exact sets, whatever happens in the middle."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition

from tests.faults.conftest import MakeScenario
from tests.faults.oracle import document_id
from tests.faults.scenario import Scenario
from tests.faults.sent import Sent, mixture
from tests.rig import pictures
from tests.rig.processes import Child

LIMIT_S = 60.0
# An hour ago: what is older than a topic's retention would go at once.
FIRST_MS = (int(time.time()) - 3600) * 1000
STEP_MS, RECORDS = 1000, 60


def moment(number: int) -> str:
    """When a record was captured, as a person writes it."""
    return datetime.fromtimestamp((FIRST_MS + number * STEP_MS) / 1000, UTC).isoformat()


def timed(records: list[Sent]) -> list[Sent]:
    """Records a second apart, in turn on four partitions."""
    return [
        Sent(
            each.key,
            each.value,
            each.expect,
            each.label,
            partition=number % 4,
            timestamp_ms=FIRST_MS + number * STEP_MS,
        )
        for number, each in enumerate(records)
    ]


def replay(scenario: Scenario, *arguments: str, **more: Any) -> Child:
    """Start a replay."""
    return scenario.consumer(arguments=("--replay", *arguments), **more)


def said(child: Child, code: int = 0) -> dict[str, int]:
    """The numbers of its summary, once it has ended so."""
    assert child.wait(LIMIT_S) == code, str(child)
    (line,) = re.findall(r"INFO replayed (.*)", child.log)
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", line)}


def documents(scenario: Scenario) -> dict[str, dict[str, Any]]:
    return {each["_id"]: each for each in scenario.stored.documents()}


def of_colours(scenario: Scenario, colours: set[str], numbers: range) -> set[str]:
    """The ids of the images of these colours among records of these numbers."""
    times = {FIRST_MS + number * STEP_MS for number in numbers}
    return {
        document_id(each)
        for each in scenario.oracle.records()
        if each.timestamp()[1] in times
        and dict(each.headers() or ()).get("label") in {colour.encode() for colour in colours}
    }


@pytest.fixture(params=[False, True], ids=["mongo", "sqlite"])
def classified(make_scenario: MakeScenario, request: pytest.FixtureRequest) -> Scenario:
    """A topic that a consumer has worked off: images of two colours are matches."""
    scenario: Scenario = make_scenario(embedded=request.param)
    scenario.send(timed(list(mixture(range(RECORDS)))))
    consumer = scenario.consumer(TARGET_LABELS="red,green")
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.stop(consumer)
    assert documents(scenario).keys() == of_colours(scenario, {"red", "green"}, range(RECORDS))
    return scenario


def test_documents_say_what_todays_model_says_and_twice_changes_nothing(
    classified: Scenario,
) -> None:
    before, letters = classified.oracle.committed(), len(classified.oracle.dead_letters())
    live = documents(classified)
    span = ("--from", moment(0))
    done = said(replay(classified, *span, TARGET_LABELS="green,blue", REPLAY_KEEP=1))
    wanted = of_colours(classified, {"green", "blue"}, range(RECORDS))
    after = documents(classified)
    assert after.keys() == wanted
    assert done["withdrawn"] == len(live.keys() - wanted) > 0
    assert (done["overwritten"], done["added"]) == (
        len(live.keys() & wanted),
        len(wanted - live.keys()),
    )
    for identity in live.keys() - wanted:
        assert not Path(live[identity]["file_path"]).exists()
    assert all(Path(each["file_path"]).exists() for each in after.values())
    assert all(after[each] == live[each] for each in after.keys() & live.keys())
    again = said(replay(classified, *span, TARGET_LABELS="green,blue"))
    assert documents(classified) == after
    assert (again["added"], again["withdrawn"]) == (0, 0)
    assert classified.oracle.committed() == before, "the live group stands where it stood"
    assert len(classified.oracle.dead_letters()) == letters


def test_a_label_that_is_mistyped_withdraws_nothing(classified: Scenario) -> None:
    live = documents(classified)
    child = replay(classified, "--from", moment(0), TARGET_LABELS="red,gren")
    assert child.wait(LIMIT_S) == 2
    assert "no label 'gren' (the nearest is 'green'); a replay would withdraw" in child.log
    assert documents(classified) == live
    assert all(Path(each["file_path"]).exists() for each in live.values())


def test_only_the_stretch_is_replayed(classified: Scenario) -> None:
    live = documents(classified)
    span = ("--from", moment(20), "--to", moment(40))
    said(replay(classified, *span, TARGET_LABELS="blue"))
    inside = set(of_colours(classified, {"red", "green"}, range(20, 40)))
    blue = of_colours(classified, {"blue"}, range(20, 40))
    assert documents(classified).keys() == live.keys() - inside | blue


def test_what_was_committed_later_belongs_to_the_stretch_of_its_own_time(
    make_scenario: MakeScenario,
) -> None:
    scenario: Scenario = make_scenario(partitions=1)
    producer = Producer(
        {"bootstrap.servers": scenario.kafka.bootstrap, "transactional.id": scenario.topic}
    )
    producer.init_transactions(LIMIT_S)
    # The markers of the transactions are of now, which is later than the stretch.
    for span in (range(10), range(10, 20), range(20, 40)):
        producer.begin_transaction()
        for number in span:
            producer.produce(
                scenario.topic,
                value=pictures.encoded(number),
                timestamp=FIRST_MS + number * STEP_MS,
            )
        producer.commit_transaction(LIMIT_S)
    said(replay(scenario, "--from", moment(10), "--to", moment(30)))
    times = sorted(int(each.rpartition(":")[2]) for each in documents(scenario))
    assert times == [FIRST_MS + number * STEP_MS for number in range(10, 30)]


@pytest.mark.parametrize(
    "point", [["document", 1], pytest.param(["file", 3], marks=pytest.mark.long)]
)
def test_killed_in_the_middle_a_second_run_makes_it_whole(
    make_scenario: MakeScenario, point: list[Any]
) -> None:
    scenario: Scenario = make_scenario()
    scenario.send(timed(list(mixture(range(RECORDS)))))
    hooks = {"kill_after": point, "seconds_a_batch": 0.02}
    assert replay(scenario, "--from", moment(0), hooks=hooks).wait(LIMIT_S) == -9
    said(replay(scenario, "--from", moment(0)))
    wanted = of_colours(scenario, set(pictures.COLOURS), range(RECORDS))
    assert documents(scenario).keys() == wanted
    assert sum(scenario.oracle.committed().values()) == 0
    assert not scenario.oracle.dead_letters()


def test_what_retention_has_taken_is_said(make_scenario: MakeScenario) -> None:
    scenario: Scenario = make_scenario(partitions=4)
    scenario.send(timed(list(mixture(range(RECORDS)))))
    gone = [TopicPartition(scenario.topic, number, 5) for number in (0, 2)]
    for future in scenario.admin.delete_records(gone).values():
        future.result(LIMIT_S)
    child = replay(scenario, "--from", moment(0))
    said(child, code=3)
    assert re.search(r"partitions \[0, 2\] no longer have all of it: .* 20\d\d-", child.log)
    left = of_colours(scenario, set(pictures.COLOURS), range(RECORDS))
    assert documents(scenario).keys() == left
    later = replay(scenario, "--from", moment(40))
    said(later)
    nothing = replay(scenario, "--from", moment(0), "--to", moment(3))
    nothing.wait(LIMIT_S)
    assert nothing.returncode == 3
