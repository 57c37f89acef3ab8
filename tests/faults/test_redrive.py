"""Dead letters redriven on real servers: exact sets, whatever happens in the middle."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, cast

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import NewPartitions  # type: ignore[attr-defined]

from tests.faults.conftest import MakeScenario
from tests.faults.oracle import document_id, headers, origin
from tests.faults.scenario import Scenario
from tests.faults.sent import DEAD_LETTER, Sent, mixture, picture
from tests.faults.tail import Tail, place
from tests.rig import pictures
from tests.rig.processes import Child

LIMIT_S = 60.0
RECORDS = 60
TIMESTAMP = "velox.record.timestamp.ms"
Headers = dict[str, str | bytes | None]


def redrive(scenario: Scenario, *arguments: str, hooks: dict[str, object] | None = None) -> Child:
    """Start a redrive."""
    return scenario.consumer(hooks, arguments=("--redrive", *arguments))


def said(child: Child) -> dict[str, int]:
    """The numbers of its summary, once it has ended well."""
    assert child.wait(LIMIT_S) == 0, str(child)
    return summary(child)


def summary(child: Child) -> dict[str, int]:
    (line,) = re.findall(r"(?:redriven|would redrive) (letters=.*)", child.log)
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", line)}


def parked(scenario: Scenario) -> list[Message]:
    tail = Tail(scenario.kafka.bootstrap, f"{scenario.topic}-dlt-parked", 1)
    try:
        tail.read_to_end(LIMIT_S)
        return tail.messages
    finally:
        tail.close()


def documents(scenario: Scenario) -> set[str]:
    return {each["_id"] for each in scenario.stored.documents()}


def all_ids(scenario: Scenario, keys: str = "") -> set[str]:
    """The ids of all records whose key begins so."""
    found = scenario.oracle.records()
    return {document_id(each) for each in found if key(each).startswith(keys.encode())}


def key(message: Message) -> bytes:
    return cast(bytes, message.key())


def true_headers(record: Message) -> Headers:
    """What a letter says of its record."""
    partition, offset = place(record)
    return {
        "__connect.errors.topic": record.topic(),
        "__connect.errors.partition": str(partition),
        "__connect.errors.offset": str(offset),
    }


def forge(
    scenario: Scenario, letters: Iterable[tuple[bytes, Headers]], partitions: int = 1
) -> None:
    """Write to the dead-letter topic as anybody could who has the right to."""
    producer = Producer({"bootstrap.servers": scenario.kafka.bootstrap, "log_level": 2})
    for number, (value, said) in enumerate(letters):
        producer.produce(
            f"{scenario.topic}-dlt",
            value=value,
            key=b"forged",
            headers=said,
            partition=number % partitions,
        )
    assert producer.flush(LIMIT_S) == 0


@pytest.fixture
def refused(make_scenario: MakeScenario) -> Scenario:
    """A scenario in which the database refused three documents in ten, and now takes them."""
    scenario = make_scenario()
    with scenario.mongod.client() as client:
        client[scenario.database].create_collection(
            "shapes_found", validator={"source": {"$not": {"$regex": "^later"}}}
        )
    some = [
        Sent(f"later-{n}", pictures.encoded(n), DEAD_LETTER) if n % 10 < 3 else picture(n)
        for n in range(RECORDS)
    ]
    scenario.send([*some, *(each for each in mixture(range(3, 44, 10)))])
    consumer = scenario.consumer()
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.stop(consumer)
    assert len(scenario.oracle.dead_letters()) == RECORDS * 3 // 10 + 5
    with scenario.mongod.client() as client:
        client[scenario.database].command("collMod", "shapes_found", validator={})
    return scenario


def test_letters_become_the_documents_of_their_records(refused: Scenario) -> None:
    before = refused.oracle.committed()
    dry = said(redrive(refused, "--dry-run"))
    assert dry == {"letters": 23, "refused": 0, "left": 0, "passed": 0}
    done = said(redrive(refused))
    assert (done["letters"], done["match"], done["dead_letter"], done["parked"]) == (23, 18, 5, 0)
    assert documents(refused) == all_ids(refused, "later") | all_ids(refused, "picture")
    letters = refused.oracle.dead_letters()
    again = [each for each in letters if "velox.redrives" in headers(each)]
    assert len(letters) == 28
    rubbish = {place(each): each for each in refused.oracle.records() if b"rub" in key(each)}
    assert {origin(each) for each in again} == rubbish.keys()
    for each in again:
        of = rubbish[origin(each)]
        assert (each.key(), each.value()) == (of.key(), of.value())
        assert headers(each)[TIMESTAMP] == str(of.timestamp()[1]).encode()
        kept = [header[0] for header in each.headers() or ()]
        assert kept.count("__connect.errors.topic") == 1
    assert refused.oracle.committed() == before, "the live group stands where it stood"


def test_after_so_many_times_a_letter_is_parked_and_not_lost(refused: Scenario) -> None:
    said(redrive(refused))
    for times in (2, 3):
        done = said(redrive(refused))
        assert (done["letters"], done["dead_letter"]) == (5, 5)
        assert done["parked"] == (5 if times == 3 else 0)
    assert said(redrive(refused))["letters"] == 0
    assert {origin(each) for each in parked(refused)} == {
        place(each) for each in refused.oracle.records() if b"rub" in key(each)
    }
    assert all(headers(each)["velox.redrives"] == b"3" for each in parked(refused))
    once_more = said(redrive(refused, "--parked"))
    assert (once_more["letters"], once_more["parked"]) == (5, 5)


def test_what_is_not_chosen_stays_for_later_and_nothing_is_taken_twice(refused: Scenario) -> None:
    first = said(redrive(refused, "--reason", "DocumentRejected", "--limit", "7"))
    assert (first["letters"], first["match"]) == (7, 7)
    second = said(redrive(refused, "--reason", "DocumentRejected"))
    assert (second["letters"], second["left"]) == (11, 5)
    assert documents(refused) == all_ids(refused, "later") | all_ids(refused, "picture")
    assert said(redrive(refused, "--since", "2030-01-01"))["letters"] == 0
    rest = said(redrive(refused))
    assert (rest["letters"], rest["dead_letter"]) == (5, 5)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(["document", 1], marks=pytest.mark.long),
        pytest.param(["dead_letter", 2], marks=pytest.mark.long),
        ["commit", 1],
    ],
)
def test_killed_in_the_middle_it_goes_on_and_loses_nothing(
    refused: Scenario, point: list[object]
) -> None:
    hooks = {"kill_after": point, "seconds_a_batch": 0.02}
    # Few in flight, so that no write is of all there is, however slow it is.
    victim = refused.consumer(hooks, arguments=("--redrive",), QUEUE_SIZE=2)
    assert victim.wait(LIMIT_S) == -9
    done = said(redrive(refused))
    assert documents(refused) == all_ids(refused, "later") | all_ids(refused, "picture")
    rubbish = {place(each) for each in refused.oracle.records() if b"rub" in key(each)}
    again = [each for each in refused.oracle.dead_letters() if "velox.redrives" in headers(each)]
    assert {origin(each) for each in again} == rubbish
    assert 0 < done["letters"] <= 28


def test_headers_that_cannot_be_true_are_refused_by_name(make_scenario: MakeScenario) -> None:
    scenario = make_scenario()
    scenario.send([picture(0)])
    (record,) = scenario.oracle.records()
    true = true_headers(record)
    image = pictures.encoded(0)
    forge(
        scenario,
        [
            (image, {}),
            (image, {**true, "__connect.errors.topic": "other"}),
            (image, {**true, "__connect.errors.partition": "99"}),
            (image, {**true, "__connect.errors.offset": "-1"}),
            (image, {**true, "__connect.errors.offset": "5"}),
            (image, {**true, TIMESTAMP: "soon"}),
            # As an earlier version wrote it: its record says the rest.
            (image, true),
        ],
    )
    done = said(redrive(scenario))
    assert (done["letters"], done["refused"], done["parked"], done["match"]) == (1, 6, 6, 1)
    assert documents(scenario) == {document_id(record)}
    reasons = [
        headers(each)["__connect.errors.exception.message"].decode() for each in parked(scenario)
    ]
    for reason, name in zip(
        reasons, ("topic", "topic", "partition", "offset", "offset", "velox."), strict=True
    ):
        assert re.match(rf"header (__connect\.errors\.)?{name}", reason), reason
    before = parked(scenario)
    again = said(redrive(scenario, "--parked"))
    assert (again["letters"], again["refused"], again["parked"]) == (0, 6, 6)
    after = parked(scenario)[len(before) :]
    assert [len(each.headers() or ()) for each in after] == [
        len(each.headers() or ()) for each in before
    ], "nothing is said twice"


def test_a_letter_without_its_value_is_made_whole_by_its_record(scenario: Scenario) -> None:
    with scenario.mongod.client() as client:
        client[scenario.database].create_collection(
            "shapes_found", validator={"source": {"$ne": "later"}}
        )
    scenario.limit_letters(1024)
    scenario.send([Sent("later", pictures.encoded(1) + b"\0" * 4000, DEAD_LETTER)])
    consumer = scenario.consumer()
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.stop(consumer)
    (letter,) = scenario.oracle.dead_letters()
    assert letter.value() is None
    with scenario.mongod.client() as client:
        client[scenario.database].command("collMod", "shapes_found", validator={})
    assert said(redrive(scenario))["match"] == 1
    (document,) = scenario.stored.documents()
    assert document["_id"] == document_id(scenario.oracle.records()[0])
    assert document["source"] == "later"


def test_its_headers_mean_nothing_on_the_topic_of_the_images(scenario: Scenario) -> None:
    producer = Producer({"bootstrap.servers": scenario.kafka.bootstrap, "log_level": 2})
    claims: Headers = {
        "__connect.errors.topic": scenario.topic,
        "__connect.errors.partition": "0",
        "__connect.errors.offset": "0",
        TIMESTAMP: "1700000000000",
    }
    for value in (pictures.encoded(0), b"no image"):
        producer.produce(scenario.topic, value=value, partition=1, headers=claims)
    assert producer.flush(LIMIT_S) == 0
    consumer = scenario.consumer()
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.stop(consumer)
    by_place = {place(each): each for each in scenario.oracle.records()}
    assert documents(scenario) == {document_id(by_place[1, 0])}
    (letter,) = scenario.oracle.dead_letters()
    assert origin(letter) == (1, 1), "the last header of a name is ours"
    assert said(redrive(scenario))["dead_letter"] == 1
    assert {origin(each) for each in scenario.oracle.dead_letters()} == {(1, 1)}


@pytest.mark.parametrize("arguments", [("--redrive",), ("--replay", "--from", "2026-01-31")])
def test_a_topic_that_there_is_not_is_named(
    make_scenario: MakeScenario, arguments: tuple[str, ...]
) -> None:
    scenario = make_scenario()
    child = scenario.consumer(arguments=arguments, KAFKA_TOPIC=f"{scenario.topic}x")
    assert child.wait(LIMIT_S) == 2, str(child)
    last = child.log.splitlines()[-1]
    assert last == f"error: KAFKA_TOPIC='{scenario.topic}x': the broker has no such topic"


def test_results_of_letters_are_told_once_more_though_it_is_killed(refused: Scenario) -> None:
    topic = f"{refused.topic}-results"
    refused.create_topic(topic, refused.partitions)
    hooks = {"kill_after": ["dead_letter", 1], "seconds_a_batch": 0.02}
    settings: dict[str, Any] = {
        "arguments": ("--redrive",),
        "KAFKA_RESULTS_TOPIC": topic,
        "KAFKA_PARTITIONS": refused.partitions,
    }
    assert refused.consumer(hooks, **settings).wait(LIMIT_S) == -9
    said(refused.consumer(**settings))
    tail = Tail(refused.kafka.bootstrap, topic, refused.partitions)
    tail.read_to_end(LIMIT_S)
    told = [json.loads(each.value() or b"") for each in tail.messages]
    tail.close()
    assert {each["id"] for each in told} == all_ids(refused, "later")
    assert {(each["topic"], each["outcome"]) for each in told} == {(refused.topic, "match")}


@pytest.mark.parametrize("protocol", ["consumer", pytest.param("classic", marks=pytest.mark.long)])
def test_two_at_once_share_the_partitions_and_forget_no_letter(
    make_scenario: MakeScenario, protocol: str
) -> None:
    scenario = make_scenario(protocol=protocol)
    grown = scenario.admin.create_partitions([NewPartitions(f"{scenario.topic}-dlt", 4)])
    grown[f"{scenario.topic}-dlt"].result(LIMIT_S)
    scenario.send(picture(number) for number in range(RECORDS))
    letters_of = ((each.value() or b"", true_headers(each)) for each in scenario.oracle.records())
    forge(scenario, letters_of, partitions=4)
    # It has work for as long as the second may take to start, and time to finish what it has begun.
    slow = {"seconds_a_batch": 3}
    first = scenario.consumer(
        slow, arguments=("--redrive",), BATCH_SIZE=4, QUEUE_SIZE=8, DRAIN_TIMEOUT_S=30
    )
    first.wait_for_line(r"partitions assigned=\[0, 1, 2, 3\]", LIMIT_S)
    second = redrive(scenario)
    letters = [said(each)["letters"] for each in (first, second)]
    assert "partitions revoked=[" in first.log
    assert min(letters) > 0
    assert sum(letters) == RECORDS, "none is done twice where nobody dies"
    assert documents(scenario) == all_ids(scenario)
    assert said(redrive(scenario))["letters"] == 0
