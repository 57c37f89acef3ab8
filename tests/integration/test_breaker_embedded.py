"""The breaker with Python alone: the embedded broker and SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.oracle import Oracle
from tests.faults.scenario import HOOKED, START_LIMIT_S, STOP_LIMIT_S, address, metric
from tests.faults.sent import EITHER, Sender, Sent, picture
from tests.faults.stored import InSQLite
from tests.rig import http
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually
from velox.demo import broker as embedded_broker
from velox.demo.broker import PARTITIONS
from velox.stores.sqlite import SQLITE_FILE

TOPIC, GROUP = "images", "group"
RECORDS = 400
UNSUSPECTED = 100
LIMIT_S = 60.0
NEVER = (
    "CREATE TRIGGER never BEFORE INSERT ON shapes_found BEGIN SELECT RAISE(ABORT, 'not today'); END"
)


@pytest.fixture
def bootstrap() -> Iterator[str]:
    with embedded_broker.running() as found:
        yield found


@pytest.fixture
def oracle(bootstrap: str, tmp_path: Path) -> Oracle:
    stored = InSQLite(tmp_path / SQLITE_FILE)
    return Oracle(bootstrap, TOPIC, PARTITIONS, GROUP, stored, letter_partitions=PARTITIONS)


def started(bootstrap: str, folder: Path, **settings: int) -> Child:
    env = {
        "KAFKA_BOOTSTRAP_SERVER": bootstrap,
        "KAFKA_TOPIC": TOPIC,
        "KAFKA_CONSUMER_GROUP": GROUP,
        "MONGO_URI": "",
        "STORAGE_PATH": str(folder),
        "CONFIDENCE_THRESHOLD": "0",
        "MAX_STORED_FILES": "1000000",
        "METRICS_PORT": "0",
        "MODEL_RELOAD_S": "0",
        **{name: str(value) for name, value in settings.items()},
    }
    log = folder / "logs" / str(len(list(folder.glob("logs/*")))) / "log"
    child = script(HOOKED, env=env, log=log)
    child.wait_for_line(r"partitions assigned=\[\d", START_LIMIT_S)
    return child


def paused(consumer: Child) -> str:
    eventually(lambda: metric(consumer, "velox_breaker_open"), LIMIT_S, lambda: str(consumer))
    status, reason = http.get(f"{address(consumer)}/readyz")
    assert status == 503
    return reason


def test_what_refuses_everything_costs_fewer_than_a_hundred(
    bootstrap: str, oracle: Oracle, tmp_path: Path
) -> None:
    sender = Sender(bootstrap, TOPIC)
    sender.send_all(
        Sent(each.key, each.value, EITHER) for each in (picture(n) for n in range(RECORDS))
    )
    consumer = started(bootstrap, tmp_path, MAX_IMAGE_PIXELS=1000)
    assert "MAX_IMAGE_PIXELS=1000" in paused(consumer)
    assert consumer.terminate(STOP_LIMIT_S) == 0
    letters = len(oracle.dead_letters())
    assert letters < UNSUSPECTED

    with sqlite3.connect(tmp_path / SQLITE_FILE) as database:
        database.execute(NEVER)
    consumer = started(bootstrap, tmp_path)
    assert "not today" in paused(consumer)
    assert len(oracle.dead_letters()) - letters < UNSUSPECTED
    assert oracle.stored.documents() == []

    with sqlite3.connect(tmp_path / SQLITE_FILE) as database:
        database.execute("DROP TRIGGER never")
    oracle.wait_until_caught_up(LIMIT_S)
    oracle.check()
    assert len(oracle.stored.documents()) > RECORDS - 2 * UNSUSPECTED
    assert consumer.terminate(STOP_LIMIT_S) == 0
