"""Which store and which folder of images the settings ask for."""

from __future__ import annotations

import os
from pathlib import Path

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


def make_store(*, mongo_uri: str, database: str, storage_path: Path) -> Store:
    """The store that the settings ask for; it is not opened yet."""
    if mongo_uri:
        return MongoStore(uri=mongo_uri, database=database)
    return SQLiteStore(storage_path / SQLITE_FILE)


def make_review_store(*, mongo_uri: str, database: str, storage_path: Path) -> ReviewStore:
    """The store of images for review beside that of the same settings; it is not opened yet."""
    if mongo_uri:
        return MongoReview(uri=mongo_uri, database=database)
    return SQLiteReview(storage_path / REVIEW_FILE)


def make_verdicts(*, mongo_uri: str, database: str, storage_path: Path) -> Verdicts:
    """The same store, as people look at it."""
    if mongo_uri:
        return MongoVerdicts(uri=mongo_uri, database=database)
    return SQLiteVerdicts(storage_path / REVIEW_FILE)


def reader_of(*, mongo_uri: str, database: str, storage_path: Path) -> Reader:
    """Reads what the store of the same settings holds."""
    if mongo_uri:
        return MongoReader(uri=mongo_uri, database=database)
    return SQLiteReader(storage_path / SQLITE_FILE)


def removal_of(*, mongo_uri: str, database: str, storage_path: Path) -> Removal:
    """Takes away what the store of the same settings holds."""
    if mongo_uri:
        return MongoRemoval(uri=mongo_uri, database=database)
    return SQLiteRemoval(storage_path)


def withdrawal_of(*, mongo_uri: str, database: str, storage_path: Path) -> Withdrawal:
    """Keeps what is withdrawn of the store of the same settings."""
    if mongo_uri:
        return MongoWithdrawal(uri=mongo_uri, database=database)
    return SQLiteWithdrawal(storage_path)


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
