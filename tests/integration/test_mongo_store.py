"""The MongoDB store on a real mongod."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.rig.mongod import Mongod
from tests.unit.fakes import detection
from velox.base.errors import SettingError, StoreUnavailable
from velox.stores.mongo import MongoStore
from velox.stores.mongo_client import WRITE_TIMEOUT_MS

MOST_BYTES = 16 * 2**20


@pytest.fixture
def store(mongod: Mongod, database: Any) -> Iterator[MongoStore]:
    made = MongoStore(uri=mongod.uri, database=database.name)
    made.open()
    yield made
    made.close()


def ids(database: Any) -> set[str]:
    return {each["_id"] for each in database.shapes_found.find()}


def test_a_document_is_the_detection(store: MongoStore, database: Any) -> None:
    one = replace(detection(7, truth="red_circle"), file_path="a.jpg", source="camera-1")
    assert store.write([one]) == []
    (document,) = database.shapes_found.find({"timestamp": {"$type": "string"}})
    assert document == one.document()
    assert database.shapes_found.count_documents({"confidence": {"$type": "double"}}) == 1


def test_writing_twice_leaves_one_and_the_later(store: MongoStore, database: Any) -> None:
    store.write([detection(1, label="red_circle"), detection(2)])
    store.write([detection(1, label="green_square")])
    assert ids(database) == {detection(1).id, detection(2).id}
    assert database.shapes_found.find_one({"_id": detection(1).id})["predicted_label"] == (
        "green_square"
    )


def test_of_a_batch_some_may_be_there_and_some_refused(store: MongoStore, database: Any) -> None:
    store.write([detection(1), detection(2)])
    database.command("collMod", "shapes_found", validator={"predicted_label": {"$ne": "ufo"}})
    detections = [
        detection(1, label="green_square"),
        detection(2, label="ufo"),
        detection(3, label="ufo"),
        detection(4),
    ]
    refused = {each.id for each, _ in store.write(detections)}
    assert refused == {detection(2).id, detection(3).id}
    labels = {each["_id"]: each["predicted_label"] for each in database.shapes_found.find()}
    assert labels == {
        detection(1).id: "green_square",
        detection(2).id: detection(2).predicted_label,
        detection(4).id: detection(4).predicted_label,
    }


def test_writes_are_acknowledged_by_the_majority_and_its_journal(store: MongoStore) -> None:
    assert store._collection.write_concern.document == {"w": "majority", "j": True}


def test_the_usual_queries_have_an_index(store: MongoStore, database: Any) -> None:
    store.write([detection(number) for number in range(20)])
    latest = database.shapes_found.find({"predicted_label": "red_circle"}).sort("timestamp", -1)
    assert "latest_by_label" in str(latest.limit(1).explain()["queryPlanner"]["winningPlan"])


def test_opening_again_is_no_error(store: MongoStore) -> None:
    store.open()


def test_what_a_validator_refuses_comes_back_alone(store: MongoStore, database: Any) -> None:
    database.command("collMod", "shapes_found", validator={"predicted_label": {"$ne": "ufo"}})
    detections = [detection(1), detection(2, label="ufo"), detection(3)]
    ((rejected, reason),) = store.write(detections)
    assert rejected == detections[1]
    assert "MongoDB error 121" in str(reason)
    assert ids(database) == {detection(1).id, detection(3).id}


@pytest.mark.parametrize("size", [MOST_BYTES, 2 * MOST_BYTES], ids=["server", "client"])
def test_a_document_too_large_for_server_or_client_comes_back_alone(
    store: MongoStore, database: Any, size: int
) -> None:
    large = replace(detection(2), source="x" * size)
    ((rejected, reason),) = store.write([detection(1), large, detection(3)])
    assert rejected == large
    assert re.search("16777216|16MB|too large", str(reason))
    assert ids(database) == {detection(1).id, detection(3).id}


@pytest.mark.parametrize("end", [Mongod.stop, Mongod.kill], ids=["stopped", "killed"])
def test_a_server_that_is_away_is_unavailable_and_then_is_not(
    store: MongoStore, database: Any, mongod: Mongod, end: Any
) -> None:
    store.write([detection(1)])
    end(mongod)
    with pytest.raises(StoreUnavailable, match=f"mongodb:127.0.0.1:{mongod.port}"):
        store.write([detection(2)])
    mongod.start()
    assert store.write([detection(2)]) == []
    assert ids(database) == {detection(1).id, detection(2).id}


def test_closing_does_not_wait_for_a_server_that_is_away(mongod: Mongod) -> None:
    store = MongoStore(uri=mongod.uri, database="any")
    store.open()
    mongod.freeze()
    began = time.monotonic()
    store.close()
    assert time.monotonic() - began < WRITE_TIMEOUT_MS / 1000 / 2


@pytest.mark.parametrize("uri", ["mongodb://user:secret@", "mongodb://h:99999999/", "mongodb://"])
def test_an_address_that_cannot_be_parsed_is_named_without_its_password(uri: str) -> None:
    with pytest.raises(SettingError, match="MONGO_URI is not allowed") as caught:
        MongoStore(uri=uri, database="any")
    assert "secret" not in str(caught.value)


def test_the_name_of_a_store_holds_no_password() -> None:
    store = MongoStore(uri="mongodb://user:s3cret@h1:1,h2:2/?replicaSet=r", database="db")
    assert store.name == "mongodb:h1:1,h2:2/db.shapes_found"
    store.close()
