"""Where detections are kept: the small interface, and SQLite, the embedded default."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from velox.base.errors import DocumentRejected, StoreRefuses, StoreUnavailable, StoreUnclear
from velox.base.records import Detection
from velox.base.sink_errors import SQLITE, Verdict, verdict_of

BUSY_TIMEOUT_S = 5.0
TABLE = "shapes_found"
SQLITE_FILE = "detections.db"
# A result code of SQLite has its primary code in these bits.
PRIMARY_CODE = 0xFF

Rejected = list[tuple[Detection, DocumentRejected]]


class Store(Protocol):
    """open / write / close. Writing a detection twice leaves one."""

    name: str

    def open(self) -> None:
        """Connect and make tables or indexes.

        Raises:
            StoreUnavailable: when it cannot be reached now; calling again can help.
            StoreRefuses: when it must be changed first.
        """

    def write(self, detections: Sequence[Detection]) -> Rejected:
        """Make all detections durable, each replacing an earlier one of its id.

        Returns:
            Those that the store refuses for good, with the reason; all others are durable.

        Raises:
            StoreUnavailable: when it is not known that all are durable; calling again can help.
            StoreUnclear: the same, and nobody knows whose fault it is.
            StoreRefuses: when it would refuse whatever comes.
        """

    def probe(self, detection: Detection) -> DocumentRejected | None:
        """Whether the store would take a detection now; nothing of it stays.

        Returns:
            Why it would not, None if it would.

        Raises:
            StoreUnavailable: when that is not known; calling again can help.
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
            self._connection = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, check_same_thread=False
            )
            self._connection.executescript(_SCHEMA)
            # Compiled and not run: a table of that name may have other columns.
            self._connection.execute(f"EXPLAIN {_UPSERT}", [None] * COLUMNS)
        except OSError as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error
        except sqlite3.Error as error:
            self.close()
            raise self._failure(error) from error

    def write(self, detections: Sequence[Detection]) -> Rejected:
        """One transaction, synced to disk; one for each if that fails because of a document."""
        if self._connection is None:
            raise StoreUnavailable(f"{self.name} is not open")
        try:
            with self._connection:
                self._connection.executemany(
                    _UPSERT, [tuple(each.document().values()) for each in detections]
                )
        except (sqlite3.Error, ValueError, OverflowError) as error:
            if _verdict(error) is not Verdict.NOT_THIS_ONE:
                raise self._failure(error) from error
            if len(detections) == 1:
                return [(detections[0], DocumentRejected(f"SQLite: {error}"))]
            return [refused for one in detections for refused in self.write([one])]
        return []

    def probe(self, detection: Detection) -> DocumentRejected | None:
        """In a transaction that is rolled back, so that nobody ever sees it."""
        if self._connection is None:
            raise StoreUnavailable(f"{self.name} is not open")
        try:
            self._connection.execute(_UPSERT, tuple(detection.document().values()))
        except sqlite3.Error as error:
            if _verdict(error) is not Verdict.NOT_THIS_ONE:
                raise self._failure(error) from error
            return DocumentRejected(f"SQLite: {error}")
        finally:
            self._connection.rollback()
        return None

    def _failure(self, error: Exception) -> Exception:
        """What is raised for an error that says nothing of a document."""
        text = f"{self.name}: {error}"
        match _verdict(error):
            case Verdict.NOT_AT_ALL:
                return StoreRefuses(
                    f"{text}; mend the file, or move it away and a new one is made"
                    " (it lies at STORAGE_PATH)"
                )
            case None:
                return StoreUnclear(text)
        return StoreUnavailable(text)

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
COLUMNS = len(Detection.__dataclass_fields__)
# Not INSERT OR REPLACE: that would delete another detection that is in the way of a unique index.
_UPSERT = f"""
INSERT INTO {TABLE} VALUES ({", ".join("?" * COLUMNS)})
ON CONFLICT (_id) DO UPDATE SET
    timestamp = excluded.timestamp,
    predicted_label = excluded.predicted_label,
    confidence = excluded.confidence,
    ground_truth = excluded.ground_truth,
    file_path = excluded.file_path,
    source = excluded.source,
    latency_ms = excluded.latency_ms,
    model = excluded.model
"""  # noqa: S608


def _verdict(error: Exception) -> Verdict | None:
    """What an error of a write means; one of Python's own is of a value in a document."""
    if not isinstance(error, sqlite3.Error):
        return Verdict.NOT_THIS_ONE
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    return verdict_of(SQLITE, code) or verdict_of(SQLITE, code & PRIMARY_CODE)
