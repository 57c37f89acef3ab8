import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes import detection
from velox import stores
from velox.errors import StoreUnavailable
from velox.stores import SQLiteStore


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "made" / "detections.db"


@pytest.fixture
def store(file: Path) -> Any:
    made = SQLiteStore(file)
    made.open()
    yield made
    made.close()


def rows(file: Path) -> list[dict[str, Any]]:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM shapes_found")]
    finally:
        connection.close()


def test_a_row_holds_the_fields_of_the_document(store: SQLiteStore, file: Path) -> None:
    one = replace(detection(7, truth="red_circle"), file_path="a.jpg", source="camera", model="m")
    assert store.write([one]) == []
    assert rows(file) == [one.document()]


def test_what_is_written_is_there_for_other_processes(store: SQLiteStore, file: Path) -> None:
    store.write([detection(number) for number in range(50)])
    assert {row["_id"] for row in rows(file)} == {detection(number).id for number in range(50)}


def test_writing_twice_leaves_one_and_the_later(store: SQLiteStore, file: Path) -> None:
    store.write([detection(1, label="red_circle"), detection(2)])
    store.write([detection(1, label="green_square")])
    assert len(rows(file)) == 2
    assert {row["_id"]: row["predicted_label"] for row in rows(file)}[detection(1).id] == (
        "green_square"
    )


def test_opening_again_keeps_what_there_is(file: Path) -> None:
    for number in range(2):
        again = SQLiteStore(file)
        again.open()
        again.write([detection(number)])
        again.close()
    assert len(rows(file)) == 2


def test_the_usual_queries_have_an_index(store: SQLiteStore, file: Path) -> None:
    connection = sqlite3.connect(file)
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT * FROM shapes_found WHERE predicted_label = 'x' "
        "ORDER BY timestamp DESC LIMIT 1"
    ).fetchall()
    connection.close()
    assert any("latest_by_label" in str(step) for step in plan), plan


def test_each_write_is_synced_to_the_disk(store: SQLiteStore) -> None:
    connection = store._connection
    assert connection is not None
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_write_that_fails_leaves_none_of_its_batch(store: SQLiteStore, file: Path) -> None:
    broken = replace(detection(2), timestamp=None)  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable, match="NOT NULL"):
        store.write([detection(1), broken])
    assert rows(file) == []
    store.write([detection(1)])
    assert len(rows(file)) == 1


def test_a_file_that_another_holds_is_unavailable_for_now(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "BUSY_TIMEOUT_S", 0.05)
    store = SQLiteStore(file)
    store.open()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.write([detection(1)])
    other.execute("ROLLBACK")
    other.close()
    assert store.write([detection(1)]) == []
    store.close()


def test_a_store_that_is_not_open_is_unavailable(file: Path) -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        SQLiteStore(file).write([detection(1)])


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SQLiteStore(tmp_path / "file" / "detections.db")
    with pytest.raises(StoreUnavailable, match=r"sqlite:.*detections\.db: "):
        store.open()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "detections.db").write_text("this is no database, but it is long enough for one")
    with pytest.raises(StoreUnavailable, match="not a database"):
        SQLiteStore(tmp_path / "detections.db").open()
