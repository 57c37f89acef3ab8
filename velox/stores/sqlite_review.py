"""Images for review in a SQLite file of their own, beside that of the detections."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from velox.base.candidates import RANKS, Candidate, Kept
from velox.stores.review_interface import IMAGES, MOST_REMOVED, REVIEW
from velox.stores.sqlite_errors import failure
from velox.stores.sqlite_file import SQLiteFile

REVIEW_FILE = "review.db"


class SQLiteReview(SQLiteFile[Kept]):
    """Candidates and their images, in two tables. Safe to share between threads.

    A file of its own: its images are large, and who labels them never holds up the detections.

    Args:
        path: the file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._turn = threading.Lock()
        self._read_only = ExitStack()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        connection.executescript(_SCHEMA)
        # Compiled and not run: a table of that name may have other columns.
        connection.execute(f"EXPLAIN {_UPSERT}", _nothing())

    def _put(self, items: Sequence[Kept]) -> None:
        documents = [{**each.candidate.document(), "rank": each.candidate.rank} for each in items]
        with self._begun() as connection:
            connection.executemany(_PUT_IMAGE, [(each.id, each.image) for each in items])
            connection.executemany(_UPSERT, documents)

    def trim(self, most: int) -> Sequence[int]:
        """See ReviewStore."""
        with self._asked() as connection:
            ((count,),) = connection.execute(f"SELECT COUNT(*) FROM {REVIEW}")  # noqa: S608
            excess = min(count - most, MOST_REMOVED)
            if excess <= 0:
                return [0] * RANKS
            gone = connection.execute(_FIRST_TO_GO, (excess,)).fetchall()
            self._remove(connection, [each["_id"] for each in gone])
        ranks = Counter(each["rank"] for each in gone)
        return [ranks[rank] for rank in range(RANKS)]

    @staticmethod
    def _remove(connection: sqlite3.Connection, ids: Sequence[str]) -> None:
        for table in (IMAGES, REVIEW):
            connection.executemany(
                f"DELETE FROM {table} WHERE _id = ?",  # noqa: S608 - a constant's name
                [(each,) for each in ids],
            )

    @contextmanager
    def _asked(self) -> Iterator[sqlite3.Connection]:
        """A transaction in which no document can be at fault."""
        try:
            with self._begun() as connection:
                yield connection
        except sqlite3.Error as error:
            raise failure(self.name, self._path, error) from error

    @contextmanager
    def _begun(self) -> Iterator[sqlite3.Connection]:
        """A transaction of this thread's own; nobody comes between its reading and writing."""
        with self._turn, self._opened as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection


_SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS {REVIEW} (
    _id TEXT PRIMARY KEY,
    timestamp TEXT NOT NULL,
    kept_at TEXT NOT NULL,
    predicted_label TEXT NOT NULL,
    confidence REAL NOT NULL,
    outcome TEXT NOT NULL,
    threshold REAL,
    reason TEXT NOT NULL,
    chance REAL NOT NULL,
    random INTEGER NOT NULL,
    ground_truth TEXT,
    source TEXT,
    model TEXT NOT NULL,
    extension TEXT NOT NULL,
    rank INTEGER NOT NULL,
    verdict TEXT,
    judged_by TEXT,
    judged_at TEXT,
    history TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS {IMAGES} (_id TEXT PRIMARY KEY, image BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS first_to_go ON {REVIEW} (rank, timestamp);
CREATE INDEX IF NOT EXISTS oldest ON {REVIEW} (timestamp);
"""
_FIELDS = tuple("_id" if name == "id" else name for name in Candidate.__dataclass_fields__)
_PUT_IMAGE = f"""
INSERT INTO {IMAGES} VALUES (?, ?) ON CONFLICT (_id) DO UPDATE SET image = excluded.image
"""  # noqa: S608 - here and below: the table's name is a constant
_UPSERT = f"""
INSERT INTO {REVIEW} ({", ".join(_FIELDS)}, rank)
VALUES ({", ".join(f":{name}" for name in _FIELDS)}, :rank)
ON CONFLICT (_id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in _FIELDS[1:])}
"""  # noqa: S608
_FIRST_TO_GO = f"""
SELECT _id, rank FROM {REVIEW} ORDER BY rank, timestamp LIMIT ?
"""  # noqa: S608


def _nothing() -> dict[str, Any]:
    return dict.fromkeys((*_FIELDS, "rank"))
