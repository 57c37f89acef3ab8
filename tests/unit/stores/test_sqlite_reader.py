from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.fakes import detection
from velox.base.errors import StoreUnavailable
from velox.base.records import Detection
from velox.stores.interface import Totals
from velox.stores.sqlite import SQLiteStore
from velox.stores.sqlite_reader import SQLiteReader


def documents() -> list[Detection]:
    """Ten detections in three hours: 6 of a, 3 of b, 1 of c; half have a truth."""
    return [
        replace(
            detection(number, label="aaaaaabbbc"[number], truth="a" if number % 2 else None),
            timestamp=f"2026-01-31T2{number // 4}:00:0{number}.000Z",
            confidence=0.51 + number / 20,
            model="new" if number > 7 else "old",
        )
        for number in range(10)
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "detections.db"
    with closing(SQLiteStore(path)) as store:
        store.open()
    return path


@pytest.fixture
def reader(file: Path) -> Iterator[SQLiteReader]:
    with closing(SQLiteStore(file)) as store:
        store.open()
        store.write(documents())
        with closing(SQLiteReader(file)) as reader:
            yield reader


def test_the_totals(reader: SQLiteReader) -> None:
    assert reader.totals() == Totals(
        detections=10,
        first="2026-01-31T20:00:00.000Z",
        last="2026-01-31T22:00:09.000Z",
        labelled=5,
        correct=3,
        lowest_confidence=0.51,
    )


def test_counts_by_label(reader: SQLiteReader) -> None:
    assert reader.by_label(10) == [("a", 6), ("b", 3), ("c", 1)]
    assert reader.by_label(1) == [("a", 6)]


def test_counts_by_hour(reader: SQLiteReader) -> None:
    assert reader.by_hour(24, 20) == [
        ("2026-01-31T20", "a", 4),
        ("2026-01-31T21", "a", 2),
        ("2026-01-31T21", "b", 2),
        ("2026-01-31T22", "b", 1),
        ("2026-01-31T22", "c", 1),
    ]
    assert reader.by_hour(2, 1) == [("2026-01-31T21", "b", 2), ("2026-01-31T22", "b", 1)]


def test_counts_by_confidence(reader: SQLiteReader) -> None:
    assert reader.by_confidence(0.5, 5) == [2, 2, 2, 2, 2]
    assert reader.by_confidence(0.75, 1) == [10]


def test_truth_and_prediction(reader: SQLiteReader) -> None:
    assert reader.confusion(10) == [("a", "a", 3), ("a", "b", 1), ("a", "c", 1)]
    assert reader.confusion(1) == [("a", "a", 3)]


def test_models(reader: SQLiteReader) -> None:
    assert reader.models(10) == [
        ("new", 2, "2026-01-31T22:00:08.000Z", "2026-01-31T22:00:09.000Z"),
        ("old", 8, "2026-01-31T20:00:00.000Z", "2026-01-31T21:00:07.000Z"),
    ]


def test_the_latest(reader: SQLiteReader) -> None:
    assert reader.latest(3) == documents()[:-4:-1]
    assert reader.latest(0) == []


def test_an_empty_store(file: Path) -> None:
    with closing(SQLiteReader(file)) as reader:
        assert reader.totals() == Totals()
        assert reader.by_confidence(0.9, 3) == [0, 0, 0]
        for rows in (reader.by_label(5), reader.by_hour(5, 5), reader.confusion(5)):
            assert rows == []
        assert reader.models(5) == []
        assert reader.latest(5) == []


def test_all_figures_are_of_one_moment(file: Path) -> None:
    with closing(SQLiteStore(file)) as store, closing(SQLiteReader(file)) as reader:
        store.open()
        before = reader.totals()
        store.write(documents())
        assert reader.totals() == before
        assert reader.by_label(5) == []


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"detections\.db: no such file"):
        SQLiteReader(tmp_path / "detections.db")
    (tmp_path / "detections.db").write_text("no database at all, but long enough to be one" * 99)
    with pytest.raises(StoreUnavailable, match="not a database"):
        SQLiteReader(tmp_path / "detections.db")
