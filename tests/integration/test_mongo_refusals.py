"""What a real mongod refuses, and what the MongoDB store makes of it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.rig.mongod import Mongod
from tests.unit.fakes import detection
from velox.base.errors import StoreRefuses, StoreUnavailable, StoreUnclear
from velox.base.records import Detection
from velox.stores.mongo import MongoStore

UNKNOWN = 4_000_000


@pytest.fixture
def store(mongod: Mongod, database: Any) -> Iterator[MongoStore]:
    made = MongoStore(uri=mongod.uri, database=database.name)
    yield made
    made.close()


def ids(database: Any) -> set[str]:
    return {each["_id"] for each in database.shapes_found.find()}


def unique(database: Any) -> None:
    database.shapes_found.create_index(
        "source", unique=True, partialFilterExpression={"source": {"$type": "string"}}
    )
    database.shapes_found.insert_one({"_id": "first", "source": "odd"})


def geo(database: Any) -> None:
    database.shapes_found.create_index([("source", "2dsphere")])


def text(database: Any) -> None:
    database.shapes_found.create_index([("model", "text")], language_override="source")


def schema(database: Any) -> None:
    rule = {"$jsonSchema": {"properties": {"source": {"not": {"enum": ["odd"]}}}}}
    database.create_collection("shapes_found", validator=rule)


# Refusals of one document.


@pytest.mark.parametrize(
    ("set_up", "usual", "reason"),
    [
        (unique, None, "11000.*source_1"),
        (geo, None, "16755.*geo"),
        (text, "english", "17262.*language"),
        (schema, None, "121"),
    ],
)
def test_the_guilty_document_alone_is_refused(
    store: MongoStore,
    database: Any,
    set_up: Callable[[Any], None],
    usual: str | None,
    reason: str,
) -> None:
    set_up(database)
    store.open()
    batch = [replace(detection(number), source=usual) for number in range(8)]
    batch[3] = replace(batch[3], source="odd")
    for _ in range(2):
        ((rejected, why),) = store.write(batch)
        assert rejected == batch[3]
        assert re.search(reason, str(why), re.DOTALL), why
        assert ids(database) - {"first"} == {each.id for each in batch if each != batch[3]}


def test_a_document_in_the_way_by_another_index_does_not_hide_a_redelivery(
    store: MongoStore, database: Any
) -> None:
    unique(database)
    first = replace(detection(1), source="mine")
    second = replace(detection(2), source="mine")
    assert store.write([first]) == []
    again = replace(first, predicted_label="green_square")
    ((rejected, _),) = store.write([second, again])
    assert rejected == second
    assert database.shapes_found.find_one({"_id": first.id})["predicted_label"] == "green_square"


def test_of_two_new_documents_with_one_key_one_is_kept(store: MongoStore, database: Any) -> None:
    unique(database)
    batch = [replace(detection(number), source="same") for number in range(2)]
    ((rejected, _),) = store.write(batch)
    assert ids(database) == {"first", *(each.id for each in batch)} - {rejected.id}


def test_a_text_that_cannot_be_encoded_costs_no_other(store: MongoStore, database: Any) -> None:
    batch = [replace(detection(1), source="\ud800"), detection(2)]
    ((rejected, why),) = store.write(batch)
    assert rejected == batch[0]
    assert "surrogates" in str(why)
    assert ids(database) == {detection(2).id}


def test_a_reason_does_not_repeat_a_large_document(store: MongoStore, database: Any) -> None:
    geo(database)
    ((_, why),) = store.write([replace(detection(1), source="x" * 100_000)])
    assert len(str(why)) <= 500


# Indexes.


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("timestamp_-1", {}),
        ("own", {"expireAfterSeconds": 3600}),
        ("latest", {"unique": True}),
    ],
)
def test_an_index_that_serves_the_same_queries_is_good_enough(
    store: MongoStore,
    database: Any,
    caplog: pytest.LogCaptureFixture,
    name: str,
    options: dict[str, Any],
) -> None:
    database.shapes_found.create_index([("timestamp", -1)], name=name, **options)
    with caplog.at_level(logging.INFO):
        store.open()
    assert f"index={name} instead_of=latest" in caplog.text
    assert "index missing" not in caplog.text
    assert database.shapes_found.index_information().keys() == {"_id_", "latest_by_label", name}


def another_of_that_name(database: Any) -> None:
    database.shapes_found.create_index([("source", 1)], name="latest")


def hidden(database: Any) -> None:
    database.shapes_found.create_index([("timestamp", -1)], hidden=True)


def of_some_documents(database: Any) -> None:
    database.shapes_found.create_index(
        [("timestamp", -1)], name="latest", partialFilterExpression={"confidence": {"$gt": 0.9}}
    )


@pytest.mark.parametrize("set_up", [another_of_that_name, hidden, of_some_documents])
def test_an_index_in_the_way_is_said_with_what_to_do_and_stops_nothing(
    store: MongoStore,
    database: Any,
    caplog: pytest.LogCaptureFixture,
    set_up: Callable[[Any], None],
) -> None:
    set_up(database)
    store.open()
    (line,) = [each for each in caplog.messages if "index missing" in each]
    assert "index=latest" in line
    assert "createIndex({'timestamp': -1}, {name: 'latest'})" in line
    assert store.write([detection(1)]) == []


def test_without_the_right_to_make_indexes_it_goes_on(
    store: MongoStore, mongod: Mongod, caplog: pytest.LogCaptureFixture
) -> None:
    with mongod.failing("createIndexes", code=13):
        store.open()
    assert len([each for each in caplog.messages if "index missing" in each]) == 2
    assert "dropIndex" not in caplog.text


# Refusals of everything.


@pytest.mark.parametrize(("code", "what"), [(18, "MONGO_URI"), (13, "readWrite")])
def test_a_login_that_may_yet_be_set_up_is_waited_for(
    store: MongoStore, mongod: Mongod, code: int, what: str
) -> None:
    with (
        mongod.failing("createIndexes", "update", code=code),
        pytest.raises(StoreUnavailable, match=what),
    ):
        store.open()


def test_a_name_that_the_dns_does_not_know_is_waited_for() -> None:
    store = MongoStore(uri="mongodb+srv://no-such-host.invalid/", database="any")
    with pytest.raises(StoreUnavailable, match="MONGO_URI"):
        store.open()
    store.close()


def test_a_view_of_that_name_refuses_everything(store: MongoStore, database: Any) -> None:
    database.command("create", "shapes_found", viewOn="other", pipeline=[])
    for attempt in (store.open, lambda: store.write([detection(1)])):
        with pytest.raises(StoreRefuses, match=r"shapes_found: .*view.*drop the view"):
            attempt()


def test_an_upsert_refused_for_want_of_the_shard_key_refuses_everything(
    store: MongoStore, mongod: Mongod
) -> None:
    """mongos wants the whole shard key in an upsert's query (chunk_manager_targeter.cpp)."""
    store.write([detection(1)])
    with mongod.failing("update", code=61), pytest.raises(StoreRefuses, match=r"shard .* by _id"):
        store.write([detection(1)])


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        (112, StoreUnavailable),
        (262, StoreUnavailable),
        (11601, StoreUnavailable),
        (18, StoreRefuses),
        (13, StoreRefuses),
        (72, StoreRefuses),
        (UNKNOWN, StoreUnclear),
    ],
)
def test_an_error_of_the_whole_command_means_what_its_table_says(
    store: MongoStore, mongod: Mongod, code: int, raised: type[Exception]
) -> None:
    with mongod.failing("insert", code=code), pytest.raises(raised):
        store.write([detection(1)])
    assert store.write([detection(1)]) == []


def test_a_command_refused_for_its_documents_is_taken_apart(
    store: MongoStore, mongod: Mongod, database: Any
) -> None:
    batch: list[Detection] = [detection(number) for number in range(3)]
    with mongod.failing("insert", code=10334, times=2):
        ((rejected, _),) = store.write(batch)
    assert ids(database) == {each.id for each in batch} - {rejected.id}


def test_a_collection_that_keeps_only_the_newest_is_said(
    store: MongoStore, database: Any, caplog: pytest.LogCaptureFixture
) -> None:
    database.create_collection("shapes_found", capped=True, size=4096, max=3)
    store.open()
    assert "collection=shapes_found is capped at 4096 bytes: " in caplog.text
    assert store.write([detection(number) for number in range(5)]) == []
    assert ids(database) == {detection(number).id for number in (2, 3, 4)}


def test_a_usual_collection_is_no_reason_to_say_anything(
    store: MongoStore, database: Any, caplog: pytest.LogCaptureFixture
) -> None:
    database.create_collection("shapes_found")
    store.open()
    assert "capped" not in caplog.text
