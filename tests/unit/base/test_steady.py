import logging

import pytest

from velox.base.waiting import Steady

LOG = logging.getLogger("steady")


def fails(text: str) -> None:
    raise ValueError(text)


def test_an_error_is_logged_once_until_it_is_another_one_or_all_is_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    steady = Steady(LOG, "look")
    for text in ("a", "a", "b", "", "b", "b"):
        steady.do(lambda text=text: fails(text) if text else None)  # type: ignore[misc]
    said = [each.getMessage() for each in caplog.records]
    assert said == [
        f"could not look, trying again later error='ValueError: {text}'" for text in "abb"
    ]
