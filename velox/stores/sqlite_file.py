"""A SQLite file that is written to: opened, made with its tables, and closed."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeVar

from velox.base.errors import DocumentRejected, StoreUnavailable
from velox.base.sink_errors import Verdict
from velox.stores.sqlite_errors import failure, verdict

BUSY_TIMEOUT_S = 5.0

T = TypeVar("T")


def connected(path: Path) -> sqlite3.Connection:
    """A connection that waits for other writers, and that any thread may use.

    Raises:
        sqlite3.Error: when the file cannot be opened.
    """
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)


class SQLiteFile(ABC, Generic[T]):
    """A file, and what is written to it.

    Args:
        path: the file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"sqlite:{path}"
        self._path = path
        self._connection: sqlite3.Connection | None = None

    @abstractmethod
    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables, and see that they take what will be written."""

    @abstractmethod
    def _put(self, items: Sequence[T]) -> None:
        """Write all of them in one transaction, synced to disk."""

    def open(self) -> None:
        """Open the file and make its tables and the indexes of the usual queries.

        Raises:
            StoreUnavailable: when it cannot be opened now.
            StoreRefuses: when it must be changed first.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = connected(self._path)
            self._prepare(self._connection)
        except OSError as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error
        except sqlite3.Error as error:
            self.close()
            raise failure(self.name, self._path, error) from error

    def write(self, items: Sequence[T]) -> list[tuple[T, DocumentRejected]]:
        """One transaction, synced to disk; one for each if that fails because of a document."""
        try:
            self._put(items)
        except (sqlite3.Error, ValueError, OverflowError) as error:
            if verdict(error) is not Verdict.NOT_THIS_ONE:
                raise failure(self.name, self._path, error) from error
            if len(items) == 1:
                return [(items[0], DocumentRejected(f"SQLite: {error}"))]
            return [refused for one in items for refused in self.write([one])]
        return []

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreUnavailable(f"{self.name} is not open")
        return self._connection
