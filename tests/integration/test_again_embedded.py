"""Redrive and replay against the embedded broker, which finds no places by time."""

from __future__ import annotations

import time
from pathlib import Path

from confluent_kafka import Producer

from tests.faults.stored import InSQLite
from tests.rig import pictures, settings
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually
from velox.demo import broker
from velox.stores.sqlite import SQLITE_FILE

LIMIT_S = 60.0
TOPIC = "images"


def test_letters_and_a_stretch_of_time_are_classified_again(tmp_path: Path) -> None:
    first_ms = int(time.time() * 1000) - 60_000
    stored = InSQLite(tmp_path / "images" / SQLITE_FILE)
    with broker.running() as bootstrap:
        producer = Producer(
            {"bootstrap.servers": bootstrap, "allow.auto.create.topics": True, "log_level": 2}
        )
        for number in range(20):
            value = pictures.encoded(number) if number % 5 else b"no image"
            producer.produce(
                TOPIC, value=value, partition=number % 4, timestamp=first_ms + number * 1000
            )
        assert producer.flush(LIMIT_S) == 0

        def run(*arguments: str, **more: str) -> Child:
            env = settings.consumer(bootstrap, TOPIC, tmp_path / "images", **more)
            log = tmp_path / f"{len(list(tmp_path.iterdir()))}" / "log"
            hooked = "tests/faults/hooked_consumer.py"
            return script(
                hooked, env={**env, "KAFKA_PARTITIONS": "4"}, log=log, arguments=arguments
            )

        consumer = run()
        consumer.wait_for_line("partitions assigned", LIMIT_S)
        eventually(lambda: len(stored.documents()) == 16, LIMIT_S, "documents of all images")
        assert consumer.terminate(LIMIT_S) == 0

        redrive = run("--redrive")
        assert redrive.wait(LIMIT_S) == 0, str(redrive)
        assert "redriven letters=4 match=0" in redrive.log
        assert "dead_letter=4" in redrive.log

        span = (str(first_ms + 10_000), str(first_ms + 15_000))
        replay = run("--replay", "--from", span[0], "--to", span[1], TARGET_LABELS="blue")
        assert replay.wait(LIMIT_S) == 0, str(replay)
        left = {each["timestamp"]: each["predicted_label"] for each in stored.documents()}
        outside = [number for number in range(20) if number % 5 and not 10 <= number < 15]
        inside = [number for number in range(11, 15) if pictures.colour(number) == "blue"]
        assert len(left) == len(outside) + len(inside)
