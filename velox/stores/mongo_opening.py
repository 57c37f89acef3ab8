"""Opening a collection to write to it; what it does not keep is said."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from velox.base.errors import StoreUnavailable, VeloxError
from velox.stores.mongo_errors import LOGIN, UNAUTHORIZED, command_failure
from velox.stores.mongo_indexes import Keys, make_indexes

log = logging.getLogger(__name__)


def open_to_write(
    store: str, collection: Collection[dict[str, Any]], indexes: Mapping[str, Keys]
) -> None:
    """Reach the server and make the indexes, as far as it lets us.

    Args:
        store: its name, without credentials.
        collection: which is to be written to.
        indexes: their keys by name.

    Raises:
        StoreUnavailable: also when it refuses the login, since it may still be set up.
        StoreRefuses: when the collection cannot be written to.
    """
    try:
        if not make_indexes(collection, indexes):
            # A write that changes nothing: nobody has this id.
            collection.update_one({"_id": None}, {"$unset": {"nothing": ""}})
        _say_if_capped(collection)
    except PyMongoError as error:
        raise _failure(store, error) from error


def _say_if_capped(collection: Collection[dict[str, Any]]) -> None:
    """Nothing else tells of documents that are acknowledged and removed later."""
    try:
        options = collection.options()
    except OperationFailure:
        # No right to list collections.
        return
    if options.get("capped"):
        log.warning(
            "collection=%s is capped at %s bytes: once that is full, MongoDB removes the oldest "
            "documents; to keep all, make a collection that is not",
            collection.name,
            options.get("size"),
        )


def _failure(store: str, error: PyMongoError) -> VeloxError:
    """The database may still be being set up: its user, its rights, its name in the DNS."""
    failure = command_failure(store, error)
    may_pass = isinstance(error, ConfigurationError) or (
        isinstance(error, OperationFailure) and error.code in LOGIN | {UNAUTHORIZED}
    )
    return StoreUnavailable(str(failure)) if may_pass else failure
