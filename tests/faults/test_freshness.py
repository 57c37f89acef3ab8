"""Images that are too old on real servers: what is stored is fresh, and all else is accounted for.

How Kafka finds a place by time was read in LogSegment.findOffsetByTimestamp and
FileRecords.searchForTimestamp (apache/kafka, storage and clients): the first record of that moment
or later, in the order of the log. So what is skipped is older, in whatever order timestamps are.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.oracle import document_id, origin
from tests.faults.scenario import Scenario, metric
from tests.faults.sent import Load, Sent, picture, rubbish
from tests.faults.tail import Place, Tail, place
from tests.rig.processes import Child
from tests.rig.waiting import eventually

LIMIT_S = 60.0
HOUR_MS = 3_600_000
MAX_AGE_S = 1.0
BATCH_S, BATCH_SIZE = 0.2, 4
# The model has two threads.
CAN_DO = 2 * BATCH_SIZE / BATCH_S
# What the machine takes besides, with servers and other tests on two cores.
SLACK_S = 0.5
OLD, PARTITIONS = 4000, 2
SKIPPED = re.compile(r"skipped, older than MAX_AGE_S partition=(\d+) from=(\d+) to=(\d+)")


def old(numbers: Iterable[int], partition: int = 0, age_ms: int = HOUR_MS) -> Iterator[Sent]:
    """Images that were taken long ago."""
    taken = int(time.time() * 1000) - age_ms
    for number in numbers:
        one = picture(number)
        yield Sent(one.key, one.value, one.expect, one.label, partition, taken)


def consume(scenario: Scenario, hooks: dict[str, object] | None = None) -> Child:
    """Start a consumer that can do `CAN_DO` images a second and tells what each came to."""
    return scenario.joined_consumer(
        {"seconds_a_batch": BATCH_S, **(hooks or {})},
        MAX_AGE_S=str(MAX_AGE_S),
        BATCH_SIZE=BATCH_SIZE,
        # Few, or what is too old would be read before the broker has told where it ends.
        QUEUE_SIZE=32,
        KAFKA_PARTITIONS=PARTITIONS,
        KAFKA_RESULTS_TOPIC=f"{scenario.topic}-results",
    )


def results(scenario: Scenario) -> dict[str, dict[str, Place]]:
    """By outcome, ids and places of the images that results tell it of."""
    tail = Tail(scenario.kafka.bootstrap, f"{scenario.topic}-results", PARTITIONS)
    try:
        tail.read_to_end(LIMIT_S)
        found: dict[str, dict[str, Place]] = defaultdict(dict)
        for message in tail.messages:
            told = json.loads(message.value() or b"")
            found[told["outcome"]][told["id"]] = told["partition"], told["offset"]
        return found
    finally:
        tail.close()


def skipped(consumers: Iterable[Child]) -> list[Place]:
    """The offsets that consumers say they have skipped."""
    return [
        (int(partition), offset)
        for each in consumers
        for partition, begin, end in SKIPPED.findall(each.log)
        for offset in range(int(begin), int(end))
    ]


class Account:
    """What became of all that was sent, by the ids of the records."""

    def __init__(self, scenario: Scenario) -> None:
        by_place = {place(each): document_id(each) for each in scenario.oracle.records()}
        documents = {each["_id"]: each for each in scenario.stored.documents()}
        told = results(scenario)
        self.sent = set(by_place.values())
        self.stored = documents.keys()
        self.stale, self.matched = told.pop("stale").keys(), told.pop("match").keys()
        assert not told, "each colour is a match"
        self.dead = {by_place[origin(each)] for each in scenario.oracle.dead_letters()}
        self.skips = [by_place[each] for each in skipped(scenario.consumers)]
        self.oldest_s = max(each["latency_ms"] for each in documents.values()) / 1000

    def check(self) -> None:
        """Nothing is missing, and what is stored was fresh."""
        parts = (self.stored, self.stale, self.dead, set(self.skips))
        assert set().union(*parts) == self.sent
        # One that was stored right before a crash may be too old when it comes again.
        assert self.matched <= self.stored
        assert self.stored - self.matched <= self.stale | set(self.skips)
        assert self.oldest_s <= MAX_AGE_S + BATCH_S + SLACK_S, self.oldest_s

    def once(self) -> Counter[str]:
        """How often an id is in one of the parts."""
        return Counter([*self.stored, *self.stale, *self.dead, *self.skips])


@pytest.fixture
def behind(make_scenario: MakeScenario) -> Scenario:
    """A topic with images of long ago, and a topic for results."""
    scenario: Scenario = make_scenario(partitions=PARTITIONS)
    scenario.create_topic(f"{scenario.topic}-results", PARTITIONS)
    scenario.sample(lambda: {*skipped(scenario.consumers), *results(scenario)["stale"].values()})
    for partition in range(PARTITIONS):
        numbers = range(partition * OLD, (partition + 1) * OLD)
        scenario.send(old(numbers, partition))
    return scenario


def load(scenario: Scenario, seconds: float, enough: Callable[[], bool]) -> None:
    """Three times what the model can do, for so long at least, and until that was enough."""
    sending = Load(scenario.sender, 3 * CAN_DO)
    try:
        time.sleep(seconds)
        eventually(enough, LIMIT_S, "what the load is for")
    finally:
        sending.stop()


def matches(consumer: Child) -> float:
    return metric(consumer, 'velox_records_total{outcome="match"}')


def test_under_three_times_the_load_what_is_stored_is_fresh_and_all_else_is_counted(
    behind: Scenario,
) -> None:
    behind.nobody_dies()
    consumer = consume(behind)
    load(behind, 4, lambda: matches(consumer) > CAN_DO)
    behind.oracle.wait_until_caught_up(LIMIT_S)
    account = Account(behind)
    account.check()
    assert account.once() == Counter(account.sent), "each is one of them and no other"
    assert account.matched == account.stored
    assert 0 < len(account.skips) == metric(consumer, "velox_skipped_offsets_total")
    counted = {
        outcome: metric(consumer, f'velox_records_total{{outcome="{outcome}"}}')
        for outcome in ("match", "no_match", "unknown", "stale", "dead_letter")
    }
    assert counted == {
        "match": len(account.stored),
        "no_match": 0,
        "unknown": 0,
        "stale": len(account.stale),
        "dead_letter": len(account.dead),
    }
    assert metric(consumer, "velox_offset_gap_records_total") == 0
    assert len(account.stored) > CAN_DO, "the model was not idle"
    behind.stop(consumer)


@pytest.mark.parametrize(
    "point", [["document", 6], pytest.param(["commit", 3], marks=pytest.mark.long)]
)
def test_killed_in_the_middle_nothing_is_missing(behind: Scenario, point: list[object]) -> None:
    victim = consume(behind, {"kill_after": point})
    load(behind, 3, lambda: not victim.running)
    assert victim.wait(LIMIT_S) == -9
    again = consume(behind)
    load(behind, 2, lambda: matches(again) > 0)
    behind.oracle.wait_until_caught_up(LIMIT_S)
    Account(behind).check()
    behind.stop(again)


def test_what_has_no_time_is_classified_and_the_fresh_among_the_old_too(
    make_scenario: MakeScenario,
) -> None:
    scenario: Scenario = make_scenario(
        partitions=2, topic_config={"message.timestamp.after.max.ms": str(2**63 - 1)}
    )
    scenario.nobody_dies()
    now = int(time.time() * 1000)
    times = (-1, now + 24 * HOUR_MS, 10**15)
    odd = [
        Sent(each.key, each.value, each.expect, each.label, 0, times[number % 3])
        for number, each in enumerate(map(picture, range(10_000, 10_120)))
    ]
    aged = list(old(range(600)))
    # One in six has no usable time, and the stretch is as long as one that is skipped.
    scenario.send(each for group in zip(*[iter(aged)] * 5, odd, strict=True) for each in group)
    fresh = [
        Sent(each.key, each.value, each.expect, each.label, 1, now + HOUR_MS)
        for each in map(picture, range(20_000, 20_010))
    ]
    scenario.send([*old(range(1000, 4000), 1), *fresh, *old(range(4000, 7000), 1)])
    consumer = scenario.joined_consumer(MAX_AGE_S="60", QUEUE_SIZE=2)
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    wanted = {each.key.encode() for each in (*odd, *fresh)}
    records = scenario.oracle.records()
    assert {each["_id"] for each in scenario.stored.documents()} == {
        document_id(each) for each in records if each.key() in wanted
    }
    jumps = skipped([consumer])
    assert {partition for partition, _ in jumps} == {1}
    stale = metric(consumer, 'velox_records_total{outcome="stale"}')
    assert stale + len(jumps) + len(wanted) == len(records)
    assert 0 < len(jumps) < 6000
    scenario.stop(consumer)


def test_what_is_read_once_more_is_never_too_old(make_scenario: MakeScenario) -> None:
    scenario: Scenario = make_scenario()
    scenario.nobody_dies()
    scenario.send([*old(range(20)), *(rubbish(number) for number in range(100, 105))])
    consumer = scenario.joined_consumer(MAX_AGE_S="60")
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    eventually(
        lambda: metric(consumer, 'velox_records_total{outcome="stale"}') == 20, LIMIT_S, "all"
    )
    scenario.stop(consumer)
    assert scenario.stored.documents() == []
    assert len(scenario.oracle.dead_letters()) == 5
    for arguments, said in (
        (("--redrive",), "redriven letters=5 match=0 no_match=0 unknown=0 stale=0 dead_letter=5"),
        (
            ("--replay", "--from", "2020-01-01"),
            "match=20 no_match=0 unknown=0 stale=0 dead_letter=5",
        ),
    ):
        child = scenario.consumer(arguments=arguments, MAX_AGE_S="0.001")
        assert child.wait(LIMIT_S) == 0, str(child)
        assert said in child.log
    assert len(scenario.stored.documents()) == 20
