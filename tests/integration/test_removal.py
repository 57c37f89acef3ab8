"""Taking documents away, on a real mongod and in SQLite's file: the same from both."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.rig.mongod import Mongod
from tests.unit.fakes import CAPTURED_MS, candidate, detection
from velox.base.candidates import Kept
from velox.base.errors import StoreRefuses, StoreUnavailable
from velox.base.records import Detection, utc_text
from velox.stores.choice import Stores
from velox.stores.forgetting import Forgetting
from velox.stores.interface import DETECTIONS
from velox.stores.lost_files import clear_lost
from velox.stores.mongo_removal import MongoRemoval
from velox.stores.removal import FOUND, TO_REVIEW, WITHDRAWN, Named, Removal, Removed
from velox.stores.review_interface import IMAGES, REVIEW
from velox.stores.sqlite import SQLITE_FILE
from velox.stores.sqlite_removal import SQLiteRemoval
from velox.stores.sweep import sweep
from velox.stores.withdrawal import Why

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Place:
    """A store of one kind with something to remove from it.

    Attributes:
        removal: what is tested.
        rows: the documents as a bystander sees them, by id.
        put: writes detections as a consumer does.
        stores: of which it is one.
        mongod: None for SQLite.
    """

    removal: Removal
    rows: Any
    put: Any
    stores: Stores
    mongod: Mongod | None


def rows_of_sqlite(file: Path, table: str = DETECTIONS) -> dict[str, dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return {row["_id"]: dict(row) for row in connection.execute(f"SELECT * FROM {table}")}  # noqa: S608


@pytest.fixture(params=["mongodb", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    database = f"db-{uuid.uuid4().hex[:8]}"
    mongod: Mongod | None = (
        request.getfixturevalue("mongod") if request.param == "mongodb" else None
    )

    def rows() -> dict[str, dict[str, Any]]:
        if mongod is None:
            return rows_of_sqlite(tmp_path / SQLITE_FILE)
        with mongod.client() as client:
            return {each["_id"]: each for each in client[database][DETECTIONS].find()}

    uri = mongod.uri if mongod else ""
    stores = Stores(mongo_uri=uri, database=database, storage_path=tmp_path)
    with closing(stores.detections()) as store, closing(stores.removal()) as removal:
        store.open()
        yield Place(removal, rows, store.write, stores, mongod)


def aged(number: int, hours: float, source: str | None = "line-1") -> Detection:
    """A detection of so many hours before `CAPTURED_MS`."""
    moment = CAPTURED_MS - int(hours * HOUR_MS)
    return replace(
        detection(number),
        id=f"image_data:0:{number}:{moment}",
        timestamp=utc_text(moment),
        source=source,
        file_path=f"discoveries/image_data-0-{number}-{moment}.jpg",
    )


def ids(detections: Sequence[Detection]) -> set[str]:
    return {each.id for each in detections}


def test_the_oldest_go_first_and_no_more_than_were_asked_for(place: Place) -> None:
    detections = [aged(number, hours=number) for number in range(10)]
    place.put(detections)
    before = CAPTURED_MS - 4 * HOUR_MS
    assert place.removal.remove_before(FOUND, before, 3) == Removed(3, 3)
    assert place.rows().keys() == ids(detections[:7])
    assert place.removal.remove_before(FOUND, before, 3) == Removed(2, 2)
    assert place.rows().keys() == ids(detections[:5]), "what is as old as the bound stays"
    assert place.removal.remove_before(FOUND, before, 3) == Removed(0, 0)


def test_what_is_not_there_is_no_error(place: Place) -> None:
    assert place.removal.remove_before(TO_REVIEW, CAPTURED_MS, 10) == Removed()
    assert list(place.removal.of_source(TO_REVIEW, "line-1", None, 10)) == []
    assert place.removal.remove(TO_REVIEW, ["no such id"]) == 0
    assert place.removal.remove(FOUND, ["no such id"]) == 0
    place.removal.clear_files(["no such id"])
    assert place.rows() == {}


def test_a_source_is_found_in_parts_and_exactly(place: Place) -> None:
    mine = [aged(number, hours=number, source="line-1") for number in range(7)]
    others = [aged(10, 1, source="line-11"), aged(11, 1, source=None), aged(12, 1, source="Line-1")]
    place.put([*mine, *others])
    parts = list(place.removal.of_source(FOUND, "line-1", None, 3))
    assert [len(part) for part in parts] == [3, 3, 1]
    assert {each for part in parts for each in part} == {
        Named(each.id, each.file_path) for each in mine
    }
    earlier = place.removal.of_source(FOUND, "line-1", CAPTURED_MS - 2 * HOUR_MS, 100)
    assert {each.id for part in earlier for each in part} == ids(mine[3:])


def test_parts_that_were_removed_meanwhile_hide_no_others(place: Place) -> None:
    mine = [aged(number, hours=number) for number in range(20)]
    place.put(mine)
    for part in place.removal.of_source(FOUND, "line-1", None, 3):
        assert place.removal.remove(FOUND, [each.id for each in part]) == len(part)
    assert place.rows() == {}


def test_a_document_can_say_that_its_file_is_gone(place: Place) -> None:
    detections = [aged(number, hours=1) for number in range(3)]
    place.put(detections)
    place.removal.clear_files([detections[0].id, detections[2].id, "no such id"])
    assert {each["_id"]: each["file_path"] for each in place.rows().values()} == {
        detections[0].id: None,
        detections[1].id: detections[1].file_path,
        detections[2].id: None,
    }
    assert place.rows()[detections[0].id] == replace(detections[0], file_path=None).document()


def of_review(place: Place) -> list[set[str]]:
    """The ids of the documents for review, and of their images."""
    folder, database = place.stores.storage_path, place.stores.database
    if place.mongod is None:
        with closing(sqlite3.connect(folder / TO_REVIEW.file)) as connection:
            names = (f"SELECT _id FROM {each}" for each in (REVIEW, IMAGES))  # noqa: S608
            return [{each for (each,) in connection.execute(name)} for name in names]
    with place.mongod.client() as client:
        found = client[database]
        return [{each["_id"] for each in found[name].find()} for name in (REVIEW, IMAGES)]


def test_images_for_review_go_with_their_documents(place: Place) -> None:
    """By age and by source."""
    old, new, other = (
        Kept(replace(candidate(number, age=age), source=source), b"image")
        for number, age, source in ((1, 60, "line-1"), (2, 0, "line-1"), (3, 0, "line-2"))
    )
    with closing(place.stores.review()) as store:
        store.open()
        store.write([old, new, other])
    assert of_review(place) == [{old.id, new.id, other.id}] * 2
    assert place.removal.remove_before(TO_REVIEW, CAPTURED_MS - 1, 10) == Removed(1, 1)
    assert of_review(place) == [{new.id, other.id}] * 2
    (part,) = place.removal.of_source(TO_REVIEW, "line-1", None, 10)
    assert place.removal.remove(TO_REVIEW, [each.id for each in part]) == 1
    assert of_review(place) == [{other.id}] * 2


def withdrawn(place: Place) -> dict[str, dict[str, Any]]:
    """The copies of withdrawn documents as a bystander sees them, by id."""
    if place.mongod is None:
        return rows_of_sqlite(place.stores.storage_path / SQLITE_FILE, WITHDRAWN.collection)
    with place.mongod.client() as client:
        found = client[place.stores.database][WITHDRAWN.collection].find()
        return {each["_id"]: each for each in found}


def test_what_is_kept_of_withdrawn_documents_goes_by_age_and_by_source(
    place: Place, tmp_path: Path
) -> None:
    old, new, other = aged(1, hours=60), aged(2, hours=1), aged(3, hours=1, source="line-2")
    place.put([old, new, other])
    why = Why("no_match: cat 0.5000", "0123456789ab", utc_text(CAPTURED_MS))
    with closing(place.stores.withdrawal()) as withdrawal:
        withdrawal.keep({each.id: why for each in (old, new, other)})
    place.removal.remove(FOUND, [old.id, new.id, other.id])
    assert withdrawn(place) == {
        each.id: {
            **replace(each, file_path=None).document(),
            "withdrawn_reason": why.reason,
            "withdrawn_by": why.model,
            "withdrawn_at": why.at,
        }
        for each in (old, new, other)
    }
    before = CAPTURED_MS - 24 * HOUR_MS
    swept: list[tuple[str, int]] = []
    assert sweep(
        place.removal,
        tmp_path,
        before,
        pause=lambda _: True,
        tell=lambda what, count: swept.append((what, count)),
    )
    assert swept == [("withdrawn", 1)]
    assert withdrawn(place).keys() == {new.id, other.id}
    forgetting = Forgetting(place.removal, tmp_path, "line-1", None)
    assert forgetting.run().documents == {"shapes_found": 0, "review": 0, "withdrawn": 1}
    assert withdrawn(place).keys() == {other.id}


def test_documents_forget_files_that_are_not_there(place: Place, tmp_path: Path) -> None:
    """Whatever path they name: only the name counts."""
    detections = [aged(number, hours=number) for number in range(7)]
    place.put([*detections, replace(aged(10, 0), file_path=None)])
    place.put([replace(aged(11, 0), file_path="/etc/passwd")])
    for each in detections[:2]:
        (tmp_path / Path(str(each.file_path)).name).write_bytes(b"")
    before = place.rows()
    assert clear_lost(place.removal, tmp_path, dry=True) == (8, 6)
    assert place.rows() == before
    assert clear_lost(place.removal, tmp_path, dry=False) == (8, 6)
    named = {each["_id"] for each in place.rows().values() if each["file_path"] is not None}
    assert named == ids(detections[:2])
    assert clear_lost(place.removal, tmp_path, dry=False) == (2, 0)


def test_dates_of_old_documents_count_too(mongod: Mongod) -> None:
    """A comparison in MongoDB is with values of its own type alone."""
    name = f"db-{uuid.uuid4().hex[:8]}"
    moment = datetime.fromtimestamp(CAPTURED_MS / 1000, UTC)
    with mongod.client() as client, closing(MongoRemoval(uri=mongod.uri, database=name)) as removal:
        documents = client[name][DETECTIONS]
        documents.insert_many([{"_id": 1, "timestamp": moment}, {"_id": 2, "source": "line-1"}])
        documents.insert_one({"_id": "3", "timestamp": utc_text(CAPTURED_MS)})
        assert removal.remove_before(FOUND, CAPTURED_MS, 10) == Removed(0, 0)
        assert removal.remove_before(FOUND, CAPTURED_MS + 1, 10) == Removed(2, 2)
        assert [each["_id"] for each in documents.find()] == [2], "one without any time stays"
        assert list(removal.of_source(FOUND, "line-1", None, 10)) == [[Named(2, None)]]


def test_the_oldest_are_found_by_an_index(mongod: Mongod) -> None:
    name = f"db-{uuid.uuid4().hex[:8]}"
    stores = Stores(mongo_uri=mongod.uri, database=name, storage_path=Path())
    with closing(stores.detections()) as store, mongod.client() as client:
        store.open()
        store.write([aged(number, number) for number in range(50)])
        oldest = client[name][DETECTIONS].find({"timestamp": {"$lt": utc_text(CAPTURED_MS)}})
        plan = oldest.sort("timestamp", 1).limit(5).explain()
        assert "'indexName': 'latest'" in str(plan["queryPlanner"]["winningPlan"])


def test_a_removal_is_acknowledged_by_the_majority_and_its_journal() -> None:
    with closing(MongoRemoval(uri="mongodb://h:1/", database="db")) as removal:
        assert removal._database.write_concern.document == {"w": "majority", "j": True}


def test_a_server_that_is_away_is_unavailable(mongod: Mongod) -> None:
    with closing(MongoRemoval(uri=mongod.uri, database="db")) as removal:
        removal.remove_before(FOUND, CAPTURED_MS, 1)
        mongod.stop()
        with pytest.raises(StoreUnavailable, match=f"mongodb:127.0.0.1:{mongod.port}"):
            removal.remove_before(FOUND, CAPTURED_MS, 1)


def test_a_missing_right_is_named(mongod: Mongod) -> None:
    stores = Stores(mongo_uri=mongod.uri, database="db", storage_path=Path())
    with closing(stores.detections()) as store, closing(stores.removal()) as removal:
        store.open()
        store.write([aged(1, 1)])
        with mongod.failing("delete", code=13), pytest.raises(StoreRefuses, match="readWrite"):
            removal.remove_before(FOUND, CAPTURED_MS, 1)


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    removal = SQLiteRemoval(tmp_path)
    assert removal.remove(FOUND, ["1"]) == 0
    removal.clear_files(["1"])
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / SQLITE_FILE).write_bytes(b"no database" * 1000)
    removal = SQLiteRemoval(tmp_path)
    with closing(removal), pytest.raises(StoreRefuses, match="not a database"):
        removal.remove(FOUND, ["1"])


def test_what_sqlite_removes_is_not_left_in_its_file(tmp_path: Path) -> None:
    stores = Stores(mongo_uri="", database="", storage_path=tmp_path)
    with closing(stores.detections()) as store:
        store.open()
        store.write([replace(aged(number, 1), source="somebody's name") for number in range(9)])
        with closing(stores.removal()) as removal:
            assert removal.remove_before(FOUND, CAPTURED_MS, 100).removed == 9
    # The last who closes it writes the log into the file.
    assert b"somebody" not in (tmp_path / SQLITE_FILE).read_bytes()
