"""What MongoDB's errors mean, as Velox's own: by the server's number, or by the driver's kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pymongo.errors import (
    ConfigurationError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from velox.base.errors import (
    DocumentRejected,
    StoreRefuses,
    StoreUnavailable,
    StoreUnclear,
    VeloxError,
)
from velox.base.sink_errors import Verdict, verdict_of
from velox.stores.mongo_codes import MONGO

DUPLICATE_KEY = 11000
UNAUTHORIZED = 13
LOGIN = {11, 18, 214, 334}
SHARD_KEY_NOT_FOUND = 61
ON_VIEW = 166
_TIMEOUTS = re.compile(r" \(configured timeouts: [^)]*\)")
# A server may quote the whole document that it refuses.
LONGEST_REASON = 500


def command_verdict(error: PyMongoError) -> Verdict | None:
    """What the failure of a whole command means; without a number it may pass with time."""
    if isinstance(error, ConfigurationError):
        return Verdict.NOT_AT_ALL
    if not isinstance(error, OperationFailure) or error.code is None:
        return Verdict.NOT_NOW
    return verdict_of(MONGO, error.code)


def command_failure(store: str, error: PyMongoError) -> VeloxError:
    """What is raised for the failure of a whole command.

    Args:
        store: its name, without credentials.
        error: what the driver raised.
    """
    code = error.code if isinstance(error, OperationFailure) else None
    return _failure(store, command_verdict(error), code, _text(error))


@contextmanager
def failing(store: str) -> Iterator[None]:
    """Raise what the failure of a command means; see `command_failure`."""
    try:
        yield
    except PyMongoError as error:
        raise command_failure(store, error) from error


def write_failure(store: str, failure: Mapping[str, Any]) -> VeloxError:
    """What is raised for one failed write of a bulk that says nothing of its document.

    Args:
        store: its name, without credentials.
        failure: one of the server's `writeErrors`.
    """
    code = failure.get("code")
    return _failure(store, verdict_of(MONGO, code), code, str(failure.get("errmsg")))


def rejection(failure: Mapping[str, Any]) -> DocumentRejected:
    """Why one write of a bulk is refused for good."""
    text = f"MongoDB error {failure.get('code')}: {failure.get('errmsg')}"
    return DocumentRejected(text[:LONGEST_REASON])


def of_its_id(failure: Mapping[str, Any]) -> bool:
    """Whether a duplicate key is that of `_id`; servers before 4.4 say so in words alone."""
    if "keyPattern" in failure:
        return list(failure["keyPattern"]) == ["_id"]
    return "index: _id_ " in str(failure.get("errmsg"))


def _failure(store: str, verdict: Verdict | None, code: int | None, text: str) -> VeloxError:
    said = f"{store}: {text[:LONGEST_REASON]}"
    if verdict is Verdict.NOT_AT_ALL:
        return StoreRefuses(f"{said}{_number(code)}; {_what_to_do(code)}")
    if verdict is None:
        return StoreUnclear(f"{said}{_number(code)}")
    return StoreUnavailable(said)


def _number(code: int | None) -> str:
    return f" (MongoDB error {code})" if code is not None else ""


def _what_to_do(code: int | None) -> str:
    if code is None or code in LOGIN:
        return "check user, password and options of MONGO_URI"
    if code == UNAUTHORIZED:
        return "give the user of MONGO_URI the role readWrite on the database DB_NAME"
    if code == SHARD_KEY_NOT_FOUND:
        return "shard the collection by _id: a document that comes again is found by its _id alone"
    if code == ON_VIEW:
        return "drop the view, or name another database in DB_NAME"
    return "make it a plain collection, or name another database in DB_NAME"


def _text(error: PyMongoError) -> str:
    """The server's words; the driver's text would repeat its whole answer."""
    if isinstance(error, ServerSelectionTimeoutError):
        # Each server with its reason, and then all of it again as the driver sees the cluster.
        reasons = _TIMEOUTS.sub("", str(error).partition(", Timeout: ")[0])
        return f"MONGO_URI cannot be reached: {reasons}"
    details = error.details if isinstance(error, OperationFailure) else None
    return str((details or {}).get("errmsg") or error)
