"""What a consumer keeps for review."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, Producer

from tests.rig import pictures, settings
from tests.rig.http import metric
from tests.rig.model import Model
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually
from tests.unit.fakes import CAPTURED_MS
from velox.base.candidates import chance_of
from velox.demo import broker as embedded_broker

LIMIT_S = 90
TOPIC = "image_data"
IMAGES, SHARE = 120, 0.25


@dataclass
class Sent:
    """A broker with images on it, each by the id of its record."""

    bootstrap: str
    images: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture(scope="module")
def sent() -> Iterator[Sent]:
    with embedded_broker.running() as bootstrap:
        sent = Sent(bootstrap)
        producer = Producer({"bootstrap.servers": bootstrap})

        for number in range(IMAGES):
            image, moment = pictures.encoded(number), CAPTURED_MS + number

            def note(
                error: KafkaError | None,
                message: Message,
                image: bytes = image,
                moment: int = moment,
            ) -> None:
                assert error is None
                place = f"{TOPIC}:{message.partition()}:{message.offset()}"
                sent.images[f"{place}:{moment}"] = image

            producer.produce(TOPIC, image, timestamp=moment, on_delivery=note)
        assert producer.flush(LIMIT_S) == 0
        yield sent


def start(sent: Sent, folder: Path, model: Model, **more: str | int) -> tuple[Child, str]:
    env = settings.consumer(sent.bootstrap, TOPIC, folder / "images", KAFKA_PARTITIONS=4, **more)
    consumer = script(
        "consumer.py", env={**env, **model.settings()}, log=folder / f"{uuid.uuid4()}.log"
    )
    return consumer, consumer.wait_for_line(r"metrics address=(\S+)", LIMIT_S)[1]


def rows(folder: Path, query: str) -> list[Any]:
    file = folder / "images" / "review.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def test_the_random_share_is_kept_whole_and_unsure_images_whatever_kills_it(
    sent: Sent, anything: Model, tmp_path: Path
) -> None:
    """The second consumer takes up where the first, killed, has committed."""
    more: dict[str, str | int] = {
        "REVIEW": 1,
        "REVIEW_SHARE": str(SHARE),
        "BATCH_SIZE": 4,
        "CONFIDENCE_THRESHOLD": 1,
        "KAFKA_CONSUMER_GROUP": "a",
    }
    chosen = {each for each in sent.images if chance_of(each) < SHARE}
    assert 10 < len(chosen) < 60
    first, address = start(sent, tmp_path, anything, **more)
    eventually(
        lambda: metric(address, "velox_review_kept_total") > 0, LIMIT_S, lambda: f"kept: {first}"
    )
    first.kill()
    second, _ = start(sent, tmp_path, anything, **more)
    eventually(
        lambda: (
            {each for (each,) in rows(tmp_path, "SELECT _id FROM review WHERE random")} == chosen
        ),
        LIMIT_S,
        lambda: f"the random share: {second}",
    )
    assert second.terminate(LIMIT_S) == 0
    kept = {each for (each,) in rows(tmp_path, "SELECT _id FROM review")}
    images = dict(rows(tmp_path, "SELECT _id, image FROM review_images"))
    assert images == {each: sent.images[each] for each in kept}
    assert len(kept) > len(chosen)


def test_nothing_is_kept_by_default(sent: Sent, anything: Model, tmp_path: Path) -> None:
    consumer, address = start(sent, tmp_path, anything, KAFKA_CONSUMER_GROUP="b")
    eventually(
        lambda: metric(address, "velox_records_total") >= IMAGES, LIMIT_S, lambda: str(consumer)
    )
    assert consumer.terminate(LIMIT_S) == 0
    assert not (tmp_path / "images" / "review.db").exists()
