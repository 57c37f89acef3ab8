"""The indexes of the usual queries: made where the server lets us, never a reason not to store."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from velox.stores.mongo_errors import UNAUTHORIZED

Keys = Mapping[str, int]

INDEXES: Mapping[str, Keys] = {
    "latest_by_label": {"predicted_label": ASCENDING, "timestamp": DESCENDING},
    "latest": {"timestamp": DESCENDING},
}
# IndexOptionsConflict, IndexKeySpecsConflict.
CONFLICTS = {85, 86}
# With one of these an index does not serve every query for its keys.
NARROWED_BY = {"collation", "hidden", "partialFilterExpression", "sparse"}
# Refusals of an index that say nothing of whether documents can be written: no right to make one,
# another is in the way, documents that are there cannot be indexed.
OF_THE_INDEX = CONFLICTS | {UNAUTHORIZED, 67, 171, 197, 201, 276}

log = logging.getLogger(__name__)


def make_indexes(collection: Collection[dict[str, Any]], indexes: Mapping[str, Keys]) -> bool:
    """Make the indexes that are not there; one that cannot be made is said, with what to do.

    Args:
        collection: of which.
        indexes: their keys by name.

    Returns:
        Whether the user had the right to.

    Raises:
        PyMongoError: when it failed for another reason than the index itself.
    """
    allowed = True
    for name, keys in indexes.items():
        try:
            collection.create_index(list(keys.items()), name=name)
        except OperationFailure as error:
            if error.code not in OF_THE_INDEX:
                raise
            allowed = allowed and error.code != UNAUTHORIZED
            _say(collection, name, keys, error)
    return allowed


def _say(
    collection: Collection[dict[str, Any]], name: str, keys: Keys, error: OperationFailure
) -> None:
    if error.code in CONFLICTS and (other := _as_good(collection, keys)) is not None:
        log.info(
            "another index serves as well collection=%s index=%s instead_of=%s",
            collection.name,
            other,
            name,
        )
        return
    wanted = f"db.{collection.name}.createIndex({dict(keys)}, {{name: {name!r}}})"
    first = "" if error.code == UNAUTHORIZED else f"db.{collection.name}.dropIndex({name!r}), then "
    log.warning(
        "index missing, the usual queries are slow: index=%s reason=%r todo=%r",
        name,
        (error.details or {}).get("errmsg", str(error)),
        f"{first}{wanted}",
    )


def _as_good(collection: Collection[dict[str, Any]], keys: Keys) -> str | None:
    """The name of an index that serves the same queries, None if there is none."""
    try:
        for each in collection.list_indexes():
            narrowed = NARROWED_BY & {option for option, value in each.items() if value}
            if list(each["key"].items()) == list(keys.items()) and not narrowed:
                return str(each["name"])
    except OperationFailure:
        return None
    return None
