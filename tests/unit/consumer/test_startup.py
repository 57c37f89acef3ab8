import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from velox.base.errors import (
    CheckpointError,
    DocumentRejected,
    StartupTimeout,
    StoreRefuses,
    StoreUnavailable,
)
from velox.base.records import Detection
from velox.base.waiting import Stopped
from velox.consumer.startup import Waiting, say_what_the_breaker_cannot_judge
from velox.models.checkpoint import load
from velox.monitoring.health import Health
from velox.stores.interface import Rejected
from velox.stores.sqlite import SQLiteStore


class LateStore:
    """Opens at the n-th attempt."""

    name = "late"

    def __init__(self, attempts: int) -> None:
        self.left = attempts

    def open(self) -> None:
        self.left -= 1
        if self.left:
            raise StoreUnavailable("nobody there")

    def write(self, detections: Sequence[Detection]) -> Rejected:
        raise AssertionError

    def probe(self, detection: Detection) -> DocumentRejected | None:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError


class LateTopics:
    """The topic appears at the n-th look, its dead-letter topic is made on demand."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self.made: list[tuple[str, int, int, Any]] = []

    def partitions(self, topic: str) -> int:
        self.looks -= 1
        return 0 if self.looks else 8

    def create(self, new: NewTopic) -> None:
        self.made.append((new.topic, new.num_partitions, new.replication_factor, new.config))


def waiting(health: Health, *, limit: float = 30, stopped: bool = False) -> Waiting:
    stop = threading.Event()
    if stopped:
        stop.set()
    return Waiting(limit=limit, stop=stop, health=health)


def test_a_store_that_comes_late_is_waited_for_and_health_says_so() -> None:
    health, store = Health(), LateStore(2)
    waiting(health).for_store(store)
    assert store.left == 0
    assert health.starting == "waiting for store late: nobody there"
    assert health.ready() == (False, "waiting for store late: nobody there")
    assert health.live()[0]


def test_the_wait_has_a_limit_that_names_its_variable() -> None:
    with pytest.raises(StartupTimeout, match=r"no store late after 0 s \(STARTUP_TIMEOUT_S\)"):
        waiting(Health(), limit=0).for_store(LateStore(100))


def test_a_store_that_no_waiting_mends_ends_the_start_at_once(tmp_path: Path) -> None:
    (tmp_path / "detections.db").write_text("this is no database, but it is long enough for one")
    store = SQLiteStore(tmp_path / "detections.db")
    with pytest.raises(StoreRefuses, match="not a database"):
        waiting(Health(), limit=300).for_store(store)


def test_told_to_stop_it_stops_waiting() -> None:
    with pytest.raises(Stopped, match="store late"):
        waiting(Health(), stopped=True).for_store(LateStore(100))


def test_a_topic_of_its_own_is_made_as_asked_for() -> None:
    topics = LateTopics(2)
    asked = {"max.message.bytes": "20000000"}
    waiting(Health()).for_own_topic(
        topics,  # type: ignore[arg-type]
        "image_data-dlt",
        partitions=1,
        replication=3,
        config=asked,
    )
    assert topics.made == [("image_data-dlt", 1, 3, asked)]


def test_a_topic_that_comes_late_is_waited_for() -> None:
    health, topics = Health(), LateTopics(2)
    waiting(health).for_topic(topics, "image_data")  # type: ignore[arg-type]
    assert topics.looks == 0
    assert health.starting == "waiting for topic image_data: not there yet"


def wait_for_model(health: Health, folder: Path) -> None:
    paths = (folder / "model.pth", folder / "classes.json")
    waiting(health, limit=0).for_model(*paths, lambda: load(*paths))


def test_a_model_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(StartupTimeout, match=r"model\.pth"):
        wait_for_model(Health(), tmp_path)


def test_a_broken_model_is_named_and_waited_for(tmp_path: Path) -> None:
    (tmp_path / "model.pth").write_bytes(b"half a mod")
    health = Health()
    with pytest.raises((StartupTimeout, CheckpointError), match=r"model\.pth"):
        wait_for_model(health, tmp_path)
    assert "model.pth" in str(health.starting)


@pytest.mark.parametrize(
    ("share", "side", "said"), [(0.5, 511, True), (0.5, 512, False), (1.0, 511, False)]
)
def test_it_is_said_where_the_breaker_cannot_judge(
    caplog: pytest.LogCaptureFixture, share: float, side: int, said: bool
) -> None:
    say_what_the_breaker_cannot_judge(share, side * side)
    assert ("too small for the breaker's own test image of 512 x 512" in caplog.text) == said
