"""Images for review in MongoDB: two collections, written as the detections are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bson.binary import Binary
from pymongo import ASCENDING, ReplaceOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.write_concern import WriteConcern

from velox.base.candidates import RANKS, Kept
from velox.base.errors import DocumentRejected, StoreUnavailable
from velox.base.sink_errors import Verdict, verdict_of
from velox.stores.mongo import OF_A_VALUE, SOCKET_TIMEOUT_MS, ask_to_write, failure_at_the_start
from velox.stores.mongo_client import client, close, name_of
from velox.stores.mongo_codes import MONGO
from velox.stores.mongo_errors import (
    DUPLICATE_KEY,
    LONGEST_REASON,
    command_failure,
    command_verdict,
    rejection,
    write_failure,
)
from velox.stores.mongo_indexes import Keys, make_indexes
from velox.stores.review_interface import IMAGES, MOST_REMOVED, REVIEW, KeptRejected

INDEXES: dict[str, Keys] = {
    "first_to_go": {"rank": ASCENDING, "timestamp": ASCENDING},
    "oldest": {"timestamp": ASCENDING},
}
_UNJUDGED: dict[str, Any] = {"verdict": None, "judged_by": None, "judged_at": None, "history": []}

Documents = Collection[dict[str, Any]]


class MongoReview:
    """Candidates and their images, in the collections `review` and `review_images`.

    Args:
        uri: connection string; its password never reaches a log or an error.
        database: name of the database.

    Raises:
        SettingError: when the connection string cannot be parsed.
    """

    def __init__(self, *, uri: str, database: str) -> None:
        self._client = client(uri, socket_timeout_ms=SOCKET_TIMEOUT_MS)
        self.name = name_of(uri, database, REVIEW)
        durable = WriteConcern(w="majority", j=True)
        opened = self._client[database]
        self._review: Documents = opened.get_collection(REVIEW, write_concern=durable)
        self._images: Documents = opened.get_collection(IMAGES, write_concern=durable)

    def open(self) -> None:
        """See ReviewStore."""
        try:
            if not make_indexes(self._review, INDEXES):
                ask_to_write(self._review)
        except PyMongoError as error:
            raise failure_at_the_start(self.name, error) from error

    def write(self, kept: Sequence[Kept]) -> KeptRejected:
        """The images first, so that no document is without its image."""
        rejected = self._bulk(
            self._images,
            kept,
            [ReplaceOne({"_id": each.id}, _image(each), upsert=True) for each in kept],
        )
        refused = {each.id for each, _ in rejected}
        rest = [each for each in kept if each.id not in refused]
        return rejected + self._bulk(self._review, rest, [_upsert(each) for each in rest])

    def _bulk(
        self,
        collection: Documents,
        kept: Sequence[Kept],
        operations: Sequence[UpdateOne | ReplaceOne[dict[str, Any]]],
    ) -> KeptRejected:
        """One unordered bulk write; returns what is refused for good."""
        if not kept:
            return []
        try:
            collection.bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            return self._sorted(kept, error.details or {})
        except PyMongoError as error:
            if command_verdict(error) is not Verdict.NOT_THIS_ONE:
                raise command_failure(self.name, error) from error
            return self._one_by_one(collection, kept, operations, error)
        except OF_A_VALUE as error:
            return self._one_by_one(collection, kept, operations, error)
        return []

    def _sorted(self, kept: Sequence[Kept], details: Mapping[str, Any]) -> KeptRejected:
        rejected: KeptRejected = []
        for failure in details.get("writeErrors", ()):
            if failure.get("code") == DUPLICATE_KEY:
                raise StoreUnavailable(f"{self.name}: another process wrote it at the same moment")
            if verdict_of(MONGO, failure.get("code")) is not Verdict.NOT_THIS_ONE:
                raise write_failure(self.name, failure)
            rejected.append((kept[failure["index"]], rejection(failure)))
        if concerns := details.get("writeConcernErrors"):
            raise StoreUnavailable(f"{self.name}: {concerns[0].get('errmsg')}")
        return rejected

    def _one_by_one(
        self,
        collection: Documents,
        kept: Sequence[Kept],
        operations: Sequence[UpdateOne | ReplaceOne[dict[str, Any]]],
        error: Exception,
    ) -> KeptRejected:
        """A document that client or server cannot take in hides the others; find it."""
        if len(kept) == 1:
            return [(kept[0], DocumentRejected(str(error)[:LONGEST_REASON]))]
        return [
            each
            for one, operation in zip(kept, operations, strict=True)
            for each in self._bulk(collection, [one], [operation])
        ]

    def trim(self, most: int) -> Sequence[int]:
        """See ReviewStore."""
        try:
            excess = min(self._review.count_documents({}) - most, MOST_REMOVED)
            if excess <= 0:
                return [0] * RANKS
            order = [("rank", ASCENDING), ("timestamp", ASCENDING)]
            gone = list(self._review.find({}, {"rank": 1}).sort(order).limit(excess))
            self._remove([each["_id"] for each in gone])
        except PyMongoError as error:
            raise command_failure(self.name, error) from error
        ranks = Counter(each["rank"] for each in gone)
        return [ranks[rank] for rank in range(RANKS)]

    def _remove(self, ids: Sequence[str]) -> None:
        """The images first: a document that is left without one is removed the next time."""
        for collection in (self._images, self._review):
            collection.delete_many({"_id": {"$in": list(ids)}})

    def close(self) -> None:
        """Close the connections; a server that is away is not waited for."""
        close(self._client)


def _image(kept: Kept) -> dict[str, Any]:
    return {"_id": kept.id, "image": Binary(kept.image)}


def _upsert(kept: Kept) -> UpdateOne:
    """What the consumer knows is written anew; what people said stays."""
    known = kept.candidate.document()
    own = {"_id": known.pop("_id")}
    first = {"rank": kept.candidate.rank, **_UNJUDGED}
    return UpdateOne(own, {"$set": known, "$setOnInsert": first}, upsert=True)
