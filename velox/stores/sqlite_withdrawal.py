"""Withdrawn documents in SQLite: a table beside that of the detections."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from velox.stores.removal import FOUND, WITHDRAWN
from velox.stores.sqlite_errors import failure
from velox.stores.sqlite_file import connected
from velox.stores.withdrawal import Why

COLUMNS = "_id, timestamp, predicted_label, confidence, ground_truth, source, latency_ms, model"


class SQLiteWithdrawal:
    """See `velox.stores.withdrawal.Withdrawal`.

    Args:
        folder: of the file.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / WITHDRAWN.file
        self.name = f"sqlite:{self._path}"
        self._opened: sqlite3.Connection | None = None

    def latencies(self, ids: Sequence[str]) -> dict[str, float]:
        """See Withdrawal."""
        look = f"SELECT latency_ms FROM {FOUND.collection} WHERE _id = ?"  # noqa: S608 - a constant
        with self._connection() as connection:
            found = {each: connection.execute(look, (each,)).fetchone() for each in ids}
        return {each: row[0] for each, row in found.items() if row is not None}

    def keep(self, why: Mapping[str, Why]) -> None:
        """See Withdrawal."""
        # Here too the names are constants.
        copy = f"""
            INSERT OR REPLACE INTO {WITHDRAWN.collection}
            ({COLUMNS}, withdrawn_reason, withdrawn_by, withdrawn_at)
            SELECT {COLUMNS}, ?, ?, ? FROM {FOUND.collection} WHERE _id = ?
        """  # noqa: S608
        with self._connection() as connection:
            connection.executescript(_SCHEMA)
            connection.executemany(
                copy, [(each.reason, each.model, each.at, key) for key, each in why.items()]
            )

    def close(self) -> None:
        """Close the file."""
        if self._opened is not None:
            self._opened.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A transaction, synced to disk."""
        try:
            if self._opened is None:
                self._opened = connected(self._path)
                self._opened.execute("PRAGMA synchronous = FULL")
            with self._opened:
                yield self._opened
        except (sqlite3.Error, OSError) as error:
            raise failure(self.name, self._path, error) from error


_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS {WITHDRAWN.collection} (
    _id TEXT PRIMARY KEY,
    timestamp TEXT NOT NULL,
    predicted_label TEXT NOT NULL,
    confidence REAL NOT NULL,
    ground_truth TEXT,
    file_path TEXT,
    source TEXT,
    latency_ms REAL NOT NULL,
    model TEXT NOT NULL,
    withdrawn_reason TEXT NOT NULL,
    withdrawn_by TEXT NOT NULL,
    withdrawn_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS withdrawn_latest ON {WITHDRAWN.collection} (timestamp);
"""
