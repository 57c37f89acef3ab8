"""Which store and which folder of images the settings ask for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from velox.base.errors import SettingError
from velox.stores.image_files import ImageFiles
from velox.stores.interface import Reader, Store
from velox.stores.mongo import MongoStore
from velox.stores.mongo_reader import MongoReader
from velox.stores.mongo_removal import MongoRemoval
from velox.stores.mongo_review import MongoReview
from velox.stores.mongo_verdicts import MongoVerdicts
from velox.stores.mongo_withdrawal import MongoWithdrawal
from velox.stores.removal import Removal
from velox.stores.review_interface import ReviewStore, Verdicts
from velox.stores.sqlite import SQLITE_FILE, SQLiteStore
from velox.stores.sqlite_reader import SQLiteReader
from velox.stores.sqlite_removal import SQLiteRemoval
from velox.stores.sqlite_review import REVIEW_FILE, SQLiteReview
from velox.stores.sqlite_verdicts import SQLiteVerdicts
from velox.stores.sqlite_withdrawal import SQLiteWithdrawal
from velox.stores.withdrawal import Withdrawal

M = TypeVar("M")
S = TypeVar("S")


@dataclass(frozen=True, kw_only=True)
class Stores:
    """The stores that the settings ask for, in MongoDB or in SQLite's files; none is opened yet.

    Attributes:
        mongo_uri: of MongoDB; empty for files.
        database: there.
        storage_path: the folder of the files.
    """

    mongo_uri: str = field(repr=False)
    database: str
    storage_path: Path

    def detections(self) -> Store:
        """The store of what is found."""
        return self._made(MongoStore, SQLiteStore, SQLITE_FILE)

    def review(self) -> ReviewStore:
        """The store of images for review."""
        return self._made(MongoReview, SQLiteReview, REVIEW_FILE)

    def verdicts(self) -> Verdicts:
        """The same, as people look at it."""
        return self._made(MongoVerdicts, SQLiteVerdicts, REVIEW_FILE)

    def reader(self) -> Reader:
        """Reads what is found."""
        return self._made(MongoReader, SQLiteReader, SQLITE_FILE)

    def removal(self) -> Removal:
        """Takes away what any of them holds."""
        return self._made(MongoRemoval, SQLiteRemoval)

    def withdrawal(self) -> Withdrawal:
        """Keeps what is withdrawn of what was found."""
        return self._made(MongoWithdrawal, SQLiteWithdrawal)

    def _made(self, mongo: Callable[..., M], sqlite: Callable[[Path], S], file: str = "") -> M | S:
        if self.mongo_uri:
            return mongo(uri=self.mongo_uri, database=self.database)
        return sqlite(self.storage_path / file)


def open_image_files(
    storage_path: Path,
    *,
    keep: int,
    topic: str = "",
    sync: bool = False,
    kind: type[ImageFiles] = ImageFiles,
) -> ImageFiles:
    """The folder of matched images.

    Raises:
        SettingError: when it cannot be made, listed or written to, or named in a document.
    """
    try:
        str(storage_path).encode()
    except UnicodeEncodeError:
        raise SettingError(
            f"STORAGE_PATH={str(storage_path)!r} cannot be used: it is not UTF-8, "
            "but documents hold the paths of their images"
        ) from None
    try:
        files = kind(storage_path, keep=keep, topic=topic, sync=sync)
        if not os.access(storage_path, os.W_OK | os.X_OK):
            raise PermissionError("no permission to write there")
    except OSError as error:
        reason = error.strerror or error
        raise SettingError(
            f"STORAGE_PATH={str(storage_path)!r} cannot be used: {reason}; "
            "it must be a writable folder"
        ) from None
    return files
