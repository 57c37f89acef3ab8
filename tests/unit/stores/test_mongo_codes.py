"""The table of MongoDB's error codes."""

from velox.base.sink_errors import Verdict, verdict_of
from velox.stores.mongo_codes import MONGO


def test_codes_after_which_pymongo_would_try_again_mean_not_now() -> None:
    """As pymongo lists them for its own retries (`pymongo/helpers_shared.py`)."""
    from pymongo import helpers_shared

    for code in helpers_shared._RETRYABLE_ERROR_CODES | helpers_shared._NOT_PRIMARY_CODES:
        assert verdict_of(MONGO, code) is Verdict.NOT_NOW, code


def test_a_validator_refuses_one_document() -> None:
    assert verdict_of(MONGO, 121) is Verdict.NOT_THIS_ONE
