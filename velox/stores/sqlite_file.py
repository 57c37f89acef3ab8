"""A SQLite file that is written to: opened, made with its tables, and closed."""

from __future__ import annotations

import logging
import os
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
log = logging.getLogger(__name__)


def connected(path: Path) -> sqlite3.Connection:
    """A connection that waits for other writers, and that any thread may use.

    Raises:
        sqlite3.Error: when the file cannot be opened.
    """
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)


def file_at(path: Path) -> tuple[int, int] | None:
    """Which file lies there, None if none does."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class SQLiteFile(ABC, Generic[T]):
    """A file, and what is written to it.

    Where somebody moves or removes it meanwhile, SQLite goes on writing to what has no name any
    more, without an error; so a new one is begun then.

    Args:
        path: the file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"sqlite:{path}"
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._written_to = False
        self._file: tuple[int, int] | None = None

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
        self._connect()
        self._written_to = True

    def _connect(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            made = self._connection = connected(self._path)
            self._prepare(made)
            self._file = file_at(self._path)
            return made
        except OSError as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error
        except sqlite3.Error as error:
            self._disconnect()
            raise failure(self.name, self._path, error) from error

    def write(self, items: Sequence[T]) -> list[tuple[T, DocumentRejected]]:
        """One transaction, synced to disk; one for each if that fails because of a document."""
        try:
            self._put(items)
            if self._file != file_at(self._path):
                # It went while that was written, which is written to the new one.
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
        self._written_to = False
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._written_to and (self._connection is None or self._file != file_at(self._path)):
            log.warning("the file was moved or removed, a new one is begun store=%s", self.name)
            self._disconnect()
            return self._connect()
        if self._connection is None:
            raise StoreUnavailable(f"{self.name} is not open")
        return self._connection
