"""The stores of images for review: SQLite, and MongoDB on a real mongod, by one contract."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.rig.mongod import Mongod
from tests.unit.fakes import candidate, kept
from velox.base.errors import StoreRefuses
from velox.stores.mongo_review import MongoReview
from velox.stores.review_interface import MOST_REMOVED, ReviewStore
from velox.stores.sqlite_review import SQLiteReview

Rows = Callable[[str], list[dict[str, Any]]]
KNOWN_AND_SAID = {"rank", "verdict", "judged_by", "judged_at", "history"}


@pytest.fixture(params=["sqlite", "mongodb"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ReviewStore, Rows]]:
    """A store, and what a bystander sees in its collections."""
    if request.param == "sqlite":
        file = tmp_path / "made" / "review.db"
        store: ReviewStore = SQLiteReview(file)
        store.open()
        with closing(store):
            yield store, lambda table: sqlite_rows(file, table)
        return
    mongod: Mongod = request.getfixturevalue("mongod")
    client: MongoClient[dict[str, Any]] = mongod.client()
    database = client[f"db-{uuid.uuid4().hex[:8]}"]
    store = MongoReview(uri=mongod.uri, database=database.name)
    store.open()
    with closing(store), closing(client):
        yield store, lambda collection: list(database[collection].find())


def sqlite_rows(file: Path, table: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608
    for row in rows:
        if "history" in row:
            row["history"] = json.loads(row["history"])
    return rows


def test_a_document_is_the_candidate_and_its_image_is_beside_it(
    opened: tuple[ReviewStore, Rows],
) -> None:
    store, rows = opened
    one = kept(7, image=b"\x00bytes\xff")
    assert store.write([one]) == []
    (document,) = rows("review")
    assert document.keys() == one.candidate.document().keys() | KNOWN_AND_SAID
    assert {name: document[name] for name in one.candidate.document()} == one.candidate.document()
    assert {name: document[name] for name in KNOWN_AND_SAID} == {
        "rank": 0,
        "verdict": None,
        "judged_by": None,
        "judged_at": None,
        "history": [],
    }
    assert rows("review_images") == [{"_id": one.id, "image": one.image}]


def test_writing_again_leaves_one_and_the_later(opened: tuple[ReviewStore, Rows]) -> None:
    store, rows = opened
    store.write([kept(1), kept(2, random=True)])
    store.write([kept(1, label="green_square", image=b"other"), kept(3)])
    labels = {each["_id"]: each["predicted_label"] for each in rows("review")}
    assert labels == {
        candidate(1).id: "green_square",
        candidate(2).id: "red_circle",
        candidate(3).id: "red_circle",
    }
    images = {each["_id"]: each["image"] for each in rows("review_images")}
    assert images[candidate(1).id] == b"other"


def test_a_label_that_never_matches_has_no_threshold(opened: tuple[ReviewStore, Rows]) -> None:
    store, rows = opened
    one = kept(1)
    store.write([replace(one, candidate=replace(one.candidate, threshold=None))])
    assert rows("review")[0]["threshold"] is None


def test_what_is_refused_is_refused_alone(opened: tuple[ReviewStore, Rows]) -> None:
    store, rows = opened
    odd = replace(kept(2), candidate=replace(candidate(2), source="\ud800"))
    ((refused, _),) = store.write([kept(1), odd, kept(3)])
    assert refused == odd
    assert {each["_id"] for each in rows("review")} == {candidate(1).id, candidate(3).id}


def test_of_too_many_the_oldest_go_and_the_random_share_after_the_others(
    opened: tuple[ReviewStore, Rows],
) -> None:
    store, rows = opened
    unsure = [kept(number, age=number) for number in range(10)]
    random = [kept(number, age=number, random=True) for number in range(10, 14)]
    store.write([*unsure, *random])
    assert store.trim(14) == [0, 0, 0, 0]
    assert store.trim(6) == [8, 0, 0, 0]
    left = {each.id for each in (*unsure[:2], *random)}
    assert {each["_id"] for each in rows("review")} == left
    assert {each["_id"] for each in rows("review_images")} == left
    assert store.trim(3) == [2, 1, 0, 0]
    assert {each["_id"] for each in rows("review")} == {each.id for each in random[:3]}


def test_a_bounded_number_is_removed_at_once(opened: tuple[ReviewStore, Rows]) -> None:
    store, rows = opened
    store.write([kept(number, image=b"") for number in range(MOST_REMOVED + 20)])
    assert store.trim(10)[0] == MOST_REMOVED
    assert store.trim(10)[0] == 10
    assert len(rows("review")) == 10


def test_opening_again_keeps_what_there_is(opened: tuple[ReviewStore, Rows]) -> None:
    store, rows = opened
    store.write([kept(1)])
    store.open()
    assert len(rows("review")) == 1


def test_a_table_with_other_columns_is_refused_at_the_start(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "review.db")) as connection:
        connection.execute("CREATE TABLE review (_id TEXT PRIMARY KEY, rank, timestamp)")
    with pytest.raises(StoreRefuses, match="STORAGE_PATH"):
        SQLiteReview(tmp_path / "review.db").open()


def test_the_usual_queries_have_an_index(opened: tuple[ReviewStore, Rows]) -> None:
    store, _ = opened
    if isinstance(store, MongoReview):
        names = set(store._review.index_information())
    else:
        assert isinstance(store, SQLiteReview)
        assert store._connection is not None
        names = {
            each["name"] for each in store._connection.execute("SELECT name FROM sqlite_master")
        }
    assert {"first_to_go", "oldest"} <= names
