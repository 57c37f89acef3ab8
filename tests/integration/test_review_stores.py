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
from velox.base.errors import StoreRefuses, StoreUnavailable
from velox.stores.mongo_verdicts import MongoVerdicts
from velox.stores.review_interface import MOST_REMOVED, MOST_SAID, Verdicts
from velox.stores.sqlite_verdicts import SQLiteVerdicts

Rows = Callable[[str], list[dict[str, Any]]]
KNOWN_AND_SAID = {"rank", "verdict", "judged_by", "judged_at", "history"}


@pytest.fixture(params=["sqlite", "mongodb"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Verdicts, Rows]]:
    """A store, and what a bystander sees in its collections."""
    if request.param == "sqlite":
        file = tmp_path / "made" / "review.db"
        store: Verdicts = SQLiteVerdicts(file)
        store.open()
        with closing(store):
            yield store, lambda table: sqlite_rows(file, table)
        return
    mongod: Mongod = request.getfixturevalue("mongod")
    client: MongoClient[dict[str, Any]] = mongod.client()
    database = client[f"db-{uuid.uuid4().hex[:8]}"]
    store = MongoVerdicts(uri=mongod.uri, database=database.name)
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
    opened: tuple[Verdicts, Rows],
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


def test_writing_again_leaves_one_and_the_later(opened: tuple[Verdicts, Rows]) -> None:
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


def test_a_label_that_never_matches_has_no_threshold(opened: tuple[Verdicts, Rows]) -> None:
    store, rows = opened
    one = kept(1)
    store.write([replace(one, candidate=replace(one.candidate, threshold=None))])
    assert rows("review")[0]["threshold"] is None


def test_what_is_refused_is_refused_alone(opened: tuple[Verdicts, Rows]) -> None:
    store, rows = opened
    odd = replace(kept(2), candidate=replace(candidate(2), source="\ud800"))
    ((refused, _),) = store.write([kept(1), odd, kept(3)])
    assert refused == odd
    assert {each["_id"] for each in rows("review")} == {candidate(1).id, candidate(3).id}


def test_of_too_many_the_oldest_go_and_the_random_share_after_the_others(
    opened: tuple[Verdicts, Rows],
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


def test_a_bounded_number_is_removed_at_once(opened: tuple[Verdicts, Rows]) -> None:
    store, rows = opened
    store.write([kept(number, image=b"") for number in range(MOST_REMOVED + 20)])
    assert store.trim(10)[0] == MOST_REMOVED
    assert store.trim(10)[0] == 10
    assert len(rows("review")) == 10


def test_opening_again_keeps_what_there_is(opened: tuple[Verdicts, Rows]) -> None:
    store, rows = opened
    store.write([kept(1)])
    store.open()
    assert len(rows("review")) == 1


def test_a_table_with_other_columns_is_refused_at_the_start(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "review.db")) as connection:
        connection.execute("CREATE TABLE review (_id TEXT PRIMARY KEY, rank, timestamp)")
    with pytest.raises(StoreRefuses, match="STORAGE_PATH"):
        SQLiteVerdicts(tmp_path / "review.db").open()


def test_the_usual_queries_have_an_index(opened: tuple[Verdicts, Rows]) -> None:
    store, _ = opened
    if isinstance(store, MongoVerdicts):
        names = set(store._collection.index_information())
    else:
        assert isinstance(store, SQLiteVerdicts)
        assert store._connection is not None
        names = {
            each["name"] for each in store._connection.execute("SELECT name FROM sqlite_master")
        }
    assert {"first_to_go", "oldest"} <= names


AT, LATER = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"


def said(rows: Rows) -> dict[str, Any]:
    """By id, what stands there of verdicts."""
    names = ("rank", "verdict", "judged_by", "judged_at")
    return {each["_id"]: tuple(each[name] for name in names) for each in rows("review")}


def test_a_verdict_is_there_once_and_its_history_is_kept(opened: tuple[Verdicts, Rows]) -> None:
    store, rows = opened
    store.write([kept(1), kept(2, random=True), kept(3)])
    ids = [candidate(1).id, candidate(2).id]
    assert sorted(store.judge([*ids, "not there"], "cat", "ann", AT)) == sorted(ids)
    assert store.judge(ids[:1], "dog", "bob", LATER) == ids[:1]
    assert said(rows) == {
        ids[0]: (2, "dog", "bob", LATER),
        ids[1]: (3, "cat", "ann", AT),
        candidate(3).id: (0, None, None, None),
    }
    (first,) = (each for each in rows("review") if each["_id"] == ids[0])
    assert first["history"] == [
        {"label": "cat", "by": "ann", "at": AT},
        {"label": "dog", "by": "bob", "at": LATER},
    ]


def test_a_verdict_can_be_taken_back_and_is_remembered(opened: tuple[Verdicts, Rows]) -> None:
    store, rows = opened
    store.write([kept(1, random=True)])
    store.judge([candidate(1).id], "cat", "ann", AT)
    assert store.take_back([candidate(1).id, "not there"], "ann", LATER) == [candidate(1).id]
    assert said(rows) == {candidate(1).id: (1, None, None, None)}
    assert rows("review")[0]["history"][-1] == {"taken_back": True, "by": "ann", "at": LATER}
    assert list(store.judged()) == []
    assert [each.id for each in store.random("0123456789ab", 10)] == [candidate(1).id]


