"""Images for review in MongoDB: two collections, written as the detections are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from bson.binary import Binary
from pymongo import ASCENDING, ReplaceOne, UpdateOne

from velox.base.candidates import RANKS, Kept
from velox.base.errors import StoreUnavailable
from velox.stores import mongo_bulk
from velox.stores.mongo_client import WRITE_TIMEOUT_MS, OnDatabase
from velox.stores.mongo_errors import failing
from velox.stores.mongo_indexes import Keys
from velox.stores.mongo_opening import open_to_write
from velox.stores.review_interface import IMAGES, MOST_REMOVED, REVIEW, KeptRejected

INDEXES: dict[str, Keys] = {
    "first_to_go": {"rank": ASCENDING, "timestamp": ASCENDING},
    "oldest": {"timestamp": ASCENDING},
}
_UNJUDGED: dict[str, Any] = {"verdict": None, "judged_by": None, "judged_at": None, "history": []}


class MongoReview(OnDatabase):
    """Candidates and their images, in the collections `review` and `review_images`."""

    collection = REVIEW
    timeout_ms = WRITE_TIMEOUT_MS

    def __init__(self, *, uri: str, database: str) -> None:
        super().__init__(uri=uri, database=database)
        self._images = self._database[IMAGES]

    def open(self) -> None:
        """See ReviewStore."""
        open_to_write(self.name, self._collection, INDEXES)

    def write(self, kept: Sequence[Kept]) -> KeptRejected:
        """The images first, so that no document is without its image."""
        rejected = self._bulk(
            self._images,
            kept,
            [ReplaceOne({"_id": each.id}, _image(each), upsert=True) for each in kept],
        )
        refused = {each.id for each, _ in rejected}
        rest = [each for each in kept if each.id not in refused]
        return rejected + self._bulk(self._collection, rest, [_upsert(each) for each in rest])

    def _bulk(
        self,
        collection: mongo_bulk.Documents,
        kept: Sequence[Kept],
        operations: Sequence[mongo_bulk.Operation],
    ) -> KeptRejected:
        """What is refused for good."""
        if not kept:
            return []
        rejected, met = mongo_bulk.write(self.name, collection, kept, operations)
        if met:
            raise StoreUnavailable(f"{self.name}: another process wrote it at the same moment")
        return rejected

    def trim(self, most: int) -> Sequence[int]:
        """See ReviewStore."""
        with failing(self.name):
            excess = min(self._collection.count_documents({}) - most, MOST_REMOVED)
            if excess <= 0:
                return [0] * RANKS
            order = [("rank", ASCENDING), ("timestamp", ASCENDING)]
            gone = list(self._collection.find({}, {"rank": 1}).sort(order).limit(excess))
            self._remove([each["_id"] for each in gone])
        ranks = Counter(each["rank"] for each in gone)
        return [ranks[rank] for rank in range(RANKS)]

    def _remove(self, ids: Sequence[str]) -> None:
        """The images first: a document that is left without one is removed the next time."""
        for collection in (self._images, self._collection):
            collection.delete_many({"_id": {"$in": list(ids)}})


def _image(kept: Kept) -> dict[str, Any]:
    return {"_id": kept.id, "image": Binary(kept.image)}


def _upsert(kept: Kept) -> UpdateOne:
    """What the consumer knows is written anew; what people said stays."""
    known = kept.candidate.document()
    own = {"_id": known.pop("_id")}
    first = {"rank": kept.candidate.rank, **_UNJUDGED}
    return UpdateOne(own, {"$set": known, "$setOnInsert": first}, upsert=True)
