"""Detections in MongoDB: idempotent bulk writes, acknowledged by the majority and journalled."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import InsertOne, ReplaceOne

from velox.base.errors import DocumentRejected, StoreUnavailable
from velox.base.records import Detection
from velox.stores import mongo_bulk, mongo_probe
from velox.stores.interface import DETECTIONS, Rejected
from velox.stores.mongo_client import WRITE_TIMEOUT_MS, OnDatabase
from velox.stores.mongo_errors import of_its_id, rejection
from velox.stores.mongo_indexes import INDEXES
from velox.stores.mongo_opening import open_to_write


class MongoStore(OnDatabase):
    """Detections in one MongoDB collection, `shapes_found`."""

    collection = DETECTIONS
    timeout_ms = WRITE_TIMEOUT_MS

    def open(self) -> None:
        """See Store."""
        open_to_write(self.name, self._collection, INDEXES)

    def write(self, detections: Sequence[Detection]) -> Rejected:
        """Insert in one unordered bulk write, and replace what is there from a delivery before.

        An insert costs the server half of what an upsert does, and few records come twice. What the
        server refuses for good is returned.
        """
        rejected, met = self._bulk(detections, [InsertOne(each.document()) for each in detections])
        if met:
            there = [each for each, _ in met]
            refused, met = self._bulk(
                there,
                [ReplaceOne({"_id": each.id}, each.document(), upsert=True) for each in there],
            )
            rejected += refused
        for each, failure in met:
            if of_its_id(failure):
                raise StoreUnavailable(
                    f"{self.name}: another process wrote {each.id} at the same moment"
                )
            # Not its own document of a delivery before: that would have been replaced.
            rejected.append((each, rejection(failure)))
        return rejected

    def _bulk(
        self, detections: Sequence[Detection], operations: Sequence[mongo_bulk.Operation]
    ) -> tuple[Rejected, mongo_bulk.Met[Detection]]:
        return mongo_bulk.write(self.name, self._collection, detections, operations)

    def probe(self, detection: Detection) -> DocumentRejected | None:
        """In a transaction that is aborted, or, on a server without any, deleted again."""
        return mongo_probe.refusal(self._client, self._collection, detection.document())
