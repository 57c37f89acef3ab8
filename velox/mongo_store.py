"""Detections in MongoDB: idempotent bulk writes, acknowledged by the majority and journalled."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import DESCENDING, InsertOne, MongoClient, ReplaceOne
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    DocumentTooLarge,
    InvalidOperation,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)
from pymongo.write_concern import WriteConcern

from velox.bounded import call_within
from velox.errors import DocumentRejected, SettingError, StoreUnavailable
from velox.records import Detection
from velox.stores import Rejected

COLLECTION = "shapes_found"
SELECT_TIMEOUT_MS = 5_000
SOCKET_TIMEOUT_MS = 10_000
CLOSE_TIMEOUT_S = 0.5
READ_TIMEOUT_MS = 300_000
DUPLICATE_KEY = 11000
# Server error codes that say something of this one document; any other may pass with time.
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
REJECTIONS = {
    2: "BadValue",
    9: "FailedToParse",
    14: "TypeMismatch",
    22: "InvalidBSON",
    52: "DollarPrefixedFieldName",
    57: "DottedFieldName",
    121: "DocumentValidationFailure",
    10334: "BSONObjectTooLarge",
    17280: "KeyTooLong",
    17419: "the document would be larger than 16 MiB after the update",
    17420: "the document to insert is larger than 16 MiB",
}

Operation = InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]]

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
        self._client = _client(uri, SOCKET_TIMEOUT_MS)
        self.name = _name(uri, database)
        self._collection = self._client[database].get_collection(
            COLLECTION, write_concern=WriteConcern(w="majority", j=True)
        )

    def open(self) -> None:
        """Reach the server and make the indexes of the usual queries."""
        try:
            self._collection.create_index(
                [("predicted_label", 1), ("timestamp", DESCENDING)], name="latest_by_label"
            )
            self._collection.create_index([("timestamp", DESCENDING)], name="latest")
        except PyMongoError as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error

    def write(self, detections: Sequence[Detection]) -> Rejected:
        """Insert in one unordered bulk write, and replace what is there from a delivery before.

        An insert costs the server half of what an upsert does, and few records come twice. What the
        server refuses for good is returned.
        """
        rejected, there = self._bulk(
            detections, [InsertOne(each.document()) for each in detections]
        )
        if there:
            refused, again = self._bulk(
                there,
                [ReplaceOne({"_id": each.id}, each.document(), upsert=True) for each in there],
            )
            if again:
                raise StoreUnavailable(f"{self.name}: duplicate key, but not the id {again[0].id}")
            rejected += refused
        return rejected

    def _bulk(
        self, detections: Sequence[Detection], operations: Sequence[Operation]
    ) -> tuple[Rejected, list[Detection]]:
        """One unordered bulk write; returns what is refused for good, and what met its like."""
        try:
            self._collection.bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            return self._sorted(detections, error.details or {})
        except (DocumentTooLarge, OperationFailure) as error:
            if isinstance(error, OperationFailure) and error.code not in REJECTIONS:
                raise StoreUnavailable(f"{self.name}: {error}") from error
            return self._one_by_one(detections, error), []
        except (PyMongoError, InvalidOperation) as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error
        return [], []

    def _sorted(
        self, detections: Sequence[Detection], details: Mapping[str, Any]
    ) -> tuple[Rejected, list[Detection]]:
        """What of a failed bulk is refused for good, and what met a document of the same key.

        Raises:
            StoreUnavailable: if anything else failed, which may yet pass.
        """
        rejected: Rejected = []
        there: list[Detection] = []
        for failure in details.get("writeErrors", ()):
            detection, code = detections[failure["index"]], failure.get("code")
            if code == DUPLICATE_KEY:
                there.append(detection)
            elif code in REJECTIONS:
                reason = DocumentRejected(f"MongoDB error {code}: {failure.get('errmsg')}")
                rejected.append((detection, reason))
            else:
                raise StoreUnavailable(f"{self.name}: {failure.get('errmsg')}")
        if concerns := details.get("writeConcernErrors"):
            raise StoreUnavailable(f"{self.name}: {concerns[0].get('errmsg')}")
        return rejected, there

    def _one_by_one(self, detections: Sequence[Detection], error: Exception) -> Rejected:
        """A document too large for the client or for a message hides the others; find it."""
        if len(detections) == 1:
            return [(detections[0], DocumentRejected(str(error)))]
        return [each for one in detections for each in self.write([one])]

    def close(self) -> None:
        """Close the connections; a server that is away is not waited for."""
        call_within(CLOSE_TIMEOUT_S, self._client.close)


class MongoDocuments:
    """Reads the collection that `MongoStore` writes.

    Args:
        uri: connection string; its password never reaches a log or an error.
        database: name of the database.

    Raises:
        SettingError: when the connection string cannot be parsed.
    """

    def __init__(self, *, uri: str, database: str) -> None:
        self._client = _client(uri, READ_TIMEOUT_MS)
        self.name = _name(uri, database)
        self._collection = self._client[database][COLLECTION]

    def aggregate(self, *stages: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the stages of an aggregation come to.

        Raises:
            StoreUnavailable: when the server does not give it.
        """
        try:
            return list(self._collection.aggregate(list(stages), allowDiskUse=True))
        except PyMongoError as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error

    def close(self) -> None:
        """Close the connections; a server that is away is not waited for."""
        call_within(CLOSE_TIMEOUT_S, self._client.close)


def _client(uri: str, socket_timeout_ms: int) -> MongoClient[dict[str, Any]]:
    try:
        with warnings.catch_warnings():
            # pymongo ignores an option that it does not know: `tsl=true` would mean no TLS.
            warnings.filterwarnings("error", module=r"pymongo\.uri_parser")
            return MongoClient(
                uri,
                appname="velox",
                connect=False,
                connectTimeoutMS=SELECT_TIMEOUT_MS,
                serverSelectionTimeoutMS=SELECT_TIMEOUT_MS,
                socketTimeoutMS=socket_timeout_ms,
                # The driver's one retry costs the server a write of its own for each document, and
                # the recorder tries again anyway: all writes are idempotent.
                retryWrites=False,
            )
    except (InvalidURI, ConfigurationError, ValueError, OSError, UserWarning) as error:
        raise SettingError(f"MONGO_URI is not allowed: {_without(uri, error)}") from None


def _name(uri: str, database: str) -> str:
    return f"mongodb:{_hosts(uri)}/{database}.{COLLECTION}"


def _hosts(uri: str) -> str:
    """The hosts of a connection string, without its credentials."""
    return uri.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _without(uri: str, error: Exception) -> str:
    """The error's text, unless it repeats a part of the credentials or of an option's value.

    A password with a slash or a colon in it may be taken apart and named as a host or a port.
    """
    credentials = uri.partition("://")[2].rpartition("@")[0]
    options = re.findall(r"=([^&]*)", uri.rpartition("?")[2])
    secrets = re.findall(r"\w+", " ".join([credentials, *options]))
    text = str(error)
    return "it cannot be parsed" if any(each in text for each in secrets) else text
