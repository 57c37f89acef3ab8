"""Withdrawn documents in MongoDB: a collection beside that of the detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymongo import DESCENDING, ReplaceOne

from velox.stores.mongo_client import OnDatabase
from velox.stores.mongo_errors import failing
from velox.stores.mongo_indexes import make_indexes
from velox.stores.removal import FOUND, WITHDRAWN
from velox.stores.withdrawal import Why

INDEXES = {"latest": {"timestamp": DESCENDING}}


class MongoWithdrawal(OnDatabase):
    """See `velox.stores.withdrawal.Withdrawal`."""

    collection = WITHDRAWN.collection
    timeout_ms = 30_000

    def __init__(self, *, uri: str, database: str) -> None:
        super().__init__(uri=uri, database=database)
        self._found = self._database[FOUND.collection]
        self._indexed = False

    def latencies(self, ids: Sequence[str]) -> dict[str, float]:
        """See Withdrawal."""
        with failing(self.name):
            there = self._found.find({"_id": {"$in": list(ids)}}, {"latency_ms": True})
            return {each["_id"]: each.get("latency_ms", 0.0) for each in there}

    def keep(self, why: Mapping[str, Why]) -> None:
        """See Withdrawal."""
        with failing(self.name):
            if not self._indexed:
                make_indexes(self._collection, INDEXES)
                self._indexed = True
            copies = [
                {
                    **each,
                    "file_path": None,
                    "withdrawn_reason": why[each["_id"]].reason,
                    "withdrawn_by": why[each["_id"]].model,
                    "withdrawn_at": why[each["_id"]].at,
                }
                for each in self._found.find({"_id": {"$in": list(why)}})
            ]
            if copies:
                self._collection.bulk_write(
                    [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in copies],
                    ordered=False,
                )
