"""Ten minutes at full rate: resident memory is flat after the warm-up."""

from __future__ import annotations

import itertools
import threading
import time
from statistics import median

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import Scenario, metric
from tests.faults.sent import Sender, Sent, picture
from tests.rig.waiting import eventually

SOAK_S = 600
WARM_UP_S = 60
SAMPLE_EVERY_S = 5.0
PICTURES = 200
BACKLOG = 20_000
LOOK_AT_BACKLOG_EVERY = 2_000
# The client keeps up to 64 MiB of fetched records, in buffers of 16 MiB that come and go with the
# load. Small ones let a growth be seen that is none of them.
SMALL_FETCHES = "queued.max.messages.kbytes=4096,max.partition.fetch.bytes=262144"
GROWTH_LIMIT = 16 * 2**20
CATCH_UP_LIMIT_S = 180.0


class FullLoad:
    """Sends pictures as fast as the consumer takes them, with some to do at every moment."""

    def __init__(self, sender: Sender, scenario: Scenario) -> None:
        self._sender = sender
        self._scenario = scenario
        self._stop = threading.Event()
        self.done = 0
        self.sent = 0
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        pool: list[Sent] = [picture(number) for number in range(PICTURES)]
        for number, one in enumerate(itertools.cycle(pool)):
            if number % LOOK_AT_BACKLOG_EVERY == 0:
                while self.sent - self.done > BACKLOG and not self._stop.wait(0.05):
                    pass
            if self._stop.is_set():
                return
            self._sender.send(one)
            self.sent += 1

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._sender.finish()


@pytest.mark.long
@pytest.mark.timeout(SOAK_S + 300)
def test_memory_is_flat(make_scenario: MakeScenario) -> None:
    scenario = make_scenario(
        topic_config={"retention.bytes": str(128 * 2**20), "segment.bytes": str(32 * 2**20)}
    )
    consumer = scenario.joined_consumer(
        BATCH_SIZE=32, MAX_STORED_FILES=1000, KAFKA_CONFIG=SMALL_FETCHES
    )
    load = FullLoad(scenario.sender, scenario)
    started = time.monotonic()
    samples: list[tuple[float, int]] = []
    while (elapsed := time.monotonic() - started) < SOAK_S:
        load.done = int(metric(consumer, "velox_records_total"))
        if elapsed >= len(samples) * SAMPLE_EVERY_S:
            samples.append((elapsed, consumer.resident_bytes()))
            print(f"seconds={elapsed:.0f} records={load.done} resident={samples[-1][1]}")
        time.sleep(0.2)
    load.stop()
    eventually(
        lambda: metric(consumer, "velox_records_total") == load.sent,
        CATCH_UP_LIMIT_S,
        "every image recorded",
    )
    assert metric(consumer, "velox_offset_gap_records_total") == 0
    warm = [resident for elapsed, resident in samples if elapsed >= WARM_UP_S]
    third = len(warm) // 3
    growth = median(warm[-third:]) - median(warm[:third])
    print(f"rate={load.sent / SOAK_S:.0f} images/s growth={growth} bytes peak={max(warm)} bytes")
    assert growth < GROWTH_LIMIT
    scenario.stop(consumer)
