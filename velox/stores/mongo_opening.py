"""Opening a collection of MongoDB to write to it: its indexes, and whether it takes a write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from velox.base.errors import StoreUnavailable, VeloxError
from velox.stores.mongo_errors import LOGIN, UNAUTHORIZED, command_failure
from velox.stores.mongo_indexes import Keys, make_indexes


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
    except PyMongoError as error:
        raise _failure(store, error) from error


def _failure(store: str, error: PyMongoError) -> VeloxError:
    """The database may still be being set up: its user, its rights, its name in the DNS."""
    failure = command_failure(store, error)
    may_pass = isinstance(error, ConfigurationError) or (
        isinstance(error, OperationFailure) and error.code in LOGIN | {UNAUTHORIZED}
    )
    return StoreUnavailable(str(failure)) if may_pass else failure
