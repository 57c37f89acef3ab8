"""The values that flow: identity, headers and times."""

from __future__ import annotations

import pytest

from tests.unit.fakes import CAPTURED_MS, detection, record
from velox.base.records import LONGEST_TEXT, usable_timestamp, utc_text


def test_the_id_names_place_and_time() -> None:
    assert record(7, partition=3).id == f"image_data:3:7:{CAPTURED_MS}"


def test_a_log_that_begins_anew_gives_other_ids() -> None:
    assert record(7).id != record(7, timestamp_ms=CAPTURED_MS + 1).id


def test_the_size_counts_the_value_alone() -> None:
    assert record(value=b"12345", key=b"key").size == 5
    assert record(value=None).size == 0


def test_of_several_headers_of_one_name_the_last_counts() -> None:
    with_two = record(headers=(("label", b"a"), ("source", b"x"), ("label", b"b")))
    assert with_two.header("label") == "b"
    assert with_two.header("none") is None


def test_a_header_that_is_no_text_counts_as_missing() -> None:
    assert record(headers=(("label", b"\xff\xfe"),)).header("label") is None
    assert record(headers=(("label", b"a"), ("label", None))).header("label") == "a"


@pytest.mark.parametrize(
    ("key", "headers", "name"),
    [
        (b"cam", (), "cam"),
        (b"cam", (("source", b"door"),), "door"),
        (None, (("source", "Tür".encode()),), "Tür"),
        (None, (), None),
        (b"\xff", (), None),
        (b"cam", (("source", b"\xff"),), "cam"),
        (b"cam", (("source", b""),), "cam"),
        (b"", (("source", b""),), None),
        (b"x" * 5000, (), "x" * LONGEST_TEXT),
    ],
)
def test_the_header_names_the_source_and_without_one_the_key(
    key: bytes | None, headers: tuple[tuple[str, bytes], ...], name: str | None
) -> None:
    assert record(key=key, headers=headers).source == name


def test_the_document_has_the_fields_of_the_contract() -> None:
    assert list(detection().document()) == [
        "_id",
        "timestamp",
        "predicted_label",
        "confidence",
        "ground_truth",
        "file_path",
        "source",
        "latency_ms",
        "model",
    ]


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (1, "1970-01-01T00:00:00.001Z"),
        (CAPTURED_MS, "2023-11-14T22:13:20.123Z"),
        (1_700_000_000_000, "2023-11-14T22:13:20.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_as_text(milliseconds: int, text: str) -> None:
    assert utc_text(milliseconds) == text
    assert usable_timestamp(milliseconds)


def test_texts_sort_as_their_times_do() -> None:
    times = [1, 999, 1000, 86_400_000, CAPTURED_MS, 4_102_444_800_000]
    texts = [utc_text(each) for each in times]
    assert texts == sorted(texts)
    assert len({len(text) for text in texts}) == 1


@pytest.mark.parametrize("milliseconds", [0, -1, 253_402_300_800_000, 2**63 - 1])
def test_times_that_no_text_of_fixed_width_holds(milliseconds: int) -> None:
    assert not usable_timestamp(milliseconds)
