import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes import detection
from velox.base.errors import StoreRefuses, StoreUnavailable, StoreUnclear
from velox.stores import sqlite_file
from velox.stores.sqlite import SQLiteStore


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


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT * FROM shapes_found WHERE predicted_label = 'x' "
            "ORDER BY timestamp DESC LIMIT 1",
            "latest_by_label",
        ),
        ("SELECT * FROM shapes_found ORDER BY timestamp DESC, _id DESC LIMIT 48", "latest"),
    ],
)
def test_the_usual_queries_have_an_index(
    store: SQLiteStore, file: Path, query: str, index: str
) -> None:
    with closing(sqlite3.connect(file)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    steps = [step for *_, step in plan]
    assert any(f" INDEX {index} " in f"{step} " for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


def test_each_write_is_synced_to_the_disk(store: SQLiteStore) -> None:
    connection = store._connection
    assert connection is not None
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def trigger(file: Path, action: str) -> None:
    """A rule of the operator's own on the table."""
    connection = sqlite3.connect(file)
    connection.execute(
        "CREATE TRIGGER rule BEFORE INSERT ON shapes_found "
        f"WHEN NEW.source = 'odd' BEGIN SELECT {action}; END"
    )
    connection.close()


ODD_TEXT = "\ud800"


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (replace(detection(2), timestamp=None), "NOT NULL"),  # type: ignore[arg-type]
        (replace(detection(2), source="odd"), "not here"),
        (replace(detection(2), source=ODD_TEXT), "surrogates"),
        (replace(detection(2), source="x" * 10_000), "too big"),
        (replace(detection(2), latency_ms=2**70), "too large"),
        (replace(detection(2), ground_truth="taken"), "UNIQUE"),
    ],
    ids=["missing", "trigger", "surrogate", "size", "number", "index"],
)
def test_what_is_refused_is_refused_alone(
    store: SQLiteStore, file: Path, odd: Any, reason: str
) -> None:
    trigger(file, "RAISE(ABORT, 'not here')")
    assert store._connection is not None
    store._connection.execute("CREATE UNIQUE INDEX own ON shapes_found (ground_truth)")
    store._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 5_000)
    store.write([detection(9, truth="taken")])
    for _ in range(2):
        ((rejected, why),) = store.write([detection(1), odd, detection(3)])
        assert rejected == odd
        assert reason in str(why)
        assert {row["_id"] for row in rows(file)} == {detection(n).id for n in (1, 3, 9)}


def test_nul_in_a_text_is_a_text(store: SQLiteStore, file: Path) -> None:
    assert store.write([replace(detection(1), source="a\0b")]) == []
    assert rows(file)[0]["source"] == "a\0b"


def test_a_full_disk_is_waited_for(store: SQLiteStore, file: Path) -> None:
    assert store._connection is not None
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreUnavailable, match="full"):
        store.write([replace(detection(n), source="x" * 2000) for n in range(20)])
    assert rows(file) == []
    store._connection.execute("PRAGMA max_page_count = 1000000")
    assert store.write([detection(1)]) == []


def test_a_file_that_may_not_be_written_refuses_everything(store: SQLiteStore) -> None:
    assert store._connection is not None
    store._connection.execute("PRAGMA query_only = 1")
    with pytest.raises(StoreRefuses, match=r"sqlite:.*readonly.*STORAGE_PATH"):
        store.write([detection(1)])


def test_a_damaged_file_refuses_everything(file: Path) -> None:
    store = SQLiteStore(file)
    store.open()
    store.write([replace(detection(n), source="x" * 500) for n in range(100)])
    store.close()
    with file.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(b"\xff" * (file.stat().st_size - 4096))

    def use() -> None:
        store.open()
        store.write([detection(n) for n in range(200, 300)])

    with pytest.raises(StoreRefuses, match="malformed"):
        use()
    store.close()


def test_a_table_of_that_name_with_other_columns_refuses_everything(file: Path) -> None:
    file.parent.mkdir()
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE shapes_found (_id TEXT PRIMARY KEY, predicted_label, timestamp)")
    other.close()
    with pytest.raises(StoreRefuses, match="shapes_found"):
        SQLiteStore(file).open()


def test_an_error_of_no_known_kind_is_unclear(store: SQLiteStore) -> None:
    assert store._connection is not None
    store._connection.close()
    with pytest.raises(StoreUnclear, match="closed"):
        store.write([detection(1)])


def test_a_file_that_another_holds_is_unavailable_for_now(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_S", 0.05)
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


@pytest.mark.parametrize("moved", [True, False])
def test_where_its_file_is_moved_or_removed_it_begins_a_new_one(
    store: SQLiteStore, file: Path, moved: bool, caplog: pytest.LogCaptureFixture
) -> None:
    store.write([detection(1)])
    for each in list(file.parent.iterdir()):
        if moved:
            each.rename(each.with_name(f"old-{each.name}"))
        else:
            each.unlink()
    assert store.write([detection(2)]) == []
    assert [each["_id"] for each in rows(file)] == [detection(2).id]
    said = f"the file was moved or removed, a new one is begun store={store.name}"
    assert [each.getMessage() for each in caplog.records] == [said]


def test_what_is_written_while_its_file_goes_is_in_the_new_one(
    store: SQLiteStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = store._put

    def put_and_lose(items: Any) -> None:
        monkeypatch.setattr(store, "_put", put)
        put(items)
        file.unlink()

    monkeypatch.setattr(store, "_put", put_and_lose)
    store.write([detection(1)])
    assert [each["_id"] for each in rows(file)] == [detection(1).id]


def test_a_new_file_that_cannot_be_made_yet_is_waited_for(store: SQLiteStore, file: Path) -> None:
    file.unlink()
    file.mkdir()
    with pytest.raises(StoreUnavailable, match="unable to open"):
        store.write([detection(1)])
    file.rmdir()
    assert store.write([detection(1)]) == []
    assert len(rows(file)) == 1


def test_a_store_that_is_not_open_is_unavailable(file: Path) -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        SQLiteStore(file).write([detection(1)])


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SQLiteStore(tmp_path / "file" / "detections.db")
    with pytest.raises(StoreUnavailable, match=r"sqlite:.*detections\.db: "):
        store.open()


def test_a_file_that_is_no_database_refuses_everything(tmp_path: Path) -> None:
    (tmp_path / "detections.db").write_text("this is no database, but it is long enough for one")
    with pytest.raises(StoreRefuses, match="not a database"):
        SQLiteStore(tmp_path / "detections.db").open()


def test_a_probe_leaves_nothing(store: SQLiteStore, file: Path) -> None:
    store.write([detection(1)])
    assert store.probe(detection(2)) is None
    assert store.write([detection(3)]) == []
    assert {row["_id"] for row in rows(file)} == {detection(1).id, detection(3).id}


def test_a_table_that_refuses_everything_refuses_the_probe(store: SQLiteStore, file: Path) -> None:
    other = sqlite3.connect(file)
    other.execute(
        "CREATE TRIGGER never BEFORE INSERT ON shapes_found "
        "BEGIN SELECT RAISE(ABORT, 'not today'); END"
    )
    other.close()
    assert "not today" in str(store.probe(detection(1)))


def test_whether_a_probe_passes_may_be_unknown(store: SQLiteStore) -> None:
    store.close()
    with pytest.raises(StoreUnavailable, match="not open"):
        store.probe(detection(1))
