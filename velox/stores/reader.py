"""Reading what was stored, summed up by the database: the small interface, and SQLite's side."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from velox.base.errors import StoreUnavailable
from velox.base.records import Detection
from velox.stores.sqlite import BUSY_TIMEOUT_S, TABLE

HOUR_CHARACTERS = len("2026-01-31T23")


@dataclass(frozen=True, kw_only=True)
class Totals:
    """All detections in a few numbers.

    Attributes:
        detections: how many there are.
        first, last: the earliest and the latest timestamp, '' if there are none.
        labelled, correct: those with a ground truth, and those of them predicted right.
        lowest_confidence: of any detection, 1 if there are none.
    """

    detections: int = 0
    first: str = ""
    last: str = ""
    labelled: int = 0
    correct: int = 0
    lowest_confidence: float = 1.0


class Reader(Protocol):
    """Each method is one pass in the database, and what it returns is small.

    All raise StoreUnavailable when the store cannot be read.
    """

    name: str

    def totals(self) -> Totals:
        """All detections in a few numbers."""

    def by_label(self, limit: int) -> list[tuple[str, int]]:
        """Label and count, the most frequent first."""

    def by_hour(self, hours: int, limit: int) -> list[tuple[str, str, int]]:
        """Hour (`2026-01-31T23`), label and count over the latest hours that have any, sorted.

        Labels beyond the `limit` most frequent are left out.
        """

    def by_confidence(self, low: float, bins: int) -> list[int]:
        """Counts in so many equal bins from `low` to 1; what is below is in the first."""

    def confusion(self, limit: int) -> list[tuple[str, str, int]]:
        """Ground truth, predicted label and count, the most frequent pairs first."""

    def models(self, limit: int) -> list[tuple[str, int, str, str]]:
        """Digest, count, first and last timestamp of each model, the latest first."""

    def latest(self, limit: int) -> list[Detection]:
        """The latest detections, newest first."""

    def close(self) -> None:
        """Let go of the connection."""


class SQLiteReader:
    """Reads the file that `SQLiteStore` writes, as it was at one moment, and changes nothing.

    Args:
        path: the file.

    Raises:
        StoreUnavailable: when it is not there or no database.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"sqlite:{path}"
        if not path.is_file():
            raise StoreUnavailable(f"{self.name}: no such file")
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S
            )
            self._connection.execute("BEGIN")
        except sqlite3.Error as error:
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
        self._connection.close()

    def _rows(self, query: str, *values: float) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error


def filled(counts: Sequence[tuple[int, int]], bins: int) -> list[int]:
    """Counts by bin as one count for each bin."""
    known = dict(counts)
    return [known.get(each, 0) for each in range(bins)]


_HOUR = f"substr(timestamp, 1, {HOUR_CHARACTERS})"
_TOTALS = f"""
SELECT COUNT(*), MIN(timestamp), MAX(timestamp), COUNT(ground_truth),
       SUM(ground_truth = predicted_label), MIN(confidence)
FROM {TABLE}
"""  # noqa: S608 - here and below: the table's name is a constant
_BY_LABEL = f"""
SELECT predicted_label, COUNT(*) AS found FROM {TABLE}
GROUP BY predicted_label ORDER BY found DESC, predicted_label LIMIT ?
"""  # noqa: S608
_BY_HOUR = f"""
WITH hours AS (SELECT DISTINCT {_HOUR} AS hour FROM {TABLE} ORDER BY hour DESC LIMIT ?),
     labels AS (SELECT predicted_label AS label FROM {TABLE}
                GROUP BY label ORDER BY COUNT(*) DESC, label LIMIT ?)
SELECT {_HOUR} AS hour, predicted_label, COUNT(*) FROM {TABLE}
WHERE hour >= (SELECT MIN(hour) FROM hours) AND predicted_label IN labels
GROUP BY hour, predicted_label ORDER BY hour, predicted_label
"""  # noqa: S608
_BY_CONFIDENCE = f"""
SELECT MAX(0, MIN(?, CAST((confidence - ?) * ? AS INTEGER))) AS bin, COUNT(*)
FROM {TABLE} GROUP BY bin
"""  # noqa: S608
_CONFUSION = f"""
SELECT ground_truth, predicted_label, COUNT(*) AS found FROM {TABLE}
WHERE ground_truth IS NOT NULL
GROUP BY ground_truth, predicted_label ORDER BY found DESC, ground_truth, predicted_label LIMIT ?
"""  # noqa: S608
_MODELS = f"""
SELECT model, COUNT(*), MIN(timestamp), MAX(timestamp) AS last FROM {TABLE}
GROUP BY model ORDER BY last DESC LIMIT ?
"""  # noqa: S608
_LATEST = f"SELECT * FROM {TABLE} ORDER BY timestamp DESC, _id DESC LIMIT ?"  # noqa: S608
