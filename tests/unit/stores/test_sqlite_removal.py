"""Taking rows away from SQLite's files."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests.unit.fakes import detection
from velox.stores.removal import FOUND
from velox.stores.sqlite import SQLiteStore
from velox.stores.sqlite_removal import SQLiteRemoval


def test_it_works_on_the_file_that_lies_there_now(tmp_path: Path) -> None:
    file = tmp_path / FOUND.file
    with closing(SQLiteStore(file)) as store, closing(SQLiteRemoval(tmp_path)) as removal:
        store.open()
        store.write([detection(1)])
        assert removal.remove(FOUND, [detection(1).id]) == 1
        file.rename(tmp_path / "old.db")
        store.write([detection(2)])
        assert removal.remove(FOUND, [detection(2).id]) == 1
