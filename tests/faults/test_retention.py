"""What is removed: too many files, what is too old, what is of one source. Sets are exact."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.oracle import Oracle, document_id, headers
from tests.faults.scenario import Scenario, metric
from tests.faults.sent import Load, Sent, mixture, picture
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually

HOUR_MS = 3_600_000
CATCH_UP_LIMIT_S = 60.0
GONE_LIMIT_S = 30.0
KEPT_FILES = 25


@pytest.fixture(params=["mongodb", "sqlite"])
def scenario(request: pytest.FixtureRequest, make_scenario: MakeScenario) -> Scenario:
    """Without the sampler, which takes what was removed for what was never there."""
    return make_scenario(embedded=request.param == "sqlite")


def files(scenario: Scenario) -> set[str]:
    """The images, and what tells of one that is gone without a document that knows.

    The mark of a process that died stays for as long as the image is there again, and what it had
    not finished for a minute.
    """
    there = {each for each in os.listdir(scenario.images) if not re.search(r"\.db|\.part$", each)}
    marked = {each for each in there if each.removeprefix(".").rsplit(".", 2)[0] in there}
    return {str(scenario.images / each) for each in there - marked}


def named(scenario: Scenario) -> set[str]:
    """The files that documents name."""
    return {str(path) for each in scenario.stored.documents() if (path := each["file_path"])}


def ids(scenario: Scenario) -> set[str]:
    return {each["_id"] for each in scenario.stored.documents()}


def caught_up(
    scenario: Scenario, group: str, hooks: dict[str, Any] | None = None, **settings: str | int
) -> Child:
    """A consumer of that group, once it has read all."""
    consumer = scenario.joined_consumer(hooks, KAFKA_CONSUMER_GROUP=group, **settings)
    replace(scenario.oracle, group=group).wait_until_caught_up(CATCH_UP_LIMIT_S)
    return consumer


# Too many files.


@pytest.mark.parametrize(
    "point",
    [
        ("gone", 20),
        pytest.param(("cleared", 1), marks=pytest.mark.long),
        pytest.param(("document", 3), marks=pytest.mark.long),
    ],
)
def test_documents_name_the_files_that_are_there_and_no_others(
    scenario: Scenario, point: tuple[str, int]
) -> None:
    """One consumer is killed between two steps of a removal, another works beside it."""
    victim = scenario.joined_consumer({"kill_after": point}, MAX_STORED_FILES=KEPT_FILES)
    other = scenario.joined_consumer({"seconds_a_batch": 0.02}, MAX_STORED_FILES=KEPT_FILES)
    load = Load(scenario.sender, rate=150)
    assert victim.wait(CATCH_UP_LIMIT_S) == -9, str(victim)
    load.stop()
    scenario.send(mixture(range(10_000, 10_060)))
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    # What was left of the one that died, those who start find.
    scenario.stop(other)
    last = scenario.joined_consumer(MAX_STORED_FILES=KEPT_FILES)
    # At its end a consumer waits a second at most for the store: it is to do this before.
    eventually(
        lambda: named(scenario) == files(scenario),
        GONE_LIMIT_S,
        lambda: f"named {sorted(named(scenario))}, there {sorted(files(scenario))}",
    )
    scenario.stop(last)
    scenario.oracle.check(files=False)
    assert named(scenario) == files(scenario)
    # Who does not know yet what another has removed may remove a little more.
    assert KEPT_FILES // 2 < len(files(scenario)) <= KEPT_FILES


def test_documents_follow_their_files_while_images_come(scenario: Scenario) -> None:
    scenario.send(mixture(range(200), bad_every=0))
    consumer = scenario.joined_consumer(MAX_STORED_FILES=KEPT_FILES)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    eventually(
        lambda: named(scenario) == files(scenario),
        GONE_LIMIT_S,
        lambda: f"named {sorted(named(scenario))}, there {sorted(files(scenario))}",
    )
    assert len(files(scenario)) == KEPT_FILES
    scenario.stop(consumer)


# What is too old.


def of_age(numbers: Iterable[int], hours: float) -> Iterator[Sent]:
    """Pictures that were captured so long ago."""
    moment = int(time.time() * 1000 - hours * HOUR_MS)
    return (replace(picture(number), timestamp_ms=moment + number) for number in numbers)


def young(oracle: Oracle, hours: float) -> set[str]:
    """The ids of the records that are not as old."""
    least = time.time() * 1000 - hours * HOUR_MS
    return {document_id(each) for each in oracle.records() if each.timestamp()[1] > least}


def wait_until_swept(scenario: Scenario) -> None:
    """Until documents and files are those of the records that are not too old."""
    wanted = young(scenario.oracle, hours=24)

    def swept() -> bool:
        return ids(scenario) == wanted and named(scenario) == files(scenario)

    eventually(swept, GONE_LIMIT_S, lambda: f"{len(ids(scenario))} of {len(wanted)} documents")
    assert len(files(scenario)) == len(wanted)


SWEEPING = {"sweep_every_s": 0.2}


def test_what_is_too_old_goes_though_consumers_die_and_does_not_come_back(
    scenario: Scenario,
) -> None:
    """One is killed in the middle, two sweep the same at once; then all is read again."""
    scenario.send(of_age(range(250), hours=48))
    victim = scenario.consumer({"kill_after": ["swept", 1], **SWEEPING}, KEEP_DAYS="1")
    assert victim.wait(CATCH_UP_LIMIT_S) == -9, str(victim)
    scenario.send(of_age(range(250, 300), hours=1))
    both = [scenario.joined_consumer(SWEEPING, KEEP_DAYS="1") for _ in range(2)]
    scenario.send(of_age(range(300, 600), hours=48))
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    wait_until_swept(scenario)
    # What is removed is counted a moment later.
    swept = 'velox_swept_total{what="shapes_found"}'
    eventually(
        lambda: sum(metric(each, swept) for each in both) >= 300, GONE_LIMIT_S, "all are counted"
    )
    for each in both:
        scenario.stop(each)

    again = caught_up(scenario, f"{scenario.group}-again", SWEEPING, KEEP_DAYS="1")
    wait_until_swept(scenario)
    scenario.stop(again)
    wait_until_swept(scenario)


# What is of one source.


def forget(scenario: Scenario, *arguments: str, kill_after: int = 1_000_000) -> Child:
    env = {
        "KAFKA_BOOTSTRAP_SERVER": scenario.kafka.bootstrap,
        "KAFKA_TOPIC": scenario.topic,
        "MONGO_URI": scenario.store_uri,
        "DB_NAME": scenario.database,
        "STORAGE_PATH": str(scenario.images),
        "KILL_AFTER": str(kill_after),
    }
    log = scenario.folder / f"forget-{time.monotonic_ns()}" / "log"
    return script(Path("tests/faults/hooked_forget.py"), env=env, log=log, arguments=arguments)


def of(scenario: Scenario, source: str) -> set[str]:
    """The ids of the records of a source."""
    records = scenario.oracle.records()
    return {document_id(each) for each in records if headers(each)["source"] == source.encode()}


def from_sources(numbers: Iterable[int]) -> Iterator[Sent]:
    return (replace(picture(number), source=f"line-{number % 2}") for number in numbers)


def test_a_source_is_forgotten_beside_consumers_and_after_a_kill(scenario: Scenario) -> None:
    scenario.send(from_sources(range(200)))
    consumer = scenario.joined_consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    mine, others = of(scenario, "line-1"), of(scenario, "line-0")

    dry = forget(scenario, "--source", "line-1", "--dry-run")
    assert dry.wait(CATCH_UP_LIMIT_S) == 0, str(dry)
    assert "would remove source='line-1' shapes_found=100 review=0 withdrawn=0 files=100" in dry.log
    assert ids(scenario) == mine | others

    assert forget(scenario, "--source", "line-1", kill_after=3).wait(CATCH_UP_LIMIT_S) == -9
    left = ids(scenario) & mine
    assert 0 < len(left) < 100
    assert len(files(scenario)) == 100 + len(left)

    # The other source goes on meanwhile.
    load = Load(scenario.sender, rate=50)
    done = forget(scenario, "--source", "line-1")
    assert done.wait(CATCH_UP_LIMIT_S) == 0, str(done)
    load.stop()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert f"removed source='line-1' shapes_found={len(left)} review=0" in done.log
    assert ids(scenario) & mine == set()
    assert others <= ids(scenario)
    assert named(scenario) == files(scenario)
    assert len(files(scenario)) == len(ids(scenario))
    for topic in (scenario.topic, f"{scenario.topic}-dlt"):
        assert f"in Kafka its records stay topic={topic} for up to 14 days" in done.log
    scenario.stop(consumer)


def test_what_kafka_still_has_comes_back_when_it_is_read_again(scenario: Scenario) -> None:
    """As the command says; forgetting once more removes that too."""
    scenario.send(from_sources(range(20)))
    scenario.stop(caught_up(scenario, scenario.group))
    assert forget(scenario, "--source", "line-1").wait(CATCH_UP_LIMIT_S) == 0
    assert ids(scenario) == of(scenario, "line-0")
    scenario.stop(caught_up(scenario, f"{scenario.group}-again"))
    assert ids(scenario) == of(scenario, "line-0") | of(scenario, "line-1")
    assert forget(scenario, "--source", "line-1").wait(CATCH_UP_LIMIT_S) == 0
    assert ids(scenario) == of(scenario, "line-0")
    assert named(scenario) == files(scenario)


def test_what_was_captured_later_stays(scenario: Scenario) -> None:
    old = (replace(each, source="line-1") for each in of_age(range(30), hours=48))
    new = (replace(each, source="line-1") for each in of_age(range(30, 50), hours=1))
    scenario.send([*old, *new])
    scenario.stop(caught_up(scenario, scenario.group))
    bound = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(time.time() - 24 * 3600))
    done = forget(scenario, "--source", "line-1", "--before", bound)
    assert done.wait(CATCH_UP_LIMIT_S) == 0, str(done)
    assert ids(scenario) == young(scenario.oracle, hours=24)
    assert named(scenario) == files(scenario)
