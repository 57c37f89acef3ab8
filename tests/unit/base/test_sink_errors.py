"""The tables of errors, and that docs/errors.md shows them as they are."""

import sqlite3

import pytest
from confluent_kafka import KafkaError

from tests.docs import errors_table
from velox.base.sink_errors import KAFKA, MONGO, SQLITE, Verdict, verdict_of


def test_the_docs_show_the_tables_as_they_are() -> None:
    assert errors_table.PAGE.read_text() == errors_table.page(), "run `make docs`"


def test_an_error_of_no_known_kind_has_no_verdict() -> None:
    assert verdict_of(MONGO, 4_000_000) is None
    assert verdict_of(MONGO, None) is None
    assert verdict_of(MONGO, 121) is Verdict.NOT_THIS_ONE


@pytest.mark.parametrize("code", sorted(SQLITE))
def test_codes_of_sqlite_are_those_of_its_library(code: int) -> None:
    name = SQLITE[code].name.partition(":")[0]
    assert getattr(sqlite3, name) == code


@pytest.mark.parametrize("code", sorted(KAFKA))
def test_codes_of_kafka_are_those_of_its_client(code: int) -> None:
    assert KafkaError(code).name() == KAFKA[code].name.partition(":")[0]


def test_codes_after_which_pymongo_would_try_again_mean_not_now() -> None:
    """As pymongo lists them for its own retries (`pymongo/helpers_shared.py`)."""
    from pymongo import helpers_shared

    for code in helpers_shared._RETRYABLE_ERROR_CODES | helpers_shared._NOT_PRIMARY_CODES:
        assert verdict_of(MONGO, code) is Verdict.NOT_NOW, code
