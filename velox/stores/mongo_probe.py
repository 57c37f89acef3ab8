"""Whether a MongoDB collection would take a document, found out without leaving one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from pymongo import DESCENDING, MongoClient
from pymongo.collection import Collection
from pymongo.errors import OperationFailure, PyMongoError

from velox.base.errors import DocumentRejected, StoreUnavailable
from velox.base.sink_errors import Verdict, verdict_of
from velox.images.known_good import ID_PREFIX
from velox.stores.mongo_codes import MONGO
from velox.stores.mongo_errors import rejection

Document = Mapping[str, Any]
Documents = Collection[dict[str, Any]]

OWN = {"$regex": f"^{ID_PREFIX}"}
LOOK_TIMEOUT_MS = 1000
TRANSIENT = "TransientTransactionError"
# A server that is no member of a replica set has no transactions; a time-series or a capped
# collection takes no part in any.
NO_TRANSACTIONS = frozenset({20, 263})

log = logging.getLogger(__name__)


def refusal(
    client: MongoClient[dict[str, Any]], collection: Documents, own: Document
) -> DocumentRejected | None:
    """Why the collection takes neither a document of ours nor one like its newest.

    A validator may know the sources of a site by name: then what it took before is good.

    Args:
        client: of the collection.
        collection: where the document would go.
        own: the document; its `_id` begins with `ID_PREFIX` and is nobody else's.

    Returns:
        Why our document is refused, None if one of the two would be taken.

    Raises:
        StoreUnavailable: when that is not known; calling again can help.
    """
    reason: DocumentRejected | None = None
    try:
        for document in (own, *_like_the_newest(collection, own)):
            failure = _failure(client, collection, document)
            if failure is None:
                return None
            reason = reason or rejection(failure.details or {})
    except PyMongoError as error:
        raise StoreUnavailable(f"{collection.full_name}: {error}") from error
    return reason


def _like_the_newest(collection: Documents, own: Document) -> Iterator[Document]:
    """None where there is none, or where this user may not look."""
    newest = None
    try:
        newest = collection.find_one(
            {"_id": {"$not": OWN}}, sort=[("timestamp", DESCENDING)], max_time_ms=LOOK_TIMEOUT_MS
        )
    except OperationFailure as error:
        log.debug("newest document could not be read reason=%r", str(error))
    if newest is not None:
        yield {**newest, "_id": own["_id"]}


def _failure(
    client: MongoClient[dict[str, Any]], collection: Documents, document: Document
) -> OperationFailure | None:
    """What the server has against a document; raises what may pass with time."""
    try:
        _insert_and_abort(client, collection, document)
    except OperationFailure as error:
        if error.code not in NO_TRANSACTIONS:
            return _lasting(error)
    else:
        return None
    try:
        collection.insert_one(dict(document))
    except OperationFailure as error:
        return _lasting(error)
    _delete(collection)
    return None


def _lasting(error: OperationFailure) -> OperationFailure:
    if verdict_of(MONGO, error.code) is Verdict.NOT_NOW or error.has_error_label(TRANSIENT):
        raise error
    return error


def _insert_and_abort(
    client: MongoClient[dict[str, Any]], collection: Documents, document: Document
) -> None:
    """No reader and no change stream ever sees what a transaction did not commit."""
    with client.start_session() as session:
        session.start_transaction()
        try:
            collection.insert_one(dict(document), session=session)
        finally:
            session.abort_transaction()


def _delete(collection: Documents) -> None:
    """Ours and what a process left that died here. Without transactions, readers may have seen it.

    Servers without transactions have no change streams.
    """
    try:
        collection.delete_many({"_id": OWN})
    except PyMongoError as error:
        log.warning("could not delete the test document id=%s... reason=%r", ID_PREFIX, str(error))
