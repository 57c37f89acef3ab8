import argparse

import pytest

from tests.unit.fakes import CAPTURED_MS
from velox.base.moments import moment_ms
from velox.base.records import utc_text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-11-14", "2023-11-14T00:00:00.000Z"),
        ("2023-11-14T22:13", "2023-11-14T22:13:00.000Z"),
        ("2023-11-14 22:13:20.123", "2023-11-14T22:13:20.123Z"),
        ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20.000Z"),
        ("2023-11-14T22:13:20+02:00", "2023-11-14T20:13:20.000Z"),
        ("20231114", "2023-11-14T00:00:00.000Z"),
        ("1700000000", "2023-11-14T22:13:20.000Z"),
        ("1700000000.5", "2023-11-14T22:13:20.500Z"),
        ("1700000000123", "2023-11-14T22:13:20.123Z"),
    ],
)
def test_what_names_no_zone_is_in_utc(text: str, moment: str) -> None:
    assert utc_text(moment_ms(text)) == moment


def test_what_a_document_says_is_read_back_to_the_millisecond() -> None:
    assert moment_ms(utc_text(CAPTURED_MS)) == CAPTURED_MS


@pytest.mark.parametrize(
    "text", ["", "yesterday", "17000000", "170000000012345", "31.01.2026", "0001-01-01"]
)
def test_what_is_none_is_told_with_what_is(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="2026-01-31T12:00"):
        moment_ms(text)
