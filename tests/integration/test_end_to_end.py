"""Images in, detections out: the scripts as processes, every record compared with what came out."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Message

from tests.faults.oracle import Oracle, document_id, headers
from tests.faults.sent import DEAD_LETTER, DOCUMENT, Sender, rubbish
from tests.faults.stored import Document, InMongo, InSQLite, Stored
from tests.rig import settings
from tests.rig.http import metric
from tests.rig.model import LABELS, Model
from tests.rig.processes import Child, script
from velox.demo import broker as embedded_broker

IMAGES = 300
UNDECODABLE = 10
ACCURACY = 0.99
LIMIT_S = 120
STOP_LIMIT_S = 60


@dataclass(frozen=True)
class Servers:
    """The broker and the store of one run."""

    bootstrap: str
    partitions: int
    letter_partitions: int
    protocol: str
    store: dict[str, str]
    stored: Stored


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Servers]:
    """What a machine with Python alone has."""
    with embedded_broker.running() as bootstrap:
        yield Servers(
            bootstrap,
            embedded_broker.PARTITIONS,
            embedded_broker.PARTITIONS,
            "classic",
            {"MONGO_URI": ""},
            InSQLite(tmp_path / "images" / "detections.db"),
        )


@pytest.fixture(params=["classic", "consumer"])
def real(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """A real Apache Kafka node and a real mongod."""
    kafka, mongod = request.getfixturevalue("kafka"), request.getfixturevalue("mongod")
    database = f"db-{uuid.uuid4().hex[:8]}"
    stored = InMongo(mongod, database)
    store = {"MONGO_URI": mongod.uri, "DB_NAME": database}
    yield Servers(kafka.bootstrap, 8, 1, request.param, store, stored)
    stored.close()


def test_on_the_embedded_broker_and_store(
    embedded: Servers, checkpoint: Model, tmp_path: Path
) -> None:
    run(embedded, checkpoint, tmp_path, consumers=1)


def test_on_kafka_and_mongodb_with_two_consumers(
    real: Servers, checkpoint: Model, tmp_path: Path
) -> None:
    run(real, checkpoint, tmp_path, consumers=2)


def run(servers: Servers, model: Model, folder: Path, *, consumers: int) -> None:
    """Produce images among rubbish, consume, and compare exact sets."""
    topic = f"images-{uuid.uuid4().hex[:8]}"
    producing = script(
        "producer.py",
        env=settings.producer(servers.bootstrap, topic, PRODUCER_IMAGES=IMAGES),
        log=folder / "producer.log",
    )
    env = settings.consumer(
        servers.bootstrap,
        topic,
        folder / "images",
        KAFKA_GROUP_PROTOCOL=servers.protocol,
        **servers.store,
        **model.settings(),
    )
    running = [
        script("consumer.py", env=env, log=folder / str(number) / "consumer.log")
        for number in range(consumers)
    ]
    producing.wait_for_line("sending|done|topic", LIMIT_S)
    addresses = [each.wait_for_line(r"metrics address=(\S+)", LIMIT_S)[1] for each in running]
    running[0].wait_for_line(r"partitions assigned=\[\d", LIMIT_S)
    Sender(servers.bootstrap, topic).send_all(rubbish(number) for number in range(UNDECODABLE))
    assert producing.wait(LIMIT_S) == 0, str(producing)

    oracle = Oracle(
        servers.bootstrap,
        topic,
        servers.partitions,
        env["KAFKA_CONSUMER_GROUP"],
        servers.stored,
        servers.letter_partitions,
    )
    oracle.wait_until_caught_up(LIMIT_S)
    outcomes = {
        outcome: sum(
            metric(each, f'velox_records_total{{outcome="{outcome}"}}') for each in addresses
        )
        for outcome in ("match", "no_match", "dead_letter")
    }
    for each in running:
        assert each.terminate(STOP_LIMIT_S) == 0, str(each)

    assert oracle.check() == {DOCUMENT: IMAGES, DEAD_LETTER: UNDECODABLE, b"either": 0}
    assert outcomes == {"match": IMAGES, "no_match": 0, "dead_letter": UNDECODABLE}
    check_documents(servers.stored.documents(), oracle.records(), model)
    check_files(folder / "images")
    check_letters(oracle.dead_letters(), topic)
    for each in (producing, *running):
        check_log(each)


def check_documents(documents: list[Document], records: list[Message], model: Model) -> None:
    """Every field of every document, against its record."""
    by_id = {document_id(record): record for record in records}
    models = {document["model"] for document in documents}
    assert len(models) == 1
    assert len(models.pop()) == 12
    assert {document["predicted_label"] for document in documents} == set(LABELS)
    right = 0
    for document in documents:
        sent = headers(by_id[document["_id"]])
        assert document["ground_truth"] == sent["label"].decode()
        assert document["source"] == sent["source"].decode()
        assert isinstance(document["confidence"], float)
        assert 1 / len(LABELS) <= document["confidence"] <= 1
        assert isinstance(document["timestamp"], str)
        assert len(document["timestamp"]) == len("2026-01-01T00:00:00.000Z")
        assert document["latency_ms"] >= 0
        right += document["predicted_label"] == document["ground_truth"]
    assert right / len(documents) >= ACCURACY
    assert json.loads(model.classes.read_text()) == {
        str(index): label for index, label in enumerate(LABELS)
    }


def check_files(folder: Path) -> None:
    """Only the images, each named after its document, and the embedded store's own files."""
    names = Counter(path.suffix for path in folder.iterdir() if "detections" not in path.name)
    assert names == {".jpg": IMAGES}


def check_letters(letters: list[Message], topic: str) -> None:
    """The headers of Kafka Connect, beside the record's own."""
    for letter in letters:
        said = headers(letter)
        assert said["__connect.errors.topic"] == topic.encode()
        assert said["__connect.errors.stage"] == b"decode"
        assert said["__connect.errors.exception.class.name"] == b"UndecodableImage"
        assert b"in no known image format" in said["__connect.errors.exception.message"]
        assert said["source"] == letter.key()


def check_log(child: Child) -> None:
    """One line an event, whatever came in."""
    for line in child.log.splitlines():
        assert line[:4].isdigit(), line
        assert line.split()[1] in {"INFO", "WARNING", "ERROR"}, line
