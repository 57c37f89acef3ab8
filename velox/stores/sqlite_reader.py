"""Reading the detections in a SQLite file, summed up by the database."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from velox.base.errors import StoreUnavailable
from velox.base.records import Detection
from velox.stores.interface import DETECTIONS, HOUR_CHARACTERS, Totals, filled
from velox.stores.sqlite_file import BUSY_TIMEOUT_S
from velox.stores.sqlite_read_only import opened


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


_HOUR = f"substr(timestamp, 1, {HOUR_CHARACTERS})"
_TOTALS = f"""
SELECT COUNT(*), MIN(timestamp), MAX(timestamp), COUNT(ground_truth),
       SUM(ground_truth = predicted_label), MIN(confidence)
FROM {DETECTIONS}
"""  # noqa: S608 - here and below: the table's name is a constant
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
