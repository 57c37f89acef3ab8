"""Where detections are kept: the small interface, and SQLite, the embedded default."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from velox.errors import DocumentRejected, StoreUnavailable
from velox.records import Detection

BUSY_TIMEOUT_S = 5.0
TABLE = "shapes_found"
SQLITE_FILE = "detections.db"

Rejected = list[tuple[Detection, DocumentRejected]]


class Store(Protocol):
    """open / write / close. Writing a detection twice leaves one."""

    name: str

    def open(self) -> None:
        """Connect and make tables or indexes.

        Raises:
            StoreUnavailable: when it cannot be reached now; calling again can help.
        """

    def write(self, detections: Sequence[Detection]) -> Rejected:
        """Make all detections durable, each replacing an earlier one of its id.

        Returns:
            Those that the store refuses for good, with the reason; all others are durable.

        Raises:
            StoreUnavailable: when it is not known that all are durable; calling again can help.
        """

    def close(self) -> None:
        """Let go of the connection."""


class SQLiteStore:
    """Detections in one SQLite file, one column a field of the document.

    Args:
        path: the file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"sqlite:{path}"
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file and make the table and the indexes of the usual queries."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, check_same_thread=False
            )
            connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error
        self._connection = connection

    def write(self, detections: Sequence[Detection]) -> Rejected:
        """One transaction, synced to disk; SQLite refuses no document."""
        if self._connection is None:
            raise StoreUnavailable(f"{self.name} is not open")
        try:
            with self._connection:
                self._connection.executemany(
                    _UPSERT, [tuple(each.document().values()) for each in detections]
                )
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error
        return []

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS {TABLE} (
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
CREATE INDEX IF NOT EXISTS latest_by_label ON {TABLE} (predicted_label, timestamp DESC);
"""
_UPSERT = f"INSERT OR REPLACE INTO {TABLE} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