def test_only_ones_own_verdict_is_taken_back_and_only_once(opened: tuple[Verdicts, Rows]) -> None:
    store, rows = opened
    store.write([kept(1), kept(2)])
    ids = [candidate(1).id, candidate(2).id]
    store.judge(ids, "cat", "ann", AT)
    store.judge(ids[:1], "dog", "bob", LATER)
    assert store.take_back(ids, "ann", LATER) == ids[1:]
    assert store.take_back(ids, "ann", LATER) == []
    assert said(rows) == {ids[0]: (2, "dog", "bob", LATER), ids[1]: (0, None, None, None)}
    assert [len(each["history"]) for each in rows("review")] == [2, 2]


def test_of_the_history_the_last_entries_are_kept(opened: tuple[Verdicts, Rows]) -> None:
    store, rows = opened
    store.write([kept(1)])
    for number in range(MOST_SAID + 3):
        store.judge([candidate(1).id], str(number), "ann", AT)
    history = [each["label"] for each in rows("review")[0]["history"]]
    assert history == [str(number) for number in range(3, MOST_SAID + 3)]


def test_a_record_that_comes_again_keeps_its_verdict(opened: tuple[Verdicts, Rows]) -> None:
    store, rows = opened
    store.write([kept(1)])
    store.judge([candidate(1).id], "cat", "ann", AT)
    store.write([kept(1, label="green_square")])
    assert said(rows) == {candidate(1).id: (2, "cat", "ann", AT)}
    (only,) = store.judged()
    assert (only.candidate.predicted_label, only.label) == ("green_square", "cat")


def test_what_has_a_verdict_goes_last(opened: tuple[Verdicts, Rows]) -> None:
    store, rows = opened
    store.write([kept(1, age=9), kept(2), kept(3, random=True), kept(4, random=True, age=9)])
    store.judge([candidate(1).id, candidate(4).id], "cat", "ann", AT)
    assert store.counts() == [1, 1, 1, 1]
    assert store.trim(3) == [1, 0, 0, 0]
    assert store.trim(2) == [0, 1, 0, 0]
    assert store.trim(1) == [0, 0, 1, 0]
    assert [each["_id"] for each in rows("review")] == [candidate(4).id]


def test_what_waits_comes_in_its_order(opened: tuple[Verdicts, Rows]) -> None:
    store, _ = opened
    store.write([kept(number, age=number) for number in (2, 1, 3)])
    store.write([kept(number, random=True) for number in range(10, 16)])
    store.judge([candidate(1).id, candidate(10).id], "cat", "ann", AT)
    assert [each.id for each in store.unsure(9)] == [candidate(2).id, candidate(3).id]
    assert [each.id for each in store.unsure(1)] == [candidate(2).id]
    found = store.random("0123456789ab", 9)
    assert [each.chance for each in found] == sorted(each.chance for each in found)
    assert {each.id for each in found} == {candidate(number).id for number in range(11, 16)}
    assert found[0] == candidate(int(found[0].id.split(":")[2]), random=True)
    assert store.random("another", 9) == []


def test_the_verdicts_on_the_random_share_are_summed_up(opened: tuple[Verdicts, Rows]) -> None:
    store, _ = opened
    store.write([kept(number, random=True, label="cat") for number in range(4)])
    store.write([kept(10, label="cat"), kept(11, random=True, label="dog")])
    store.judge([candidate(0).id, candidate(1).id, candidate(10).id], "cat", "ann", AT)
    store.judge([candidate(2).id], None, "ann", AT)
    store.judge([candidate(11).id], "cat", "ann", AT)
    assert set(store.tally("0123456789ab")) == {
        ("cat", "cat", 2),
        ("cat", None, 1),
        ("dog", "cat", 1),
    }
    assert store.tally("another") == []
    assert store.labels() == {"cat", "dog"}


def test_the_model_of_the_image_that_was_kept_last_is_the_running_one(
    opened: tuple[Verdicts, Rows],
) -> None:
    store, _ = opened
    assert store.newest_model() is None
    new = replace(candidate(2), model="new")
    store.write([kept(1, age=60), replace(kept(2), candidate=new)])
    assert store.newest_model() == "new"


def test_an_image_is_found_by_its_id_alone(opened: tuple[Verdicts, Rows]) -> None:
    store, _ = opened
    store.write([kept(1, image=b"bytes")])
    assert store.image(candidate(1).id) == b"bytes"
    assert store.image("$gt") is None


def test_reading_alone_changes_nothing(opened: tuple[Verdicts, Rows], tmp_path: Path) -> None:
    store, rows = opened
    store.write([kept(1)])
    store.judge([candidate(1).id], "cat", "ann", AT)
    before = rows("review")
    if isinstance(store, SQLiteVerdicts):
        with closing(SQLiteVerdicts(tmp_path / "made" / "review.db")) as reader:
            reader.open_to_read()
            assert [each.label for each in reader.judged()] == ["cat"]
        with pytest.raises(StoreUnavailable):
            SQLiteVerdicts(tmp_path / "none.db").open_to_read()
        assert not (tmp_path / "none.db").exists()
    else:
        store.open_to_read()
        assert [each.label for each in store.judged()] == ["cat"]
    assert rows("review") == before
