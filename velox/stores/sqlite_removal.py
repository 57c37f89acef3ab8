"""Taking rows away from SQLite's files, few in a transaction: that locks out all other writers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from velox.base.records import utc_text
from velox.stores.removal import FOUND, Holding, Named, Removed
from velox.stores.sqlite_errors import failure
from velox.stores.sqlite_file import connected, file_at


class SQLiteRemoval:
    """See `velox.stores.removal.Removal`. A file is opened at its first use, and never made.

    Args:
        folder: of the files.
    """

    def __init__(self, folder: Path) -> None:
        self.name = f"sqlite:{folder / FOUND.file}"
        self._folder = folder
        self._opened: dict[str, sqlite3.Connection] = {}
        self._files: dict[str, tuple[int, int] | None] = {}

    def remove_before(self, holding: Holding, moment_ms: int, limit: int) -> Removed:
        """See Removal. An index leads to the oldest; nobody comes between looking and removing."""
        # Here and below: the table's name is a constant.
        which = "WHERE timestamp < ? ORDER BY timestamp LIMIT ?"
        query = f"SELECT _id FROM {holding.collection} {which}"  # noqa: S608
        with self._changing(holding) as connection:
            if connection is None:
                return Removed()
            connection.execute("BEGIN IMMEDIATE")
            oldest = connection.execute(query, (utc_text(moment_ms), limit)).fetchall()
            removed = _delete(connection, holding, [each for (each,) in oldest])
        return Removed(len(oldest), removed)

    def of_source(
        self, holding: Holding, source: str, before_ms: int | None, at_once: int
    ) -> Iterator[list[Named]]:
        """See Removal. In the order of `_id`: each part begins where the last one ended."""
        before = None if before_ms is None else utc_text(before_ms)
        chosen = "source = ? AND (? IS NULL OR timestamp < ?)"
        yield from self._parts(holding, chosen, (source, before, before), at_once)

    def with_files(self, at_once: int) -> Iterator[list[Named]]:
        """See Removal."""
        yield from self._parts(FOUND, "file_path NOT NULL", (), at_once)

    def _parts(
        self, holding: Holding, chosen: str, values: tuple[str | None, ...], at_once: int
    ) -> Iterator[list[Named]]:
        path = "file_path" if holding is FOUND else "NULL"
        rows = f"SELECT _id, {path} FROM {holding.collection}"  # noqa: S608
        query = f"{rows} WHERE _id > ? AND {chosen} ORDER BY _id LIMIT ?"
        last = ""
        while True:
            with self._changing(holding) as connection:
                if connection is None:
                    return
                found = connection.execute(query, (last, *values, at_once)).fetchall()
            if not found:
                return
            last = found[-1][0]
            yield [Named(*row) for row in found]

    def remove(self, holding: Holding, ids: Sequence[object]) -> int:
        """See Removal."""
        with self._changing(holding) as connection:
            return 0 if connection is None else _delete(connection, holding, ids)

    def clear_files(self, ids: Sequence[object]) -> None:
        """See Removal."""
        cleared = (
            f"UPDATE {FOUND.collection} SET file_path = NULL WHERE _id = ? AND file_path NOT NULL"  # noqa: S608
        )
        with self._changing(FOUND) as connection:
            if connection is not None:
                connection.executemany(cleared, [(each,) for each in ids])

    def close(self) -> None:
        """Close the files."""
        while self._opened:
            self._opened.popitem()[1].close()

    @contextmanager
    def _changing(self, holding: Holding) -> Iterator[sqlite3.Connection | None]:
        """A transaction, synced to disk; None where nothing was ever stored."""
        path = self._folder / holding.file
        try:
            if not path.exists():
                yield None
                return
            with self._connection(path) as connection:
                yield connection if _has(connection, holding.collection) else None
        except (sqlite3.Error, OSError) as error:
            raise failure(self.name, path, error) from error

    def _connection(self, path: Path) -> sqlite3.Connection:
        if path.name in self._opened and self._files[path.name] != file_at(path):
            # Another one lies there by now.
            self._opened.pop(path.name).close()
        if path.name not in self._opened:
            made = connected(path)
            self._opened[path.name], self._files[path.name] = made, file_at(path)
            # What is removed is overwritten, and not left in the file until its place is needed.
            made.executescript("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")
        return self._opened[path.name]


def _delete(connection: sqlite3.Connection, holding: Holding, ids: Sequence[object]) -> int:
    removed = 0
    for table in filter(None, (holding.images, holding.collection)):
        statement = f"DELETE FROM {table} WHERE _id = ?"  # noqa: S608
        removed = connection.executemany(statement, [(each,) for each in ids]).rowcount
    return removed


def _has(connection: sqlite3.Connection, table: str) -> bool:
    look = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(look, (table,)).fetchone() is not None
