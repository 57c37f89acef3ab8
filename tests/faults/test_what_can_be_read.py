"""What no consumer can be given is no lag, no stall and no reason to stay behind.

Markers of transactions, aborted and open transactions, and expired records take offsets. Where the
last ones of a partition are such, its consumer has nothing to do, and must look like it.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import ADMIN_LIMIT_S, Scenario, health, metric
from tests.faults.sent import DOCUMENT, Sent
from tests.rig import pictures
from tests.rig.kafka import Kafka
from tests.rig.mongod import Mongod
from tests.rig.processes import Child
from tests.rig.waiting import eventually
from velox.kafka.group_lag import GroupLag

STALL_S = 2
# Where there is always something to do: longer than a busy machine keeps a process waiting.
LONG_STALL_S = 8
LIMIT_S = 60.0
LAG = 'velox_consumer_lag_records{partition="0"}'
LOST = "velox_offset_gap_records_total"
SEGMENT_S = 0.5
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "400",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "400",
}


class Transactions:
    """A transactional producer of pictures."""

    def __init__(self, scenario: Scenario) -> None:
        self._topic = scenario.topic
        self._producer = Producer(
            {
                "bootstrap.servers": scenario.kafka.bootstrap,
                "transactional.id": scenario.topic,
                "log_level": 2,
            }
        )
        self._producer.init_transactions(ADMIN_LIMIT_S)

    def begin(self, *numbers: int) -> None:
        self._producer.begin_transaction()
        for number in numbers:
            self._producer.produce(
                self._topic, pictures.encoded(number), key=f"picture-{number}", partition=0
            )
        self._producer.flush(ADMIN_LIMIT_S)

    def commit(self) -> None:
        self._producer.commit_transaction(ADMIN_LIMIT_S)

    def abort(self) -> None:
        self._producer.abort_transaction(ADMIN_LIMIT_S)


def plain(numbers: range, key: str = "") -> list[Sent]:
    return [
        Sent(key or f"picture-{number}", pictures.encoded(number), DOCUMENT, partition=0)
        for number in numbers
    ]


def records(scenario: Scenario) -> list[int]:
    """The offsets of partition 0 that any reader is given."""
    reader = Consumer(
        {
            "bootstrap.servers": scenario.kafka.bootstrap,
            "group.id": "reader",
            "enable.partition.eof": True,
        }
    )
    reader.assign([TopicPartition(scenario.topic, 0, OFFSET_BEGINNING)])
    found: list[int] = []
    while (message := reader.poll(ADMIN_LIMIT_S)) is not None and message.error() is None:
        found.append(message.offset() or 0)
    reader.close()
    return found


def delete_before(scenario: Scenario, offset: int) -> None:
    """What retention does."""
    start = TopicPartition(scenario.topic, 0, offset)
    scenario.admin.delete_records([start])[start].result(ADMIN_LIMIT_S)


def group_lag(scenario: Scenario) -> dict[int, int]:
    """As `lag.py` measures it."""
    lag = GroupLag(
        bootstrap=scenario.kafka.bootstrap, group=scenario.group, topic=scenario.topic, extra={}
    )
    try:
        return lag.measure()
    finally:
        lag.close()


def has(scenario: Scenario, consumer: Child, documents: int) -> None:
    eventually(
        lambda: len(scenario.stored.documents()) == documents,
        LIMIT_S,
        lambda: f"{documents} documents: {len(scenario.stored.documents())} {consumer}",
    )


def rests_at(scenario: Scenario, consumer: Child, offset: int, stall_s: float = STALL_S) -> None:
    """The commit arrives there, nothing is lag by any measure, and no probe is ever red."""
    eventually(
        lambda: scenario.oracle.committed()[0] == offset,
        LIMIT_S,
        lambda: f"a commit of {offset}: {scenario.oracle.committed()} {consumer}",
    )
    eventually(lambda: metric(consumer, LAG) == 0, LIMIT_S, lambda: f"no lag: {consumer}")
    assert group_lag(scenario) == {0: 0}
    stays_green(consumer, stall_s)
    assert metric(consumer, LAG) == 0


def stays_green(consumer: Child, stall_s: float) -> None:
    """The probe is watched for longer than a stall may last."""
    until = time.monotonic() + 2 * stall_s
    while time.monotonic() < until:
        assert health(consumer) == (200, "ok\n")
        time.sleep(0.2)


@pytest.mark.parametrize("protocol", ["classic", pytest.param("consumer", marks=pytest.mark.long)])
def test_transactions(make_scenario: MakeScenario, protocol: str) -> None:
    scenario = make_scenario(partitions=1, protocol=protocol)
    consumer = scenario.joined_consumer(STALL_TIMEOUT_S=STALL_S)
    transactions = Transactions(scenario)
    transactions.begin(0, 1, 2)
    transactions.commit()
    has(scenario, consumer, 3)
    rests_at(scenario, consumer, 4)

    transactions.begin(3, 4, 5)
    transactions.abort()
    rests_at(scenario, consumer, 8)

    # Others write behind an open transaction, and that must be waited for too.
    transactions.begin(6, 7)
    scenario.send(plain(range(8, 10)))
    rests_at(scenario, consumer, 8)
    transactions.commit()
    has(scenario, consumer, 3 + 4)
    rests_at(scenario, consumer, 13)
    assert metric(consumer, LOST) == 0
    scenario.stop(consumer)

    again = scenario.joined_consumer(STALL_TIMEOUT_S=STALL_S)
    transactions.begin(20)
    rests_at(scenario, again, 13)
    transactions.abort()
    rests_at(scenario, again, 15)
    scenario.stop(again)


def test_nothing_but_aborted_transactions(make_scenario: MakeScenario) -> None:
    """They follow each other so closely that the end of the partition is never reached."""
    scenario = make_scenario(partitions=1)
    consumer = scenario.joined_consumer(STALL_TIMEOUT_S=LONG_STALL_S)
    transactions, enough = Transactions(scenario), threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not enough.is_set():
            transactions.begin(0)
            transactions.abort()
            written += 2

    writer = threading.Thread(target=write)
    writer.start()
    try:
        stays_green(consumer, LONG_STALL_S)
        first = eventually(lambda: scenario.oracle.committed()[0], LIMIT_S, "a commit")
        eventually(lambda: scenario.oracle.committed()[0] > first, LIMIT_S, "commits move on")
    finally:
        enough.set()
        writer.join()
    rests_at(scenario, consumer, written, LONG_STALL_S)
    assert metric(consumer, LOST) == 0
    scenario.stop(consumer)


def test_everything_expired_while_nobody_read(make_scenario: MakeScenario) -> None:
    scenario = make_scenario(partitions=1)
    scenario.send(plain(range(5)))
    first = scenario.consumer()
    has(scenario, first, 5)
    scenario.stop(first)
    scenario.send(plain(range(5, 20)))
    delete_before(scenario, 20)

    second = scenario.joined_consumer(STALL_TIMEOUT_S=STALL_S)
    rests_at(scenario, second, 20)
    assert metric(second, LOST) == 15
    second.wait_for_line("ERROR offset gap kind=skipped partition=0 expected=5 found=20", 5)
    scenario.send(plain(range(20, 22)))
    has(scenario, second, 5 + 2)
    rests_at(scenario, second, 22)
    assert metric(second, LOST) == 15, "counted once"
    assert metric(second, 'velox_offset_gaps_total{kind="skipped"}') == 1
    scenario.stop(second)


def test_everything_expired_while_polling_was_paused(make_scenario: MakeScenario) -> None:
    scenario = make_scenario(partitions=1)
    scenario.nobody_dies()
    consumer = scenario.joined_consumer(QUEUE_SIZE=8, STALL_TIMEOUT_S=STALL_S)
    scenario.mongod.freeze()
    scenario.send(plain(range(40)))
    eventually(lambda: metric(consumer, "velox_pauses_total") == 1, 30, "a full queue")
    held = int(metric(consumer, "velox_in_flight_images"))
    delete_before(scenario, 40)
    scenario.mongod.thaw()

    has(scenario, consumer, held)
    rests_at(scenario, consumer, 40)
    assert metric(consumer, LOST) == 40 - held
    scenario.stop(consumer)


@pytest.mark.long
def test_compaction_left_nothing_but_holes_at_the_end(mongod: Mongod, tmp_path: Path) -> None:
    node = Kafka(tmp_path / "kafka", {"log.cleaner.backoff.ms": "200"})
    node.start()
    scenario = Scenario(node, mongod, tmp_path / "0", partitions=1, topic_config=COMPACTED)
    try:
        scenario.send(plain(range(5), key="one"))
        transactions = Transactions(scenario)
        time.sleep(SEGMENT_S)
        transactions.begin(5, 6, 7)
        # The marker begins a segment of its own: the last one is never cleaned.
        time.sleep(SEGMENT_S)
        transactions.abort()
        eventually(
            lambda: records(scenario) == [4], LIMIT_S, lambda: f"cleaned: {records(scenario)}"
        )

        consumer = scenario.joined_consumer(STALL_TIMEOUT_S=STALL_S)
        has(scenario, consumer, 1)
        rests_at(scenario, consumer, 9)
        assert metric(consumer, LOST) == 0
        scenario.stop(consumer)
    finally:
        scenario.close()
        node.stop()
