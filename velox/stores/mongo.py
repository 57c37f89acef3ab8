"""Detections in MongoDB: idempotent bulk writes, acknowledged by the majority and journalled."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from bson.errors import BSONError
from pymongo import InsertOne, ReplaceOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, ConfigurationError, OperationFailure, PyMongoError
from pymongo.write_concern import WriteConcern

from velox.base.errors import DocumentRejected, StoreUnavailable, VeloxError
from velox.base.records import Detection
from velox.base.sink_errors import Verdict, verdict_of
from velox.stores import mongo_probe
from velox.stores.interface import DETECTIONS, Rejected
from velox.stores.mongo_client import client, close, name_of
from velox.stores.mongo_codes import MONGO
from velox.stores.mongo_errors import (
    DUPLICATE_KEY,
    LOGIN,
    LONGEST_REASON,
    UNAUTHORIZED,
    command_failure,
    command_verdict,
    of_its_id,
    rejection,
    write_failure,
)
from velox.stores.mongo_indexes import INDEXES, make_indexes

SOCKET_TIMEOUT_MS = 10_000

Operation = InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]]
Met = list[tuple[Detection, Mapping[str, Any]]]
# A document that the client cannot encode: surrogates in a text, too large, an odd value.
OF_A_VALUE = (BSONError, ValueError, TypeError, OverflowError)

log = logging.getLogger(__name__)


class MongoStore:
    """Detections in one MongoDB collection, `shapes_found`.

    Args:
        uri: connection string; its password never reaches a log or an error.
        database: name of the database.

    Raises:
        SettingError: when the connection string cannot be parsed.
    """

    def __init__(self, *, uri: str, database: str) -> None:
        self._client = client(uri, socket_timeout_ms=SOCKET_TIMEOUT_MS)
        self.name = name_of(uri, database, DETECTIONS)
        self._collection = self._client[database].get_collection(
            DETECTIONS, write_concern=WriteConcern(w="majority", j=True)
        )

    def open(self) -> None:
        """Reach the server and make the indexes of the usual queries, as far as it lets us.

        Raises:
            StoreUnavailable: also when it refuses the login, since it may still be set up.
            StoreRefuses: when the collection cannot be written to.
        """
        try:
            if not make_indexes(self._collection, INDEXES):
                ask_to_write(self._collection)
        except PyMongoError as error:
            raise failure_at_the_start(self.name, error) from error

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
        self, detections: Sequence[Detection], operations: Sequence[Operation]
    ) -> tuple[Rejected, Met]:
        """One unordered bulk write; returns what is refused for good, and what met its like."""
        try:
            self._collection.bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            return self._sorted(detections, error.details or {})
        except PyMongoError as error:
            if command_verdict(error) is not Verdict.NOT_THIS_ONE:
                raise command_failure(self.name, error) from error
            return self._one_by_one(detections, error), []
        except OF_A_VALUE as error:
            return self._one_by_one(detections, error), []
        return [], []

    def _sorted(
        self, detections: Sequence[Detection], details: Mapping[str, Any]
    ) -> tuple[Rejected, Met]:
        """What of a failed bulk is refused for good, and what met a document of the same key.

        Raises:
            StoreUnavailable, StoreUnclear, StoreRefuses: if anything failed that is not of its
                document.
        """
        rejected: Rejected = []
        met: Met = []
        for failure in details.get("writeErrors", ()):
            detection, code = detections[failure["index"]], failure.get("code")
            if code == DUPLICATE_KEY:
                met.append((detection, failure))
            elif verdict_of(MONGO, code) is Verdict.NOT_THIS_ONE:
                rejected.append((detection, rejection(failure)))
            else:
                raise write_failure(self.name, failure)
        if concerns := details.get("writeConcernErrors"):
            raise StoreUnavailable(f"{self.name}: {concerns[0].get('errmsg')}")
        return rejected, met

    def _one_by_one(self, detections: Sequence[Detection], error: Exception) -> Rejected:
        """A document that client or server cannot take in hides the others; find it."""
        if len(detections) == 1:
            return [(detections[0], DocumentRejected(str(error)[:LONGEST_REASON]))]
        return [each for one in detections for each in self.write([one])]

    def probe(self, detection: Detection) -> DocumentRejected | None:
        """In a transaction that is aborted, or, on a server without any, deleted again."""
        return mongo_probe.refusal(self._client, self._collection, detection.document())

    def close(self) -> None:
        """Close the connections; a server that is away is not waited for."""
        close(self._client)


def ask_to_write(collection: Collection[dict[str, Any]]) -> None:
    """A write that changes nothing: nobody has this id."""
    collection.update_one({"_id": None}, {"$unset": {"nothing": ""}})


def failure_at_the_start(store: str, error: PyMongoError) -> VeloxError:
    """What is raised where a collection cannot be opened.

    The database may still be being set up: its user, its rights, its name in the DNS.

    Args:
        store: its name, without credentials.
        error: what the driver raised.
    """
    failure = command_failure(store, error)
    may_pass = isinstance(error, ConfigurationError) or (
        isinstance(error, OperationFailure) and error.code in LOGIN | {UNAUTHORIZED}
    )
    return StoreUnavailable(str(failure)) if may_pass else failure
