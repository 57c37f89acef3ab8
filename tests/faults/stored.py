"""The stores as a bystander sees them: read by other means than Velox's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

from pymongo.read_concern import ReadConcern

from tests.rig.mongod import Mongod

Document = dict[str, Any]


class Stored(Protocol):
    """What was stored, and whether it will stay."""

    def documents(self) -> list[Document]:
        """All documents that are durable."""

    def durable(self, ids: Collection[str]) -> set[str]:
        """Those of the ids whose documents are durable."""

    def close(self) -> None:
        """Read no more."""


class InMongo:
    """Documents that the majority of the replica set holds in its journal."""

    def __init__(self, mongod: Mongod, database: str) -> None:
        self._client = mongod.client()
        self._collection = self._client[database].get_collection(
            "shapes_found", read_concern=ReadConcern("majority")
        )

    def documents(self) -> list[Document]:
        return list(self._collection.find())

    def durable(self, ids: Collection[str]) -> set[str]:
        found = self._collection.find({"_id": {"$in": list(ids)}}, {"_id": 1})
        return {document["_id"] for document in found}

    def close(self) -> None:
        self._client.close()


class InSQLite:
    """Rows of the embedded store's file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def documents(self) -> list[Document]:
        connection = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM shapes_found")]
        finally:
            connection.close()

    def durable(self, ids: Collection[str]) -> set[str]:
        return {document["_id"] for document in self.documents()} & set(ids)

    def close(self) -> None:
        """Nothing stays open."""
