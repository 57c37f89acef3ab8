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


class WithReview(InMongo):
    """The same, and images for review: what is below its threshold is among these alone."""

    def __init__(self, mongod: Mongod, database: str) -> None:
        super().__init__(mongod, database)
        self._review, self._images = (
            self._client[database].get_collection(name, read_concern=ReadConcern("majority"))
            for name in ("review", "review_images")
        )

    def matches(self) -> list[Document]:
        """Documents of matches alone."""
        return super().documents()

    def kept(self) -> dict[str, Document]:
        """Documents of images for review by id, each with the bytes of its `image`."""
        # In this order: an image is there before its document.
        found = {each["_id"]: each for each in self._review.find()}
        images = {each["_id"]: bytes(each["image"]) for each in self._images.find()}
        return {name: {**each, "image": images[name]} for name, each in found.items()}

    def truth(self, identity: str) -> str:
        """The label that the record of an image for review brought along."""
        found = self._review.find_one({"_id": identity})
        assert found is not None, identity
        return str(found["ground_truth"])

    def verdicts(self) -> dict[str, str]:
        """What was said of images, by id."""
        found = self._review.find({"verdict": {"$ne": None}}, {"verdict": 1})
        return {each["_id"]: each["verdict"] for each in found}

    def documents(self) -> list[Document]:
        kept = {each["_id"]: {**each, "file_path": None} for each in self._review.find()}
        return list((kept | {each["_id"]: each for each in self.matches()}).values())

    def durable(self, ids: Collection[str]) -> set[str]:
        found = self._review.find({"_id": {"$in": list(ids)}}, {"_id": 1})
        return super().durable(ids) | {document["_id"] for document in found}


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
