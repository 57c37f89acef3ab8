"""Detections in one SQLite file, the embedded default."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from velox.base.errors import DocumentRejected
from velox.base.records import Detection
from velox.base.sink_errors import Verdict
from velox.stores.interface import DETECTIONS
from velox.stores.sqlite_errors import failure, verdict
from velox.stores.sqlite_file import SQLiteFile

SQLITE_FILE = "detections.db"


class SQLiteStore(SQLiteFile[Detection]):
    """Detections in one SQLite file, one column a field of the document."""

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.executescript(_SCHEMA)
        # Compiled and not run: a table of that name may have other columns.
        connection.execute(f"EXPLAIN {_UPSERT}", [None] * COLUMNS)

    def _put(self, items: Sequence[Detection]) -> None:
        with self._opened as connection:
            connection.executemany(_UPSERT, [tuple(each.document().values()) for each in items])

    def probe(self, detection: Detection) -> DocumentRejected | None:
        """In a transaction that is rolled back, so that nobody ever sees it."""
        connection = self._opened
        try:
            connection.execute(_UPSERT, tuple(detection.document().values()))
        except sqlite3.Error as error:
            if verdict(error) is not Verdict.NOT_THIS_ONE:
                raise failure(self.name, self._path, error) from error
            return DocumentRejected(f"SQLite: {error}")
        finally:
            connection.rollback()
        return None


_SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS {DETECTIONS} (
    _id TEXT PRIMARY KEY,
    timestamp TEXT NOT NULL,
    predicted_label TEXT NOT NULL,
    confidence REAL NOT NULL,
    ground_truth TEXT,
    file_path TEXT,
    source TEXT,
    latency_ms REAL NOT NULL,
    model TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS latest_by_label ON {DETECTIONS} (predicted_label, timestamp DESC);
CREATE INDEX IF NOT EXISTS latest ON {DETECTIONS} (timestamp DESC, _id DESC);
"""
COLUMNS = len(Detection.__dataclass_fields__)
# Not INSERT OR REPLACE: that would delete another detection that is in the way of a unique index.
_UPSERT = f"""
INSERT INTO {DETECTIONS} VALUES ({", ".join("?" * COLUMNS)})
ON CONFLICT (_id) DO UPDATE SET
    timestamp = excluded.timestamp,
    predicted_label = excluded.predicted_label,
    confidence = excluded.confidence,
    ground_truth = excluded.ground_truth,
    file_path = excluded.file_path,
    source = excluded.source,
    latency_ms = excluded.latency_ms,
    model = excluded.model
"""  # noqa: S608 - the table's name is a constant
