"""What the driver's and the server's errors mean, for every number of the table."""

import pytest
from pymongo import errors

from tests.unit.fakes import detection
from velox.base.errors import StoreRefuses, StoreUnavailable, StoreUnclear
from velox.base.sink_errors import Verdict
from velox.stores.mongo_codes import MONGO
from velox.stores.mongo_errors import (
    LONGEST_REASON,
    command_failure,
    command_verdict,
    of_its_id,
    rejection,
    write_failure,
)

STORE = "mongodb:host:1/db.shapes_found"
RAISED = {Verdict.NOT_NOW: StoreUnavailable, Verdict.NOT_AT_ALL: StoreRefuses}
OF_THE_STORE = [code for code, known in MONGO.items() if known.verdict in RAISED]


@pytest.mark.parametrize("code", OF_THE_STORE)
def test_a_number_of_the_table_means_what_it_says(code: int) -> None:
    failure = write_failure(STORE, {"code": code, "errmsg": "no"})
    assert type(failure) is RAISED[MONGO[code].verdict]
    assert str(failure).startswith(f"{STORE}: no")
    said = errors.OperationFailure("no", code, {"errmsg": "no"})
    assert type(command_failure(STORE, said)) is RAISED[MONGO[code].verdict]


@pytest.mark.parametrize(
    "code", [code for code in OF_THE_STORE if MONGO[code].verdict is Verdict.NOT_AT_ALL]
)
def test_what_stops_the_process_says_what_to_do(code: int) -> None:
    text = str(write_failure(STORE, {"code": code, "errmsg": "no"}))
    assert f"(MongoDB error {code}); " in text
    assert any(word in text for word in ("MONGO_URI", "DB_NAME", "by _id"))


@pytest.mark.parametrize(
    "error",
    [
        errors.ServerSelectionTimeoutError("nobody"),
        errors.NetworkTimeout("slow"),
        errors.AutoReconnect("gone"),
        errors.NotPrimaryError("another is"),
        errors.WaitQueueTimeoutError("busy"),
        errors.OperationFailure("no number"),
        errors.InvalidOperation("closed"),
    ],
)
def test_an_error_without_a_number_may_pass(error: errors.PyMongoError) -> None:
    assert command_verdict(error) is Verdict.NOT_NOW
    assert type(command_failure(STORE, error)) is StoreUnavailable


def test_servers_that_are_away_are_told_once_with_their_reasons() -> None:
    """As pymongo 4 puts it (`_error_message` in its topology.py)."""
    limits = " (configured timeouts: socketTimeoutMS: 10000.0ms, connectTimeoutMS: 5000.0ms)"
    away = f"a:1: [Errno 111] Connection refused{limits},b:1: [Errno -2] Name not known{limits}"
    error = errors.ServerSelectionTimeoutError(
        f"{away}, Timeout: 5.0s, Topology Description: <TopologyDescription id: 6b, servers: [...]>"
    )
    assert str(command_failure(STORE, error)) == (
        f"{STORE}: MONGO_URI cannot be reached: "
        "a:1: [Errno 111] Connection refused,b:1: [Errno -2] Name not known"
    )


def test_options_that_the_driver_refuses_name_their_variable() -> None:
    failure = command_failure(STORE, errors.ConfigurationError("no such option"))
    assert type(failure) is StoreRefuses
    assert "MONGO_URI" in str(failure)


def test_an_unknown_number_is_nobodys_fault_yet() -> None:
    assert type(write_failure(STORE, {"code": 4_000_000, "errmsg": "?"})) is StoreUnclear
    assert type(write_failure(STORE, {"errmsg": "no number"})) is StoreUnclear


@pytest.mark.parametrize(
    ("failure", "own"),
    [
        ({"keyPattern": {"_id": 1}}, True),
        ({"keyPattern": {"source": 1}}, False),
        ({"keyPattern": {"_id": 1, "source": 1}}, False),
        ({"errmsg": "E11000 duplicate key error collection: d.c index: _id_ dup key"}, True),
        ({"errmsg": "E11000 duplicate key error collection: d.c index: a_id_1 dup key"}, False),
        ({}, False),
    ],
)
def test_whether_a_duplicate_key_is_the_documents_own(
    failure: dict[str, object], own: bool
) -> None:
    assert of_its_id(failure) is own


def test_a_reason_is_clipped() -> None:
    quoted = str(detection().document()) * 100
    assert len(str(rejection({"code": 16755, "errmsg": quoted}))) == LONGEST_REASON
    assert str(rejection({"code": 121, "errmsg": "no"})) == "MongoDB error 121: no"
