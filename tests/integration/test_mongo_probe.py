"""Whether a collection would take a document: asked of real servers, seen by nobody."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from tests.rig.mongod import Mongod
from tests.unit.fakes import detection
from velox.base.errors import StoreUnavailable
from velox.images import known_good
from velox.stores.interface import DETECTIONS
from velox.stores.mongo import MongoStore

OURS = known_good.detection(("red_circle",), "0123456789ab")


class Alone(Mongod):
    """A mongod that is no member of a replica set, as in the Compose stack."""

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/"

    def command(self) -> Sequence[str | Path]:
        command = list(super().command())
        for option in ("--replSet", "--oplogSize"):
            place = command.index(option)
            del command[place : place + 2]
        return command

    def answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.admin.command("hello").get("isWritablePrimary"))
            except PyMongoError:
                return False


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    node = Alone(tmp_path_factory.mktemp("alone"))
    node.start()
    yield node
    node.stop()


@pytest.fixture(params=["in a replica set", "alone"])
def server(request: pytest.FixtureRequest) -> Mongod:
    found: Mongod = request.getfixturevalue("alone" if request.param == "alone" else "mongod")
    return found


@pytest.fixture
def store(server: Mongod, database: Any) -> Iterator[MongoStore]:
    made = MongoStore(uri=server.uri, database=database.name)
    yield made
    made.close()


def test_a_collection_that_takes_it_keeps_nothing(store: MongoStore, database: Any) -> None:
    assert store.probe(OURS) is None, "there is no collection yet"
    store.write([detection(1)])
    assert store.probe(OURS) is None
    assert [each["_id"] for each in database[DETECTIONS].find()] == [detection(1).id]


def unmeetable(database: Any) -> None:
    database.create_collection(DETECTIONS, validator={"$jsonSchema": {"required": ["camera_id"]}})


def of_series(database: Any) -> None:
    database.create_collection(DETECTIONS, timeseries={"timeField": "timestamp"})


def one_for_all(database: Any) -> None:
    """No detection has the field, so the second one is in the way of the first."""
    database[DETECTIONS].create_index("camera_id", unique=True)
    database[DETECTIONS].insert_one(detection(1).document())


def of_places(database: Any) -> None:
    database[DETECTIONS].create_index([("source", "2dsphere")])


@pytest.mark.parametrize("made", [unmeetable, of_series, one_for_all, of_places])
def test_a_collection_that_takes_nothing_says_why(
    store: MongoStore, database: Any, made: Any
) -> None:
    made(database)
    before = list(database[DETECTIONS].find())
    assert "MongoDB error" in str(store.probe(OURS))
    assert list(database[DETECTIONS].find()) == before


def test_what_a_collection_took_before_is_good_where_ours_is_not(
    store: MongoStore, database: Any
) -> None:
    database.create_collection(DETECTIONS, validator={"source": "camera-1"})
    assert store.probe(OURS) is not None
    database[DETECTIONS].insert_one({**detection(1).document(), "source": "camera-1"})
    assert store.probe(OURS) is None
    database.command("collMod", DETECTIONS, validator={"source": "camera-2"})
    assert "MongoDB error 121" in str(store.probe(OURS))


def test_an_index_that_allows_each_source_once_is_not_in_its_way(
    store: MongoStore, database: Any
) -> None:
    database[DETECTIONS].create_index("source", unique=True)
    store.write([detection(1)])
    assert store.probe(OURS) is None


def test_what_a_process_left_that_died_is_deleted(store: MongoStore, alone: Mongod) -> None:
    if store.name.split("/")[0] != f"mongodb:127.0.0.1:{alone.port}":
        pytest.skip("a transaction leaves nothing")
    with alone.client() as client:
        collection = client[store.name.split("/")[1].split(".")[0]][DETECTIONS]
        collection.insert_one(known_good.detection(("a",), "m").document())
        assert store.probe(OURS) is None
        assert collection.count_documents({}) == 0


def test_no_change_stream_sees_it(mongod: Mongod) -> None:
    """Others may act on what is inserted."""
    name = f"db-{uuid.uuid4().hex[:8]}"
    store = MongoStore(uri=mongod.uri, database=name)
    store.write([detection(1)])
    with mongod.client() as client, client[name][DETECTIONS].watch() as stream:
        assert store.probe(OURS) is None
        store.write([detection(2)])
        assert stream.next()["documentKey"]["_id"] == detection(2).id
    store.close()


def test_a_server_that_is_away_does_not_say(mongod: Mongod) -> None:
    store = MongoStore(uri=mongod.uri, database="any")
    mongod.kill()
    with pytest.raises(StoreUnavailable):
        store.probe(OURS)
    store.close()
