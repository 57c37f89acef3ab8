"""Withdrawn documents in MongoDB: a collection beside that of the detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymongo import DESCENDING, ReplaceOne
from pymongo.write_concern import WriteConcern

from velox.stores.mongo_client import client, close, name_of
from velox.stores.mongo_errors import failing
from velox.stores.mongo_indexes import make_indexes
from velox.stores.removal import FOUND, WITHDRAWN
from velox.stores.withdrawal import Why

TIMEOUT_MS = 30_000
INDEXES = {"latest": {"timestamp": DESCENDING}}


class MongoWithdrawal:
    """See `velox.stores.withdrawal.Withdrawal`. Nothing is sent before the first call.

    Args:
        uri: connection string; its password never reaches a log or an error.
        database: name of the database.

    Raises:
        SettingError: when the connection string cannot be parsed.
    """

    def __init__(self, *, uri: str, database: str) -> None:
        self._client = client(uri, socket_timeout_ms=TIMEOUT_MS)
        self.name = name_of(uri, database, WITHDRAWN.collection)
        opened = self._client.get_database(
            database, write_concern=WriteConcern(w="majority", j=True)
        )
        self._found = opened[FOUND.collection]
        self._withdrawn = opened[WITHDRAWN.collection]
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
                make_indexes(self._withdrawn, INDEXES)
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
                self._withdrawn.bulk_write(
                    [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in copies],
                    ordered=False,
                )

    def close(self) -> None:
        """Close the connections; a server that is away is not waited for."""
        close(self._client)
