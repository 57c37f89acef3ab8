"""Taking documents away from MongoDB, acknowledged by the majority and journalled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from pymongo import ASCENDING

from velox.base.records import utc_text
from velox.stores.mongo_client import OnDatabase
from velox.stores.mongo_errors import failing
from velox.stores.removal import FOUND, Holding, Named, Removed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MongoRemoval(OnDatabase):
    """See `velox.stores.removal.Removal`."""

    collection = FOUND.collection
    # A look at all documents, for those of a source, may take long before it finds the first.
    timeout_ms = 300_000

    def remove_before(self, holding: Holding, moment_ms: int, limit: int) -> Removed:
        """See Removal. An index leads to the oldest."""
        found = removed = 0
        for earlier in _earlier(moment_ms):
            ids = self._ids_of_the_oldest(holding, earlier, limit - found)
            found += len(ids)
            removed += self.remove(holding, ids)
            if found == limit:
                break
        return Removed(found, removed)

    def of_source(
        self, holding: Holding, source: str, before_ms: int | None, at_once: int
    ) -> Iterator[list[Named]]:
        """See Removal. No index helps: one pass through the collection finds them all."""
        wanted: dict[str, Any] = {"source": source}
        if before_ms is not None:
            wanted["$or"] = list(_earlier(before_ms))
        yield from self._parts(holding, wanted, at_once)

    def with_files(self, at_once: int) -> Iterator[list[Named]]:
        """See Removal."""
        yield from self._parts(FOUND, {"file_path": {"$type": "string"}}, at_once)

    def _parts(
        self, holding: Holding, wanted: Mapping[str, Any], at_once: int
    ) -> Iterator[list[Named]]:
        documents = self._database[holding.collection]
        with (
            failing(self.name),
            documents.find(wanted, {"file_path": True}, batch_size=at_once) as found,
        ):
            while part := list(islice(found, at_once)):
                yield [Named(each["_id"], _text(each.get("file_path"))) for each in part]

    def remove(self, holding: Holding, ids: Sequence[object]) -> int:
        """See Removal."""
        if not ids:
            return 0
        chosen = {"_id": {"$in": ids}}
        with failing(self.name):
            if holding.images:
                self._database[holding.images].delete_many(chosen)
            return self._database[holding.collection].delete_many(chosen).deleted_count

    def clear_files(self, ids: Sequence[object]) -> None:
        """See Removal."""
        with failing(self.name):
            self._database[FOUND.collection].update_many(
                {"_id": {"$in": ids}, "file_path": {"$ne": None}}, {"$set": {"file_path": None}}
            )

    def _ids_of_the_oldest(
        self, holding: Holding, chosen: Mapping[str, Any], limit: int
    ) -> list[object]:
        with failing(self.name):
            oldest = self._database[holding.collection].find(
                chosen, {"_id": True}, sort=[("timestamp", ASCENDING)], limit=limit
            )
            return [each["_id"] for each in oldest]


def _earlier(moment_ms: int) -> Iterator[Mapping[str, Any]]:
    """Timestamps before a moment: text, and dates, which old documents hold.

    A comparison is with values of its own type alone.
    """
    yield {"timestamp": {"$lt": utc_text(moment_ms)}}
    yield {"timestamp": {"$lt": _EPOCH + timedelta(milliseconds=moment_ms)}}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
