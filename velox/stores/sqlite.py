"""Detections in one SQLite file, the embedded default: written, and read summed up."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from velox.base.errors import DocumentRejected, StoreUnavailable
from velox.base.records import Detection
from velox.base.sink_errors import Verdict
from velox.stores.interface import DETECTIONS, HOUR_CHARACTERS, Rejected, Totals, filled
from velox.stores.sqlite_errors import failure, verdict
from velox.stores.sqlite_read_only import opened

BUSY_TIMEOUT_S = 5.0
SQLITE_FILE = "detections.db"


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
            raise failure(self.name, self._path, error) from error

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
            if verdict(error) is not Verdict.NOT_THIS_ONE:
                raise failure(self.name, self._path, error) from error
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
            if verdict(error) is not Verdict.NOT_THIS_ONE:
                raise failure(self.name, self._path, error) from error
            return DocumentRejected(f"SQLite: {error}")
        finally:
            self._connection.rollback()
        return None

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class SQLiteReader:
    """Reads the file that `SQLiteStore` writes, as it was at one moment, and changes nothing.

    Args:
        path: the file.

    Raises:
        StoreUnavailable: when it is not there or no database.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"sqlite:{path}"
        self._opened = ExitStack()
        try:
            if not path.is_file():
                raise StoreUnavailable(f"{self.name}: no such file")
            self._connection = opened(path, BUSY_TIMEOUT_S, self._opened)
        except (sqlite3.Error, OSError) as error:
            self._opened.close()
            raise StoreUnavailable(f"{self.name}: {error}") from error

    def totals(self) -> Totals:
        """See Reader."""
        ((count, first, last, labelled, correct, lowest),) = self._rows(_TOTALS)
        return Totals(
            detections=count,
            first=first or "",
            last=last or "",
            labelled=labelled,
            correct=correct or 0,
            lowest_confidence=1.0 if lowest is None else lowest,
        )

    def by_label(self, limit: int) -> list[tuple[str, int]]:
        """See Reader."""
        return self._rows(_BY_LABEL, limit)

    def by_hour(self, hours: int, limit: int) -> list[tuple[str, str, int]]:
        """See Reader."""
        return self._rows(_BY_HOUR, hours, limit)

    def by_confidence(self, low: float, bins: int) -> list[int]:
        """See Reader."""
        return filled(self._rows(_BY_CONFIDENCE, bins - 1, low, bins / (1 - low)), bins)

    def confusion(self, limit: int) -> list[tuple[str, str, int]]:
        """See Reader."""
        return self._rows(_CONFUSION, limit)

    def models(self, limit: int) -> list[tuple[str, int, str, str]]:
        """See Reader."""
        return self._rows(_MODELS, limit)

    def latest(self, limit: int) -> list[Detection]:
        """See Reader."""
        return [Detection(*row) for row in self._rows(_LATEST, limit)]

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def _rows(self, query: str, *values: float) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error


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
"""  # noqa: S608 - here and below: the table's name is a constant
_HOUR = f"substr(timestamp, 1, {HOUR_CHARACTERS})"
_TOTALS = f"""
SELECT COUNT(*), MIN(timestamp), MAX(timestamp), COUNT(ground_truth),
       SUM(ground_truth = predicted_label), MIN(confidence)
FROM {DETECTIONS}
"""  # noqa: S608
_BY_LABEL = f"""
SELECT predicted_label, COUNT(*) AS found FROM {DETECTIONS}
GROUP BY predicted_label ORDER BY found DESC, predicted_label LIMIT ?
"""  # noqa: S608
# Each step finds one hour by the index.
_BY_HOUR = f"""
WITH RECURSIVE hours(hour) AS (
    SELECT substr(MAX(timestamp), 1, {HOUR_CHARACTERS}) FROM {DETECTIONS}
    UNION ALL
    SELECT (SELECT substr(MAX(timestamp), 1, {HOUR_CHARACTERS}) FROM {DETECTIONS}
            WHERE timestamp < hour)
    FROM hours WHERE hour IS NOT NULL LIMIT ?
), recent AS (
    SELECT {_HOUR} AS hour, predicted_label AS label, COUNT(*) AS found FROM {DETECTIONS}
    WHERE timestamp >= (SELECT MIN(hour) FROM hours) GROUP BY 1, 2
)
SELECT hour, label, found FROM recent
WHERE label IN (SELECT label FROM recent GROUP BY label ORDER BY SUM(found) DESC, label LIMIT ?)
ORDER BY hour, label
"""  # noqa: S608
_BY_CONFIDENCE = f"""
SELECT MAX(0, MIN(?, CAST((confidence - ?) * ? AS INTEGER))) AS bin, COUNT(*)
FROM {DETECTIONS} GROUP BY bin
"""  # noqa: S608
_CONFUSION = f"""
SELECT ground_truth, predicted_label, COUNT(*) AS found FROM {DETECTIONS}
WHERE ground_truth IS NOT NULL
GROUP BY ground_truth, predicted_label ORDER BY found DESC, ground_truth, predicted_label LIMIT ?
"""  # noqa: S608
_MODELS = f"""
SELECT model, COUNT(*), MIN(timestamp), MAX(timestamp) AS last FROM {DETECTIONS}
GROUP BY model ORDER BY last DESC LIMIT ?
"""  # noqa: S608
_LATEST = f"SELECT * FROM {DETECTIONS} ORDER BY timestamp DESC, _id DESC LIMIT ?"  # noqa: S608
