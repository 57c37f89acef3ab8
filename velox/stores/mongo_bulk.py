"""Bulk writes to MongoDB, sorted by what the server says of each document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from bson.errors import BSONError
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, PyMongoError

from velox.base.errors import DocumentRejected, StoreUnavailable
from velox.base.sink_errors import Verdict, verdict_of
from velox.stores.mongo_codes import MONGO
from velox.stores.mongo_errors import (
    DUPLICATE_KEY,
    LONGEST_REASON,
    command_failure,
    command_verdict,
    rejection,
    write_failure,
)

T = TypeVar("T")
Documents = Collection[dict[str, Any]]
Operation = InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]] | UpdateOne
Refused = list[tuple[T, DocumentRejected]]
# What met a document of the same key, with what the server says of that.
Met = list[tuple[T, Mapping[str, Any]]]
# A document that the client cannot encode: surrogates in a text, too large, an odd value.
OF_A_VALUE = (BSONError, ValueError, TypeError, OverflowError)


def write(
    store: str, collection: Documents, items: Sequence[T], operations: Sequence[Operation]
) -> tuple[Refused[T], Met[T]]:
    """One unordered bulk write; one for each operation if it fails because of a document.

    Args:
        store: its name, without credentials, for errors.
        collection: what is written to.
        items: what the operations write, one each.
        operations: at least one.

    Returns:
        The items that are refused for good, and those that met a document of the same key.

    Raises:
        StoreUnavailable, StoreUnclear, StoreRefuses: if anything failed that is not of its
            document.
    """
    try:
        collection.bulk_write(operations, ordered=False)
    except BulkWriteError as error:
        return _sorted(store, items, error.details or {})
    except PyMongoError as error:
        if command_verdict(error) is not Verdict.NOT_THIS_ONE:
            raise command_failure(store, error) from error
        return _one_by_one(store, collection, items, operations, error)
    except OF_A_VALUE as error:
        return _one_by_one(store, collection, items, operations, error)
    return [], []


def _sorted(
    store: str, items: Sequence[T], details: Mapping[str, Any]
) -> tuple[Refused[T], Met[T]]:
    refused: Refused[T] = []
    met: Met[T] = []
    for failure in details.get("writeErrors", ()):
        item, code = items[failure["index"]], failure.get("code")
        if code == DUPLICATE_KEY:
            met.append((item, failure))
        elif verdict_of(MONGO, code) is Verdict.NOT_THIS_ONE:
            refused.append((item, rejection(failure)))
        else:
            raise write_failure(store, failure)
    if concerns := details.get("writeConcernErrors"):
        raise StoreUnavailable(f"{store}: {concerns[0].get('errmsg')}")
    return refused, met


def _one_by_one(
    store: str,
    collection: Documents,
    items: Sequence[T],
    operations: Sequence[Operation],
    error: Exception,
) -> tuple[Refused[T], Met[T]]:
    """A document that client or server cannot take in hides the others; find it."""
    if len(items) == 1:
        return [(items[0], DocumentRejected(str(error)[:LONGEST_REASON]))], []
    refused: Refused[T] = []
    met: Met[T] = []
    for item, operation in zip(items, operations, strict=True):
        more = write(store, collection, [item], [operation])
        refused += more[0]
        met += more[1]
    return refused, met
